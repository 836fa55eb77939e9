//! Archive to target: the only write loop.

use crate::archive::reader::Told;
use crate::archive::{Digest, DigestKind, End, OpenArchive};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::plan::{TargetFacts, plan};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Target;
use crate::zeros::is_zero;

/// How to restore.
#[derive(Clone, Debug, Default)]
pub struct RestoreRequest {
    /// How many threads decompress and check.
    pub threads: usize,
    /// Read the target again and hold it against the digests before it counts as restored.
    pub read_back: bool,
    /// Leave out what does not fit onto a smaller target.
    pub truncate: bool,
}

/// What a finished restore has to say.
#[derive(Clone, Debug)]
pub struct RestoreSummary {
    /// The archive's end member, its backup-info included.
    pub end: End,
    /// Bytes of data that were written: less than the archive's, where its end was left out.
    pub data_bytes: u64,
    /// Bytes that are zero now: made so, left as holes, or zero by the user's word.
    pub zero_bytes: u64,
    /// The ranges that could not be read when the backup was made, and were left as they are.
    pub bad: RangeList,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// A restore that did not succeed, and what it has overwritten until then.
#[derive(Debug)]
pub struct RestoreFailure {
    /// Why.
    pub error: Error,
    /// What of the target no longer holds what it held; `None` if nothing was written.
    pub overwritten: Option<Range>,
}

/// Restores an archive onto a target; returns when everything is on stable storage.
///
/// # Errors
/// Everything that is wrong with the archive, the target or the fit of the two. A new image then does not exist; a device's first MiB stays zeros as long as it can be written, so that it does not look whole.
pub fn restore(
    archive: OpenArchive,
    target: &mut dyn Target,
    request: &RestoreRequest,
    progress: &Progress,
) -> std::result::Result<RestoreSummary, RestoreFailure> {
    let mut writing = Writing {
        target,
        progress,
        archive: archive.name().to_owned(),
        digest: archive.info().digest,
        written: None,
        data_bytes: 0,
        zero_bytes: 0,
        bad: RangeList::default(),
        read_back: None,
    };
    writing.run(archive, request).map_err(|error| RestoreFailure { error, overwritten: writing.written })
}

/// How much is written before it is read back: enough that syncing in between costs little, few enough digests to keep.
const READ_BACK_BYTES: u64 = 256 << 20;

/// Where the write loop stands.
struct Writing<'a> {
    target: &'a mut dyn Target,
    progress: &'a Progress,
    archive: String,
    digest: DigestKind,
    written: Option<Range>,
    data_bytes: u64,
    zero_bytes: u64,
    bad: RangeList,
    read_back: Option<ReadBack>,
}

/// What was written and not yet read back: a digest, or zeros.
#[derive(Default)]
struct ReadBack {
    ranges: Vec<(Range, Option<Digest>)>,
    bytes: u64,
}

