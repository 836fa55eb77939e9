//! Ranges out of archives: the right bytes or an error, by both readers; never other bytes, and never fewer with success.

mod archives;
mod vector;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};

use archives::chance::{image_of, pattern};
use archives::{MemoryInput, MemoryOutput, Way, all_data, back_up, class, code, restore_bytes, small};
use blocktar::archive::{Compression, DigestKind, OpenArchive, OpenOptions};
use blocktar::backup::BackupRequest;
use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentMap, Range};
use blocktar::extract::{ExtractRequest, extract};
use blocktar::progress::Progress;
use blocktar::stream::Input;
use proptest::prelude::*;

/// The bytes that came out, and whether that was all of them; an output that was finished but failed would be a lie.
fn take(input: Box<dyn Input>, offset: u64, length: Option<u64>, threads: usize) -> (Vec<u8>, Result<()>) {
    let mut output = MemoryOutput::default();
    let request = ExtractRequest { offset_bytes: offset, length_bytes: length, threads };
    let outcome = OpenArchive::open(input, &OpenOptions::default())
        .and_then(|archive| extract(archive, &request, &mut output, &Progress::default()));
    assert_eq!(*output.finished.lock().unwrap(), outcome.is_ok());
    let bytes = std::mem::take(&mut *output.bytes.lock().unwrap());
    (bytes, outcome.map(drop))
}

fn take_range(archive: &Arc<Vec<u8>>, way: Way, range: Range) -> (Vec<u8>, Result<()>) {
    take(MemoryInput::boxed(archive, way), range.start, Some(range.length), 1)
}

fn slice(image: &[u8], range: Range) -> &[u8] {
    &image[range.start as usize..range.end() as usize]
}

