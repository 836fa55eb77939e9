//! An archive in parts is read as one: in any order, past media that lost their end, and never otherwise than byte for byte.

mod archives;
#[path = "support/chance.rs"]
mod chance;
mod spanning;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use archives::{MemoryInput, Way, class, scan, small};
use blocktar::archive::{Compression, Inputs, OpenArchive, OpenOptions, Reading, Told};
use blocktar::backup::BackupRequest;
use blocktar::error::{Error, Result};
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::stream::{Input, MediumReason, NextInput, WantedPart};
use blocktar::target::memory::Memory;
use blocktar::verify::verify;
use chance::Chance;
use spanning::{Capacity, RECORD, back_up_onto, members};

/// How the parts are handed to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hand {
    /// All at once, as files.
    Files,
    /// All at once, as pipes.
    Pipes,
    /// One, and the others when they are asked for, as a changer does.
    Asked,
}

const HANDS: [Hand; 3] = [Hand::Files, Hand::Pipes, Hand::Asked];

/// Gives what it has in order, and notes what it was asked for.
struct Changer {
    media: VecDeque<Arc<Vec<u8>>>,
    asked: Arc<Mutex<Vec<WantedPart>>>,
}

impl NextInput for Changer {
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        self.asked.lock().unwrap().push(wanted.clone());
        Ok(self.media.pop_front().map(|medium| MemoryInput::boxed(&medium, Way::Pipe)))
    }
}

fn inputs(media: &[Vec<u8>], hand: Hand) -> Inputs {
    let media: Vec<_> = media.iter().map(|medium| Arc::new(medium.clone())).collect();
    let open = |way| media.iter().map(|medium| MemoryInput::boxed(medium, way)).collect();
    match hand {
        Hand::Files => Inputs::all(open(Way::File)).unwrap(),
        Hand::Pipes => Inputs::all(open(Way::Pipe)).unwrap(),
        Hand::Asked => {
            let (first, others) = media.split_first().unwrap();
            let others = Changer { media: others.iter().cloned().collect(), asked: Arc::default() };
            Inputs::from(MemoryInput::boxed(first, Way::Pipe)).with_next(Box::new(others))
        }
    }
}

/// Restores onto bytes that are 0xFF all over.
fn restored(inputs: Inputs, size: usize) -> (Vec<u8>, Result<()>) {
    let mut target = Memory::new(vec![0xff; size]);
    let outcome = OpenArchive::open(inputs, &OpenOptions::default()).and_then(|archive| {
        let request = RestoreRequest { threads: 2, read_back: true, truncate: false };
        restore(archive, &mut target, &request, &Progress::default()).map(drop).map_err(|failure| failure.error)
    });
    (target.bytes().to_vec(), outcome)
}

/// What ends before its map does is no part, and nobody takes it for one.
fn is_part(medium: &[u8]) -> bool {
    members(medium).iter().any(|member| member.path.starts_with("extents.json"))
}

fn written(image: &[u8], request: &BackupRequest, capacities: &[Capacity]) -> Vec<Vec<u8>> {
    let (media, outcome) = back_up_onto(&mut scan(image), request, capacities);
    outcome.unwrap();
    media.into_iter().filter(|medium| is_part(medium)).collect()
}

fn an_image() -> Vec<u8> {
    let mut image = Chance::from_seed(11).bytes(1_100_001);
    image[300_000..500_000].fill(0);
    image
}

const PART: u64 = 400 << 10;

fn three_parts() -> (Vec<u8>, Vec<Vec<u8>>) {
    let image = an_image();
    let media = written(&image, &small(), &[Capacity::warning(PART, 128 << 10)]);
    assert!(media.len() >= 3, "{}", media.len());
    (image, media)
}

/// What a verification says, a line for each fault, and which parts it found sound.
fn verified(inputs: Inputs) -> (Vec<String>, Vec<(u64, bool)>) {
    let report = verify(inputs, 2, &Progress::default()).unwrap();
    let faults = report.faults.iter().map(|fault| format!("{}, {:?}", fault.error, fault.affected()));
    (faults.collect(), report.parts.iter().map(|part| (part.number, part.sound)).collect())
}

