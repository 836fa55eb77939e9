//! Reads archives in every way and judges what came of it.

use std::sync::Arc;

use blocktar::archive::{Ending, Kind, OpenArchive, OpenOptions, Reading, Told};
use blocktar::error::{Error, Result};
use blocktar::extent::Range;
use blocktar::stream::Input;

use crate::archives::{MemoryInput, Way, class};

/// An input that gives at most so many bytes at once.
struct Short(Box<dyn Input>, usize);

impl Input for Short {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn length(&self) -> Option<u64> {
        self.0.length()
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.1);
        self.0.read(&mut buffer[..length])
    }

    fn seek_to(&mut self, position: u64) -> std::io::Result<()> {
        self.0.seek_to(position)
    }
}

/// What an archive that was read to its end holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// backup-info, map, end member, where that begins and whether end blocks follow.
    pub facts: String,
    /// Everything of the device that was told; zeros that touch as one.
    pub told: Vec<(Range, Bytes)>,
    /// Whether both zero blocks follow the end member.
    pub end_blocks: bool,
    /// Size of the device, if it is a full and so small that an image of it can be made here.
    pub image_bytes: Option<usize>,
}

/// What a range holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Bytes {
    /// These.
    Data(Vec<u8>),
    /// Zeros.
    Zeros,
    /// What could not be read.
    Bad,
}

/// How an archive is read.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// As a pipe or as a file.
    pub way: Way,
    /// At most so many bytes at once.
    pub most: usize,
    /// In which way of reading.
    pub reading: Reading,
}

/// Whether this may be a part of an archive: of one alone, which of the parts that are not there and the faults in the one that is a reader comes upon
/// first is its own affair.
pub fn speaks_of_parts(archive: &[u8]) -> bool {
    [&b"\"part\":{"[..], b"\"continues\":true"]
        .iter()
        .any(|text| archive.windows(text.len()).any(|found| found == *text))
}

/// The archive, or the class of the first thing that is wrong with it.
pub fn read(archive: &Arc<Vec<u8>>, how: How) -> std::result::Result<Whole, &'static str> {
    let mut first_fault = None;
    let outcome = read_inner(archive, how, &mut first_fault);
    match (outcome, first_fault) {
        (Ok(whole), None) => Ok(whole),
        (_, Some(class)) => Err(class),
        (Err(error), None) => {
            let class = class(&error);
            assert!(["damaged", "incomplete", "refused"].contains(&class), "{how:?}: {class}: {error}");
            Err(class)
        }
    }
}

fn read_inner(archive: &Arc<Vec<u8>>, how: How, first_fault: &mut Option<&'static str>) -> Result<Whole> {
    let input = Box::new(Short(MemoryInput::boxed(archive, how.way), how.most));
    let opened = OpenArchive::open(input, &OpenOptions { reading: how.reading, ..OpenOptions::default() })?;
    let (info, map) = (opened.info().clone(), opened.map().clone());
    let size_bytes = info.device.size_bytes;
    let (mut told, mut at) = (Vec::new(), 0);
    let ending = opened.read_through(1, |one| {
        let (range, bytes) = match one {
            Told::Data { offset, bytes, digest, .. } => {
                assert!(info.digest.of(bytes) == digest, "bytes that do not have their digest");
                (Range { start: offset, length: bytes.len() as u64 }, Bytes::Data(bytes.to_vec()))
            }
            Told::Zeros(range) => (range, Bytes::Zeros),
            Told::Bad(range) => (range, Bytes::Bad),
            Told::Part(_) => return Ok(()),
            Told::Damaged { range, why } => {
                assert!(range.start >= at && range.end() <= size_bytes.max(at), "{why}: outside of what is left");
                at = range.end();
                first_fault.get_or_insert("damaged");
                if how.reading == Reading::Best {
                    return Err(Error::damaged("archive", why));
                }
                return Ok(());
            }
        };
        assert!(range.length > 0 && range.start >= at && range.end() <= size_bytes, "{range:?} told behind {at}");
        at = range.end();
        note(&mut told, range, bytes);
        Ok(())
    })?;
    let whole_and_small = info.kind == Kind::Full && size_bytes <= 1 << 20;
    if first_fault.is_none() {
        check_sums(&told, &ending, info.kind, size_bytes);
    }
    let image_bytes = whole_and_small.then_some(size_bytes as usize);
    let facts = format!("{info:?} {map:?} {ending:?}");
    Ok(Whole { facts, told, end_blocks: ending.end_blocks, image_bytes })
}

/// Adds what was told; zeros go to the zeros before them.
fn note(told: &mut Vec<(Range, Bytes)>, range: Range, bytes: Bytes) {
    match told.last_mut() {
        Some((last, Bytes::Zeros)) if bytes == Bytes::Zeros && last.end() == range.start => last.length += range.length,
        _ => told.push((range, bytes)),
    }
}

/// The end member counts what was told, and a full tells everything.
fn check_sums(told: &[(Range, Bytes)], ending: &Ending, kind: Kind, size_bytes: u64) {
    let sum = |wanted: fn(&Bytes) -> bool| -> u64 {
        told.iter().filter(|(_, bytes)| wanted(bytes)).map(|(range, _)| range.length).sum()
    };
    let (data, bad) = (sum(|bytes| matches!(bytes, Bytes::Data(_))), sum(|bytes| *bytes == Bytes::Bad));
    let zeros = sum(|bytes| *bytes == Bytes::Zeros);
    let end = &ending.end;
    assert_eq!((data, zeros, bad), (end.data_bytes, end.zero_bytes, end.bad_bytes));
    assert!(kind != Kind::Full || data + zeros + bad == size_bytes, "a full that does not tell everything");
}

impl Whole {
    /// The image that a restore leaves behind; what could not be read keeps `before`.
    pub fn image(&self, before: u8) -> Option<Vec<u8>> {
        let mut image = vec![before; self.image_bytes?];
        for (range, bytes) in &self.told {
            let place = &mut image[range.start as usize..range.end() as usize];
            match bytes {
                Bytes::Data(data) => place.copy_from_slice(data),
                Bytes::Zeros => place.fill(0),
                Bytes::Bad => {}
            }
        }
        Some(image)
    }
}
