//! The file or device behind a target: writes with early write-back, zeroing, reads and syncs.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use super::check_range;
use super::zeroing::{PLAIN_BYTES, ZeroingLadder};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::sys::write_back::WriteBack;

/// Zeros to be written where nothing better works.
static ZEROS: [u8; PLAIN_BYTES] = [0; PLAIN_BYTES];

/// Blocks are at least this long: a multiple of every common sector, and what file systems and the page cache use.
const BLOCK_BYTES: u64 = 4096;

/// An open file or device of known capacity.
///
/// Once a write, zeroing or sync has failed, nothing more is done and every later call fails: the kernel reports a
/// failed write-out only once, so a second sync would succeed without the bytes being there.
#[derive(Debug)]
pub(super) struct Backing {
    file: File,
    name: String,
    capacity: u64,
    ladder: ZeroingLadder,
    write_back: WriteBack,
    progress: Arc<Progress>,
    written_end: u64,
    failed: bool,
}

/// What a [`Backing`] is made of.
#[derive(Clone, Copy, Debug)]
pub(super) enum BackingKind {
    RegularFile,
    BlockDevice,
}

impl Backing {
    pub(super) fn new(file: File, name: String, kind: BackingKind, capacity: u64, progress: &Arc<Progress>) -> Self {
        // A device with sectors above 4 KiB has a block size of at least its sector.
        let block_bytes = file.metadata().map_or(BLOCK_BYTES, |metadata| metadata.blksize().max(BLOCK_BYTES));
        let ladder = match kind {
            BackingKind::RegularFile => ZeroingLadder::for_file(block_bytes),
            BackingKind::BlockDevice => ZeroingLadder::for_device(block_bytes),
        };
        let progress = Arc::clone(progress);
        Self { file, name, capacity, ladder, write_back: WriteBack::default(), progress, written_end: 0, failed: false }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(super) fn check_range(&self, offset: u64, length: u64) -> Result<()> {
        check_range(&self.name, self.capacity, offset, length)
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.check_range(offset, buffer.len() as u64)?;
        self.file.read_exact_at(buffer, offset).map_err(|cause| Error::io("reading", &self.name, cause))
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.check_range(offset, bytes.len() as u64)?;
        self.unless_failed(|this| {
            // A write that fails may have written something.
            this.written_end = this.written_end.max(offset + bytes.len() as u64);
            write_to(&this.file, &this.name, &mut this.write_back, bytes, offset)
        })
    }

    /// The end of the last byte that was ever written here: behind it, everything is as it was when it was opened.
    pub(super) fn written_end(&self) -> u64 {
        self.written_end
    }

    /// Makes a file at least so long.
    pub(super) fn grow(&mut self, size_bytes: u64) -> Result<()> {
        self.unless_failed(|this| {
            let failed = |cause| Error::io("giving its size to", &this.name, cause);
            let length = this.file.metadata().map_err(failed)?.len();
            if length < size_bytes { this.file.set_len(size_bytes).map_err(failed) } else { Ok(()) }
        })?;
        self.capacity = self.capacity.min(size_bytes.max(self.written_end));
        Ok(())
    }

    /// Makes a file at most so long.
    pub(super) fn cut(&mut self, size_bytes: u64) -> Result<()> {
        self.unless_failed(|this| {
            let failed = |cause| Error::io("cutting", &this.name, cause);
            let length = this.file.metadata().map_err(failed)?.len();
            if length > size_bytes { this.file.set_len(size_bytes).map_err(failed) } else { Ok(()) }
        })
    }

    /// Makes a range zero on what was zero from end to end when it was opened: only what may have been written since
    /// needs anything. (An increment's zeros must replace the data of the full before it.)
    pub(super) fn zero_written(&mut self, range: Range) -> Result<()> {
        self.check_range(range.start, range.length)?;
        let end = range.end().min(self.written_end);
        if end <= range.start { Ok(()) } else { self.zero(Range::between(range.start, end)) }
    }

    /// Makes a range zero by the ladder.
    pub(super) fn zero(&mut self, range: Range) -> Result<()> {
        self.check_range(range.start, range.length)?;
        self.unless_failed(|this| {
            let Self { file, name, ladder, write_back, progress, .. } = this;
            ladder.zero(file, range, progress, |piece| {
                write_to(file, name, write_back, &ZEROS[..piece.length as usize], piece.start)
            })
        })
    }

    /// Brings what was written to stable storage, and gives back the page cache that it took.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.unless_failed(|this| {
            this.file.sync_data().map_err(|cause| Error::io("syncing", &this.name, cause))?;
            this.write_back.synced(&this.file);
            Ok(())
        })
    }

    fn unless_failed(&mut self, act: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.failed {
            let cause = io::Error::other("an earlier write to it failed");
            return Err(Error::io("going on with", &self.name, cause));
        }
        let result = act(self);
        self.failed = result.is_err();
        result
    }
}

fn write_to(file: &File, name: &str, write_back: &mut WriteBack, bytes: &[u8], offset: u64) -> Result<()> {
    file.write_all_at(bytes, offset)
        .and_then(|()| write_back.wrote(file, offset, bytes.len() as u64))
        .map_err(|cause| Error::io("writing", name, cause))
}