#[test]
fn parts_come_back_as_one_image_in_whatever_way_they_are_given() {
    let (image, media) = three_parts();
    let mut backwards = media.clone();
    backwards.reverse();
    for hand in HANDS {
        let (bytes, outcome) = restored(inputs(&media, hand), image.len());
        outcome.unwrap_or_else(|error| panic!("{hand:?}: {error}"));
        assert!(bytes == image, "{hand:?}");
        assert_eq!(verified(inputs(&media, hand)).0, Vec::<String>::new(), "{hand:?}");
        if hand != Hand::Asked {
            let (bytes, outcome) = restored(inputs(&backwards, hand), image.len());
            outcome.unwrap_or_else(|error| panic!("{hand:?}, backwards: {error}"));
            assert!(bytes == image, "{hand:?}");
        }
    }
}

/// A part's end member may be the last that its medium recorded; the next part has it again, and what was to stand behind it is missed by nobody.
#[test]
fn a_medium_that_ends_right_behind_an_end_member_lacks_nothing() {
    let request = BackupRequest { compression: Compression::Zstd(1), ..small() };
    let mut met = [0; 2];
    for step in 0..16 {
        // What is compressed moves the end from block to block.
        let mut image = Chance::from_seed(13).bytes(300_000);
        image[..512 * step].fill(7);
        let large = Capacity::hard(1 << 30, 0);
        let total = written(&image, &request, &[large])[0].len() as u64;
        let last_record_fails = Capacity::hard(total - RECORD as u64, 0);
        let warned = Capacity::warning(PART / 2, 96 << 10);
        let filemark_fails = Capacity { filemark_fails: true, cache: RECORD as u64, ..warned };
        for (kind, first) in [last_record_fails, filemark_fails].into_iter().enumerate() {
            let media = written(&image, &request, &[first, large]);
            let closed = members(&media[0]).iter().any(|member| member.path == "end.json");
            let without_blocks = media[0][media[0].len() - 1024..].iter().any(|byte| *byte != 0);
            met[kind] += u32::from(closed && without_blocks);
            for hand in HANDS {
                let (bytes, outcome) = restored(inputs(&media, hand), image.len());
                outcome.unwrap_or_else(|error| panic!("{hand:?}: {error}"));
                assert!(bytes == image, "{hand:?}");
                assert_eq!(verified(inputs(&media, hand)).0, Vec::<String>::new(), "{kind}, {hand:?}");
            }
        }
    }
    assert!(met.iter().all(|met| *met > 0), "{met:?}");
}

#[test]
fn the_end_counts_what_all_parts_hold() {
    let (image, media) = three_parts();
    let whole = archives::back_up(&image, &archives::all_data(&image), &small());
    let end = |inputs: Inputs| {
        let archive = OpenArchive::open(inputs, &OpenOptions::default()).unwrap();
        archive.read_through(1, |_| Ok(())).unwrap().end
    };
    let expected = end(MemoryInput::boxed(&whole, Way::File).into());
    for hand in HANDS {
        let end = end(inputs(&media, hand));
        let counts = (end.data_members, end.data_bytes, end.zero_bytes, end.bad_members);
        assert_eq!(counts, (expected.data_members, expected.data_bytes, expected.zero_bytes, 0), "{hand:?}");
        let count: usize = media.iter().map(|part| members(part).len()).sum();
        assert_eq!(end.members, count as u64, "{hand:?}");
    }
}

