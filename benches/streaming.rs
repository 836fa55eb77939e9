//! Prints how often an LTO-9 drive has to stop for a source of 110 MB/s, by size of the buffer, in simulated time: `cargo bench --bench streaming`.

#[path = "../tests/streaming/simulation.rs"]
mod simulation;

use simulation::{SLOWEST, by_arithmetic, pace, stream};

const TERABYTE: u64 = 1_000_000_000_000;
const RATE: f64 = 110e6;

fn main() {
    println!(
        "| buffer | stops by arithmetic | of a drive that runs at 177 MB/s | said by blocktar | hours | of a drive that runs at 177 to 408 MB/s | the same, its lowest speed not known |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, capacity_bytes) in [("64 MiB", 64u64 << 20), ("1 GiB", 1 << 30), ("16 GiB", 16 << 30)] {
        let steady = stream(TERABYTE, RATE, capacity_bytes, None, pace(SLOWEST));
        let unknown = stream(TERABYTE, RATE, capacity_bytes, None, pace(408e6));
        let known = stream(TERABYTE, RATE, capacity_bytes, Some(SLOWEST as u64), pace(408e6));
        println!(
            "| {name} | {:.0} | {} | {} | {:.1} | {} | {} |",
            by_arithmetic(TERABYTE, RATE, capacity_bytes, SLOWEST),
            steady.back_hitches,
            steady.flow.waits,
            steady.seconds / 3600.0,
            known.back_hitches,
            unknown.back_hitches
        );
    }
}
