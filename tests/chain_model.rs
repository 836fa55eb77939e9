//! Random histories of a device, backed up as a full and increments: every state comes back byte for byte, whatever happened to device and archives in between.
//!
//! `BLOCKTAR_HISTORIES` says how many, `BLOCKTAR_HISTORY` repeats the one of a seed.

mod archives;
#[path = "support/chance.rs"]
mod chance;
#[path = "chain_model/device.rs"]
mod device;
#[path = "chain_model/history.rs"]
mod history;
#[path = "chain_model/restored.rs"]
mod restored;
#[path = "chain_model/second_reader.rs"]
mod second_reader;

use std::panic::{self, AssertUnwindSafe};

use chance::Chance;
use history::{History, Tally};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

/// One history from its seed; a failure says by which seed it can be had again, and what happened.
fn history_of(seed: u64) -> Option<Tally> {
    let mut history = History::begin(seed);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| history.live()));
    if outcome.is_err() {
        println!("BLOCKTAR_HISTORY={seed}\n{}", history.log);
    }
    outcome.ok()
}

#[test]
fn every_state_of_every_history_comes_back_byte_for_byte() {
    if let Some(seed) = number("BLOCKTAR_HISTORY") {
        println!("{:?}", history_of(seed).expect("this history goes wrong"));
        return;
    }
    // The same ones each time, unless a number or a seed is given: then others.
    let others = ["BLOCKTAR_HISTORIES", "BLOCKTAR_SEED"].into_iter().any(|name| number(name).is_some());
    let first = if others { Chance::new().next() } else { Chance::from_seed(5).next() };
    let count = number("BLOCKTAR_HISTORIES").unwrap_or(200);
    let (mut all, mut wrong) = (Tally::default(), Vec::new());
    for seed in (0..count).map(|step| first.wrapping_add(step)) {
        match history_of(seed) {
            Some(one) => all.add(&one),
            None => wrong.push(seed),
        }
    }
    println!("{count} histories: {all:?}");
    assert!(wrong.is_empty(), "{} go wrong, those of BLOCKTAR_HISTORY={wrong:?}", wrong.len());
    // Else the histories say nothing.
    assert!(all.increments > 3 * count && all.recompressed > count && all.resized > count, "{all:?}");
    assert!(all.merged > count / 4 && all.merged_onto > count / 8, "{all:?}");
    assert!(all.copied_members > count / 4 && all.packed_members > count / 4, "{all:?}");
    assert!(all.unchanged_bytes > all.told_bytes / 2 && all.zero_bytes > 0 && all.bad_ranges > count / 4, "{all:?}");
    assert!(all.second_reader > count / 8 && all.samples > count, "{all:?}");
}
