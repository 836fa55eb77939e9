//! A range of the device out of an archive, as raw bytes.

use std::io::IoSlice;

use crate::archive::{BackupInfo, Beside, End, Lacking, OpenArchive, Told, part_words};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::range_set::RangeSet;
use crate::ranges::RangeList;
use crate::stream::Output;

/// Which bytes to give.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtractRequest {
    /// The first byte of the device.
    pub offset_bytes: u64,
    /// How many bytes; all up to the device's end unless told.
    pub length_bytes: Option<u64>,
    /// How many threads decompress and check.
    pub threads: usize,
}

/// What a finished extraction has to say.
#[derive(Clone, Debug)]
pub struct ExtractSummary {
    /// The archive's end member, its backup-info included.
    pub end: End,
    /// The range that was given.
    pub range: Range,
    /// How many of its bytes were stored; the others are zeros.
    pub data_bytes: u64,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// Writes the bytes of a range of the device, zeros as zeros, each with its digest checked before it goes out.
///
/// What the archive cannot give is refused before the first byte, as far as it can be known by then: everything where the input can seek; from
/// a pipe, bad ranges are met on the way, and so is what is wrong with a part that is brought later. An error therefore means that the bytes that were written are right, but not all of them.
///
/// # Errors
/// A range that does not lie on the device, that could not be read when the backup was made, or that an increment leaves unchanged; and everything that is wrong with the archive.
pub fn extract(
    mut archive: OpenArchive,
    request: &ExtractRequest,
    output: &mut dyn Output,
    progress: &Progress,
) -> Result<ExtractSummary> {
    let range = wanted_range(archive.name(), archive.info(), request)?;
    archive = archive.at_part_of(range.start)?;
    progress.set_total(range.length);
    let asked = request_text(archive.name(), range);
    let mut outgoing = Outgoing { asked, range, at: range.start, data_bytes: 0, zeros: Vec::new(), output, progress };
    let mut read = Vec::new();
    let (ending, name) = loop {
        let beside = archive.take_beside();
        let left = Range::between(outgoing.at, range.end());
        let told = archive.told_of().filter(|_| beside.is_some());
        // Of what the next part tells, that part is asked.
        let piece = told.and_then(|told| told.intersection(&left)).unwrap_or(left);
        archive.check_told(piece)?;
        let lacking = archive.lacking(piece)?;
        refuse_lacking(archive.info(), &outgoing.asked, &lacking)?;
        let (name, info) = (archive.name().to_owned(), archive.info().clone());
        read.push((info.part_number(), info.part_number()));
        let wanted = RangeSet::from_iter([piece]);
        let ending = archive.read_ranges(wanted, request.threads, |told| outgoing.take(told, &name, &info))?;
        outgoing.pass_to(piece.end(), &info)?;
        if piece.end() == range.end() {
            break (ending, name);
        }
        let next = beside.map_or(Ok(None), Beside::next)?;
        let next = next.ok_or_else(|| not_brought(&name, &ending.end, outgoing.at, range))?;
        archive = next.at_part_of(outgoing.at)?;
    };
    let data_bytes = outgoing.data_bytes;
    progress.check()?;
    output.finish()?;
    let mut warnings = Vec::from_iter(ending.warning());
    if ending.parts == 1 && ending.is_of_part() {
        let parts = part_words(&read);
        let subject = if read.len() == 1 { format!("{name} is") } else { "this was read from".to_owned() };
        warnings.push(format!("{subject} {parts} alone: that it belongs to the other parts was not proven"));
    }
    Ok(ExtractSummary { end: ending.end, range, data_bytes, warnings })
}

/// The error of an archive of which the next part would tell of the rest.
fn not_brought(name: &str, end: &End, at: u64, range: Range) -> Error {
    let number = end.backup_info.part_number() + 1;
    let why = format!("bytes {at} to {} are in part {number} or behind it, which was not given", range.end() - 1);
    Error::incomplete(name, why).with_affected(Range::between(at, range.end()))
}

/// The range that is asked for, if the device has it.
fn wanted_range(name: &str, info: &BackupInfo, request: &ExtractRequest) -> Result<Range> {
    let size_bytes = info.device.size_bytes;
    let start = request.offset_bytes;
    let end = match request.length_bytes {
        Some(length) => start.checked_add(length),
        // To give nothing where something was asked for would be silence.
        None => (start < size_bytes || size_bytes == 0).then_some(size_bytes),
    };
    match end.filter(|end| *end <= size_bytes && start <= *end) {
        Some(end) => Ok(Range::between(start, end)),
        None => {
            let missing = request
                .length_bytes
                .map_or_else(|| "there is nothing".to_owned(), |length| format!("there are no {length} bytes"));
            let why = format!("the device has {size_bytes} bytes: {missing} from byte {start} on");
            let remedy = "give an --offset and a --length within the device".to_owned();
            Err(Error::refused(format!("extract from {name}"), why, Some(remedy)))
        }
    }
}

fn refuse_lacking(info: &BackupInfo, asked: &str, lacking: &Lacking) -> Result<()> {
    if !lacking.unchanged.is_empty() {
        return Err(unchanged(info, asked, &lacking.unchanged));
    }
    if !lacking.bad.is_empty() {
        return Err(bad(asked, &lacking.bad));
    }
    Ok(())
}

/// The request as a refusal names it.
fn request_text(archive: &str, range: Range) -> String {
    let last = range.end().saturating_sub(1).max(range.start);
    format!("extract bytes {} to {last} from {archive}", range.start)
}

fn unchanged(info: &BackupInfo, asked: &str, ranges: &RangeList) -> Error {
    let parent = info.parent.as_ref().map_or_else(String::new, |parent| format!(" {}", parent.id));
    let why = format!("the archive says of {ranges} only that they are unchanged since its parent{parent}");
    let remedy = "take those from the parent, or restore the chain and read them there".to_owned();
    Error::wrong_chain(asked, why, Some(remedy))
}

fn bad(asked: &str, ranges: &RangeList) -> Error {
    let why = format!("{ranges} could not be read when the backup was made");
    let remedy = "extract what lies before and behind, with --offset and --length".to_owned();
    Error::refused(asked, why, Some(remedy))
}

/// How many zeros are written at once.
const ZEROS_BYTES: usize = 256 << 10;

/// The bytes on their way out.
struct Outgoing<'a> {
    /// The request as a refusal names it.
    asked: String,
    range: Range,
    /// Everything of the range before this has been written.
    at: u64,
    data_bytes: u64,
    zeros: Vec<u8>,
    output: &'a mut dyn Output,
    progress: &'a Progress,
}

