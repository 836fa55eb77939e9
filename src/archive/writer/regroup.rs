//! Cuts anew what other archives hold, for the writer that makes another of them.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::super::index::Landed;
use super::super::info::MapKind;
use super::super::pack::{Batch, Before, PIECES_MAX, Piece};
use super::{ArchiveWriter, WrittenThrough};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::pipeline::{self, Pool};
use crate::progress::Progress;

impl ArchiveWriter<'_> {
    /// Packs with so many threads and writes in order what `read` enters on a thread of its own; through a buffer with water marks where one is wanted.
    ///
    /// # Errors
    /// The first failed write or interruption; or that of `read`, after everything before it has been written.
    pub fn write_regrouped<T: Send>(
        &mut self,
        threads: usize,
        buffer_bytes: Option<u64>,
        progress: &Progress,
        read: impl FnOnce(&mut Regrouping<'_>) -> Result<T> + Send,
    ) -> Result<(WrittenThrough, T)> {
        let spare = Pool::<Batch>::default();
        let (batches, filled) = sync_channel(1);
        let mut regrouping = Regrouping::new(self, batches, &spare, progress);
        thread::scope(|scope| {
            let read = move || {
                let told = read(&mut regrouping)?;
                regrouping.hand_on()?;
                Ok(told)
            };
            let reading = pipeline::start(scope, read)?;
            let spare = &spare;
            let written = self.write_through(threads, buffer_bytes, progress, move |batch| {
                spare.give(batch);
                // No more of them also means that reading failed; the reader says so itself.
                Ok(filled.recv().ok())
            });
            let read: Result<_> = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // A reader whose batches nobody takes any more fails too, and does not know why.
            let written = written?;
            Ok((written, read?))
        })
    }
}

/// Puts what archives tell, in ascending order, into batches, in pieces cut on multiples of the extent limit.
///
/// What two members held becomes one piece where they touch between two multiples.
pub struct Regrouping<'a> {
    batch: Batch,
    batches: SyncSender<Batch>,
    spare: &'a Pool<Batch>,
    progress: &'a Progress,
    inline: bool,
    extent_limit: u64,
    batch_bytes: u64,
    /// Where data extents of the map touch: no piece lies across.
    seams: Vec<u64>,
}

impl<'a> Regrouping<'a> {
    fn new(
        writer: &ArchiveWriter<'_>,
        batches: SyncSender<Batch>,
        spare: &'a Pool<Batch>,
        progress: &'a Progress,
    ) -> Self {
        let info = writer.info();
        Self {
            batch: Batch::default(),
            batches,
            spare,
            progress,
            inline: info.map == MapKind::Inline,
            extent_limit: info.extent_limit,
            batch_bytes: info.batch_bytes(),
            seams: writer.ledger.map().data_seams(),
        }
    }

    /// Whether zeros need members, because no map tells them.
    pub fn is_inline(&self) -> bool {
        self.inline
    }

    /// Enters bytes, to be packed.
    ///
    /// # Errors
    /// Nobody writes any more: the error of [`ArchiveWriter::write_regrouped`] says why. So do those of the others.
    pub fn data(&mut self, mut offset: u64, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.extent_limit - offset % self.extent_limit;
            let (piece, rest) = bytes.split_at(bytes.len().min(room as usize));
            let range = Range { start: offset, length: piece.len() as u64 };
            if !self.join(range) {
                // Also for what may still be joined to it.
                self.make_room(room)?;
                let at = self.batch.buffer.len();
                self.batch.pieces.push(Piece::Data { range, at, before: Before::Unknown });
            }
            self.batch.buffer.extend_from_slice(piece);
            offset += range.length;
            bytes = rest;
        }
        Ok(())
    }

    /// Makes the last piece longer by this range, if it goes on there and nothing demands a cut.
    fn join(&mut self, more: Range) -> bool {
        let is_cut = more.start.is_multiple_of(self.extent_limit) || self.seams.binary_search(&more.start).is_ok();
        match self.batch.pieces.last_mut() {
            Some(Piece::Data { range, .. }) if range.end() == more.start && !is_cut => {
                range.length += more.length;
                true
            }
            _ => false,
        }
    }

    /// Enters a member of data that stays as it is stored; its digest is of the kind of the archive that is written, and is right.
    pub fn stored(&mut self, landed: &Landed, stored: &[u8]) -> Result<()> {
        self.make_room(stored.len() as u64)?;
        let at = self.batch.buffer.len();
        let (range, content) = (landed.range, landed.content);
        self.batch.pieces.push(Piece::Stored { range, content, at, stored: stored.len() });
        self.batch.buffer.extend_from_slice(stored);
        Ok(())
    }

    /// Enters a range that could not be read when it was backed up.
    pub fn bad(&mut self, range: Range) -> Result<()> {
        self.empty(Piece::Bad(range))
    }

    /// Enters a range that reads as zero: with a member where no map tells of it, else only to be counted.
    pub fn zeros(&mut self, range: Range) -> Result<()> {
        if self.inline {
            return self.empty(Piece::Zero(range));
        }
        self.progress.add_zero(range.length);
        Ok(())
    }

    fn empty(&mut self, piece: Piece) -> Result<()> {
        self.make_room(0)?;
        self.batch.pieces.push(piece);
        Ok(())
    }

    /// Hands the batch on if one more piece of so many bytes would be too much for it.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let full = self.batch.pieces.len() == PIECES_MAX || self.batch.buffer.len() as u64 + bytes > self.batch_bytes;
        if full { self.hand_on() } else { Ok(()) }
    }

    /// Gives the batch to the writer, and begins another.
    fn hand_on(&mut self) -> Result<()> {
        let mut next = self.spare.take();
        next.buffer.clear();
        next.pieces.clear();
        let batch = std::mem::replace(&mut self.batch, next);
        let nobody = |_| Error::io("handing on", "what was read", std::io::ErrorKind::BrokenPipe);
        if batch.pieces.is_empty() { Ok(()) } else { self.batches.send(batch).map_err(nobody) }
    }
}
