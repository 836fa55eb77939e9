//! A chain of archives to one archive that leaves the same state, without a device.

mod laying;
mod shares;

use crate::archive::reader::{Documents, read_abreast};
use crate::archive::restore_text::RESTORE_TEXT;
use crate::archive::writer::{ArchiveWriter, WrittenArchive, WrittenThrough};
use crate::archive::{BackupInfo, End, Ending, Inputs, Kind, MapKind, OpenArchive, RewriteRequest, Sample, left_out};
use crate::error::{Error, Result};
use crate::plan::chain::{Base, Link, order, refused_for};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Output;
use crate::water::Flow;
use laying::{Copied, Laying};
use shares::Shares;

/// What has to be said of an archive that was made of a chain.
#[derive(Clone, Debug)]
pub struct MergeSummary {
    /// The archives that it is made of, the oldest first: what they are called, and their end members.
    pub from: Vec<(String, End)>,
    /// The new archive, its parts, and the end member with its backup-info.
    pub written: WrittenArchive,
    /// Data members that are stored as they were, of all that it has.
    pub copied_members: u64,
    /// Bytes of the device in them.
    pub copied_bytes: u64,
    /// The ranges that could not be read when the backup was made.
    pub bad: RangeList,
    /// What came of the buffer, if there was one.
    pub flow: Option<Flow>,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// The archives of a chain, about to become one.
pub struct Merging {
    /// The oldest first; at least two.
    archives: Vec<OpenArchive>,
    /// Those of the newest.
    documents: Documents,
}

impl Merging {
    /// Opens archives, in any order, that are a full and increments on it, or increments alone, each on the one before it.
    ///
    /// # Errors
    /// What is wrong with any; [`WrongChain`](Error::WrongChain) if they are no chain; [`Refused`](Error::Refused) of inputs that cannot be read here and there, and of
    /// one archive alone.
    pub fn open(inputs: Vec<Inputs>) -> Result<Self> {
        let mut opened = Vec::with_capacity(inputs.len());
        for input in inputs {
            let (archive, documents) = OpenArchive::open_keeping_documents(input)?;
            if archive.end().is_none() {
                let why = "it cannot be read here and there, and its indexes lie behind its data";
                let remedy = "name the archive's file, or copy it into one first".to_owned();
                return Err(Error::refused(format!("merge {}", archive.name()), why, Some(remedy)));
            }
            opened.push(Some((archive, documents)));
            forget_documents(&mut opened);
        }
        let links: Vec<_> = opened.iter().flatten().map(|(archive, _)| Link::from(archive)).collect();
        if let [only] = links[..] {
            let remedy = "name the archives that build on it, too; `blocktar recompress` makes one of one".to_owned();
            return Err(Error::refused(
                format!("merge {}", only.name),
                "there is nothing to merge it with",
                Some(remedy),
            ));
        }
        let base = if links.iter().any(|link| link.info.kind == Kind::Full) { Base::Full } else { Base::Target };
        let remedy =
            "name a full and all increments up to the newest one that is wanted; or increments that follow each other";
        let order = order(&links, base, None).map_err(|error| refused_for("merge these archives", remedy, error))?;
        let ordered = order.into_iter().filter_map(|place| opened[place].take());
        let (archives, mut documents): (Vec<_>, Vec<_>) = ordered.unzip();
        Ok(Self { archives, documents: documents.pop().expect("a chain has a head") })
    }

    /// The archives' names, the oldest first.
    pub fn names(&self) -> Vec<String> {
        self.archives.iter().map(|archive| archive.name().to_owned()).collect()
    }

    /// What the newest archive says of the device.
    pub fn info(&self) -> &BackupInfo {
        self.newest().info()
    }

    fn newest(&self) -> &OpenArchive {
        &self.archives[self.archives.len() - 1]
    }

