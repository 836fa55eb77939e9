//! Archives to target: the only write loop.

mod chain;
pub mod parent;
mod read_back;
mod turn;

use crate::archive::{Buffers, Digest, DigestKind, End, Ending, OpenArchive, Told, read_in_turn};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::plan::chain::Base;
use crate::plan::{Plan, TargetFacts};
use crate::progress::Progress;
use crate::range_set::RangeSet;
use crate::ranges::RangeList;
use crate::stream::Target;
pub use chain::Chain;
use chain::WantedArchive;
use read_back::ReadBack;
pub use turn::{ChainArchive, Later, Opener};

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
    /// The end member of the newest archive, its backup-info included.
    pub end: End,
    /// The archives that were restored, the oldest first: what they are called, and their end members.
    pub chain: Vec<(String, End)>,
    /// Bytes of data that were written: less than the archives', where their end was left out or newer ones override them.
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

/// Restores an archive, or a chain of them, onto a target; returns when everything is on stable storage.
///
/// # Errors
/// Everything that is wrong with the archives, the target or the fit of them. A new image then does not exist; a device's first MiB stays zeros as long as it can be written, so that it does not look whole.
pub fn restore(
    chain: impl Into<Chain>,
    target: &mut dyn Target,
    request: &RestoreRequest,
    progress: &Progress,
) -> std::result::Result<RestoreSummary, RestoreFailure> {
    let chain = chain.into();
    let mut writing = Writing {
        target,
        progress,
        archive: chain.newest().name().to_owned(),
        digest: chain.info().digest,
        written: None,
        data_bytes: 0,
        zero_bytes: 0,
        bad: RangeSet::default(),
        read_back: request.read_back.then(ReadBack::default),
    };
    writing.run(chain, request).map_err(|error| RestoreFailure { error, overwritten: writing.written })
}

/// Where the write loop stands.
struct Writing<'a> {
    target: &'a mut dyn Target,
    progress: &'a Progress,
    archive: String,
    digest: DigestKind,
    written: Option<Range>,
    data_bytes: u64,
    zero_bytes: u64,
    bad: RangeSet,
    read_back: Option<ReadBack>,
}