#[test]
fn a_missing_part_is_named_with_what_it_would_tell() {
    let (image, media) = three_parts();
    let last = media.len() as u64;
    for missing in 0..media.len() {
        let mut left = media.clone();
        left.remove(missing);
        for hand in [Hand::Files, Hand::Pipes] {
            let (_, outcome) = restored(inputs(&left, hand), image.len());
            let error = outcome.unwrap_err();
            let said = error.to_string();
            assert_eq!(class(&error), "incomplete", "{hand:?}: {said}");
            let named = format!("part {}", missing + 1);
            assert!(said.contains(&named) && said.contains("not given"), "{hand:?}, {missing}: {said}");
            assert!(!error.affected().is_empty() || missing == 1, "{hand:?}: {said}");
            assert!(error.remedy().unwrap().contains("--single-part"), "{said}");
        }
        for hand in [Hand::Files, Hand::Pipes] {
            let (faults, parts) = verified(inputs(&left, hand));
            assert_eq!(parts.len() as u64, last - 1, "{hand:?}, {missing}: {faults:?}");
            assert!(
                parts.iter().all(|(number, sound)| *sound && *number != missing as u64 + 1),
                "{parts:?}, {faults:?}"
            );
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].contains("not given"), "{faults:?}");
        }
    }
}

#[test]
fn a_restore_from_files_knows_before_its_first_write_that_a_part_is_missing() {
    let (image, media) = three_parts();
    for missing in 0..media.len() {
        let mut left = media.clone();
        left.remove(missing);
        let (bytes, outcome) = restored(inputs(&left, Hand::Files), image.len());
        assert!(outcome.is_err() && bytes.iter().all(|byte| *byte == 0xff), "{missing}");
    }
}

#[test]
fn a_wrong_medium_is_given_back_with_the_reason() {
    let (image, media) = three_parts();
    let (_, others) = three_parts();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let order = [&others[1], &media[2], &vec![7; 4096], &media[1], &media[2]];
    let order = order.map(|medium| Arc::new(medium.clone()));
    let rest = media[3..].iter().map(|medium| Arc::new(medium.clone()));
    let changer = Changer { media: order.into_iter().chain(rest).collect(), asked: asked.clone() };
    let first = MemoryInput::boxed(&Arc::new(media[0].clone()), Way::Pipe);
    let (bytes, outcome) = restored(Inputs::from(first).with_next(Box::new(changer)), image.len());
    outcome.unwrap();
    assert!(bytes == image);
    let asked: Vec<_> = asked.lock().unwrap().iter().map(|wanted| (wanted.number, wanted.reason.clone())).collect();
    assert_eq!((asked[0].clone(), asked[4].clone()), ((2, MediumReason::Next), (3, MediumReason::Next)));
    for (place, said) in [(1, "part 2 of another archive"), (2, "part 3 of this archive"), (3, "does not begin as")] {
        let (number, MediumReason::Wrong(why)) = &asked[place] else { panic!("{asked:?}") };
        assert!(*number == 2 && why.contains(said), "{why}");
    }
}

#[test]
fn parts_of_two_archives_and_a_part_given_twice_are_refused() {
    let (image, media) = three_parts();
    let (_, others) = three_parts();
    for (given, said) in [
        (vec![media[0].clone(), others[1].clone()], "is of the archive"),
        (vec![media[0].clone(), media[1].clone(), media[1].clone()], "both are part 2"),
    ] {
        for hand in [Hand::Files, Hand::Pipes] {
            let error = restored(inputs(&given, hand), image.len()).1.unwrap_err();
            assert!(class(&error) == "refused" && error.to_string().contains(said), "{error}");
        }
    }
}

#[test]
fn a_range_is_read_out_of_the_part_that_holds_it() {
    let (image, media) = three_parts();
    let parts = inputs(&media, Hand::Files);
    let range = blocktar::extent::Range { start: 600_000, length: 100_000 };
    let options = OpenOptions { reading: Reading::Ranges, ..OpenOptions::default() };
    let mut bytes = vec![0; image.len()];
    let tell = |told: Told<'_>| {
        if let Told::Data { offset, bytes: data, .. } = told {
            bytes[offset as usize..offset as usize + data.len()].copy_from_slice(data);
        }
        Ok(())
    };
    OpenArchive::open(parts, &options).unwrap().read_ranges(RangeSet::from_iter([range]), 1, tell).unwrap();
    assert!(bytes[600_000..700_000] == image[600_000..700_000]);
    // A part alone tells of its own range.
    let alone = OpenArchive::open(inputs(&media[1..2], Hand::Files), &options).unwrap();
    let told_of = alone.told_of().unwrap();
    assert!(told_of.start > 0 && told_of.end() < image.len() as u64 && told_of.length > 0);
}

