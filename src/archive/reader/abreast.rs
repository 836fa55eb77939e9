//! Reads several archives at once, each from front to back, in the order in which their members lie on the device.

use super::super::index::Landed;
use super::seeking::Seeking;
use super::tail::not_cut;
use super::unpack::{StoredBatch, Unpacked, Unpacker};
use super::{Buffers, Ending, OpenArchive, Reader};
use crate::error::{Error, Result};
use crate::pipeline;

/// A member of one of the archives; its bytes were held against their digest.
pub(crate) struct Checked<'a> {
    /// Which archive it is of.
    pub archive: usize,
    /// Where it lies and what it holds.
    pub landed: &'a Landed,
    /// Its stored bytes.
    pub stored: &'a [u8],
    /// Its bytes before compression.
    pub plain: &'a [u8],
}

/// Reads the members of all these archives with so many workers, and gives each in the order of their first bytes on the device; of several that begin at one byte
/// in any order. Ranges that read as zero without a member of their own are not given.
///
/// # Errors
/// The error of `each`; the first fault of any archive; [`Refused`](Error::Refused) of one that cannot be read here and there, or of which not all parts are at hand.
pub(crate) fn read_abreast(
    archives: Vec<OpenArchive>,
    threads: usize,
    mut each: impl FnMut(Checked<'_>) -> Result<()>,
) -> Result<Vec<Ending>> {
    let names: Vec<_> = archives.iter().map(|archive| archive.name().to_owned()).collect();
    let mut readers = archives.into_iter().map(seeking).collect::<Result<Vec<_>>>()?;
    let digests: Vec<_> = readers.iter().map(|reader| reader.info().digest).collect();
    let endings = readers.iter().map(|reader| reader.ending().clone()).collect();
    let workers = (0..threads.max(1)).map(|_| Unpacker::new(digests[0])).collect::<Result<Vec<_>>>()?;
    let Buffers { batches, results } = Buffers::default();
    let produce = || {
        let mut batch = batches.take();
        batch.clear();
        Ok(fill(&mut readers, &mut batch)?.map(|archive| (archive, batch)))
    };
    let work = |unpacker: &mut Unpacker, (archive, batch): (usize, StoredBatch)| {
        unpacker.turn_to(digests[archive]);
        (archive, unpacker.unpack(batch, results.take()))
    };
    pipeline::in_order(workers, produce, work, |(archive, mut unpacked): (usize, Unpacked)| {
        unpacked
            .each_member(&names[archive], |landed, stored, plain| each(Checked { archive, landed, stored, plain }))?;
        batches.give(std::mem::take(&mut unpacked.batch));
        results.give(unpacked);
        Ok(())
    })?;
    Ok(endings)
}

fn seeking(archive: OpenArchive) -> Result<Seeking> {
    archive.refuse_untold()?;
    let name = archive.name().to_owned();
    match archive.reader {
        Reader::Seeking(seeking) => Ok(*seeking),
        Reader::Forward(_) => {
            let why = "it cannot be read here and there";
            let remedy = "name the archive's file, or copy it into one first".to_owned();
            Err(Error::refused(format!("read {name} beside others"), why, Some(remedy)))
        }
    }
}

/// Fills a batch with the next members of the archive that has the first of all, up to where another archive has one; which archive that is, or `None` at the end.
fn fill(readers: &mut [Seeking], batch: &mut StoredBatch) -> Result<Option<usize>> {
    let mut starts = Vec::with_capacity(readers.len());
    for (place, reader) in readers.iter_mut().enumerate() {
        starts.extend(reader.peek().map_err(not_cut)?.map(|landed| (landed.range.start, place)));
    }
    starts.sort_unstable();
    let Some(&(_, place)) = starts.first() else { return Ok(None) };
    let up_to = starts.get(1).map_or(u64::MAX, |(start, _)| *start);
    let reader = &mut readers[place];
    let batch_bytes = reader.info().batch_bytes();
    while let Some(landed) = reader.peek().map_err(not_cut)? {
        if landed.range.start > up_to || !batch.fits(landed.plain_bytes(), batch_bytes) {
            break;
        }
        reader.read_peeked(batch).map_err(|error| not_cut(error).with_affected(landed.range))?;
    }
    Ok(Some(place))
}
