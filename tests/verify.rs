//! What verify says of damage: the device ranges that are affected, no fewer and hardly more.

mod archives;

use std::sync::Arc;

use archives::{BLOCK, MemoryInput, Way, all_data, back_up, class, positions, small};
use blocktar::extent::{Extent, Range};
use blocktar::progress::Progress;
use blocktar::verify::{Report, verify};

const EXTENT: usize = 64 << 10;
const EXTENTS: usize = 6;

fn an_image() -> Vec<u8> {
    (0..EXTENTS * EXTENT).map(|place| (place / EXTENT) as u8 + 1).collect()
}

fn report(archive: Vec<u8>) -> Report {
    verify(MemoryInput::boxed(&Arc::new(archive), Way::Pipe), 2, &Progress::default())
        .expect("only the archive is at fault")
}

fn affected(report: &Report) -> Vec<Range> {
    report.faults.iter().flat_map(|fault| fault.affected().to_vec()).collect()
}

const FIRST_EXTENT: usize = 3;

fn extent(place: usize) -> Range {
    Range { start: (place * EXTENT) as u64, length: EXTENT as u64 }
}

#[test]
fn a_member_that_is_damaged_anywhere_affects_only_its_own_range() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small()).to_vec();
    let positions = positions(&archive);
    for place in 0..EXTENTS {
        let begin = positions[FIRST_EXTENT + place];
        for (name, at) in
            [("x header", 5), ("record", BLOCK + 30), ("header", 2 * BLOCK + 5), ("bytes", 3 * BLOCK + 100)]
        {
            let mut spoiled = archive.clone();
            spoiled[begin + at] ^= 1;
            let report = report(spoiled);
            assert_eq!(affected(&report), [extent(place)], "{name} of {place}: {:?}", report.faults);
            assert!(report.faults.iter().all(|fault| class(&fault.error) == "damaged"));
            assert_eq!(report.checked_bytes, ((EXTENTS - 1) * EXTENT) as u64, "all others are checked");
        }
    }
}

#[test]
fn a_hole_in_the_archive_affects_what_was_in_it() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small()).to_vec();
    let positions = positions(&archive);
    for fill in [0u8, 0xff] {
        for (first, last) in [(0, 0), (1, 3), (4, 5), (0, 5)] {
            let mut spoiled = archive.clone();
            spoiled[positions[FIRST_EXTENT + first] + 700..positions[FIRST_EXTENT + last + 1] - 700].fill(fill);
            let report = report(spoiled);
            let expected = Range::between(extent(first).start, extent(last).end());
            assert_eq!(affected(&report), [expected], "{first} to {last}, {fill}: {:?}", report.faults);
        }
    }
}

#[test]
fn a_damaged_index_affects_no_data() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small()).to_vec();
    let mut spoiled = archive.clone();
    spoiled[positions(&archive)[FIRST_EXTENT + EXTENTS] + BLOCK + 20] ^= 1;
    let report = report(spoiled);
    assert_eq!((affected(&report), report.faults.len()), (vec![], 1), "{:?}", report.faults);
}

#[test]
fn a_damaged_recipe_affects_no_data_and_hides_no_other_damage() {
    let image = an_image();
    let mut spoiled = back_up(&image, &all_data(&image), &small()).to_vec();
    let positions = positions(&spoiled);
    spoiled[positions[1] + 3 * BLOCK + 100] ^= 1;
    let found = report(spoiled.clone());
    assert_eq!((affected(&found), found.faults.len()), (vec![], 1), "{:?}", found.faults);
    assert_eq!(found.checked_bytes, image.len() as u64);
    spoiled[positions[FIRST_EXTENT + 2] + 3 * BLOCK + 100] ^= 1;
    let found = report(spoiled);
    assert_eq!((affected(&found), found.faults.len()), (vec![extent(2)], 2), "{:?}", found.faults);
}

#[test]
fn faults_beyond_what_a_report_holds_are_counted() {
    const COUNT: u64 = 1100;
    let image = vec![7; COUNT as usize * 32];
    let extents = (0..2 * COUNT).map(|half| Extent::data(half * 16, 16)).collect();
    let mut spoiled = back_up(&image, &extents, &small()).to_vec();
    for position in positions(&spoiled)[FIRST_EXTENT..][..COUNT as usize].to_vec() {
        spoiled[position + 3 * BLOCK] ^= 1;
    }
    let found = report(spoiled);
    assert_eq!(found.faults.len() as u64 + found.faults_left_out, COUNT);
    assert!(found.faults_left_out > 0, "{} faults", found.faults.len());
}

#[test]
fn a_cut_archive_lacks_everything_behind_the_cut() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small()).to_vec();
    let cut = positions(&archive)[FIRST_EXTENT + 4] - 1000;
    let report = report(archive[..cut].to_vec());
    assert_eq!(affected(&report), [Range::between(extent(3).start, image.len() as u64)]);
    assert_eq!(class(&report.faults[0].error), "incomplete");
}
