//! The read loop that takes what the source's extents say: all of a device, or what is known to have changed.

use std::io;

use super::BackupRequest;
use crate::archive::pack::{Batch, Before, PIECES_MAX, Piece};
use crate::error::{Error, Result};
use crate::extent::{Extent, ExtentKind, Range};
use crate::progress::Progress;
use crate::stream::{Piece as Read, Source};

/// Where the read loop stands.
pub(super) struct Reading<'a> {
    pub source: &'a mut dyn Source,
    pub progress: &'a Progress,
    pub extent_limit: u64,
    pub batch_bytes: u64,
    pub keep_going: bool,
    inline: bool,
    /// What is left of the current data extent.
    left: Range,
}

impl<'a> Reading<'a> {
    /// Begins to read a source whose map was asked for.
    pub fn new(
        source: &'a mut dyn Source,
        request: &BackupRequest,
        batch_bytes: u64,
        inline: bool,
        progress: &'a Progress,
    ) -> Self {
        let left = Range { start: 0, length: 0 };
        Self {
            source,
            progress,
            extent_limit: request.extent_limit_bytes,
            batch_bytes,
            keep_going: request.keep_going,
            inline,
            left,
        }
    }

    /// Fills a batch with pieces, each within one data extent and cut on multiples of the extent limit; `None` at the end.
    pub fn fill(&mut self, mut batch: Batch) -> Result<Option<Batch>> {
        batch.pieces.clear();
        let batch_bytes = self.batch_bytes;
        batch.buffer.resize(batch_bytes as usize, 0);
        let mut used = 0;
        while batch.pieces.len() < PIECES_MAX {
            self.progress.check()?;
            if self.left.length == 0 && !self.next_extent(&mut batch)? {
                return Ok((!batch.pieces.is_empty()).then_some(batch));
            }
            if self.left.length == 0 {
                continue;
            }
            let cut = (self.left.start / self.extent_limit + 1) * self.extent_limit;
            let wanted = self.left.length.min(cut - self.left.start);
            if wanted > batch_bytes - used {
                break;
            }
            used += self.read_piece(&mut batch, used as usize, wanted)?;
        }
        Ok(Some(batch))
    }

    /// Goes to the next extent; `false` if there is none.
    fn next_extent(&mut self, batch: &mut Batch) -> Result<bool> {
        let Some(Extent { start, length, kind }) = self.source.next_extent()? else { return Ok(false) };
        match kind {
            ExtentKind::Data => self.left = Range { start, length },
            // A map has told the zeros already; without one they become members.
            ExtentKind::Zero { .. } if self.inline => batch.pieces.push(Piece::Zero(Range { start, length })),
            ExtentKind::Zero { .. } => self.progress.add_zero(length),
        }
        Ok(true)
    }

    /// Reads up to `wanted` bytes of the current extent into the buffer from `at` on; fewer where a range cannot be read.
    fn read_piece(&mut self, batch: &mut Batch, at: usize, wanted: u64) -> Result<u64> {
        let mut filled = 0;
        let start = self.left.start;
        while filled < wanted {
            match self.source.read(&mut batch.buffer[at + filled as usize..at + wanted as usize])? {
                Read::Data(length) => filled += length as u64,
                Read::Unreadable { length, .. } if self.keep_going => {
                    push_data(batch, Range { start, length: filled }, at);
                    let bad = Range { start: start + filled, length: length as u64 };
                    batch.pieces.push(Piece::Bad(bad));
                    self.left = Range::between(bad.end(), self.left.end());
                    return Ok(filled);
                }
                Read::Unreadable { cause, .. } => return Err(self.unreadable(start + filled, cause)),
            }
        }
        push_data(batch, Range { start, length: filled }, at);
        self.left = Range::between(start + filled, self.left.end());
        Ok(filled)
    }

    /// The failure of a range that cannot be read, where that is not taken.
    pub fn unreadable(&self, offset: u64, cause: io::Error) -> Error {
        let what = format!("{} at byte {offset}", self.source.device().path);
        let failure = Error::io("reading", what, cause);
        failure.with_remedy("--keep-going backs up everything else and records what is missing")
    }
}

/// Adds a piece of which nothing was known before.
pub(super) fn push_data(batch: &mut Batch, range: Range, at: usize) {
    if range.length > 0 {
        batch.pieces.push(Piece::Data { range, at, before: Before::Unknown });
    }
}