impl Writing<'_> {
    fn run(&mut self, mut chain: Chain, request: &RestoreRequest) -> Result<RestoreSummary> {
        let facts = TargetFacts { name: self.target.name().to_owned(), capacity: Some(self.target.capacity()) };
        let plan = chain.plan(&facts, request.truncate)?;
        self.progress.set_total(chain.told_bytes());
        let mut warnings = Vec::new();
        if chain.base == Base::Target {
            let checked = parent::check_samples(&mut chain, self.target, self.progress)?;
            warnings.extend((checked == 0 && !chain.parent_is_checked).then(|| parent::unchecked(self.target)));
            self.target.set_size(plan.device_bytes)?;
        }
        let is_alone = chain.archives.len() == 1;
        let restored = match chain.into_indexed() {
            Ok(indexed) => self.apply_indexed(indexed, request.threads, plan.restored_bytes)?,
            Err(chain) => self.apply_each(chain, request.threads, plan.restored_bytes)?,
        };
        for (name, ending) in &restored {
            warnings.extend(ending.warning().map(|text| if is_alone { text } else { format!("{name}: {text}") }));
        }
        self.progress.check()?;
        self.target.finish()?;
        Ok(self.summary(restored, &plan, warnings))
    }

    /// Writes what is wanted of archives that are opened and read one after another; what one writes, the next may override.
    fn apply_each(&mut self, chain: Chain, threads: usize, end: u64) -> Result<Vec<(String, Ending)>> {
        let buffers = Buffers::default();
        let mut restored: Vec<(String, Ending)> = Vec::new();
        for WantedArchive { archive, wanted } in chain.archives {
            let name = archive.name().to_owned();
            let archive = archive.open()?;
            check_link(&archive, restored.last())?;
            self.turn_to(archive.name(), archive.info().digest)?;
            let apply = |told: Told<'_>| self.apply(told, &wanted, end);
            let ending = archive.read_ranges_with(&buffers, wanted.clone(), threads, apply)?;
            restored.push((name, ending));
        }
        self.check_back()?;
        Ok(restored)
    }

    /// Writes what is wanted of archives that are open, nothing of it twice.
    fn apply_indexed(
        &mut self,
        indexed: Vec<(OpenArchive, RangeSet)>,
        threads: usize,
        end: u64,
    ) -> Result<Vec<(String, Ending)>> {
        let of = |(archive, wanted): &(OpenArchive, RangeSet)| {
            (archive.name().to_owned(), archive.info().digest, wanted.clone())
        };
        let facts: Vec<_> = indexed.iter().map(of).collect();
        let mut turn = None;
        let endings = read_in_turn(indexed, threads, |place, told| {
            let (name, digest, wanted) = &facts[place];
            if turn.replace(place) != Some(place) {
                self.turn_to(name, *digest)?;
            }
            self.apply(told, wanted, end)
        })?;
        self.check_back()?;
        Ok(facts.into_iter().map(|(name, ..)| name).zip(endings).collect())
    }

    /// Goes on with what this archive tells; what was written before is read back first, by the digests of the one before.
    fn turn_to(&mut self, archive: &str, digest: DigestKind) -> Result<()> {
        self.check_back()?;
        archive.clone_into(&mut self.archive);
        self.digest = digest;
        Ok(())
    }

    fn summary(&mut self, restored: Vec<(String, Ending)>, plan: &Plan, mut warnings: Vec<String>) -> RestoreSummary {
        let ending = restored[restored.len() - 1].1.clone();
        let name = self.target.name();
        if plan.cut_bytes > 0 {
            let cut = plan.cut_bytes;
            warnings.push(format!("{name} is smaller than the device was: its last {cut} bytes were left out"));
        }
        let is_part = ending.parts == 1 && ending.is_of_part();
        if plan.tail_bytes > 0 && !is_part {
            let tail = plan.tail_bytes;
            warnings.push(format!("{name} is larger than the device was: its last {tail} bytes were left as they are"));
        }
        if is_part {
            let (info, to) = (&ending.end.backup_info, ending.end.to);
            let from = info.part.as_ref().map_or(0, |part| part.from);
            warnings.push(format!(
                "this was part {} alone: of {name} only bytes {from} to {to} were restored, the others were left as they are; that it belongs to the other parts was not proven",
                info.part_number()
            ));
        }
        let mut bad = RangeList::default();
        self.bad.iter().for_each(|range| bad.push(range));
        let chain = restored.into_iter().map(|(name, ending)| (name, ending.end)).collect();
        let (data_bytes, zero_bytes) = (self.data_bytes, self.zero_bytes);
        RestoreSummary { end: ending.end, chain, data_bytes, zero_bytes, bad, warnings }
    }

    /// Writes what of a range is wanted, as far as it lies before `end`.
    fn apply(&mut self, told: Told<'_>, wanted: &RangeSet, end: u64) -> Result<()> {
        self.progress.check()?;
        match told {
            Told::Data { offset, bytes, digest, stored } => {
                let range = Range { start: offset, length: bytes.len() as u64 };
                let pieces = wanted.within(range);
                for piece in pieces.iter().filter_map(|piece| before(*piece, end)) {
                    let first = (piece.start - offset) as usize;
                    self.write(
                        piece,
                        &bytes[first..first + piece.length as usize],
                        (piece == range).then_some(digest),
                    )?;
                }
                self.progress.add_data(pieces.iter().map(|piece| piece.length).sum(), stored);
            }
            Told::Zeros(range) => {
                for piece in wanted.within(range) {
                    self.progress.add_zero(piece.length);
                    before(piece, end).map_or(Ok(()), |piece| self.write_zeros(piece))?;
                }
            }
            Told::Bad(range) => {
                for piece in wanted.within(range) {
                    before(piece, end).into_iter().for_each(|piece| self.bad.insert(piece));
                    self.progress.add_bad(piece.length);
                }
            }
            Told::Part(part) => self.archive.clone_from(&part.input),
            Told::Damaged { range, why } => {
                return Err(Error::damaged(&*self.archive, why).with_affected(range));
            }
        }
        Ok(())
    }

    /// Writes bytes, of which the digest may be known.
    fn write(&mut self, range: Range, bytes: &[u8], digest: Option<Digest>) -> Result<()> {
        self.note(range);
        self.target.write_at(bytes, range.start)?;
        self.data_bytes += range.length;
        if self.read_back.is_none() {
            return Ok(());
        }
        let digest = digest.unwrap_or_else(|| self.digest.of(bytes));
        self.remember(range, Some(digest))
    }

    fn write_zeros(&mut self, range: Range) -> Result<()> {
        self.note(range);
        self.target.write_zeros(range.start, range.length)?;
        self.zero_bytes += range.length;
        self.remember(range, None)
    }

    /// Notes a range that no longer holds what it held, and is known now.
    fn note(&mut self, range: Range) {
        let start = self.written.map_or(range.start, |written| written.start.min(range.start));
        let end = self.written.map_or(range.end(), |written| written.end().max(range.end()));
        self.written = Some(Range::between(start, end));
        if !self.bad.is_empty() {
            self.bad.remove(range);
        }
    }

    fn remember(&mut self, range: Range, digest: Option<Digest>) -> Result<()> {
        let is_time = self.read_back.as_mut().is_some_and(|read_back| read_back.remember(range, digest));
        if is_time { self.check_back() } else { Ok(()) }
    }

    /// Reads back what was written since the last time.
    fn check_back(&mut self) -> Result<()> {
        let Some(read_back) = &mut self.read_back else { return Ok(()) };
        read_back.check(self.target, self.digest, self.progress)
    }
}

/// The part of a range that lies before `end`. What lies beyond a truncated target is not even an empty write there.
fn before(range: Range, end: u64) -> Option<Range> {
    range.intersection(&Range { start: 0, length: end })
}

/// Before an increment's first write: whether the state on which it builds is the one that was just restored. From a pipe or tape that is known only now.
fn check_link(archive: &OpenArchive, before: Option<&(String, Ending)>) -> Result<()> {
    let (Some(parent), Some((name, ending))) = (&archive.info().parent, before) else { return Ok(()) };
    if ending.end.state == Some(parent.state) {
        return Ok(());
    }
    let why = format!(
        "it builds on the archive {} in another state than the one that {name} has left, which is what the target holds now",
        parent.id
    );
    let remedy = "name the archives of one chain".to_owned();
    Err(Error::wrong_chain(format!("restore {}", archive.name()), why, Some(remedy)))
}
