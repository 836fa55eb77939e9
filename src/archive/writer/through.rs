//! What goes through a writer in batches: packed by threads, held back in a buffer where the output must not run dry, written in order.

use super::super::frame::Compression;
use super::super::pack::{Batch, PackedBatch, Packer};
use super::ArchiveWriter;
use crate::error::Result;
use crate::pipeline::{self, Pool};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::water::{self, Flow};

/// What came of batches that were written.
pub struct WrittenThrough {
    /// The ranges that could not be read, at most a thousand of them.
    pub bad: RangeList,
    /// What came of the buffer, if there was one.
    pub flow: Option<Flow>,
}

impl ArchiveWriter<'_> {
    /// Packs with so many threads what `fill` puts into batches, until it gives none, and writes it in order; through a buffer with water marks where one is
    /// wanted.
    ///
    /// # Errors
    /// The first failed write or interruption; or that of `fill`, after everything before it has been written.
    pub fn write_through(
        &mut self,
        threads: usize,
        buffer_bytes: Option<u64>,
        progress: &Progress,
        mut fill: impl FnMut(Batch) -> Result<Option<Batch>> + Send,
    ) -> Result<WrittenThrough> {
        let info = self.ledger.info();
        let workers = (0..threads.max(1)).map(|_| Packer::new(info)).collect::<Result<Vec<_>>>()?;
        let (batches, results) = (Pool::<Batch>::default(), Pool::<PackedBatch>::default());
        let produce = || fill(batches.take());
        let work = |packer: &mut Packer, batch| packer.pack(batch, results.take());
        let give_back = |mut packed: PackedBatch| {
            batches.give(std::mem::take(&mut packed.batch));
            results.give(packed);
        };
        if buffer_bytes.is_none() {
            let mut bad = RangeList::default();
            pipeline::in_order(workers, produce, work, |packed| {
                self.write_counted(&packed, progress, &mut bad)?;
                give_back(packed);
                Ok(())
            })?;
            return Ok(WrittenThrough { bad, flow: None });
        }
        self.write_packed(buffer_bytes, progress, |put| {
            pipeline::in_order(workers, produce, work, |packed| {
                let kept = packed.kept()?;
                give_back(packed);
                put(kept)
            })
        })
    }

    /// Writes what `fill` hands over, through a buffer where one is wanted; `fill` gives only what is kept, nothing that is not stored.
    ///
    /// # Errors
    /// The first failed write or interruption; or that of `fill`, after everything before it has been written.
    pub fn write_packed(
        &mut self,
        buffer_bytes: Option<u64>,
        progress: &Progress,
        fill: impl FnOnce(&mut dyn FnMut(PackedBatch) -> Result<()>) -> Result<()> + Send,
    ) -> Result<WrittenThrough> {
        let (mut bad, slowest) = (RangeList::default(), self.slowest());
        let mut write = |packed: PackedBatch| self.write_counted(&packed, progress, &mut bad);
        let flow = match buffer_bytes {
            Some(buffer_bytes) => Some(water::through_buffer(buffer_bytes, slowest, progress, fill, write)?),
            None => {
                fill(&mut write)?;
                None
            }
        };
        Ok(WrittenThrough { bad, flow })
    }

    /// The rate below which a drive behind the output has to stop: unless it may compress what it gets, so that nobody knows.
    fn slowest(&mut self) -> Option<u64> {
        let output = &mut self.out.output;
        let medium = output.spanning().and_then(|output| output.medium()).unwrap_or_default();
        let passes_as_it_is = medium.drive_compression == Some(false);
        let is_packed = self.ledger.info().compression != Compression::None;
        output.slowest_rate().filter(|_| passes_as_it_is || is_packed)
    }

    fn write_counted(&mut self, packed: &PackedBatch, progress: &Progress, bad: &mut RangeList) -> Result<()> {
        progress.check()?;
        self.write(packed)?;
        packed.count(progress, bad);
        Ok(())
    }
}
