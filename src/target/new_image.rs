//! A new sparse image, which gets its name when it is complete.

use std::path::Path;
use std::sync::Arc;

use super::backing::{Backing, BackingKind};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::stream::Target;
use crate::sys::partial_file::{IfExists, PartialFile};
use crate::zeros::is_zero;

/// Blocks of zeros of this size, aligned to it, are not written: the allocation unit of common file systems.
const BLOCK_BYTES: usize = 4096;

/// A file of fixed size that begins as one hole.
///
/// Behind the last byte that was ever written it is certain to be a hole, so zeros there cost nothing, declared or
/// found in the data. Before that, bytes are written as they come and declared zeros are punched out.
#[derive(Debug)]
pub struct NewImage {
    backing: Backing,
    partial: PartialFile,
    /// Whether it has a size only when it is told one.
    grows: bool,
}

/// The capacity of an image whose size is not known yet: more than any archive holds.
pub(super) const ANY_SIZE: u64 = 1 << 53;

impl NewImage {
    /// Begins an image of this size, or of one that is told later; see [`PartialFile::create`] for what is refused.
    pub fn create(path: &Path, size_bytes: Option<u64>, if_exists: IfExists, progress: &Arc<Progress>) -> Result<Self> {
        let partial = PartialFile::create(path, if_exists, progress)?;
        let io = |doing, cause| Error::io(doing, partial.name(), cause);
        partial.file().set_len(size_bytes.unwrap_or(0)).map_err(|cause| io("giving its size to", cause))?;
        // The copy shares the open file, and so its report of failed write-outs, with the original.
        let file = partial.file().try_clone().map_err(|cause| io("opening", cause))?;
        let name = partial.name().to_owned();
        let capacity = size_bytes.unwrap_or(ANY_SIZE);
        let backing = Backing::new(file, name, BackingKind::RegularFile, capacity, progress);
        Ok(Self { backing, partial, grows: size_bytes.is_none() })
    }
}

impl Target for NewImage {
    fn name(&self) -> &str {
        self.backing.name()
    }

    fn capacity(&self) -> u64 {
        self.backing.capacity()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.backing.read(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.backing.check_range(offset, bytes.len() as u64)?;
        if offset < self.backing.written_end() {
            return self.backing.write(bytes, offset);
        }
        data_runs(bytes, offset)
            .try_for_each(|(start, end)| self.backing.write(&bytes[start..end], offset + start as u64))
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        self.backing.zero_written(Range { start: offset, length })
    }

    fn set_size(&mut self, size_bytes: u64) -> Result<()> {
        if self.grows { self.backing.grow(size_bytes) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<()> {
        self.backing.sync()
    }

    fn finish(&mut self) -> Result<()> {
        self.backing.sync()?;
        self.partial.commit()
    }
}

/// The parts of `bytes`, which lie at `offset`, that are not blocks of zeros: start and end of each, in order.
fn data_runs(bytes: &[u8], offset: u64) -> impl Iterator<Item = (usize, usize)> {
    let block_end = move |at| block_end(at, bytes.len(), offset);
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && is_zero(&bytes[at..block_end(at)]) {
            at = block_end(at);
        }
        let start = at;
        let mut next = block_end(start);
        while at < next {
            at = next;
            next = block_end(at);
            if is_zero(&bytes[at..next]) {
                break;
            }
        }
        (start < at).then_some((start, at))
    })
}

/// Where the block ends that `at` lies in; blocks are aligned on the device, not in the buffer.
fn block_end(at: usize, length: usize, offset: u64) -> usize {
    let into_block = (offset % BLOCK_BYTES as u64) as usize + at;
    (at + BLOCK_BYTES - into_block % BLOCK_BYTES).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runs_are_cut_at_aligned_blocks() {
        let mut bytes = vec![0; 5 * BLOCK_BYTES];
        bytes[2 * BLOCK_BYTES] = 1;
        let runs = |offset| data_runs(&bytes, offset).collect::<Vec<_>>();
        assert_eq!(runs(0), [(2 * BLOCK_BYTES, 3 * BLOCK_BYTES)]);
        assert_eq!(runs(4095), [(BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 1)]);
        assert_eq!(data_runs(&[], 7).count(), 0);
    }

    proptest! {
        #[test]
        fn what_lies_between_the_runs_is_zero(
            set in proptest::collection::vec(0usize..40_000, 0..20), length in 0usize..40_000, offset in 0u64..10_000
        ) {
            let mut bytes = vec![0; length];
            set.iter().filter(|&&at| at < length).for_each(|&at| bytes[at] = 1);
            let mut copy = vec![0; length];
            for (start, end) in data_runs(&bytes, offset) {
                copy[start..end].copy_from_slice(&bytes[start..end]);
            }
            prop_assert!(copy == bytes);
        }
    }
}