    /// Reads all archives abreast, once and each from front to back, checks every byte of them, and writes one that leaves the same state (format-spec, section 9). The
    /// output is finished, so that it is complete and on stable storage.
    ///
    /// Members keep their stored bytes; those between two multiples of the extent limit of which a newer archive overrides any in part are packed anew.
    ///
    /// # Errors
    /// Everything that is wrong with the archives, their end blocks included; any failed read or write; an interruption. Then the output has no end member.
    pub fn run(
        mut self,
        output: &mut dyn Output,
        request: &RewriteRequest,
        progress: &Progress,
    ) -> Result<MergeSummary> {
        let names = self.names();
        let chain_name = names.join(", ");
        let mut told = self.told_info();
        let extent_limit = request.extent_limit(told.extent_limit);
        let shares = Shares::of(&mut self.archives, &told, extent_limit)?;
        told.samples = self.samples(&shares);
        if told.samples.is_some() {
            told.digest = self.archives[0].info().digest;
        }
        let info = request.describe(&chain_name, &told, &self.documents.attached)?;
        progress.set_total(shares.told_bytes());
        let files: Vec<_> = self.documents.attached.iter().map(Vec::as_slice).collect();
        let keeps_members = request.compression.is_none();
        let mut writer = ArchiveWriter::begin(output, info, RESTORE_TEXT, &files, shares.map())?;
        let digests: Vec<_> = self.archives.iter().map(|archive| archive.info().digest).collect();
        let threads = request.threads;
        let archives = self.archives;
        let (written, (endings, copied)) = {
            let (shares, extent_limit, digest) = (&shares, writer.info().extent_limit, writer.info().digest);
            writer.write_regrouped(threads, request.buffer_bytes, progress, |regrouping| {
                let may_stay =
                    |archive: usize, length| keeps_members && digests[archive] == digest && length <= extent_limit;
                let mut laying = Laying::new(regrouping, shares, progress);
                let endings = read_abreast(archives, threads, |member| {
                    let stays = may_stay(member.archive, member.landed.range.length);
                    laying.lay(&member, stays)
                })?;
                Ok((endings, laying.finish()?))
            })?
        };
        progress.check()?;
        if let Some(fault) = names.iter().zip(&endings).find_map(|(name, ending)| ending.fault(name)) {
            return Err(fault);
        }
        let newest = &endings[endings.len() - 1].end;
        let state = newest.state.ok_or_else(|| Error::damaged(&chain_name, "its end member names no state"))?;
        let result = writer.finish_with_state(newest.finished, state)?;
        let warnings = warnings(&names, &endings, &copied, &shares);
        let WrittenThrough { bad, flow } = written;
        let from = names.into_iter().zip(endings.into_iter().map(|ending| ending.end)).collect();
        let Copied { members: copied_members, bytes: copied_bytes, .. } = copied;
        Ok(MergeSummary { from, written: result, copied_members, copied_bytes, bad, flow, warnings })
    }

    /// The samples of the oldest archive, by which the state on which it builds is known, that no archive changes: so a restore that was interrupted can be run again.
    fn samples(&self, shares: &Shares) -> Option<Vec<Sample>> {
        let mut samples = self.archives[0].info().samples.clone()?;
        samples.retain(|sample| shares.leaves(sample.range()));
        (!samples.is_empty()).then_some(samples)
    }

    /// What the chain as a whole is: the newest archive's backup, on what the oldest builds; its samples come later.
    fn told_info(&self) -> BackupInfo {
        let (oldest, newest) = (self.archives[0].info(), self.info());
        let is_full = oldest.kind == Kind::Full;
        let infos = || self.archives.iter().map(OpenArchive::info);
        let same_changes = infos().all(|info| info.changes == newest.changes);
        BackupInfo {
            kind: oldest.kind,
            parent: oldest.parent.clone(),
            // The members of increments alone cannot be told by a map: what lies between them did not change.
            map: if is_full { MapKind::First } else { MapKind::Inline },
            samples: None,
            extent_limit: infos().map(|info| info.extent_limit).max().unwrap_or(newest.extent_limit),
            changes: newest.changes.clone().filter(|_| same_changes && !is_full),
            state: self.newest().state(),
            ..newest.clone()
        }
    }
}

/// Lets go of what is attached to those on which the one that was opened last builds, or to that one: only the newest archive's goes into the merged one.
fn forget_documents(opened: &mut [Option<(OpenArchive, Documents)>]) {
    let Some((Some((last, last_documents)), others)) = opened.split_last_mut() else { return };
    let (last_link, last_parent) = (Link::from(&*last), last.info().parent.as_ref());
    for (other, documents) in others.iter_mut().flatten() {
        if last_parent.is_some_and(|parent| Link::from(&*other).is_named_by(parent)) {
            documents.attached.clear();
        }
        if other.info().parent.as_ref().is_some_and(|parent| last_link.is_named_by(parent)) {
            last_documents.attached.clear();
        }
    }
}

/// What the user should know of a merge that succeeded.
fn warnings(names: &[String], endings: &[Ending], copied: &Copied, shares: &Shares) -> Vec<String> {
    let mut sentences = Vec::new();
    for ((name, ending), zero_members) in names.iter().zip(endings).zip(&copied.zero_members) {
        let of_it = left_out(&ending.end, ending.left_out_members(*zero_members));
        sentences.extend(of_it.into_iter().map(|sentence| format!("{name}: {sentence}")));
    }
    if shares.hidden_by_bad_bytes > 0 {
        let bytes = shares.hidden_by_bad_bytes;
        sentences.push(format!(
            "{bytes} bytes could not be read for a newer archive: what an older one holds of them is of an older state, and is not in the merged one"
        ));
    }
    sentences
}

/// Opens the archives of a chain and makes one of them; see [`Merging::run`].
///
/// # Errors
/// Those of [`Merging::open`] and [`Merging::run`].
pub fn merge(
    inputs: Vec<Inputs>,
    output: &mut dyn Output,
    request: &RewriteRequest,
    progress: &Progress,
) -> Result<MergeSummary> {
    Merging::open(inputs)?.run(output, request, progress)
}
