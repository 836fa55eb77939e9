//! An archive against a device: exactly the blocks that differ, each byte of the device read once, holes not at all.

mod archives;
mod vector;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use archives::chance::{image_of, pattern};
use archives::{MemoryInput, Way, all_data, back_up, class, restore_bytes, small};
use blocktar::archive::{Compression, OpenArchive, OpenOptions};
use blocktar::backup::BackupRequest;
use blocktar::compare::{BLOCK_BYTES, CompareRequest, Comparison, compare};
use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentKind, ExtentMap, Range};
use blocktar::progress::Progress;
use blocktar::source::MemoryImage;
use blocktar::stream::{Device, Image};
use proptest::prelude::*;

/// What was asked of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Prefetch(Range),
    Read(Range),
    Release(Range),
}

/// An image that notes what is asked of it, and cannot be read in one range.
struct Watched {
    image: MemoryImage,
    asked: Mutex<Vec<Asked>>,
    faulty: Range,
    failure: fn() -> io::Error,
}

impl Watched {
    fn new(bytes: Vec<u8>, extents: ExtentMap) -> Self {
        let faulty = Range { start: 0, length: 0 };
        Self {
            image: MemoryImage::new(bytes, extents),
            asked: Mutex::default(),
            faulty,
            failure: || io::Error::from_raw_os_error(5),
        }
    }

    fn note(&self, asked: Asked) {
        self.asked.lock().unwrap().push(asked);
    }

    fn reads(&self) -> Vec<Range> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter_map(|asked| if let Asked::Read(range) = asked { Some(*range) } else { None }).collect()
    }
}

impl Image for Watched {
    fn device(&self) -> &Device {
        self.image.device()
    }

    fn extents(&self) -> Result<ExtentMap> {
        self.image.extents()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let range = Range { start: offset, length: buffer.len() as u64 };
        self.note(Asked::Read(range));
        if range.intersection(&self.faulty).is_some() {
            return Err((self.failure)());
        }
        self.image.read_at(buffer, offset)
    }

    fn prefetch(&self, start: u64, length: u64) {
        self.note(Asked::Prefetch(Range { start, length }));
    }

    fn release(&self, start: u64, length: u64) {
        self.note(Asked::Release(Range { start, length }));
    }

    fn changes(&self) -> Result<Vec<String>> {
        self.image.changes()
    }
}

fn compared(archive: &Arc<Vec<u8>>, way: Way, image: &mut dyn Image) -> Result<Comparison> {
    let opened = OpenArchive::open(MemoryInput::boxed(archive, way), &OpenOptions::default())?;
    compare(opened, image, &CompareRequest { threads: 2, may_be_larger: false }, &Progress::default())
}

/// What is found by both ways of reading, which must be the same, with an image that is data all over.
fn found(archive: &Arc<Vec<u8>>, image: &[u8]) -> Comparison {
    let by = |way| {
        compared(archive, way, &mut MemoryImage::new(image.to_vec(), all_data(image)))
            .unwrap_or_else(|error| panic!("{way:?}: {error}"))
    };
    let (forward, seeking) = (by(Way::Pipe), by(Way::File));
    assert_eq!((&forward.differing, &forward.bad), (&seeking.differing, &seeking.bad));
    assert_eq!((forward.compared_bytes, forward.unchanged_bytes), (seeking.compared_bytes, seeking.unchanged_bytes));
    seeking
}

/// Extents on multiples of the block, so that no block lies in two of them, but the last may be cut.
fn an_image(spans: &[(u8, u64)], tail: usize) -> (Vec<u8>, ExtentMap) {
    let tail = (tail > 0).then_some((2, tail as u64));
    image_of(spans.iter().map(|(kind, blocks)| (*kind, blocks * BLOCK_BYTES)).chain(tail))
}

