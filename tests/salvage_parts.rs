//! Archives in parts, salvaged: any part may be missing or broken, whoever brings parts is asked for them, and what is lost is what no part tells.

mod archives;
mod broken;
mod spanning;
mod support;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use archives::{MemoryInput, Way, all_data, back_up, scan, small};
use blocktar::archive::{Inputs, SalvageOptions, Salvager};
use blocktar::error::{Error, Result};
use blocktar::extent::Range;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::salvage::only::{OnlyRequest, restore_only};
use blocktar::salvage::{SalvageSummary, salvage};
use blocktar::stream::{Input, MediumReason, NextInput, WantedPart};
use blocktar::target::memory::Memory;
use serde_json::Value;
use spanning::{Capacity, RECORD, back_up_onto, members};
use support::Chance;

type Part = Arc<Vec<u8>>;

/// An image, and an archive of it on media of this capacity.
fn on_media(capacity: Capacity) -> (Vec<u8>, Vec<Part>) {
    let mut chance = Chance::from_seed(5);
    let mut image: Vec<u8> = (0..1_000_000).map(|_| chance.next() as u8 | 1).collect();
    for place in [3, 7, 8, 12] {
        image[place << 16..(place + 1) << 16].fill(0);
    }
    let request = blocktar::backup::BackupRequest { record_bytes: RECORD as u64, ..small() };
    let (media, outcome) = back_up_onto(&mut scan(&image), &request, &[capacity]);
    outcome.unwrap();
    assert!(media.len() >= 4, "{}", media.len());
    (image, media.into_iter().map(Arc::new).collect())
}

fn closed() -> (Vec<u8>, Vec<Part>) {
    on_media(Capacity::warning(300_000, 40_000))
}

fn files<'p>(parts: impl IntoIterator<Item = &'p Part>) -> Inputs {
    Inputs::all(parts.into_iter().map(|part| MemoryInput::boxed(part, Way::File)).collect()).unwrap()
}

/// Salvages onto a device of 0xEE; every byte that is not lost is right, every other as it was.
fn saved(image: &[u8], inputs: Inputs) -> SalvageSummary {
    let salvager = Salvager::open(inputs, &SalvageOptions::default(), &Progress::default()).unwrap();
    let mut target = Memory::new(vec![0xee; image.len()]);
    let saved = salvage(salvager, &mut target, &Progress::default(), |_| Ok(())).unwrap();
    let lost = &saved.salvaged.lost;
    assert_eq!(saved.salvaged.size.bytes, image.len() as u64);
    for (place, (found, byte)) in target.bytes().iter().zip(image).enumerate() {
        let expected = if lost.touches(Range { start: place as u64, length: 1 }) { 0xee } else { *byte };
        assert_eq!(*found, expected, "byte {place}; {:?}", saved.salvaged.faults);
    }
    saved
}

/// From where to where a part tells of the device.
fn told(part: &[u8]) -> Range {
    let text = |name: &str| {
        let member = members(part).into_iter().find(|member| member.path == name);
        member.map_or(Value::Null, |member| serde_json::from_slice(&member.stored).unwrap())
    };
    let from = text("backup-info.json")["part"]["from"].as_u64().unwrap_or(0);
    Range::between(from, text("end.json")["to"].as_u64().unwrap())
}

/// What the data members hold that this is true of.
fn data(part: &[u8], is_it: impl Fn(u64) -> bool) -> RangeSet {
    let number = |value: &Value| value.as_u64().unwrap();
    let of_data = members(part).into_iter().filter(|member| member.path.starts_with("extent/"));
    let of_data = of_data.filter(|member| is_it(number(&member.record["seq"])));
    of_data
        .map(|member| Range { start: number(&member.record["offset"]), length: number(&member.record["length"]) })
        .collect()
}

#[test]
fn a_part_that_is_missing_costs_what_it_tells_in_whatever_order_the_others_come() {
    let (image, parts) = closed();
    for missing in 0..parts.len() {
        let mut others: Vec<_> = parts.iter().enumerate().filter(|(place, _)| *place != missing).collect();
        for turn in 0..others.len() {
            others.rotate_left(turn);
            let found = saved(&image, files(others.iter().map(|(_, part)| *part))).salvaged;
            let range = told(&parts[missing]);
            let beyond: Vec<_> =
                found.lost.iter().filter(|lost| lost.start < range.start || lost.end() > range.end()).collect();
            assert!(beyond.is_empty(), "{missing}: {beyond:?} is lost beside {range:?}");
            assert!(data(&parts[missing], |_| true).iter().all(|one| found.lost.missing_in(one).is_empty()));
            let is_last = missing == parts.len() - 1;
            let why = if is_last { "its end member".to_owned() } else { format!("part {} of it was not", missing + 1) };
            assert_eq!(found.end_found, !is_last);
            assert_eq!(found.faults.kept().len(), 1, "{:?}", found.faults);
            assert!(found.faults.kept()[0].starts_with(&why), "{:?}", found.faults);
        }
    }
}

