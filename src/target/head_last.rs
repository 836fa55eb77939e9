//! A device whose first MiB is written last, so that a killed restore leaves no healthy-looking disk.

use super::check_range;
use crate::error::{Error, Result};
use crate::stream::Target;

/// What is held back: partition tables and the first superblocks of common file systems, LVM and LUKS lie in it.
const HEAD_BYTES: u64 = 1 << 20;

/// The very first bytes, which go last of all: without them no partition table, ext4, XFS, LVM or LUKS is recognised.
const FIRST_BYTES: usize = 4096;

/// Zeros for the head, as plain data: `write_zeros` may have been told that the target is zero already.
static ZEROS: [u8; HEAD_BYTES as usize] = [0; HEAD_BYTES as usize];

/// A target around another one. The head of the inner one is zero from the first write until [`finish`](Target::finish), which
/// writes it when all else is on stable storage. Before the first write nothing is touched: an archive may yet be refused.
///
/// Bytes of the head that the restore never writes (a range that could not be read at backup time) get back what the
/// device held before.
#[derive(Debug)]
pub struct HeadLast<T: Target> {
    inner: T,
    head: Vec<u8>,
    /// Whether the inner target's head is zero already.
    zeroed: bool,
    failed: bool,
    finished: bool,
}

impl<T: Target> HeadLast<T> {
    /// Takes the head into memory.
    pub fn begin(inner: T) -> Result<Self> {
        let mut head = vec![0; inner.capacity().min(HEAD_BYTES) as usize];
        inner.read_at(&mut head, 0)?;
        Ok(Self { inner, head, zeroed: false, failed: false, finished: false })
    }

    /// Zeroes the head on the inner target, on stable storage, before anything else is written.
    fn zero_head(&mut self) -> Result<()> {
        if !self.zeroed {
            let head_bytes = self.head.len();
            self.inner_do(|inner| inner.write_at(&ZEROS[..head_bytes], 0).and_then(|()| inner.sync()))?;
            self.zeroed = true;
        }
        Ok(())
    }

    /// The target around which this is.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// The part of a range that lies in the head, and its length.
    fn in_head(&self, offset: u64, length: u64) -> std::ops::Range<usize> {
        let head_bytes = self.head.len() as u64;
        let start = offset.min(head_bytes);
        let end = offset.saturating_add(length).min(head_bytes);
        start as usize..end as usize
    }

    /// Does something to the inner target; once that has failed, the head is never written.
    fn inner_do(&mut self, act: impl FnOnce(&mut T) -> Result<()>) -> Result<()> {
        let result = act(&mut self.inner);
        self.failed |= result.is_err();
        result
    }

    fn check(&self, offset: u64, length: u64) -> Result<()> {
        check_range(self.inner.name(), self.inner.capacity(), offset, length)
    }

    /// The head's end goes first and is on stable storage before its beginning: neither a kill, which cuts a write short, nor a
    /// power cut, which may drop any part of it, leaves the beginning without the rest.
    fn write_head(&mut self) -> Result<()> {
        let (first, rest) = self.head.split_at(FIRST_BYTES.min(self.head.len()));
        self.inner.sync()?;
        if !rest.is_empty() {
            self.inner.write_at(rest, first.len() as u64)?;
            self.inner.sync()?;
        }
        self.inner.write_at(first, 0)?;
        self.inner.finish()?;
        self.check_head()
    }

    /// Reads the head again. Before it is written nobody else can: a reader of this target gets it from memory.
    fn check_head(&mut self) -> Result<()> {
        let mut found = vec![0; self.head.len()];
        self.inner.read_at(&mut found, 0)?;
        if found == self.head {
            return Ok(());
        }
        // It may look whole, but is not.
        let _ = self.inner.write_at(&ZEROS[..found.len()], 0).and_then(|()| self.inner.sync());
        let cause = std::io::Error::other("its first MiB does not read back as it was written");
        let remedy = "the target does not keep what is written to it: use another";
        Err(Error::io("reading back", self.inner.name(), cause).with_remedy(remedy))
    }
}

impl<T: Target> Target for HeadLast<T> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capacity(&self) -> u64 {
        self.inner.capacity()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.check(offset, buffer.len() as u64)?;
        let held = self.in_head(offset, buffer.len() as u64);
        let (in_head, behind) = buffer.split_at_mut(held.len());
        let behind_offset = offset + held.len() as u64;
        in_head.copy_from_slice(&self.head[held]);
        if behind.is_empty() { Ok(()) } else { self.inner.read_at(behind, behind_offset) }
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.check(offset, bytes.len() as u64)?;
        self.zero_head()?;
        let held = self.in_head(offset, bytes.len() as u64);
        let (in_head, behind) = bytes.split_at(held.len());
        let behind_offset = offset + held.len() as u64;
        self.head[held].copy_from_slice(in_head);
        if behind.is_empty() { Ok(()) } else { self.inner_do(|inner| inner.write_at(behind, behind_offset)) }
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        self.check(offset, length)?;
        self.zero_head()?;
        let held = self.in_head(offset, length);
        let held_bytes = held.len() as u64;
        self.head[held].fill(0);
        if length == held_bytes {
            return Ok(());
        }
        self.inner_do(|inner| inner.write_zeros(offset + held_bytes, length - held_bytes))
    }

    fn set_size(&mut self, size_bytes: u64) -> Result<()> {
        self.inner_do(|inner| inner.set_size(size_bytes))
    }

    /// Brings everything but the head to stable storage.
    fn sync(&mut self) -> Result<()> {
        self.inner_do(T::sync)
    }

    fn finish(&mut self) -> Result<()> {
        if self.failed {
            let cause = std::io::Error::other("an earlier write to it failed, so its first MiB stays zero");
            return Err(Error::io("finishing", self.inner.name(), cause));
        }
        if self.finished {
            return Ok(());
        }
        let result = self.write_head();
        self.failed = result.is_err();
        self.finished = result.is_ok();
        result
    }
}
