//! Prints how often an LTO-9 drive has to stop for a source of 110 MB/s, by size of the buffer, in simulated time: `cargo bench --bench streaming`.

#[path = "../tests/streaming/simulation.rs"]
mod simulation;

use simulation::{SLOWEST, by_arithmetic, pace, stream};

const TERABYTE: u64 = 1_000_000_000_000;
const RATE: f64 = 110e6;

fn main() {
    println!(
        "| buffer | stops by arithmetic | stops at 177 MB/s | said by blocktar | hours | stops at 177 to 408 MB/s |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, capacity_bytes) in [("64 MiB", 64u64 << 20), ("1 GiB", 1 << 30), ("16 GiB", 16 << 30)] {
        let steady = stream(TERABYTE, RATE, capacity_bytes, pace(SLOWEST));
        let matching = stream(TERABYTE, RATE, capacity_bytes, pace(408e6));
        println!(
            "| {name} | {:.0} | {} | {} | {:.1} | {} |",
            by_arithmetic(TERABYTE, RATE, capacity_bytes, SLOWEST),
            steady.back_hitches,
            steady.flow.waits,
            steady.seconds / 3600.0,
            matching.back_hitches
        );
    }
}
