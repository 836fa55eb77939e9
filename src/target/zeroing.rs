//! The zeroing ladder: the cheapest way to make a range read as zero that the target really has.
//!
//! `FALLOC_FL_PUNCH_HOLE` gives the blocks back, `FALLOC_FL_ZERO_RANGE` and `BLKZEROOUT` let the device or the kernel
//! zero them, and plain zeros always work. Discard is not on the ladder: it promises nothing.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::extent::Range;
use crate::progress::Progress;
use crate::sys::zero;

/// The longest range that one call zeroes, and the first.
const SLICE_BYTES_MAX: u64 = 256 << 20;
const SLICE_BYTES_FIRST: u64 = 16 << 20;

/// Slices shrink when a call takes longer than this, and grow when it takes a quarter: a wish to stop is looked at
/// between slices and should take effect within a second. A disk that has no zeroing of its own does 100 MB/s.
const SLICE_TIME: Duration = Duration::from_millis(400);

/// The longest piece of plain zeros that is written at once.
pub(super) const PLAIN_BYTES: usize = 4 << 20;

/// One way to make a range zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    PunchHole,
    ZeroRange,
    ZeroOut,
}

/// The rungs that are still believed to work, best first, and how long a slice may be.
#[derive(Debug)]
pub(super) struct ZeroingLadder {
    rungs: &'static [Rung],
    /// Ranges are rounded inwards to multiples of this for the rungs; the ragged ends are written.
    block_bytes: u64,
    slice_bytes: u64,
}

impl ZeroingLadder {
    /// The ladder of a regular file.
    pub(super) fn for_file(block_bytes: u64) -> Self {
        Self::new(&[Rung::PunchHole, Rung::ZeroRange], block_bytes)
    }

    /// The ladder of a block device. `block_bytes` is a multiple of its logical sector.
    pub(super) fn for_device(block_bytes: u64) -> Self {
        Self::new(&[Rung::PunchHole, Rung::ZeroOut], block_bytes)
    }

    fn new(rungs: &'static [Rung], block_bytes: u64) -> Self {
        Self { rungs, block_bytes: block_bytes.max(1), slice_bytes: SLICE_BYTES_FIRST }
    }

    /// Makes the range read as zero; `write_zeros` writes plain zeros to a piece of at most [`PLAIN_BYTES`].
    pub(super) fn zero(
        &mut self,
        file: &File,
        range: Range,
        progress: &Progress,
        mut write_zeros: impl FnMut(Range) -> Result<()>,
    ) -> Result<()> {
        let mut plain = |range: Range| {
            pieces(range, PLAIN_BYTES as u64).try_for_each(|piece| {
                progress.check()?;
                write_zeros(piece)
            })
        };
        let end = range.end();
        let start_aligned = range.start.next_multiple_of(self.block_bytes).min(end);
        let end_aligned = (end - end % self.block_bytes).max(start_aligned);
        plain(Range::between(range.start, start_aligned))?;
        let mut at = start_aligned;
        while at < end_aligned {
            progress.check()?;
            let slice = Range { start: at, length: self.slice_bytes.min(end_aligned - at) };
            if !self.climb(file, slice) {
                plain(slice)?;
            }
            at = slice.end();
        }
        plain(Range::between(end_aligned, end))
    }

    /// Tries the rungs on a slice; false if none works.
    ///
    /// Whatever the reason, a rung that failed is not tried again. It cannot hide a broken device: the plain zeros that
    /// follow then fail too, and that is an error.
    fn climb(&mut self, file: &File, slice: Range) -> bool {
        while let Some((rung, lower)) = self.rungs.split_first() {
            let started = Instant::now();
            let result = match rung {
                Rung::PunchHole => zero::punch_hole(file, slice.start, slice.length),
                Rung::ZeroRange => zero::zero_range(file, slice.start, slice.length),
                Rung::ZeroOut => zero::zero_out(file, slice.start, slice.length),
            };
            match result {
                Ok(()) => {
                    self.adapt(started.elapsed());
                    return true;
                }
                // A signal: the wish to stop, if it is one, is looked at before the next piece; this one is written.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return false,
                Err(_) => self.rungs = lower,
            }
        }
        false
    }

    fn adapt(&mut self, took: Duration) {
        if took > SLICE_TIME {
            self.slice_bytes = (self.slice_bytes / 2).next_multiple_of(self.block_bytes).max(self.block_bytes);
        } else if took < SLICE_TIME / 4 {
            self.slice_bytes = (self.slice_bytes * 2).min(SLICE_BYTES_MAX).next_multiple_of(self.block_bytes);
        }
    }
}

/// Cuts a range into pieces of at most `piece_bytes`.
fn pieces(range: Range, piece_bytes: u64) -> impl Iterator<Item = Range> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let piece = Range { start: at, length: piece_bytes.min(range.end() - at) };
        at = piece.end();
        (piece.length > 0).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::os::unix::fs::FileExt;

    #[test]
    fn pieces_cover_a_range() {
        let cut: Vec<_> = pieces(Range { start: 3, length: 10 }, 4).map(|piece| (piece.start, piece.length)).collect();
        assert_eq!(cut, [(3, 4), (7, 4), (11, 2)]);
        assert_eq!(pieces(Range { start: 3, length: 0 }, 4).count(), 0);
    }

    #[test]
    fn every_end_is_zeroed_and_nothing_else() {
        let ladders: [fn(u64) -> ZeroingLadder; 3] =
            [ZeroingLadder::for_file, ZeroingLadder::for_device, |bytes| ZeroingLadder::new(&[Rung::ZeroOut], bytes)];
        for ladder in ladders {
            for (start, length) in [(0, 50_000), (1, 2), (4095, 4097), (4096, 8192), (5000, 40_000), (100, 0)] {
                let file = tempfile::tempfile().unwrap();
                file.write_all_at(&[0xff; 50_000], 0).unwrap();
                let range = Range { start, length };
                let write = |piece: Range| {
                    file.write_all_at(&vec![0; piece.length as usize], piece.start).unwrap();
                    Ok(())
                };
                ladder(4096).zero(&file, range, &Progress::default(), write).unwrap();
                let mut content = vec![0; 50_000];
                file.read_exact_at(&mut content, 0).unwrap();
                let wrong = (0..50_000u64).find(|&at| {
                    let inside = (range.start..range.end()).contains(&at);
                    content[at as usize] != if inside { 0 } else { 0xff }
                });
                assert_eq!(wrong, None, "{range:?}");
            }
        }
    }

    #[test]
    fn stops_when_asked() {
        let file = tempfile::tempfile().unwrap();
        let progress = Progress::default();
        progress.interrupt(2);
        let range = Range { start: 0, length: 1 << 40 };
        let result = ZeroingLadder::for_file(4096).zero(&file, range, &progress, |_| Ok(()));
        assert!(matches!(result, Err(Error::Interrupted { signal: 2 })));
    }
}