/// Whatever is done to some parts, the image comes back, or a refusal.
#[test]
fn random_parts_with_random_damage_come_back_byte_for_byte_or_not_at_all() {
    const CASES: usize = 150;
    let mut chance = Chance::new();
    let (mut identical, mut refused) = (0, 0);
    for case in 0..CASES {
        let length = 100_000 + chance.below(700_000) as usize;
        let mut image = chance.bytes(length);
        let (from, to) = (length / 4, length / 2);
        image[from..to].fill(0);
        let compression = if chance.below(2) == 0 { Compression::None } else { Compression::Zstd(1) };
        let capacities: Vec<_> = (0..1 + chance.below(4)).map(|_| a_capacity(&mut chance)).collect();
        let request = BackupRequest { compression, ..small() };
        let (media, outcome) = back_up_onto(&mut scan(&image), &request, &capacities);
        if let Err(error) = outcome {
            assert!(matches!(error, Error::Io(_) | Error::Refused(_)), "{error}");
            continue;
        }
        let mut media: Vec<_> = media.into_iter().filter(|medium| is_part(medium)).collect();
        for hand in HANDS {
            let (bytes, outcome) = restored(inputs(&media, hand), image.len());
            outcome.unwrap_or_else(|error| panic!("{case}, {hand:?}, {capacities:?}: {error}"));
            assert!(bytes == image, "{case}, {hand:?}: other bytes");
            let (faults, _) = verified(inputs(&media, hand));
            assert!(faults.is_empty(), "{case}, {hand:?}: {faults:?}");
        }
        let done = damage(&mut media, &mut chance);
        for hand in HANDS {
            match restored(inputs(&media, hand), image.len()) {
                (bytes, Ok(())) => {
                    assert!(bytes == image, "{case}, {hand:?}, {done}: other bytes");
                    identical += 1;
                }
                (_, Err(error)) => {
                    assert!(["incomplete", "damaged", "refused"].contains(&class(&error)), "{done}: {error}");
                    let sound = verified(inputs(&media, hand)).0.is_empty();
                    assert!(!sound, "{case}, {hand:?}, {done}: verify finds nothing, a restore says {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > CASES / 4, "{refused} refused, {identical} identical");
    println!("{identical} came back identical, {refused} were refused");
}

fn a_capacity(chance: &mut Chance) -> Capacity {
    let bytes = (240 + chance.below(400)) * 1024 / RECORD as u64 * RECORD as u64;
    match chance.below(3) {
        0 => Capacity::warning(bytes, 128 << 10),
        1 => Capacity { filemark_fails: true, ..Capacity::warning(bytes, 96 << 10) },
        _ => Capacity::hard(bytes, chance.below(40) * 4096),
    }
}

/// Does one thing to the parts, and names it.
fn damage(media: &mut Vec<Vec<u8>>, chance: &mut Chance) -> &'static str {
    let (one, other) = (chance.below(media.len() as u64) as usize, chance.below(media.len() as u64) as usize);
    let at = chance.below(media[one].len() as u64) as usize;
    match chance.below(7) {
        0 if media.len() > 1 => {
            media.remove(one);
            "a part missing"
        }
        1 => {
            media.swap(one, other);
            "two parts swapped"
        }
        2 => {
            let again = media[one].clone();
            media.insert(other, again);
            "a part twice"
        }
        3 => {
            media[one].truncate(at);
            "a part cut"
        }
        4 => {
            media[one][at..].fill(0);
            "a part's end zeroed"
        }
        5 => {
            let end = (at + 5000).min(media[one].len());
            media[one].drain(at / 512 * 512..end / 512 * 512);
            "blocks dropped"
        }
        _ => {
            media[one][at] ^= 1 << chance.below(8);
            "a bit flipped"
        }
    }
}
