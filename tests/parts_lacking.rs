//! Of an archive in parts that are not all to be had nothing passes for the whole, and nobody is asked for ever.

mod archives;
mod spanning;

use std::cell::Cell;
use std::sync::Arc;

use archives::{MemoryInput, Way, class, scan, small};
use blocktar::archive::{Inputs, OpenArchive, OpenOptions, Reading, Told};
use blocktar::error::Result;
use blocktar::extent::Range;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::stream::{Input, MediumReason, NextInput, WantedPart};
use blocktar::target::memory::Memory;
use blocktar::verify::verify;
use spanning::{Capacity, back_up_onto, members};

fn three_parts() -> (Vec<u8>, Vec<Vec<u8>>) {
    let image: Vec<_> = (0..900_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (media, outcome) = back_up_onto(&mut scan(&image), &small(), &[Capacity::warning(400 << 10, 128 << 10)]);
    outcome.unwrap();
    assert!(media.len() >= 3, "{}", media.len());
    (image, media)
}

fn files(media: &[Vec<u8>]) -> Inputs {
    let open = |medium: &Vec<u8>| MemoryInput::boxed(&Arc::new(medium.clone()), Way::File);
    Inputs::all(media.iter().map(open).collect()).unwrap()
}

fn restored(archive: OpenArchive, size: usize) -> (Vec<u8>, Result<()>) {
    let mut target = Memory::new(vec![0xff; size]);
    let request = RestoreRequest { threads: 1, read_back: false, truncate: false };
    let outcome = restore(archive, &mut target, &request, &Progress::default());
    (target.bytes().to_vec(), outcome.map(drop).map_err(|failure| failure.error))
}

/// Brings the same medium whenever it is asked, unless it was told that it is the wrong one.
struct Stubborn(Arc<Vec<u8>>, u32);

impl NextInput for Stubborn {
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        if wanted.reason != MediumReason::Next {
            return Ok(None);
        }
        self.1 += 1;
        assert!(self.1 < 20, "it is asked for ever");
        Ok(Some(MemoryInput::boxed(&self.0, Way::Pipe)))
    }
}

#[test]
fn a_part_whose_head_is_damaged_is_not_asked_for_for_ever() {
    let (image, media) = three_parts();
    for length in (0..media[1].len().min(40_000)).step_by(512).skip(1) {
        let cut = Arc::new(media[1][..length].to_vec());
        let inputs = || {
            let first = MemoryInput::boxed(&Arc::new(media[0].clone()), Way::Pipe);
            Inputs::from(first).with_next(Box::new(Stubborn(cut.clone(), 0)))
        };
        if members(&cut).first().is_some_and(|member| member.path == "backup-info.json") {
            let report = verify(inputs(), 1, &Progress::default()).unwrap();
            assert!(!report.faults.is_empty() && report.parts[0].sound, "{length}: {:?}", report.faults);
            let archive = OpenArchive::open(inputs(), &OpenOptions::default()).unwrap();
            let error = restored(archive, image.len()).1.unwrap_err();
            assert!(["incomplete", "damaged"].contains(&class(&error)), "{length}: {error}");
        }
    }
}

/// Brings these media, one after the other.
struct InTurn(Vec<Arc<Vec<u8>>>);

impl NextInput for InTurn {
    fn next_input(&mut self, _: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        Ok((!self.0.is_empty()).then(|| MemoryInput::boxed(&self.0.remove(0), Way::Pipe)))
    }
}

/// A medium that ended in a part before anything behind its head was whole has its beginning, and the next medium the part: both are called part 2 of this archive.
#[test]
fn behind_what_a_full_medium_kept_of_a_part_that_part_is_asked_for() {
    let (image, media) = three_parts();
    let all: Vec<_> = media.iter().map(|medium| Arc::new(medium.clone())).collect();
    let (mut beheaded, mut bare) = (0, 0);
    for length in (0..media[1].len().min(60_000)).step_by(512).skip(1) {
        let cut = Arc::new(media[1][..length].to_vec());
        let members = members(&cut);
        if members.iter().any(|member| member.path.starts_with("extent/")) {
            break;
        }
        let has_head = members.iter().any(|member| member.path.starts_with("extents.json"));
        (beheaded, bare) = (beheaded + u32::from(!has_head), bare + u32::from(has_head));
        let inputs = || {
            let next = [&cut, &cut].into_iter().chain(&all[1..]).cloned().collect();
            Inputs::from(MemoryInput::boxed(&all[0], Way::Pipe)).with_next(Box::new(InTurn(next)))
        };
        let archive = OpenArchive::open(inputs(), &OpenOptions::default()).unwrap();
        let (bytes, outcome) = restored(archive, image.len());
        assert!(outcome.is_ok() && bytes == image, "{length}: {outcome:?}");
        let report = verify(inputs(), 1, &Progress::default()).unwrap();
        let numbers: Vec<_> = report.parts.iter().map(|part| part.number).collect();
        assert!(report.is_sound() && numbers.len() == media.len(), "{length}: {numbers:?}, {:?}", report.faults);
    }
    assert!(beheaded > 5 && bare > 50, "{beheaded}, {bare}");
}

/// Whoever opens parts for ranges gets no more than they tell of, and no success for less than was asked.
#[test]
fn what_lies_in_a_missing_part_is_refused_where_ranges_are_read() {
    let (image, media) = three_parts();
    let whole = Range { start: 0, length: image.len() as u64 };
    for missing in 0..media.len() {
        let mut left = media.clone();
        left.remove(missing);
        for reading in [Reading::Ranges, Reading::PartByPart] {
            let open = || OpenArchive::open(files(&left), &OpenOptions { reading, ..Default::default() });
            let told = open().unwrap().told_of().unwrap();
            let count = Cell::new(0);
            let tell = |_: Told<'_>| {
                count.set(count.get() + 1);
                Ok(())
            };
            for outcome in [
                open().unwrap().read_through(1, tell),
                open().unwrap().read_ranges(RangeSet::from_iter([whole]), 1, tell),
            ] {
                let error = outcome.expect_err("a part is missing");
                assert!(class(&error) == "incomplete" && !error.affected().is_empty(), "{missing}: {error}");
            }
            assert_eq!(count.get(), 0, "nothing is told before it is refused");
            open().unwrap().read_ranges(RangeSet::from_iter([told]), 1, tell).unwrap();
            assert!(count.get() > 0, "what the parts tell of is told");
            let (bytes, outcome) = restored(open().unwrap(), image.len());
            assert!(outcome.is_err() && bytes.iter().all(|byte| *byte == 0xff), "{missing}, {reading:?}");
        }
    }
}