/// Gives the range, and nothing but the range.
fn gives(archive: &Arc<Vec<u8>>, image: &[u8], range: Range) {
    for way in [Way::Pipe, Way::File] {
        let (bytes, outcome) = take_range(archive, way, range);
        outcome.unwrap_or_else(|error| panic!("{range:?}, {way:?}: {error}"));
        assert!(bytes == slice(image, range), "{range:?}, {way:?}: other bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_range_of_any_image_is_given(
        spans in proptest::collection::vec((0u8..3, 1u64..150_000), 1..12),
        ranges in proptest::collection::vec((0.0f64..1.0, 0.0f64..1.0), 1..8),
        compressed in any::<bool>(), blake3 in any::<bool>(), limit_log in 16u64..19,
    ) {
        let (image, extents) = image_of(spans);
        let request = BackupRequest {
            compression: if compressed { Compression::Zstd(1) } else { Compression::None },
            digest: if blake3 { DigestKind::Blake3 } else { DigestKind::Sha256 },
            extent_limit_bytes: 1 << limit_log,
            ..small()
        };
        let archive = back_up(&image, &extents, &request);
        let size = image.len() as f64;
        for (one, other) in ranges {
            let (one, other) = ((one * size) as u64, (other * size) as u64);
            gives(&archive, &image, Range::between(one.min(other), one.max(other)));
        }
        gives(&archive, &image, Range { start: 0, length: image.len() as u64 });
    }
}

/// Of 70,000 members: an index, and some of the next.
static MANY: LazyLock<(Vec<u8>, Arc<Vec<u8>>)> = LazyLock::new(|| {
    let count = 70_000u64;
    let image: Vec<u8> = (0..count * 32).map(|place| if place % 32 < 16 { place as u8 | 1 } else { 0 }).collect();
    let extents: ExtentMap =
        (0..count).flat_map(|place| [Extent::data(place * 32, 16), Extent::hole(place * 32 + 16, 16)]).collect();
    let archive = back_up(&image, &extents, &small());
    (image, archive)
});

#[test]
fn ranges_beside_and_across_the_border_of_two_indexes() {
    let (image, archive) = &*MANY;
    let border = 65_536 * 32;
    for start in [border - 32, border - 1, border, border + 16] {
        for length in [1, 100] {
            let (bytes, outcome) = take_range(archive, Way::File, Range { start, length });
            outcome.unwrap();
            assert!(bytes == slice(image, Range { start, length }), "{start}, {length}");
        }
    }
    gives(archive, image, Range { start: border - 50, length: 100 });
}

/// An input that can seek and counts what is read of it.
struct Counted(Box<dyn Input>, Arc<AtomicU64>);

impl Input for Counted {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn length(&self) -> Option<u64> {
        self.0.length()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        self.1.fetch_add(length as u64, SeqCst);
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        self.0.seek_to(position)
    }
}

#[test]
fn a_file_is_read_only_where_the_range_lies() {
    let image = pattern(64 << 20);
    let archive = back_up(&image, &all_data(&image), &BackupRequest { extent_limit_bytes: 1 << 20, ..small() });
    let read_bytes = Arc::new(AtomicU64::new(0));
    let input = Counted(MemoryInput::boxed(&archive, Way::File), read_bytes.clone());
    let (bytes, outcome) = take(Box::new(input), 33 << 20, Some(65_536), 1);
    outcome.unwrap();
    assert!(bytes == image[33 << 20..][..65_536]);
    // One member, head and end, and the buffer that is filled at each place.
    let read = read_bytes.load(SeqCst);
    assert!(read < 6 << 20, "{read} bytes were read");
}

#[test]
fn indexes_behind_the_range_are_read_once_to_be_checked_and_no_more() {
    let (image, archive) = &*MANY;
    let read_by = |range: Range| {
        let read_bytes = Arc::new(AtomicU64::new(0));
        let input = Counted(MemoryInput::boxed(archive, Way::File), read_bytes.clone());
        let (bytes, outcome) = take(Box::new(input), range.start, Some(range.length), 1);
        outcome.unwrap();
        assert!(bytes == slice(image, range));
        read_bytes.load(SeqCst)
    };
    let opening = read_by(Range { start: 0, length: 0 });
    let first = read_by(Range { start: 0, length: 1 }) - opening;
    let last = read_by(Range { start: 69_999 * 32, length: 1 }) - opening;
    let both = read_by(Range { start: 65_536 * 32 - 32, length: 64 }) - opening;
    assert!(first < both && last < both / 2, "{first} bytes for the first member, {last} for the last, {both} across");
}

#[test]
fn what_lies_beyond_the_device_is_refused_with_its_size() {
    let image = pattern(100_000);
    let archive = back_up(&image, &all_data(&image), &small());
    let cases = [
        (100_000, None),
        (100_001, None),
        (u64::MAX, None),
        (0, Some(100_001)),
        (99_999, Some(2)),
        (u64::MAX, Some(2)),
        (1, Some(u64::MAX)),
        (100_001, Some(0)),
    ];
    for (offset, length) in cases {
        for way in [Way::Pipe, Way::File] {
            let (bytes, outcome) = take(MemoryInput::boxed(&archive, way), offset, length, 1);
            let error = outcome.expect_err("not on the device");
            assert_eq!((class(&error), bytes.len()), ("refused", 0), "{offset}, {length:?}");
            assert!(error.to_string().contains("the device has 100000 bytes"), "{error}");
        }
    }
    for range in [Range { start: 99_999, length: 1 }, Range { start: 100_000, length: 0 }] {
        gives(&archive, &image, range);
    }
    let empty = back_up(&[], &ExtentMap::new(), &small());
    assert!(take(MemoryInput::boxed(&empty, Way::Pipe), 0, None, 1).1.is_ok(), "all of nothing is nothing");
}

#[test]
fn a_cut_archive_is_no_success_even_behind_the_range() {
    let image = pattern(400_000);
    let archive = back_up(&image, &all_data(&image), &small());
    for cut in [archive.len() - 2000, archive.len() / 2] {
        let cut = Arc::new(archive[..cut].to_vec());
        let range = Range { start: 10, length: 1000 };
        let (bytes, outcome) = take_range(&cut, Way::Pipe, range);
        assert_eq!(class(&outcome.unwrap_err()), "incomplete");
        assert_eq!(bytes, slice(&image, range));
        let (bytes, outcome) = take_range(&cut, Way::File, range);
        assert_eq!((class(&outcome.unwrap_err()), bytes.len()), ("incomplete", 0), "known before the first byte");
    }
}

/// The vectors' word for a range: start and end.
fn between(start: u64, end: u64) -> Range {
    Range::between(start, end)
}

fn vector_bytes(name: &str) -> Arc<Vec<u8>> {
    let found = vector::all().into_iter().find(|vector| vector.name == name);
    found.unwrap_or_else(|| panic!("there is no vector {name}")).bytes
}

#[test]
fn bad_ranges_are_never_given() {
    for (name, size, bad) in
        [("full_bad_range", 200_001, between(4396, 9396)), ("full_inline_bad_range", 71_512, between(70_612, 71_512))]
    {
        let archive = vector_bytes(name);
        let image = restore_bytes(&archive, Way::File, 1, size).0;
        for range in [between(0, size as u64), between(bad.start, bad.start + 1), between(bad.end() - 1, bad.end())] {
            for way in [Way::Pipe, Way::File] {
                let (bytes, outcome) = take_range(&archive, way, range);
                let error = outcome.expect_err("there is nothing to give");
                assert_eq!(class(&error), "refused");
                let part = range.intersection(&bad).unwrap();
                let named = format!("bytes {} to {}", part.start, part.end() - 1);
                assert!(error.to_string().contains(&named), "{name}, {way:?}: {error}");
                let before = if way == Way::Pipe { part.start } else { range.start };
                assert!(bytes == slice(&image, between(range.start, before)), "{name}, {way:?}");
            }
        }
        gives(&archive, &image, between(0, bad.start));
        if bad.end() < size as u64 {
            gives(&archive, &image, between(bad.end(), size as u64));
        }
    }
}

#[test]
fn an_increment_gives_what_it_holds_and_names_what_it_does_not() {
    let archive = vector_bytes("increment");
    for way in [Way::Pipe, Way::File] {
        let (bytes, outcome) = take_range(&archive, way, between(0, 2000));
        let error = outcome.expect_err("the parent holds some of it");
        assert_eq!((class(&error), bytes.len()), ("wrong chain", 0));
        let text = error.to_string();
        for named in ["bytes 0 to 511, 1512 to 1999 only", "0199a0b0-1234-7abc-8def-0123456789ab"] {
            assert!(text.contains(named), "`{named}` is not in: {text}");
        }
        let (bytes, outcome) = take_range(&archive, way, between(512, 1512));
        outcome.unwrap();
        assert_eq!(bytes.len(), 1000);
        // What the increment turned into zeros is zeros, not unchanged.
        let (bytes, outcome) = take_range(&archive, way, between(70_700, 131_072));
        outcome.unwrap();
        assert_eq!(bytes, vec![0; 131_072 - 70_700]);
    }
    let inline = vector_bytes("increment_inline");
    for way in [Way::Pipe, Way::File] {
        let (_, outcome) = take_range(&inline, way, between(512, 1024));
        assert!(outcome.is_ok(), "{way:?}");
        let (_, outcome) = take_range(&inline, way, between(1024, 2000));
        let error = outcome.expect_err("unchanged").to_string();
        assert!(error.contains("bytes 1024 to 1999 only"), "{way:?}: {error}");
    }
}

/// What an increment holds, laid over its parent, is the image that a restore of both leaves.
#[test]
fn what_increments_hold_are_the_right_bytes() {
    let vectors = vector::all();
    let increments: Vec<_> = vectors.iter().filter(|vector| vector.outcome["after"] == "full_zstd").collect();
    assert!(increments.len() > 4);
    let parent = restore_bytes(&vector_bytes("full_zstd"), Way::File, 1, 200_001).0;
    for vector in increments {
        for way in [Way::Pipe, Way::File] {
            let mut image = parent.clone();
            image.resize(vector.size(), 0);
            let opened = MemoryInput::boxed(&vector.bytes, Way::File);
            let mut archive = OpenArchive::open(opened, &OpenOptions::default()).unwrap();
            let lacking = archive.lacking(between(0, vector.size() as u64)).unwrap();
            let mut at = 0;
            let absent = lacking.unchanged.kept().iter().chain(lacking.bad.kept()).copied();
            let mut absent: Vec<_> = absent.chain([between(vector.size() as u64, vector.size() as u64)]).collect();
            absent.sort();
            for absent in absent {
                let held = between(at, absent.start);
                let (bytes, outcome) = take_range(&vector.bytes, way, held);
                outcome.unwrap_or_else(|error| panic!("{}, {way:?}: {error}", vector.name));
                image[held.start as usize..held.end() as usize].copy_from_slice(&bytes);
                at = absent.end();
            }
            lacking.bad.kept().iter().for_each(|bad| image[bad.start as usize..bad.end() as usize].fill(0));
            vector.check_image(&format!("{way:?}"), &image, 0);
        }
    }
}

/// Of a damaged archive only right bytes come out, and not a byte of the damaged member.
#[test]
fn a_damaged_member_is_not_given() {
    let image = pattern(6 << 16);
    for compression in [Compression::None, Compression::Zstd(1)] {
        let sound = back_up(&image, &all_data(&image), &BackupRequest { compression, ..small() });
        let mut wrong = 0;
        for place in (0..sound.len()).step_by(389) {
            let mut spoiled = sound.to_vec();
            spoiled[place] ^= 0x10;
            let spoiled = Arc::new(spoiled);
            for (way, range) in [
                (Way::Pipe, between(0, 6 << 16)),
                (Way::File, between(0, 6 << 16)),
                (Way::Pipe, between(100_000, 200_000)),
                (Way::File, between(100_000, 200_000)),
            ] {
                let (bytes, outcome) = take_range(&spoiled, way, range);
                let right = slice(&image, range);
                assert!(right.starts_with(&bytes), "byte {place}, {way:?}: wrong bytes came out");
                match outcome {
                    Ok(()) => assert_eq!(bytes.len(), right.len(), "byte {place}, {way:?}"),
                    Err(error) => {
                        wrong += 1;
                        assert!(["damaged", "incomplete", "refused"].contains(&class(&error)), "{error}");
                    }
                }
            }
        }
        assert!(wrong > 500 || compression != Compression::None, "only {wrong} errors");
    }
}

/// What the index of these calls bad is refused before the member there, which says otherwise, is looked at.
const BAD_BY_INDEX: [&str; 2] = ["bad_length_differs", "bad_with_digest"];

/// Of each vector comes its image, or the error that a restore ends with.
#[test]
fn every_vector_gives_its_image_or_its_error() {
    let mut refused_by_index = Vec::new();
    for vector in vector::all().iter().filter(|vector| !vector.codes("restore").is_empty()) {
        for way in [Way::Pipe, Way::File] {
            let name = &vector.name;
            let (bytes, outcome) = take(MemoryInput::boxed(&vector.bytes, way), 0, None, 2);
            let outcome_code = outcome.as_ref().map_or_else(code, |()| 0);
            let mut expected = vector.codes("restore");
            // What a restore leaves as it is cannot be given.
            expected.iter_mut().filter(|code| **code == 8).for_each(|code| *code = 6);
            let error = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            if !expected.contains(&outcome_code) {
                assert!(
                    way == Way::File && error.contains("could not be read"),
                    "{name}, {way:?}: {outcome_code}: {error}"
                );
                refused_by_index.push(name.clone());
            }
            if outcome_code == 0 {
                vector.check_image(&format!("{way:?}"), &bytes, 0);
            }
        }
    }
    assert_eq!(refused_by_index, BAD_BY_INDEX);
}
