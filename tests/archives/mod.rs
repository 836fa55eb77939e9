//! Archives in memory: how tests make them, read them and spoil them.
#![allow(dead_code)] // No test program uses all of it.

// Fuzzers, which share the rest, bring their own chance.
#[cfg(not(fuzzing))]
pub mod chance;
#[cfg(not(fuzzing))]
pub mod descent;
pub mod forge;
#[cfg(not(fuzzing))]
pub mod history;

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use blocktar::archive::{Compression, OpenArchive, OpenOptions};
use blocktar::backup::{BackupRequest, BackupSummary, backup};
use blocktar::error::{Error, Result};
use blocktar::extent::{Extent, ExtentMap};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, RestoreSummary, restore};
use blocktar::source::{MemoryImage, Scan};
use blocktar::stream::{Device, Input, Output, Piece, Source};
use blocktar::target::memory::Memory;
use blocktar::verify::{Report, verify};

/// The block of a tar.
pub const BLOCK: usize = 512;

/// An output that keeps what it gets, and knows whether it was finished.
#[derive(Clone, Default)]
pub struct MemoryOutput {
    /// What was written.
    pub bytes: Arc<Mutex<Vec<u8>>>,
    /// Whether `finish` was called.
    pub finished: Arc<Mutex<bool>>,
}

impl Output for MemoryOutput {
    fn name(&self) -> &str {
        "memory"
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        let mut bytes = self.bytes.lock().unwrap();
        pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        *self.finished.lock().unwrap() = true;
        Ok(())
    }
}

/// How a test reads an archive in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As from a pipe, in short reads.
    Pipe,
    /// As from a file that can seek.
    File,
}

/// An input over bytes in memory.
pub struct MemoryInput {
    bytes: Arc<Vec<u8>>,
    position: usize,
    way: Way,
}

impl MemoryInput {
    /// Reads these bytes in this way.
    pub fn boxed(bytes: &Arc<Vec<u8>>, way: Way) -> Box<dyn Input> {
        Box::new(Self { bytes: bytes.clone(), position: 0, way })
    }
}

impl Input for MemoryInput {
    fn name(&self) -> &str {
        "archive in memory"
    }

    fn length(&self) -> Option<u64> {
        (self.way == Way::File).then_some(self.bytes.len() as u64)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.bytes[self.position.min(self.bytes.len())..];
        let most = if self.way == Way::Pipe { 4097 } else { usize::MAX };
        let length = left.len().min(buffer.len()).min(most);
        buffer[..length].copy_from_slice(&left[..length]);
        self.position += length;
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        assert_eq!(self.way, Way::File, "a pipe cannot seek");
        self.position = position as usize;
        Ok(())
    }
}

/// A request whose archives are as small as they can be.
pub fn small() -> BackupRequest {
    BackupRequest {
        extent_limit_bytes: 64 << 10,
        record_bytes: 512,
        compression: Compression::None,
        ..BackupRequest::default()
    }
}

/// Backs up a source into memory.
pub fn back_up_source(source: &mut dyn Source, request: &BackupRequest) -> Result<(Arc<Vec<u8>>, BackupSummary)> {
    let mut output = MemoryOutput::default();
    let summary = backup(source, &mut output, request, &Progress::default())?;
    assert!(*output.finished.lock().unwrap());
    let bytes = std::mem::take(&mut *output.bytes.lock().unwrap());
    assert_eq!(bytes.len() as u64, summary.written.bytes);
    Ok((Arc::new(bytes), summary))
}

/// Backs up an image whose data and holes are given; holes must be zeros.
pub fn back_up(image: &[u8], extents: &ExtentMap, request: &BackupRequest) -> Arc<Vec<u8>> {
    let mut source = Scan::new(Box::new(MemoryImage::new(image.to_vec(), extents.clone())));
    back_up_source(&mut source, request).expect("a sound source").0
}

/// The map of an image that is data all over.
pub fn all_data(image: &[u8]) -> ExtentMap {
    (!image.is_empty()).then(|| Extent::data(0, image.len() as u64)).into_iter().collect()
}

/// An image that is data all over, as a source.
pub fn scan(image: &[u8]) -> Scan<MemoryImage> {
    Scan::new(MemoryImage::new(image.to_vec(), all_data(image)))
}

/// A source that does not know its extents beforehand, as a change stream.
pub struct WithoutMap(pub Scan<MemoryImage>);

impl Source for WithoutMap {
    fn device(&self) -> &Device {
        self.0.device()
    }

    fn map(&mut self) -> Result<Option<ExtentMap>> {
        self.0.map().map(|_| None)
    }

    fn next_extent(&mut self) -> Result<Option<Extent>> {
        self.0.next_extent()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        self.0.read(buffer)
    }

    fn finish(&mut self) -> Result<Vec<String>> {
        self.0.finish()
    }
}

/// What verify says of an archive that comes through a pipe.
pub fn verified(archive: &[u8]) -> Report {
    verify(MemoryInput::boxed(&Arc::new(archive.to_vec()), Way::Pipe), 1, &Progress::default()).unwrap()
}

/// Restores onto bytes that are 0xFF all over; the bytes are given whatever comes out.
pub fn restore_bytes(
    archive: &Arc<Vec<u8>>,
    way: Way,
    threads: usize,
    size: usize,
) -> (Vec<u8>, std::result::Result<RestoreSummary, Error>) {
    let mut target = Memory::new(vec![0xff; size]);
    let opened = OpenArchive::open(MemoryInput::boxed(archive, way), &OpenOptions::default());
    let outcome = opened.and_then(|opened| {
        let request = RestoreRequest { threads, read_back: true, truncate: false };
        restore(opened, &mut target, &request, &Progress::default()).map_err(|failure| failure.error)
    });
    (target.bytes().to_vec(), outcome)
}

/// Where the members of the archive begin, in order, and where the last one ends.
pub fn positions(archive: &[u8]) -> Vec<usize> {
    let size =
        |at: usize| usize::from_str_radix(std::str::from_utf8(&archive[at + 124..at + 135]).unwrap(), 8).unwrap();
    let mut positions = vec![0];
    while archive[positions[positions.len() - 1]] != 0 {
        let begin = positions[positions.len() - 1];
        let header = begin + BLOCK + size(begin).next_multiple_of(BLOCK);
        positions.push(header + BLOCK + size(header).next_multiple_of(BLOCK));
    }
    positions
}

/// A word for an error, as the exit codes distinguish them.
pub fn class(error: &Error) -> &'static str {
    match error {
        Error::Io(_) => "io",
        Error::Incomplete { .. } => "incomplete",
        Error::Damaged { .. } => "damaged",
        Error::Refused(_) => "refused",
        Error::WrongChain(_) => "wrong chain",
        Error::Interrupted { .. } => "interrupted",
    }
}

/// The exit code that a restore ends with for what is wrong with an archive.
pub fn code(error: &Error) -> i64 {
    match class(error) {
        "incomplete" => 4,
        "damaged" => 5,
        "refused" => 6,
        "wrong chain" => 7,
        other => panic!("{other}: {error}"),
    }
}