/// What a medium's hard end left beyond the next part's first member is there twice: either will do.
#[test]
fn of_members_that_two_parts_hold_one_that_is_sound_is_enough() {
    let hard = Capacity { keeps: true, ..Capacity::hard(300_000, 180_000) };
    let (image, parts) = on_media(hard);
    assert!(saved(&image, files(&parts)).salvaged.lost.is_empty());
    let first_seq = members(&parts[1])[0].record["seq"].as_u64().unwrap();
    let twice = data(&parts[0], |seq| seq >= first_seq);
    assert!(!twice.is_empty(), "nothing is there twice");
    let mut spared = 0;
    for block in (0..parts[1].len() / 512).step_by(5) {
        let mut second = parts[1].to_vec();
        second[block * 512..(block + 1) * 512].fill(0x55);
        let second = Arc::new(second);
        let others = [&parts[0], &second].into_iter().chain(&parts[2..]);
        let lost = saved(&image, files(others)).salvaged.lost;
        assert!(twice.iter().all(|range| !lost.touches(range)), "block {block}: {lost:?}");
        spared += usize::from(lost.is_empty());
    }
    assert!(spared > 20, "{spared}");
}

/// Brings what it has in order: a part, or nothing; and notes what it was asked for.
#[derive(Clone, Default)]
struct Changer {
    media: Arc<Mutex<VecDeque<Option<Part>>>>,
    asked: Arc<Mutex<Vec<(u64, bool)>>>,
}

impl Changer {
    fn with(media: impl IntoIterator<Item = Option<Part>>) -> Self {
        Self { media: Arc::new(Mutex::new(media.into_iter().collect())), ..Self::default() }
    }

    fn inputs(&self, first: &Part) -> Inputs {
        Inputs::from(MemoryInput::boxed(first, Way::Pipe)).with_next(Box::new(self.clone()))
    }

    /// The parts that were asked for, and whether because another did not do.
    fn asked(&self) -> Vec<(u64, bool)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl NextInput for Changer {
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        let wrong = wanted.reason != MediumReason::Next;
        self.asked.lock().unwrap().push((wanted.number, wrong));
        assert!(self.asked.lock().unwrap().len() < 100, "it asks for ever");
        match self.media.lock().unwrap().pop_front() {
            Some(Some(part)) => Ok(Some(MemoryInput::boxed(&part, Way::Pipe))),
            _ => Err(Error::io("asking", "nobody", io::Error::other("there is none"))),
        }
    }
}

#[test]
fn parts_are_asked_for_until_all_are_there_or_nobody_has_them() {
    let (image, parts) = closed();
    let count = parts.len() as u64;
    let some = |number: usize| Some(parts[number - 1].clone());
    let all = Changer::with((2..=parts.len()).map(some));
    assert!(saved(&image, all.inputs(&parts[0])).salvaged.faults.is_empty());
    assert_eq!(all.asked(), (2..=count).map(|number| (number, false)).collect::<Vec<_>>());

    let lacking = Changer::with([None].into_iter().chain((3..=parts.len()).map(some)));
    let found = saved(&image, lacking.inputs(&parts[0])).salvaged;
    assert!(found.lost.iter().all(|lost| told(&parts[1]).intersection(&lost) == Some(lost)) && found.end_found);
    assert!(found.faults.kept()[0].starts_with("part 2 is not at hand: asking nobody"), "{:?}", found.faults);
    assert_eq!(lacking.asked(), (2..=count).map(|number| (number, false)).collect::<Vec<_>>());

    // Backwards, and with some that will not do between them.
    let other = back_up(&[7; 3000], &all_data(&[7; 3000]), &small());
    let order = [Some(other), some(1)].into_iter().chain((1..parts.len()).rev().map(some));
    let wrong = Changer::with(order);
    assert!(saved(&image, wrong.inputs(&parts[parts.len() - 1])).salvaged.lost.is_empty());
    assert_eq!(wrong.asked()[..3], [(1, false), (1, true), (2, false)]);

    let nobody = Changer::default();
    let found = saved(&image, nobody.inputs(&parts[0])).salvaged;
    assert_eq!(nobody.asked(), [(2, false), (3, false), (4, false)]);
    assert!(!found.end_found);
}