/// The blocks of these ranges.
fn blocks(ranges: &[Range]) -> BTreeSet<u64> {
    ranges.iter().flat_map(|range| range.start / BLOCK_BYTES..range.end().div_ceil(BLOCK_BYTES)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn exactly_the_changed_blocks_differ(
        spans in proptest::collection::vec((0u8..3, 1u64..40), 1..10), tail in 0usize..5000,
        flips in proptest::collection::vec((0.0f64..1.0, 1u8..=255), 0..12), compressed in any::<bool>(),
    ) {
        let (image, extents) = an_image(&spans, tail);
        let compression = if compressed { Compression::Zstd(1) } else { Compression::None };
        let archive = back_up(&image, &extents, &BackupRequest { compression, ..small() });
        let mut changed = image.clone();
        for (place, change) in &flips {
            changed[(place * image.len() as f64) as usize] ^= change;
        }
        let expected: BTreeSet<u64> =
            (0..image.len()).filter(|place| image[*place] != changed[*place]).map(|place| place as u64 / BLOCK_BYTES).collect();
        let found = found(&archive, &changed);
        prop_assert_eq!(blocks(found.differing.kept()), expected);
        prop_assert!(found.differing.kept().iter().all(|range| range.start % BLOCK_BYTES == 0
            && (range.end() % BLOCK_BYTES == 0 || range.end() == image.len() as u64)));
        prop_assert_eq!((found.compared_bytes, found.unchanged_bytes), (image.len() as u64, 0));
    }

    /// Whatever the two sides' holes: what the device has as a hole is compared without being read, the rest is read once, in order, told before and given back.
    #[test]
    fn each_byte_is_read_once_and_holes_are_not(
        spans in proptest::collection::vec((0u8..3, 1u64..400), 1..10), changes in proptest::collection::vec((any::<bool>(), 0.0f64..1.0), 0..6),
    ) {
        let (image, extents) = an_image(&spans, 77);
        let archive = back_up(&image, &extents, &small());
        // On the device some blocks have become holes, or data.
        let size = image.len() as u64;
        let (mut device, mut is_hole) = (image.clone(), vec![false; size.div_ceil(BLOCK_BYTES) as usize]);
        extents.iter().filter(|extent| extent.kind != ExtentKind::Data).for_each(|extent| {
            is_hole[(extent.start / BLOCK_BYTES) as usize..(extent.end() / BLOCK_BYTES) as usize].fill(true);
        });
        for (to_hole, place) in changes {
            let block = (place * is_hole.len() as f64) as usize;
            let bytes = &mut device[block * BLOCK_BYTES as usize..][..BLOCK_BYTES.min(size - block as u64 * BLOCK_BYTES) as usize];
            is_hole[block] = to_hole;
            bytes.fill(if to_hole { 0 } else { 9 });
        }
        let map: ExtentMap = is_hole.iter().enumerate().map(|(block, hole)| {
            let start = block as u64 * BLOCK_BYTES;
            let length = BLOCK_BYTES.min(size - start);
            if *hole { Extent::hole(start, length) } else { Extent::data(start, length) }
        }).collect();
        let expected: BTreeSet<u64> =
            (0..image.len()).filter(|place| image[*place] != device[*place]).map(|place| place as u64 / BLOCK_BYTES).collect();
        for way in [Way::Pipe, Way::File] {
            let mut watched = Watched::new(device.clone(), map.clone());
            let found = compared(&archive, way, &mut watched).unwrap();
            prop_assert_eq!(blocks(found.differing.kept()), expected.clone());
            let reads = watched.reads();
            prop_assert!(reads.windows(2).all(|pair| pair[0].end() <= pair[1].start), "in order, and nothing twice");
            let read: u64 = reads.iter().map(|range| range.length).sum();
            prop_assert_eq!(read, map.data_bytes(), "all data and nothing else");
            told_before_and_given_back(&watched);
        }
    }
}

/// Each read lies within what the image was told of, which is told once, and is given back at once.
fn told_before_and_given_back(watched: &Watched) {
    let (mut told, mut last) = (Vec::<Range>::new(), None);
    for asked in &*watched.asked.lock().unwrap() {
        match asked {
            Asked::Prefetch(range) => match told.last_mut() {
                Some(before) if before.end() == range.start => *before = Range::between(before.start, range.end()),
                before => {
                    assert!(before.is_none_or(|before| before.end() < range.start), "{range:?} is told twice");
                    told.push(*range);
                }
            },
            Asked::Read(range) => {
                let known = told.iter().any(|told| told.intersection(range) == Some(*range));
                assert!(known, "{range:?} was not told before");
                last = Some(*range);
            }
            Asked::Release(range) => assert_eq!(last.take(), Some(*range)),
        }
    }
    assert_eq!(last, None);
}

#[test]
fn a_device_is_told_ahead_but_not_by_far() {
    let image = pattern(40 << 20);
    let archive = back_up(&image, &all_data(&image), &small());
    let mut watched = Watched::new(image.clone(), all_data(&image));
    compared(&archive, Way::Pipe, &mut watched).unwrap();
    let (mut told, mut least, mut most) = (0, u64::MAX, 0);
    for asked in &*watched.asked.lock().unwrap() {
        match asked {
            Asked::Prefetch(range) => told = range.end(),
            Asked::Read(range) => {
                most = most.max(told - range.end());
                least = if told < image.len() as u64 { least.min(told - range.end()) } else { least };
            }
            Asked::Release(_) => {}
        }
    }
    assert!(least >= 4 << 20 && most <= 16 << 20, "between {least} and {most} bytes ahead");
}

#[test]
fn sizes_that_differ_are_a_difference() {
    let image = pattern(100_000);
    let archive = back_up(&image, &all_data(&image), &small());
    let smaller = found(&archive, &image[..70_000]);
    assert_eq!(smaller.differing.kept(), [Range::between(70_000, 100_000)]);
    assert_eq!((smaller.compared_bytes, smaller.device_bytes), (70_000, 70_000));
    let larger = found(&archive, &[&image[..], &[0; 5]].concat());
    assert_eq!(larger.differing.kept(), [Range::between(100_000, 100_005)]);
    assert_eq!(larger.compared_bytes, 100_000);
    for (device_bytes, differing) in [(100_005, 0), (70_000, 1)] {
        let mut device = MemoryImage::new(
            [&image[..], &[0; 5]].concat()[..device_bytes].to_vec(),
            all_data(&image[..device_bytes.min(100_000)]),
        );
        let opened = OpenArchive::open(MemoryInput::boxed(&archive, Way::File), &OpenOptions::default()).unwrap();
        let request = CompareRequest { threads: 2, may_be_larger: true };
        let found = compare(opened, &mut device, &request, &Progress::default()).unwrap();
        assert_eq!(found.differing.count(), differing, "{device_bytes}");
    }
    let nothing = found(&archive, &[]);
    assert_eq!(nothing.differing.kept(), [Range::between(0, 100_000)]);
    let both_empty = found(&back_up(&[], &ExtentMap::new(), &small()), &[]);
    assert!(both_empty.differing.is_empty());
}

/// A restore leaves a larger target's tail alone, and a device that held something must have been zeroed.
#[test]
fn zeros_of_the_archive_must_be_zeros_on_the_device() {
    let mut image = pattern(300_000);
    image[100_000..290_000].fill(0);
    let extents = [Extent::data(0, 200_704), Extent::hole(200_704, 80_000), Extent::data(280_704, 19_296)];
    let archive = back_up(&image, &extents.into_iter().collect(), &small());
    for place in [100_000, 150_000, 200_703, 200_704, 250_000, 280_703, 289_999] {
        let mut changed = image.clone();
        changed[place] = 1;
        let found = found(&archive, &changed);
        assert_eq!(blocks(found.differing.kept()), [place as u64 / BLOCK_BYTES].into(), "{place}");
    }
}

#[test]
fn very_many_differences_are_counted() {
    let image = pattern(5000 * BLOCK_BYTES as usize);
    let archive = back_up(&image, &all_data(&image), &small());
    let mut changed = image.clone();
    changed.chunks_mut(2 * BLOCK_BYTES as usize).for_each(|pair| pair[17] ^= 1);
    let found = found(&archive, &changed);
    assert_eq!((found.differing.kept().len(), found.differing.count()), (1000, 2500));
    assert_eq!(found.differing.bytes(), 2500 * BLOCK_BYTES);
}

fn vector_named(name: &str) -> vector::Vector {
    vector::all().into_iter().find(|vector| vector.name == name).unwrap()
}

#[test]
fn bad_ranges_are_not_compared() {
    let archive = vector_named("full_bad_range").bytes;
    // The restore leaves 0xFF there, which is as good as anything.
    let image = restore_bytes(&archive, Way::File, 1, 200_001).0;
    let same = found(&archive, &image);
    assert!(same.differing.is_empty(), "{:?}", same.differing);
    assert_eq!(same.bad.kept(), [Range { start: 4396, length: 5000 }]);
    assert_eq!(same.compared_bytes, 200_001 - 5000);
    let mut watched = Watched::new(image.clone(), all_data(&image));
    compared(&archive, Way::File, &mut watched).unwrap();
    assert!(watched.reads().iter().all(|range| range.intersection(&same.bad.kept()[0]).is_none()));
    let mut changed = image;
    (changed[4395], changed[9396]) = (!changed[4395], !changed[9396]);
    let differing = found(&archive, &changed).differing;
    assert_eq!(blocks(differing.kept()), [1, 2].into());
    assert!(differing.kept().iter().all(|range| range.intersection(&same.bad.kept()[0]).is_none()), "{differing:?}");
}

#[test]
fn of_an_increment_only_what_it_holds_is_compared() {
    for (name, held) in [("increment", 67_537), ("increment_inline", 4707), ("increment_of_nothing", 0)] {
        let vector = vector_named(name);
        // Whatever lies where it is unchanged; where it holds something, what it holds, found out by comparing.
        let mut image = vec![0x77; vector.size()];
        let first = found(&vector.bytes, &image);
        assert_eq!(first.compared_bytes, held, "{name}");
        assert_eq!(first.compared_bytes + first.unchanged_bytes + first.bad.bytes(), vector.size() as u64, "{name}");
        let mut watched = Watched::new(image.clone(), all_data(&image));
        compared(&vector.bytes, Way::Pipe, &mut watched).unwrap();
        let read: u64 = watched.reads().iter().map(|range| range.length).sum();
        assert_eq!(read, held, "{name}: nothing else is read");
        told_before_and_given_back(&watched);
        for place in 0..image.len() as u64 {
            let differs = first.differing.kept().iter().any(|range| range.start <= place && place < range.end());
            image[place as usize] = if differs { 0x77 } else { 0x78 };
        }
        let changed_elsewhere = found(&vector.bytes, &image).differing;
        assert_eq!(changed_elsewhere, first.differing, "{name}: what is unchanged does not matter");
    }
}

#[test]
fn a_damaged_archive_is_damaged_and_not_different() {
    let mut image = pattern(6 << 16);
    image[70_000..70_064].fill(0xee);
    let sound = back_up(&image, &all_data(&image), &small());
    let mut outcomes = BTreeSet::new();
    for place in (0..sound.len()).step_by(389) {
        let mut spoiled = sound.to_vec();
        spoiled[place] ^= 0x10;
        let spoiled = Arc::new(spoiled);
        for way in [Way::Pipe, Way::File] {
            match compared(&spoiled, way, &mut MemoryImage::new(image.clone(), all_data(&image))) {
                Ok(found) => assert!(found.differing.is_empty(), "byte {place}, {way:?}"),
                Err(error) => drop(outcomes.insert(class(&error))),
            }
        }
    }
    assert!(outcomes.contains("damaged") && !outcomes.contains("io"), "{outcomes:?}");
    let mut spoiled = sound.to_vec();
    let member = spoiled.windows(64).position(|window| window == &image[70_000..70_064]).unwrap();
    spoiled[member] ^= 1;
    let error =
        compared(&Arc::new(spoiled), Way::File, &mut MemoryImage::new(image.clone(), all_data(&image))).unwrap_err();
    assert_eq!((class(&error), error.affected()), ("damaged", &[Range { start: 65_536, length: 65_536 }][..]));
}

#[test]
fn a_device_that_cannot_be_read_is_named_with_the_place() {
    let image = pattern(1 << 20);
    let archive = back_up(&image, &all_data(&image), &small());
    let mut watched = Watched::new(image.clone(), all_data(&image));
    watched.faulty = Range { start: 700_000, length: 1 };
    let error = compared(&archive, Way::File, &mut watched).unwrap_err();
    assert_eq!(class(&error), "io");
    assert!(error.to_string().starts_with("reading memory at byte 6"), "{error}");
}

/// The comparison said only that it came to an unexpected end.
#[test]
fn a_device_that_shrank_is_called_that() {
    let image = pattern(1 << 20);
    let archive = back_up(&image, &all_data(&image), &small());
    let mut watched = Watched::new(image.clone(), all_data(&image));
    watched.faulty = Range { start: 700_000, length: 1 };
    watched.failure = || io::ErrorKind::UnexpectedEof.into();
    let error = compared(&archive, Way::File, &mut watched).unwrap_err();
    assert!(error.to_string().contains("the source shrank"), "{error}");
}
