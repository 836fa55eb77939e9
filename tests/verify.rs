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
fn a_fault_is_told_though_the_archive_is_cut_behind_it() {
    let image = an_image();
    let mut spoiled = back_up(&image, &all_data(&image), &small()).to_vec();
    let positions = positions(&spoiled);
    spoiled[positions[FIRST_EXTENT + 5] + BLOCK + 30] ^= 1;
    spoiled.truncate(positions[FIRST_EXTENT + EXTENTS + 1]);
    let found = report(spoiled.clone());
    let classes: Vec<_> = found.faults.iter().map(|fault| class(&fault.error)).collect();
    assert_eq!((classes, affected(&found)), (vec!["damaged", "incomplete"], vec![extent(5)]), "{:?}", found.faults);
    spoiled[positions[1] + 3 * BLOCK + 100] ^= 1;
    spoiled.truncate(positions[2] + 1000);
    let found = report(spoiled);
    let said = found.faults[0].error.to_string();
    assert_eq!((class(&found.faults[0].error), found.faults.len()), ("damaged", 1));
    assert!(said.contains("RESTORE.txt does not have the digest") && said.contains("it ends at byte"), "{said}");
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

/// An archive of three members, whose last has padding, and of a hole behind them.
fn with_a_hole_at_the_end() -> (Vec<u8>, [Range; 3], Range) {
    let mut image = an_image();
    let data_end = 2 * EXTENT + 1000;
    image[data_end..].fill(0);
    let extents = [Extent::data(0, data_end as u64), Extent::hole(data_end as u64, (image.len() - data_end) as u64)];
    let archive = back_up(&image, &extents.into_iter().collect(), &small()).to_vec();
    let members = [extent(0), extent(1), Range::between(2 * EXTENT as u64, data_end as u64)];
    (archive, members, Range::between(data_end as u64, image.len() as u64))
}

#[test]
fn damage_before_the_last_index_reaches_as_far_as_members_may_be_missing() {
    let (archive, members, hole) = with_a_hole_at_the_end();
    let positions = positions(&archive);
    let (last, index, end) = (positions[FIRST_EXTENT + 2], positions[FIRST_EXTENT + 3], positions[FIRST_EXTENT + 4]);
    let to_the_end = Range::between(members[2].start, hole.end());
    for (name, places, expected) in [
        // Its number is known, and so is that none is missing behind it.
        ("padding of the last member", &[last + 3 * BLOCK + 1000][..], &[members[2]][..]),
        ("headers of the last member", &[last + 5], &[to_the_end]),
        ("headers of the last index", &[index + 5], &[]),
        ("headers of the last member and of the index", &[last + 5, index + 5], &[to_the_end]),
        (
            "headers of the last two members",
            &[positions[FIRST_EXTENT + 1] + 5, last + 5],
            &[Range::between(members[1].start, hole.end())],
        ),
        ("headers of the end member", &[end + 5], &[]),
    ] {
        let mut spoiled = archive.clone();
        places.iter().for_each(|place| spoiled[*place] ^= 1);
        let found = report(spoiled);
        assert_eq!(affected(&found), expected, "{name}: {:?}", found.faults);
        assert_eq!(found.faults.len(), 1, "{name}: {:?}", found.faults);
        let error = &found.faults[0].error;
        assert_eq!(class(error), "damaged", "{name}: {error}");
        assert_eq!(found.end.is_some(), !name.contains("end member"), "{name}");
    }
}

/// Behind damage may stand what was seen before: a copy of an earlier member is not what is looked for.
#[test]
fn a_copy_of_an_earlier_member_behind_damage_tells_nothing() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small()).to_vec();
    let positions = positions(&archive);
    let member = |place: usize| positions[place]..positions[place + 1];
    for copied in [0, 1, 2, FIRST_EXTENT, FIRST_EXTENT + 1] {
        let mut spoiled = archive.clone();
        spoiled[positions[FIRST_EXTENT + 2] + 5] ^= 1;
        let behind = positions[FIRST_EXTENT + 3];
        spoiled.splice(behind..behind, archive[member(copied)].to_vec());
        let found = report(spoiled);
        assert_eq!(affected(&found), [extent(2)], "{copied}: {:?}", found.faults);
        assert_eq!(found.faults.len(), 1, "{copied}: {:?}", found.faults);
        assert_eq!(found.checked_bytes, ((EXTENTS - 1) * EXTENT) as u64);
    }
}