#[test]
fn nobody_is_asked_where_nothing_is_lost() {
    let image: Vec<u8> = (0..300_000u32).map(|place| (place % 251) as u8).collect();
    let archive = back_up(&image, &all_data(&image), &small());
    let end = archive.len() - 4096;
    let mut spoiled = archive.to_vec();
    spoiled[end..].fill(0);
    for archive in [archive, Arc::new(spoiled)] {
        let nobody = Changer::default();
        assert!(saved(&image, nobody.inputs(&archive)).salvaged.lost.is_empty());
        assert_eq!(nobody.asked(), []);
    }
}

/// A part without beginning and end may be any; it is not asked for again.
#[test]
fn a_part_that_does_not_tell_its_number_counts_as_one_of_those_that_are_missing() {
    let (image, parts) = closed();
    let mut second = parts[1].to_vec();
    second[..512].fill(0);
    let end = second.windows(8).rposition(|text| text == b"end.json").unwrap() / 512 * 512;
    second[end - 1024..].fill(0);
    let second = Arc::new(second);
    let given = [&parts[0], &second].into_iter().chain(&parts[2..]);
    let nobody = Changer::default();
    let found = saved(&image, files(given).with_next(Box::new(nobody.clone()))).salvaged;
    assert!(
        found.end_found && !found.faults.kept().iter().any(|fault| fault.contains("not given")),
        "{:?}",
        found.faults
    );
    assert_eq!(nobody.asked(), []);
}

#[test]
fn a_copy_in_parts_brings_what_is_lost_from_files_and_as_it_is_asked_for() {
    let (image, parts) = closed();
    for (start, length) in [(0, 10), (299_000, 200_000), (0, 1_000_000), (999_999, 1)] {
        let wanted = RangeSet::from_iter([Range { start, length }]);
        let request = OnlyRequest { wanted: wanted.clone(), threads: 1 };
        let changer = Changer::with(parts[1..].iter().cloned().map(Some));
        for inputs in [files(parts.iter().rev()), changer.inputs(&parts[0])] {
            let mut target = Memory::new(vec![0xee; image.len()]);
            let brought = restore_only(inputs, &request, &mut target, &Progress::default(), |_| Ok(())).unwrap();
            assert!(brought.lacking.is_empty(), "{start} {length}: {:?}", brought.faults);
            for (place, (found, byte)) in target.bytes().iter().zip(&image).enumerate() {
                let is_wanted = wanted.touches(Range { start: place as u64, length: 1 });
                assert_eq!(*found, if is_wanted { *byte } else { 0xee }, "{start} {length}: byte {place}");
            }
        }
    }
}

#[test]
fn of_a_copy_in_parts_what_is_there_and_sound_is_taken() {
    let (image, parts) = closed();
    let request =
        OnlyRequest { wanted: [Range { start: 0, length: image.len() as u64 }].into_iter().collect(), threads: 1 };
    for missing in 0..parts.len() {
        let others = parts.iter().enumerate().filter(|(place, _)| *place != missing).map(|(_, part)| part);
        // Given all at once, and as they are asked for, where one is not to be had.
        let mut media: Vec<_> = parts.iter().cloned().map(Some).collect();
        media[missing] = None;
        let asked = Changer::with(media.iter().skip(1).chain(media.iter().skip(1)).cloned());
        let inputs = if missing == 1 { files([&parts[0]]).with_next(Box::new(asked)) } else { files(others) };
        let mut target = Memory::new(vec![0xee; image.len()]);
        let brought = restore_only(inputs, &request, &mut target, &Progress::default(), |_| Ok(())).unwrap();
        let range = told(&parts[missing]);
        let beyond: Vec<_> =
            brought.lacking.iter().filter(|lacking| range.intersection(lacking) != Some(*lacking)).collect();
        assert!(beyond.is_empty(), "{missing}: {beyond:?} is lacking beside {range:?}: {:?}", brought.faults);
        for (place, (found, byte)) in target.bytes().iter().zip(&image).enumerate() {
            let lacks = brought.lacking.touches(Range { start: place as u64, length: 1 });
            assert_eq!(*found, if lacks { 0xee } else { *byte }, "{missing}: byte {place}");
        }
    }
}
