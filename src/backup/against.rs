//! The read loop that goes through a device in the ranges of a baseline, so that each can be held against what it was.

use super::reading::{Reading, push_data};
use crate::archive::pack::{Batch, Before, PIECES_MAX, Piece, ZEROS_AS_DATA_MAX};
use crate::baseline::{Baseline, BaselineCursor, Unit};
use crate::error::{Error, Result};
use crate::extent::{Extent, ExtentKind, Range};
use crate::stream::Piece as Read;

/// Where the read loop stands.
///
/// A range with a digest is read whole, with zeros where the source says that it has some, and however long the increment's own members are: part of it cannot be
/// compared. All else is cut as in a full.
pub(super) struct Against<'a> {
    reading: Reading<'a>,
    cursor: BaselineCursor<'a>,
    size_bytes: u64,
    /// Everything before this is in a batch.
    at: u64,
    /// What is left of the source's current extent.
    extent: Extent,
}

impl<'a> Against<'a> {
    /// Begins to read a source whose map was asked for.
    pub fn new(mut reading: Reading<'a>, baseline: &'a Baseline) -> Self {
        reading.batch_bytes = reading.batch_bytes.max(baseline.longest_bytes());
        let size_bytes = reading.source.device().size_bytes;
        Self { reading, cursor: BaselineCursor::new(baseline), size_bytes, at: 0, extent: Extent::hole(0, 0) }
    }

    /// Fills a batch with pieces; `None` at the end.
    pub fn fill(&mut self, mut batch: Batch) -> Result<Option<Batch>> {
        batch.pieces.clear();
        batch.buffer.resize(self.reading.batch_bytes as usize, 0);
        let mut used = 0;
        while batch.pieces.len() < PIECES_MAX && self.at < self.size_bytes {
            self.reading.progress.check()?;
            let wanted = self.wanted()?;
            let is_hole = self.extent.kind != ExtentKind::Data && wanted.range.end() <= self.extent.end();
            if is_hole && !may_be_few_zeros(&wanted) {
                self.pass_zeros(wanted, &mut batch)?;
            } else if wanted.range.length > self.reading.batch_bytes - used as u64 {
                break;
            } else {
                used += self.read_unit(wanted, &mut batch, used)?;
            }
        }
        Ok((!batch.pieces.is_empty()).then_some(batch))
    }

    /// The next range to be dealt with: a unit of the baseline, cut where only one with a digest is not.
    fn wanted(&mut self) -> Result<Unit> {
        let unit = self.cursor.unit(self.at, self.size_bytes);
        self.go_to(self.at)?;
        if let Before::Data(..) = unit.before {
            return Ok(unit);
        }
        let limit = self.reading.extent_limit;
        let most = match self.extent.kind {
            ExtentKind::Data => (self.at / limit + 1) * limit,
            ExtentKind::Zero { .. } => self.extent.end(),
        };
        let end = unit.range.end().min(most).min(self.extent.end());
        Ok(Unit { range: Range::between(self.at, end), ..unit })
    }

    /// Has the source's extent at hand that holds this offset.
    fn go_to(&mut self, offset: u64) -> Result<()> {
        while self.extent.end() <= offset {
            let next = self.reading.source.next_extent()?;
            let covers = next.filter(|next| next.start == self.extent.end());
            self.extent = covers.ok_or_else(|| {
                let (path, end) = (&self.reading.source.device().path, self.extent.end());
                let why = format!("its extents do not tell what lies at byte {end}, so that it cannot be compared");
                Error::refused(format!("find what changed on {path}"), why, None)
            })?;
        }
        Ok(())
    }

    /// Takes the next bytes of the current extent as dealt with.
    fn pass(&mut self, length: u64) {
        self.at += length;
        self.extent = Extent { start: self.at, length: self.extent.end() - self.at, ..self.extent };
    }

    /// Deals with a range that the source says is zero.
    fn pass_zeros(&mut self, wanted: Unit, batch: &mut Batch) -> Result<()> {
        match (batch.pieces.last_mut(), wanted.before) {
            (Some(Piece::Unchanged(bytes)), Before::Zero) => *bytes += wanted.range.length,
            (_, Before::Zero) => batch.pieces.push(Piece::Unchanged(wanted.range.length)),
            (Some(Piece::Zero(last)), _) if last.end() == wanted.range.start => last.length += wanted.range.length,
            _ => batch.pieces.push(Piece::Zero(wanted.range)),
        }
        self.pass(wanted.range.length);
        Ok(())
    }

    /// Reads a range into the buffer from `at` on; gives the bytes of the buffer that it takes.
    fn read_unit(&mut self, wanted: Unit, batch: &mut Batch, at: usize) -> Result<usize> {
        let (start, end) = (wanted.range.start, wanted.range.end());
        let mut readable_from = start;
        while self.at < end {
            self.go_to(self.at)?;
            let room = Range::between(self.at, end.min(self.extent.end()));
            let buffer = &mut batch.buffer[at + (self.at - start) as usize..][..room.length as usize];
            match self.extent.kind {
                ExtentKind::Zero { .. } => {
                    buffer.fill(0);
                    self.pass(room.length);
                }
                ExtentKind::Data => match self.reading.source.read(buffer)? {
                    Read::Data(length) => self.pass(length as u64),
                    Read::Unreadable { length, .. } if self.reading.keep_going => {
                        let bad = Range { start: self.at, length: length as u64 };
                        let read = Range::between(readable_from, bad.start);
                        push_data(batch, read, at + (readable_from - start) as usize);
                        batch.pieces.push(Piece::Bad(bad));
                        self.pass(bad.length);
                        readable_from = self.at;
                    }
                    Read::Unreadable { cause, .. } => return Err(self.reading.unreadable(self.at, cause)),
                },
            }
        }
        if readable_from == start {
            batch.pieces.push(Piece::Data { range: wanted.range, at, before: wanted.before });
        } else {
            // Its digest was one of the whole.
            push_data(batch, Range::between(readable_from, end), at + (readable_from - start) as usize);
        }
        Ok((end - start) as usize)
    }
}

/// Whether a range that had a digest may have held zeros only: too few to be stored as zeros, so that a digest is all that is known of them.
fn may_be_few_zeros(unit: &Unit) -> bool {
    matches!(unit.before, Before::Data(..)) && unit.range.length < ZEROS_AS_DATA_MAX as u64
}
