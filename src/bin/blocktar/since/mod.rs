//! Opens the archives on which an increment builds, and finds how it can be known what changed since.

mod folder;

use std::path::{Path, PathBuf};

use blocktar::archive::{BackupInfo, DigestKind, Parent, limit};
use blocktar::backup::{Audit, Changes, Since, audit};
use blocktar::baseline::Baseline;
use blocktar::error::{Error, Result};
use blocktar::extent::ExtentMap;
use blocktar::location::Location;
use blocktar::plan::chain::{Base, Link, order, refused_for};
use blocktar::plan::newest::is_same;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::source;
use blocktar::stream::Device;
use serde_json::{Value, json};

use crate::arguments::{IfUntracked, SinceArguments};
use crate::commands::{all_named, open_each};
use crate::sizes;
use crate::summary::count;
use crate::talk::{self, Talk};
use crate::values::Stream;

/// A chain, and what its indexes tell of the state that it leaves.
pub struct Parents {
    /// The files, to which an increment on them must not be written.
    pub paths: Vec<PathBuf>,
    baseline: Baseline,
    /// The archives, oldest first, as they are named.
    names: Vec<String>,
    head: BackupInfo,
}

/// Opens the archives that were named, or those that are found in a folder; `None` for a full.
///
/// # Errors
/// Archives that are broken, or are no chain; a folder without an archive of this device, unless a full is wanted then.
pub fn open(arguments: &SinceArguments, device: &Device, name: Option<&str>) -> Result<Option<Parents>> {
    let paths = match &arguments.since[..] {
        [] => return Ok(None),
        [folder] if folder.is_dir() => match folder::newest_chain(folder, device, name)? {
            Some(paths) => paths,
            None if arguments.if_untracked == IfUntracked::Full => {
                let folder = folder.display();
                talk::warn(&format!(
                    "{folder} has no archive of {} on which this one could build: writing a full",
                    device.path
                ));
                return Ok(None);
            }
            None => return Err(nothing_to_build_on(folder, device, name)),
        },
        named => named_archives(named)?,
    };
    let parents = Parents::open(paths)?;
    if !is_same(&parents.head.device, device) {
        let (other, id) = (&parents.head.device.path, &parents.head.id);
        talk::warn(&format!(
            "the archive {id} is one of {other}, not of {}: as much as differs is written",
            device.path
        ));
    }
    Ok(Some(parents))
}

/// What is done where nothing tells what changed: whether everything is compared, or a full written.
///
/// # Errors
/// If that is not wanted.
pub fn without_tracking(if_untracked: IfUntracked, source: &Location, why: &str) -> Result<Untracked> {
    match (if_untracked, source) {
        (IfUntracked::Fail, _) => {
            let why = format!("{why}, and finding that by digests is not wanted");
            let remedy = "give --if-untracked digest, which reads everything and compares".to_owned();
            Err(Error::refused(format!("find what changed on {source}"), why, Some(remedy)))
        }
        // Of what is read as it stands nothing is ever tracked: then the word is for where no archive is.
        (IfUntracked::Full, Location::Volume(_)) => Ok(Untracked::Full),
        _ => Ok(Untracked::Compared),
    }
}

/// What is done where nothing tells what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untracked {
    /// Everything is read and compared.
    Compared,
    /// A full is written.
    Full,
}

/// The files that were named, each once.
fn named_archives(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if let Some(folder) = named.iter().find(|path| path.is_dir()) {
        let why = format!("{} is a folder, and others are named beside it", folder.display());
        let remedy = "name one folder alone, or all archives of a chain".to_owned();
        return Err(Error::refused("find the archives of --since", why, Some(remedy)));
    }
    let named: Vec<Stream> = named.iter().map(|path| path.clone().into_os_string().into()).collect();
    let paths = all_named(&named)?.iter().map(|stream| stream.path().map(Path::to_path_buf)).collect();
    let remedy = "name the files; an archive that comes through a pipe cannot be compared with".to_owned();
    let why = "its indexes lie behind its data, and standard input cannot be read here and there";
    let paths: Option<Vec<_>> = paths;
    paths.ok_or_else(|| Error::refused("build on standard input", why, Some(remedy)))
}

fn nothing_to_build_on(folder: &Path, device: &Device, name: Option<&str>) -> Error {
    let host = device.host.as_ref().map_or(String::new(), |host| format!(" on {host}"));
    let named = name.map_or(String::new(), |name| format!(" with the name {name:?}"));
    let why = format!("{} has no complete archive of {}{host}{named}", folder.display(), device.path);
    let remedy = "name the archives themselves; or --if-untracked full writes a full the first time".to_owned();
    Error::refused(format!("find what changed on {}", device.path), why, Some(remedy))
}

