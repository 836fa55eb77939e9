//! Reads several archives by one set of workers: abreast, in the order in which their members lie on the device, or one behind another.

use super::super::digest::DigestKind;
use super::super::index::Landed;
use super::seeking::Seeking;
use super::tail::not_cut;
use super::unpack::{StoredBatch, Told, Unpacked, Unpacker};
use super::{Buffers, Ending, OpenArchive, Reader};
use crate::error::{Error, Result};
use crate::pipeline;
use crate::range_set::RangeSet;

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
    archives.iter().try_for_each(OpenArchive::refuse_untold)?;
    let mut readers = archives.into_iter().map(seeking).collect::<Result<Vec<_>>>()?;
    let (digests, endings) = kinds_and_endings(&readers);
    let fill = |batch: &mut StoredBatch| fill_abreast(&mut readers, batch);
    unpack(&digests, &Buffers::default(), threads, fill, |archive, unpacked| {
        let give = |landed: &Landed, stored: &[u8], plain: &[u8]| each(Checked { archive, landed, stored, plain });
        unpacked.each_member(&names[archive], give)
    })?;
    Ok(endings)
}

/// Reads one archive behind another, of each what touches the ranges that are wanted of it, as [`OpenArchive::read_ranges`] does, but without a pause between two of
/// them: while the last bytes of one are told, the first ones of the next are read already.
///
/// # Errors
/// Those of [`OpenArchive::read_ranges`], of any; [`Refused`](Error::Refused) of one that cannot be read here and there.
pub(crate) fn read_in_turn(
    wanted: Vec<(OpenArchive, RangeSet)>,
    threads: usize,
    mut tell: impl FnMut(usize, Told<'_>) -> Result<()>,
) -> Result<Vec<Ending>> {
    let mut readers = Vec::with_capacity(wanted.len());
    for (archive, ranges) in wanted {
        ranges.iter().try_for_each(|range| archive.check_told(range))?;
        let mut reader = seeking(archive)?;
        reader.narrow(ranges);
        readers.push(reader);
    }
    let (digests, endings) = kinds_and_endings(&readers);
    let mut turn = 0;
    let fill = |batch: &mut StoredBatch| {
        while turn + 1 < readers.len() {
            match readers[turn].fill(batch) {
                Ok(false) => turn += 1,
                filled => return (turn, filled),
            }
        }
        (turn, readers.get_mut(turn).map_or(Ok(false), |last| last.fill(batch)))
    };
    unpack(&digests, &Buffers::default(), threads, fill, |archive, unpacked| {
        unpacked.tell(|told| tell(archive, told))
    })?;
    Ok(endings)
}

fn kinds_and_endings(readers: &[Seeking]) -> (Vec<DigestKind>, Vec<Ending>) {
    readers.iter().map(|reader| (reader.info().digest, reader.ending().clone())).unzip()
}

/// Unpacks with so many workers what `fill` puts into batches, each of one of the archives with these digests, whose place it gives, until there are no more; and gives
/// them in order. What was read before a failure goes first.
pub(super) fn unpack(
    digests: &[DigestKind],
    buffers: &Buffers,
    threads: usize,
    mut fill: impl FnMut(&mut StoredBatch) -> (usize, Result<bool>) + Send,
    mut each: impl FnMut(usize, &Unpacked) -> Result<()>,
) -> Result<()> {
    let workers = (0..threads.max(1)).map(|_| Unpacker::new()).collect::<Result<Vec<_>>>()?;
    let Buffers { batches, results } = buffers;
    let mut failure = None;
    let produce = || {
        if let Some(error) = failure.take() {
            return Err(error);
        }
        let mut batch = batches.take();
        batch.clear();
        match fill(&mut batch) {
            (archive, Ok(more)) => Ok(more.then_some((archive, batch))),
            (archive, Err(error)) if !batch.pieces.is_empty() => {
                failure = Some(error);
                Ok(Some((archive, batch)))
            }
            (_, Err(error)) => Err(error),
        }
    };
    let work = |unpacker: &mut Unpacker, (archive, batch): (usize, StoredBatch)| {
        (archive, unpacker.unpack(digests[archive], batch, results.take()))
    };
    pipeline::in_order(workers, produce, work, |(archive, mut unpacked): (usize, Unpacked)| {
        each(archive, &unpacked)?;
        batches.give(std::mem::take(&mut unpacked.batch));
        results.give(unpacked);
        Ok(())
    })
}

fn seeking(archive: OpenArchive) -> Result<Seeking> {
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

/// Fills a batch with the next members of the archive that has the first of all, up to where another archive has one; which archive that is, and whether there are any.
fn fill_abreast(readers: &mut [Seeking], batch: &mut StoredBatch) -> (usize, Result<bool>) {
    match next_of_all(readers) {
        Ok(Some((place, up_to))) => (place, fill_up_to(&mut readers[place], up_to, batch).map(|()| true)),
        Ok(None) => (0, Ok(false)),
        Err(error) => (0, Err(error)),
    }
}

/// Which archive has the next member of all, and where the next one of another begins.
fn next_of_all(readers: &mut [Seeking]) -> Result<Option<(usize, u64)>> {
    let mut starts = Vec::with_capacity(readers.len());
    for (place, reader) in readers.iter_mut().enumerate() {
        starts.extend(reader.peek().map_err(not_cut)?.map(|landed| (landed.range.start, place)));
    }
    starts.sort_unstable();
    let up_to = starts.get(1).map_or(u64::MAX, |(start, _)| *start);
    Ok(starts.first().map(|&(_, place)| (place, up_to)))
}

fn fill_up_to(reader: &mut Seeking, up_to: u64, batch: &mut StoredBatch) -> Result<()> {
    let batch_bytes = reader.info().batch_bytes();
    while let Some(landed) = reader.peek().map_err(not_cut)? {
        if landed.range.start > up_to || !batch.fits(landed.plain_bytes(), batch_bytes) {
            break;
        }
        reader.read_peeked(batch).map_err(|error| not_cut(error).with_affected(landed.range))?;
    }
    Ok(())
}