impl Outgoing<'_> {
    /// Writes of what was told what lies in the range.
    fn take(&mut self, told: Told<'_>, archive: &str, info: &BackupInfo) -> Result<()> {
        self.progress.check()?;
        let whole = match &told {
            Told::Part(_) => return Ok(()),
            Told::Data { offset, bytes, .. } => Range { start: *offset, length: bytes.len() as u64 },
            Told::Zeros(range) | Told::Bad(range) | Told::Damaged { range, .. } => *range,
        };
        if let Told::Damaged { why, .. } = told {
            return Err(Error::damaged(archive, why).with_affected(whole.intersection(&self.range).unwrap_or(whole)));
        }
        let Some(part) = whole.intersection(&self.range) else { return Ok(()) };
        self.pass_to(part.start, info)?;
        match told {
            Told::Data { bytes, stored, .. } => {
                let first = (part.start - whole.start) as usize;
                self.output.write_member(&[IoSlice::new(&bytes[first..first + part.length as usize])])?;
                self.data_bytes += part.length;
                self.progress.add_data(part.length, stored);
            }
            Told::Bad(_) => {
                let mut ranges = RangeList::default();
                ranges.push(part);
                return Err(bad(&self.asked, &ranges));
            }
            _ => self.write_zeros(part.length)?,
        }
        self.at = part.end();
        Ok(())
    }

    /// Refuses to leave anything out: what was not told up to here is unchanged in an increment without a map.
    fn pass_to(&self, offset: u64, info: &BackupInfo) -> Result<()> {
        if offset == self.at {
            return Ok(());
        }
        let mut ranges = RangeList::default();
        ranges.push(Range::between(self.at, offset.max(self.at)));
        Err(unchanged(info, &self.asked, &ranges))
    }

    fn write_zeros(&mut self, length: u64) -> Result<()> {
        let mut left = length;
        while left > 0 {
            self.progress.check()?;
            let step = left.min(ZEROS_BYTES as u64);
            self.zeros.resize(ZEROS_BYTES, 0);
            self.output.write_member(&[IoSlice::new(&self.zeros[..step as usize])])?;
            self.progress.add_zero(step);
            left -= step;
        }
        Ok(())
    }
}