impl Writing<'_> {
    fn run(&mut self, archive: OpenArchive, request: &RestoreRequest) -> Result<RestoreSummary> {
        let facts = TargetFacts { name: self.target.name().to_owned(), capacity: Some(self.target.capacity()) };
        let plan = plan(archive.info(), archive.map(), archive.end(), &facts, request.truncate)?;
        self.progress.set_total(plan.device_bytes);
        self.read_back = request.read_back.then(ReadBack::default);
        let ending = archive.read_through(request.threads, |told| self.apply(told, plan.restored_bytes))?;
        self.check_back()?;
        self.progress.check()?;
        self.target.finish()?;
        let mut warnings = Vec::from_iter(ending.warning());
        if plan.cut_bytes > 0 {
            let cut = plan.cut_bytes;
            warnings.push(format!("{} is smaller than the device was: its last {cut} bytes were left out", facts.name));
        }
        let is_part = ending.parts == 1 && ending.is_of_part();
        if plan.tail_bytes > 0 && !is_part {
            warnings.push(format!(
                "{} is larger than the device was: its last {} bytes were left as they are",
                facts.name, plan.tail_bytes
            ));
        }
        if is_part {
            let (info, to) = (&ending.end.backup_info, ending.end.to);
            let from = info.part.as_ref().map_or(0, |part| part.from);
            warnings.push(format!(
                "this was part {} alone: of {} only bytes {from} to {to} were restored, the others were left as they are; that it belongs to the other parts was not proven",
                info.part_number(), facts.name
            ));
        }
        let (data_bytes, zero_bytes) = (self.data_bytes, self.zero_bytes);
        Ok(RestoreSummary { end: ending.end, data_bytes, zero_bytes, bad: std::mem::take(&mut self.bad), warnings })
    }

    /// Writes one range, as far as it lies before `end`.
    fn apply(&mut self, told: Told<'_>, end: u64) -> Result<()> {
        self.progress.check()?;
        match told {
            Told::Data { offset, bytes, digest, stored } => {
                let fits = (end.saturating_sub(offset)).min(bytes.len() as u64) as usize;
                // What lies beyond a truncated target is not even an empty write there.
                if fits > 0 {
                    self.note(offset, fits as u64);
                    self.target.write_at(&bytes[..fits], offset)?;
                    self.data_bytes += fits as u64;
                    let digest = if fits == bytes.len() { digest } else { self.digest.of(&bytes[..fits]) };
                    self.remember(Range { start: offset, length: fits as u64 }, Some(digest))?;
                }
                self.progress.add_data(bytes.len() as u64, stored);
            }
            Told::Zeros(range) => {
                let fits = end.saturating_sub(range.start).min(range.length);
                if fits > 0 {
                    self.note(range.start, fits);
                    self.target.write_zeros(range.start, fits)?;
                    self.zero_bytes += fits;
                    self.remember(Range { start: range.start, length: fits }, None)?;
                }
                self.progress.add_zero(range.length);
            }
            Told::Bad(range) => {
                let fits = end.saturating_sub(range.start).min(range.length);
                self.bad.push(Range { start: range.start, length: fits });
                self.progress.add_bad(range.length);
            }
            Told::Part(part) => self.archive.clone_from(&part.input),
            Told::Damaged { range, why } => {
                return Err(Error::damaged(&*self.archive, why).with_affected(range));
            }
        }
        Ok(())
    }

    fn note(&mut self, offset: u64, length: u64) {
        if length > 0 {
            let start = self.written.map_or(offset, |written| written.start.min(offset));
            self.written = Some(Range::between(start, offset + length));
        }
    }

    fn remember(&mut self, range: Range, digest: Option<Digest>) -> Result<()> {
        let Some(read_back) = &mut self.read_back else { return Ok(()) };
        if range.length > 0 {
            read_back.ranges.push((range, digest));
            read_back.bytes += range.length;
        }
        if read_back.bytes >= READ_BACK_BYTES { self.check_back() } else { Ok(()) }
    }

    /// Reads back what was written since the last time.
    fn check_back(&mut self) -> Result<()> {
        let Some(read_back) = self.read_back.as_mut().map(std::mem::take) else { return Ok(()) };
        self.target.sync()?;
        let mut buffer = Vec::new();
        for (range, digest) in read_back.ranges {
            let sound = match digest {
                Some(digest) => {
                    buffer.resize(range.length as usize, 0);
                    self.target.read_at(&mut buffer, range.start)?;
                    self.digest.of(&buffer) == digest
                }
                None => self.reads_zero(range, &mut buffer)?,
            };
            if !sound {
                let cause = std::io::Error::other(format!(
                    "bytes {} to {} do not read back as they were written",
                    range.start,
                    range.end()
                ));
                return Err(Error::io("reading back", self.target.name(), cause)
                    .with_remedy("the target does not keep what is written to it: use another"));
            }
        }
        Ok(())
    }

    fn reads_zero(&mut self, range: Range, buffer: &mut Vec<u8>) -> Result<bool> {
        const STEP: u64 = 1 << 20;
        let mut start = range.start;
        while start < range.end() {
            self.progress.check()?;
            buffer.resize(STEP.min(range.end() - start) as usize, 0);
            self.target.read_at(buffer, start)?;
            if !is_zero(buffer) {
                return Ok(false);
            }
            start += buffer.len() as u64;
        }
        Ok(true)
    }
}