/// How what should be unchanged is checked.
pub struct Checking<'a> {
    /// How many ranges.
    pub samples: usize,
    /// The digest of the increment.
    pub digest: DigestKind,
    pub progress: &'a Progress,
    pub talk: Talk,
}

impl Parents {
    fn open(paths: Vec<PathBuf>) -> Result<Self> {
        let mut opened: Vec<_> = open_each(&paths)?.into_iter().map(Some).collect();
        let order = {
            let links: Vec<_> = opened.iter().flatten().map(Link::from).collect();
            let remedy =
                "name a full and all increments between it and the newest one; or the folder in which they lie";
            let refused = |error| refused_for("build on the archives of --since", remedy, error);
            order(&links, Base::Full, None).map_err(refused)?
        };
        let mut chain: Vec<_> = order.into_iter().filter_map(|place| opened[place].take()).collect();
        let baseline = Baseline::of_chain(&mut chain)?;
        let names = chain.iter().map(|archive| archive.name().to_owned()).collect();
        let head = chain.last().expect("a chain has a head").info().clone();
        Ok(Self { paths, baseline, names, head })
    }

    fn told(&self, word: &str) -> String {
        let (archives, known) = (count(self.names.len() as u64, "archive"), sizes::short(self.baseline.known_bytes()));
        let (id, created) = (&self.head.id, self.head.created);
        let how = match word {
            "digest" => format!("by digests: reading everything and comparing with {known} told by {archives}"),
            word => format!("by the snapshot that was kept ({word}), on {archives}"),
        };
        format!("an increment since {id} of {created}, {how}: {}", self.names.join(", "))
    }

    /// The archive on which the increment builds.
    pub fn parent(&self) -> &Parent {
        self.baseline.parent()
    }

    /// The digest of the newest archive.
    pub fn digest(&self) -> DigestKind {
        self.baseline.digest()
    }

    /// What has to be read where this is all that changed on a device of this size.
    pub fn with_unread(&self, changed: ExtentMap, size_bytes: u64) -> ExtentMap {
        self.baseline.with_unread(changed, size_bytes)
    }

    /// What the backup is told where everything is compared; reads the ranges of which the digests are noted.
    pub fn compared(self, source: &Path, checking: &Checking<'_>) -> Result<(Since, Value)> {
        let samples = self.audited(source, &RangeSet::default(), checking)?.samples;
        checking.talk.say(&self.told("digest"));
        let (parent, value) = (self.parent().clone(), self.value("digest"));
        Ok((Since { parent, changes: Changes::ByDigest(self.baseline), samples }, value))
    }

    /// What the backup is told where this is all that changed; holds other ranges against what they were.
    ///
    /// # Errors
    /// A range that should be unchanged and is not: the list of what changed is wrong.
    pub fn tracked(
        self,
        source: &Path,
        changed: &ExtentMap,
        word: &'static str,
        checking: &Checking<'_>,
    ) -> Result<(Since, Value)> {
        let audit = self.audited(source, &changed.iter().map(|extent| extent.range()).collect(), checking)?;
        if let Some(range) = audit.differing.first() {
            let (range, id) = (talk::range_text(range), &self.head.id);
            let why = format!(
                "{range} should be as they were, but are not what {id} holds: the list of what changed is wrong, or its snapshot is not what that archive was made from"
            );
            let remedy = "make a full; or remove the kept snapshot (`lvs @blocktar`), so that everything is compared";
            return Err(Error::wrong_chain("write only what changed", why, Some(remedy.to_owned())));
        }
        for range in &audit.unreadable {
            let range = talk::range_text(range);
            talk::warn(&format!("{range} cannot be read: whether they are as they were could not be checked"));
        }
        checking.talk.say(&self.told(word));
        let (parent, value) = (self.parent().clone(), self.value(word));
        Ok((Since { parent, changes: Changes::Mapped(word), samples: audit.samples }, value))
    }

    fn audited(&self, source: &Path, changed: &RangeSet, checking: &Checking<'_>) -> Result<Audit> {
        let image = source::open_image(source)?;
        let size_bytes = image.device().size_bytes;
        let Checking { samples, digest, progress, .. } = *checking;
        let chosen = self.baseline.sample(samples, limit::SAMPLE, size_bytes, digest, changed);
        audit(image.as_ref(), &chosen, digest, progress)
    }

    /// The chain for programs.
    fn value(&self, word: &str) -> Value {
        let parent = self.baseline.parent();
        json!({
            "since": {
                "id": parent.id, "state": parent.state.to_string(), "archives": self.names,
                "changes": word, "known_bytes": self.baseline.known_bytes(),
            }
        })
    }
}
