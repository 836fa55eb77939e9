//! How often a drive has to stop behind the buffer: against the arithmetic, in simulated time. `cargo bench --bench streaming` prints the table.

#[path = "streaming/simulation.rs"]
mod simulation;

use simulation::{SLOWEST, by_arithmetic, pace, stream};

const GB: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;
const RATE: f64 = 110e6;

#[test]
fn a_drive_stops_as_often_as_arithmetic_says_and_blocktar_counts_each_stop() {
    for capacity_mib in [512, 1024] {
        let capacity_bytes = capacity_mib * MIB;
        let streamed = stream(200 * GB, RATE, capacity_bytes, None, pace(SLOWEST));
        let expected = by_arithmetic(200 * GB, RATE, capacity_bytes, SLOWEST);
        let told = streamed.flow.waits as f64;
        assert!((told - expected).abs() <= 0.05 * expected, "{capacity_mib} MiB: {told}, not {expected}");
        assert!(streamed.back_hitches.abs_diff(streamed.flow.waits) <= 1, "{}", streamed.back_hitches);
        // No time is lost by it: the source is what takes the time.
        assert!(streamed.seconds < 200.0 * GB as f64 / RATE * 1.01, "{}", streamed.seconds);
    }
}

#[test]
fn a_buffer_that_is_full_before_the_tape_is_back_costs_time_too() {
    let (small, large) =
        (stream(50 * GB, RATE, 64 * MIB, None, pace(SLOWEST)), stream(50 * GB, RATE, 1024 * MIB, None, pace(SLOWEST)));
    assert!(small.flow.waits > 10 * large.flow.waits);
    assert!(small.seconds > 2.0 * large.seconds, "{} s, {} s", small.seconds, large.seconds);
}

/// A drive that gets whatever it takes runs at its highest speed, and dry.
#[test]
fn a_source_within_the_drives_speeds_makes_it_stop_only_where_the_lowest_is_not_known() {
    let streamed = |slowest| stream(200 * GB, 200e6, 1024 * MIB, slowest, pace(408e6));
    let (known, unknown) = (streamed(Some(SLOWEST as u64)), streamed(None));
    assert_eq!((known.flow.waits, known.back_hitches), (0, 0));
    assert!(unknown.back_hitches > 50, "{}", unknown.back_hitches);
    assert!(known.seconds < 1.02 * 200.0 * GB as f64 / 200e6, "{}", known.seconds);
}

#[test]
fn a_slower_source_makes_a_drive_stop_hardly_oftener_than_if_it_had_only_its_lowest_speed() {
    let streamed = stream(200 * GB, RATE, 1024 * MIB, Some(SLOWEST as u64), pace(408e6));
    let expected = by_arithmetic(200 * GB, RATE, 1024 * MIB, SLOWEST);
    assert!((streamed.back_hitches as f64) < 1.2 * expected, "{}, not {expected}", streamed.back_hitches);
}

#[test]
fn the_buffer_that_is_said_to_suffice_makes_no_drive_stop() {
    let streamed = stream(50 * GB, RATE, 512 * MIB, None, pace(SLOWEST));
    let again = stream(50 * GB, RATE, streamed.flow.sufficient_bytes + 16 * MIB, None, pace(SLOWEST));
    assert_eq!((again.flow.waits, again.back_hitches), (0, 0), "{}", streamed.flow.sufficient_bytes);
}
