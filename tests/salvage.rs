//! Broken archives: everything that is not lost is right, what is lost is named and no more than was hit, and another copy brings exactly that.

mod archives;
mod broken;
mod support;
mod vector;

use std::sync::Arc;

use archives::{Way, class};
use broken::{Fault, Truth, salvaged};
use support::Chance;
use vector::Vector;

/// The archives of the specification that are sound and whole, of every kind that there is.
fn sound() -> Vec<Vector> {
    let readable = |vector: &Vector| vector.is_sound() && vector.outcome["needs"].is_null();
    vector::all().into_iter().filter(readable).collect()
}

fn blocks(archive: &[u8]) -> usize {
    let end = archive.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    end.div_ceil(512)
}

fn broken(archive: &[u8], faults: &[Fault]) -> Arc<Vec<u8>> {
    let mut spoiled = archive.to_vec();
    faults.iter().rev().for_each(|fault| fault.apply(&mut spoiled));
    Arc::new(spoiled)
}

/// Breaks an archive and holds what is salvaged against what it held.
fn check(name: &str, truth: &Truth, archive: &[u8], faults: &[Fault]) {
    let spoiled = broken(archive, faults);
    let what = format!("{name}, {faults:?}");
    let [pipe, file] = [Way::Pipe, Way::File].map(|way| salvaged(&spoiled, way, truth, &what));
    let (found, other) = match (pipe, file) {
        (Ok(found), Ok(other)) => (found, other),
        (Err(one), Err(other)) => {
            assert_eq!(class(&one), class(&other), "{what}");
            let cut_off = matches!(faults[0], Fault::Cut(_)) && truth.is_hit("backup-info.json", faults);
            let nested = name == "archive_inside_archive" && class(&one) == "refused";
            assert!(cut_off || nested, "{what}: {one}");
            return;
        }
        _ => panic!("{what}: only one way leads through it"),
    };
    assert_eq!((&found.lost, &found.bad, found.size), (&other.lost, &other.bad, other.size), "{what}");
    let cost = truth.may_cost(faults);
    for range in found.lost.iter() {
        assert!(cost.missing_in(range).is_empty(), "{what}: {range:?} is lost beside {cost:?}; {:?}", found.faults);
    }
    let known = !truth.is_hit("backup-info.json", faults) || !truth.is_hit("end.json", faults);
    assert!(found.size.certain || !known, "{what}: the size is guessed");
    assert!(!found.size.certain || found.size.bytes == truth.size_bytes, "{what}");
}

#[test]
fn a_sound_archive_is_salvaged_whole() {
    for Vector { name, bytes, .. } in sound() {
        let truth = Truth::of(&bytes);
        for way in [Way::Pipe, Way::File] {
            let found = salvaged(&bytes, way, &truth, &name).unwrap();
            assert_eq!((&found.lost, &found.bad), (&truth.bad, &truth.bad), "{name}");
            assert!(found.faults.is_empty() && found.end_found, "{name}: {:?}", found.faults);
        }
    }
}

#[test]
fn one_fault_costs_what_it_hits_and_no_more() {
    let mut count = 0;
    for Vector { name, bytes, .. } in sound() {
        let truth = Truth::of(&bytes);
        for fault in (0..blocks(&bytes)).flat_map(Fault::of_block) {
            check(&name, &truth, &bytes, &[fault]);
            count += 1;
        }
    }
    assert!(count > 5000, "only {count}");
}

#[test]
fn two_faults_cost_what_they_hit_and_the_gaps_beside_it() {
    let mut chance = Chance::new();
    for Vector { name, bytes, .. } in sound() {
        let truth = Truth::of(&bytes);
        let blocks = blocks(&bytes) as u64;
        for _ in 0..400 {
            let one = chance.below(blocks - 1);
            let other = one + 1 + chance.below(blocks - one - 1);
            let pick = |chance: &mut Chance, block: u64| Fault::of_block(block as usize)[chance.below(4) as usize];
            let faults = [pick(&mut chance, one), pick(&mut chance, other)];
            check(&name, &truth, &bytes, &faults);
        }
    }
}
