//! Broken archives: everything that is not lost is right, what is lost is named and no more than was hit, and another copy brings exactly that.

mod archives;
mod broken;
mod support;
mod vector;

use std::sync::Arc;

use archives::{MemoryInput, Way, all_data, back_up, class, small};
use blocktar::archive::{Inputs, SalvageOptions, Salvager};
use blocktar::extent::Range;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::salvage::only::{OnlyRequest, restore_only};
use blocktar::salvage::salvage;
use blocktar::target::memory::Memory;
use broken::{Fault, Truth, salvaged};
use support::Chance;
use vector::Vector;

/// The archives of the specification that are sound and whole, of every kind that there is.
fn sound() -> Vec<Vector> {
    let readable = |vector: &Vector| vector.is_sound() && vector.outcome["part"].is_null();
    vector::all().into_iter().filter(readable).collect()
}

fn named(name: &str) -> Vector {
    vector::all().into_iter().find(|vector| vector.name == name).unwrap()
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
            let nested = name == "outer" && class(&one) == "refused" && truth.is_hit("backup-info.json", faults);
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

/// A device of which no byte is what the archive makes of it, so that every byte that is written shows.
fn prefilled(truth: &Truth) -> Vec<u8> {
    (0..truth.size_bytes).map(|offset| truth.byte(offset).map_or(0xee, |byte| !byte)).collect()
}

/// Salvages onto a device, then brings what is lost from the sound copy.
fn mends(name: &str, truth: &Truth, sound: &Arc<Vec<u8>>, faults: &[Fault], way: Way) {
    let what = format!("{name}, {faults:?}, {way:?}");
    let before = prefilled(truth);
    let mut target = Memory::new(before.clone());
    let input = MemoryInput::boxed(&broken(sound, faults), way);
    let salvager = Salvager::open(input, &SalvageOptions::default(), &Progress::default());
    let Ok(salvager) = salvager else { return };
    let saved = salvage(salvager, &mut target, &Progress::default(), |_| Ok(())).unwrap();
    let lost = &saved.salvaged.lost;
    let seen = Range { start: 0, length: saved.salvaged.size.bytes };
    let is_lost = |offset: u64| {
        let byte = Range { start: offset, length: 1 };
        lost.touches(byte) || !truth.told.touches(byte) || !(seen.start..seen.end()).contains(&offset)
    };
    for (place, byte) in target.bytes().iter().enumerate() {
        let expected = if is_lost(place as u64) { before[place] } else { truth.byte(place as u64).unwrap() };
        assert_eq!(*byte, expected, "{what}: byte {place}");
    }
    let request = OnlyRequest { wanted: lost.clone(), threads: 2 };
    let input = MemoryInput::boxed(sound, way);
    let brought = restore_only(input, &request, &mut target, &Progress::default(), |_| Ok(())).unwrap();
    for (place, byte) in target.bytes().iter().enumerate().take(seen.end() as usize) {
        assert_eq!(*byte, truth.byte(place as u64).unwrap_or(0xee), "{what}: byte {place} in the end");
    }
    let lacking: RangeSet = lost.iter().flat_map(|range| truth.told.missing_in(range)).collect();
    assert_eq!(brought.lacking, lacking, "{what}");
    assert_eq!(brought.data_bytes + brought.zero_bytes, lost.bytes() - lacking.bytes(), "{what}: more than was asked");
}

#[test]
fn another_copy_makes_it_whole() {
    for Vector { name, bytes, .. } in sound() {
        let truth = Truth::of(&bytes);
        if truth.size_bytes > 1 << 20 {
            continue;
        }
        for block in (0..blocks(&bytes)).step_by(3) {
            let faults = Fault::of_block(block);
            mends(&name, &truth, &bytes, &[faults[block % 5]], if block % 2 == 0 { Way::Pipe } else { Way::File });
            mends(&name, &truth, &bytes, &[faults[(block + 2) % 5]], Way::File);
        }
    }
}

#[test]
fn what_a_damaged_copy_holds_is_taken_from_it() {
    let vector = named("full_zstd");
    let truth = Truth::of(&vector.bytes);
    let whole = RangeSet::from_iter([Range { start: 0, length: truth.size_bytes }]);
    let request = OnlyRequest { wanted: whole, threads: 1 };
    for fault in (0..blocks(&vector.bytes)).flat_map(Fault::of_block) {
        let spoiled = broken(&vector.bytes, &[fault]);
        let lacking = [Way::Pipe, Way::File].map(|way| {
            let mut target = Memory::new(prefilled(&truth));
            let input = MemoryInput::boxed(&spoiled, way);
            let brought = restore_only(input, &request, &mut target, &Progress::default(), |_| Ok(()));
            let brought = match brought {
                Ok(brought) => brought,
                Err(failure) => {
                    assert!(matches!(fault, Fault::Cut(_)), "{fault:?}: {}", failure.error);
                    return None;
                }
            };
            for (place, byte) in target.bytes().iter().enumerate() {
                let held = brought.lacking.touches(Range { start: place as u64, length: 1 });
                let sound = truth.byte(place as u64).unwrap();
                assert_eq!(*byte, if held { !sound } else { sound }, "{fault:?}, {way:?}: byte {place}");
            }
            Some(brought.lacking)
        });
        assert_eq!(lacking[0], lacking[1], "{fault:?}");
    }
}

#[test]
fn several_parts_are_salvaged_together() {
    let (first, second) = (named("part_1_of_2"), named("part_2_of_2"));
    let parts = |parts: [&Arc<Vec<u8>>; 2]| {
        let inputs = parts.map(|part| MemoryInput::boxed(part, Way::Pipe)).into();
        let salvager =
            Salvager::open(Inputs::all(inputs).unwrap(), &SalvageOptions::default(), &Progress::default()).unwrap();
        let mut target = Memory::new(vec![0xff; second.size()]);
        let saved = salvage(salvager, &mut target, &Progress::default(), |_| Ok(())).unwrap();
        (target.bytes().to_vec(), saved)
    };
    let (image, saved) = parts([&first.bytes, &second.bytes]);
    second.check_image("salvaged", &image, 0xff);
    assert!(saved.salvaged.lost.is_empty() && saved.salvaged.end_found && saved.salvaged.faults.is_empty());
    let first_blocks = blocks(&first.bytes);
    for block in 0..first_blocks {
        for fault in Fault::of_block(block) {
            let spoiled = broken(&first.bytes, &[fault]);
            if spoiled.len() < 512 {
                continue;
            }
            let (found, saved) = parts([&spoiled, &second.bytes]);
            for (place, (byte, sound)) in found.iter().zip(&image).enumerate() {
                let lost = saved.salvaged.lost.touches(Range { start: place as u64, length: 1 });
                assert!(if lost { *byte == 0xff } else { byte == sound }, "{fault:?}: byte {place}");
            }
        }
    }
}

/// A member whose number was changed by one bit looks like the neighbour of one that is lost.
#[test]
fn a_number_that_lies_closes_no_gap() {
    for Vector { name, bytes, .. } in sound() {
        let truth = Truth::of(&bytes);
        for (place, _) in bytes.windows(6).enumerate().filter(|(_, text)| *text == b"\"seq\":") {
            for bit in 0..4 {
                let mut spoiled = bytes.to_vec();
                spoiled[place + 6] ^= 1 << bit;
                for block in (place / 512).saturating_sub(12)..place / 512 {
                    let mut spoiled = spoiled.clone();
                    Fault::Zeroed(block).apply(&mut spoiled);
                    let _ =
                        salvaged(&Arc::new(spoiled), Way::Pipe, &truth, &format!("{name}, {place}, {bit}, {block}"));
                }
            }
        }
    }
}

/// The archive of an image that holds an archive, whose blocks lie on the blocks of this one.
fn outer_archive() -> Arc<Vec<u8>> {
    let inner = back_up(&[7; 3000], &all_data(&[7; 3000]), &small());
    let mut image = vec![9; 64 << 10];
    image.extend_from_slice(&inner);
    image.resize(140_000, 9);
    back_up(&image, &all_data(&image), &small())
}

/// Where the inner archive begins.
fn inner_block(archive: &[u8]) -> usize {
    let is_head = |block: &usize| {
        let name = &archive[block * 512..block * 512 + 100];
        String::from_utf8_lossy(name).contains("/PaxHeaders/backup-info.json")
    };
    (1..blocks(archive)).find(is_head).unwrap()
}

/// Members of the inner archive are never taken for those of the outer one, wherever that is broken.
#[test]
fn an_archive_inside_an_archive_stays_inside() {
    let bytes = outer_archive();
    let truth = Truth::of(&bytes);
    for fault in (0..blocks(&bytes)).flat_map(Fault::of_block) {
        check("outer", &truth, &bytes, &[fault]);
        // Without the outer head.
        let spoiled = broken(&bytes, &[Fault::Zeroed(0), fault]);
        match salvaged(&spoiled, Way::Pipe, &truth, &format!("headless, {fault:?}")) {
            Ok(found) => assert!(found.others.is_empty(), "{fault:?}"),
            Err(error) => assert!(class(&error) == "refused" || matches!(fault, Fault::Cut(_)), "{fault:?}: {error}"),
        }
    }
    let inside = inner_block(&bytes);
    let found = salvaged(&broken(&bytes, &[Fault::Zeroed(inside - 1)]), Way::Pipe, &truth, "its member").unwrap();
    assert!(found.others.iter().map(|(_, count)| count).sum::<u64>() > 3, "{:?}", found.others);
}

#[test]
fn where_the_beginning_is_lost_the_user_says_which_of_two_archives_it_is() {
    let bytes = outer_archive();
    let truth = Truth::of(&bytes);
    let outer = salvaged(&bytes, Way::Pipe, &truth, "whole").unwrap();
    // The first members, and the headers of the one that holds the inner archive.
    let mut spoiled = bytes.to_vec();
    spoiled[..inner_block(&bytes) * 512].fill(0);
    let spoiled = Arc::new(spoiled);
    let open = |id: Option<String>| {
        let options = SalvageOptions { id, wanted: None };
        Salvager::open(MemoryInput::boxed(&spoiled, Way::Pipe), &options, &Progress::default())
    };
    let refused = open(None).and_then(|salvager| salvager.run(&Progress::default(), |_| Ok(()))).unwrap_err();
    assert_eq!(class(&refused), "refused", "{refused}");
    assert!(refused.remedy().unwrap().contains(&format!("`--id {}`", outer.id)), "{refused:?}");
    let run = |id: &str| open(Some(id.to_owned())).unwrap().run(&Progress::default(), |_| Ok(())).unwrap();
    let found = run(&outer.id);
    assert_eq!((found.id.as_str(), found.size.certain, found.end_found), (outer.id.as_str(), true, true));
    let (other, _) = &found.others[0];
    assert_eq!(run(other).id, *other);
    let none = Salvager::open(
        MemoryInput::boxed(&spoiled, Way::Pipe),
        &SalvageOptions { id: Some("0193f000-0000-7000-8000-00000000beef".to_owned()), wanted: None },
        &Progress::default(),
    );
    assert!(none.is_err_and(|error| class(&error) == "damaged"));
}
