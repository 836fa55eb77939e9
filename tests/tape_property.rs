//! Histories of cartridges at random: what was backed up comes back byte for byte or is refused, whatever drives, tapes and people did in between.
//!
//! `BLOCKTAR_HISTORIES` says how many, `BLOCKTAR_HISTORY` repeats the one of a seed.

mod archives;
#[path = "support/chance.rs"]
mod chance;
#[path = "tape_property/reading.rs"]
mod reading;
#[path = "tape_property/shelf.rs"]
mod shelf;
#[path = "tape_property/source.rs"]
mod source;
#[path = "tape_property/spoiling.rs"]
mod spoiling;
#[path = "tape_property/writing.rs"]
mod writing;

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chance::Chance;
use reading::{Outcome, WAYS};
use writing::History;

/// What came of a history, in numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    made: u64,
    failed: u64,
    parts: u64,
    identical: u64,
    refused: u64,
    spoilt_identical: u64,
    spoilt_refused: u64,
}

/// A history takes a fraction of a second; after so many it does not come to its end.
const PATIENCE: Duration = Duration::from_secs(20);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

/// One history from its seed.
fn live(history: &mut History, tally: &mut Tally) {
    for _ in 0..1 + history.chance.below(5) {
        if history.chance.below(6) == 0 {
            history.write_something_else();
        }
        history.back_up();
    }
    read_all(history, tally);
    for _ in 0..1 + history.chance.below(3) {
        history.spoil();
    }
    read_all(history, tally);
    for backup in &history.backups {
        tally.made += u64::from(backup.failure.is_none());
        tally.failed += u64::from(backup.failure.is_some());
        tally.parts += backup.parts.len() as u64;
    }
}

fn read_all(history: &mut History, tally: &mut Tally) {
    for number in 0..history.backups.len() {
        let spoilt = history.backups[number].spoilt;
        let first = history.chance.below(WAYS.len() as u64) as usize;
        for step in 0..5 {
            let outcome = history.read(number, WAYS[(first + step * 2) % WAYS.len()]);
            match (outcome, spoilt) {
                (Outcome::Identical, false) => tally.identical += 1,
                (Outcome::Identical, true) => tally.spoilt_identical += 1,
                (Outcome::Refused, false) => tally.refused += 1,
                (Outcome::Refused, true) => tally.spoilt_refused += 1,
            }
        }
    }
}

/// Lives through a history; a failure says by which seed it can be had again, and what happened.
fn history_of(seed: u64) -> thread::Result<Tally> {
    let (done, waiting) = mpsc::channel();
    let mut history = History::begin(seed);
    let log = history.log.clone();
    let thread = thread::spawn(move || {
        let mut tally = Tally::default();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| live(&mut history, &mut tally)));
        let _ = done.send(());
        outcome.map(|()| tally)
    });
    let endless = waiting.recv_timeout(PATIENCE).is_err();
    let outcome = if endless { Err(Box::new("it does not come to an end") as _) } else { thread.join().flatten() };
    if outcome.is_err() {
        println!("BLOCKTAR_HISTORY={seed}\n{log}{}", if endless { "it does not come to an end" } else { "" });
    }
    outcome
}

#[test]
fn what_was_backed_up_comes_back_byte_for_byte_or_is_refused() {
    if let Some(seed) = number("BLOCKTAR_HISTORY") {
        println!("{:?}", history_of(seed).unwrap());
        return;
    }
    // The same ones each time, unless a number or a seed is given: then others.
    let others = ["BLOCKTAR_HISTORIES", "BLOCKTAR_SEED"].into_iter().any(|name| number(name).is_some());
    let first = if others { Chance::new().next() } else { Chance::from_seed(1).next() };
    let (mut all, mut wrong) = (Tally::default(), Vec::new());
    let count = number("BLOCKTAR_HISTORIES").unwrap_or(300);
    for step in 0..count {
        let seed = first.wrapping_add(step);
        let Ok(one) = history_of(seed) else {
            wrong.push(seed);
            continue;
        };
        all = Tally {
            made: all.made + one.made,
            failed: all.failed + one.failed,
            parts: all.parts + one.parts,
            identical: all.identical + one.identical,
            refused: all.refused + one.refused,
            spoilt_identical: all.spoilt_identical + one.spoilt_identical,
            spoilt_refused: all.spoilt_refused + one.spoilt_refused,
        };
    }
    println!("{count} histories: {all:?}");
    assert!(wrong.is_empty(), "{} go wrong, those of BLOCKTAR_HISTORY={wrong:?}", wrong.len());
    // Else the histories say nothing.
    assert!(all.made > count && all.failed > count / 4 && all.parts > all.made + count / 4, "{all:?}");
    assert!(all.identical > all.refused && all.spoilt_refused > count, "{all:?}");
}
