//! Where the next archive goes on a cartridge.

use crate::archive::Label;
use crate::catalog::{self, Beginning, beginning};
use crate::drive::{Drive, Place, Placed};
use crate::error::{Error, Result};
use crate::stream::Medium;

use super::content::{Content, name_of};
use super::deck::{Deck, Met};
use super::inventory::{Walk, look_at_file};
use super::tail::{Last, read_last};

/// So many tape files that are cut off are named.
const LOST_NAMED: usize = 20;

/// Where a drive stands to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// What the archive's backup-info says of the medium.
    pub medium: Medium,
    /// What the user should know of what lies there already, in sentences.
    pub notes: Vec<String>,
    /// How often the drive was sent elsewhere.
    pub positionings: u64,
}

/// Positions a drive where the next tape file goes: behind everything that is recorded, or with `overwrite` at the beginning, behind the cartridge's label.
///
/// # Errors
/// Refused: no cartridge, one that is write-protected, one that begins with something else than a label or an archive (unless `overwrite`).
pub fn place(drive: &mut dyn Drive, overwrite: bool) -> Result<Placement> {
    let mut deck = Deck::open(drive, "write to")?;
    deck.refuse_protected("write to")?;
    let mut placing = Placing { deck, notes: Vec::new() };
    let medium = if overwrite { placing.at_beginning()? } else { placing.at_end()? };
    let Placing { mut deck, notes } = placing;
    let transforms = deck.drive().transforms();
    let medium =
        Medium { drive_compression: transforms.compression, drive_encryption: transforms.encryption, ..medium };
    Ok(Placement { medium, notes, positionings: deck.positionings() })
}

/// Places an archive behind everything that a cartridge holds; further cartridges, for its further parts, hold nothing but their label.
///
/// With `overwrite` each is begun anew, but for the label; never the one that was written last.
#[derive(Clone, Debug)]
pub struct Appending {
    overwrite: bool,
    begun: jiff::Timestamp,
    /// The id of the medium that was written last.
    written: Option<String>,
}

impl Appending {
    /// For one archive that is about to be written.
    pub fn new(overwrite: bool) -> Self {
        let now = jiff::Timestamp::now();
        let begun = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self { overwrite, begun, written: None }
    }

    fn placed(&mut self, placement: Placement) -> Placed {
        self.written.clone_from(&placement.medium.id);
        Placed::There { medium: placement.medium, notes: placement.notes }
    }

    /// Why this cartridge must be the one that was written last, if it is that.
    fn is_written(&self, drive: &mut dyn Drive) -> Result<Option<&'static str>> {
        let mut deck = Deck::open(drive, "write to")?;
        deck.go_to_end()?;
        let name = deck.name().to_owned();
        let Some(last) = read_last(&mut deck, |bytes| catalog::end_in(&name, bytes).is_some())? else {
            return Ok(None);
        };
        let end = catalog::end_in(&name, &last.bytes);
        let same = "it is the one that was just filled";
        if end.is_some_and(|end| end.goes_on_from(self.begun)) {
            return Ok(Some(same));
        }
        let start = Placing { deck, notes: Vec::new() }.start()?;
        let is_same = matches!(&start, Start::Label(label) if self.written.as_ref() == Some(&label.id));
        Ok(is_same.then_some(same))
    }
}

impl Place for Appending {
    fn first(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        let placement = place(drive, self.overwrite)?;
        Ok(self.placed(placement))
    }

    fn may_overwrite(&self) -> bool {
        self.overwrite
    }

    fn next(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        if let Some(why) = self.is_written(drive)? {
            return Ok(Placed::Wrong(why.to_owned()));
        }
        match place(drive, self.overwrite) {
            Ok(placement) if !self.overwrite && !is_empty(&placement.medium) => {
                Ok(Placed::Wrong("it holds backups already".to_owned()))
            }
            Ok(placement) => Ok(self.placed(placement)),
            Err(Error::Refused(refusal)) => Ok(Placed::Wrong(refusal.why)),
            Err(error) => Err(error),
        }
    }
}

/// Whether nothing but its label lies before the place on a cartridge.
fn is_empty(medium: &Medium) -> bool {
    medium.file == Some(u64::from(medium.id.is_some()))
}

/// What a cartridge begins with.
enum Start {
    /// Nothing is recorded.
    Blank,
    /// Its label; the drive stands behind that.
    Label(Label),
    /// One of our archives, or what is left of one.
    Archive,
    /// Something else: what it is.
    Foreign(String),
}

struct Placing<'d> {
    deck: Deck<'d>,
    notes: Vec<String>,
}

impl Placing<'_> {
    fn at_beginning(&mut self) -> Result<Medium> {
        if !matches!(self.start()?, Start::Blank) {
            let lost = lost(&mut self.deck);
            self.notes.extend(lost);
        }
        if let Start::Label(label) = self.start()? {
            return Ok(labelled(label, Some(1)));
        }
        self.deck.rewind()?;
        Ok(Medium { file: Some(0), ..Medium::default() })
    }

    fn at_end(&mut self) -> Result<Medium> {
        self.deck.go_to_end()?;
        let file = self.deck.status()?.file;
        let name = self.deck.name().to_owned();
        let satisfies = |bytes: &[u8]| catalog::end_in(&name, bytes).is_some();
        let last = match read_last(&mut self.deck, satisfies)? {
            Some(last) => last,
            None if matches!(self.start()?, Start::Blank) => {
                self.deck.rewind()?;
                return Ok(Medium { file: Some(0), ..Medium::default() });
            }
            // Empty tape files lie at the end.
            None => Last { bytes: Vec::new(), closed: true, record_bytes: None, before_nothing: true },
        };
        if !last.closed {
            self.notes.push(
                "what was written last has no filemark behind it, as the writer was interrupted: it gets one"
                    .to_owned(),
            );
        }
        if catalog::end_in(&name, &last.bytes).is_some_and(|end| end.continues == Some(true)) {
            let remedy = "take another cartridge; or, if all that is on this one may be lost, add --overwrite";
            let why = "the cartridge is full: its last archive goes on on another";
            return Err(Error::refused(format!("write to {name}"), why, Some(remedy.to_owned())));
        }
        // What it counts is one short for each empty tape file.
        let medium = match self.medium_of(&last, file).filter(|_| !last.before_nothing) {
            Some(medium) => medium,
            None => self.medium_from_start(&last)?,
        };
        if !last.closed {
            // Else what follows would be the same tape file.
            let written = self.deck.drive().write_filemarks(1);
            written.map_err(|cause| self.deck.failed("writing a filemark to", cause))?;
        }
        Ok(medium)
    }

    /// What the last records tell of the medium on which they lie, if they do. A byte-for-byte copy names the medium of its original, and a backup by redirection none: then another tape file, or
    /// other records, may contradict it. `file` is the tape file in which the drive says that it stands.
    fn medium_of(&self, last: &Last, file: Option<u32>) -> Option<Medium> {
        if beginning(&last.bytes) == Beginning::Label && last.closed {
            let label = catalog::label(self.deck.name(), &last.bytes).ok()?;
            return Some(labelled(label, Some(1)));
        }
        let end = catalog::end_in(self.deck.name(), &last.bytes)?;
        let medium = end.written_on().filter(|medium| medium.id.is_some())?.clone();
        let info = end.backup_info;
        let next = medium.file?.checked_add(1)?;
        let stands = file.map(|file| u64::from(file) + u64::from(!last.closed));
        let contradicted = stands.is_some_and(|stands| stands != next)
            || last.record_bytes.is_some_and(|bytes| bytes != info.record_size);
        (!contradicted).then_some(Medium { file: Some(next), ..medium })
    }

    /// The same where they do not tell: by what the cartridge begins with.
    fn medium_from_start(&mut self, last: &Last) -> Result<Medium> {
        let start = self.start()?;
        let name = self.deck.name().to_owned();
        if let Start::Foreign(what) = &start {
            let remedy = "take another cartridge; or, if all that is on this one may be lost, add --overwrite";
            return Err(Error::refused(
                format!("write to {name}"),
                format!("the cartridge begins with {what}"),
                Some(remedy.to_owned()),
            ));
        }
        self.deck.go_to_end()?;
        // Known now, as it came from the beginning; not any more behind a seek.
        let file = self.deck.status()?.file;
        let note = self.name_last(last)?;
        self.notes.extend(note);
        // Behind what has no filemark yet, one more begins.
        let file = file.map(|file| u64::from(file) + u64::from(!last.closed));
        Ok(match start {
            Start::Label(label) => labelled(label, file),
            _ => Medium { file, ..Medium::default() },
        })
    }

    /// Says what the last tape file is, if it is not a whole archive, and stands at the end of data again.
    fn name_last(&mut self, last: &Last) -> Result<Option<String>> {
        if catalog::end_in(self.deck.name(), &last.bytes).is_some() {
            return Ok(None);
        }
        let deck = &mut self.deck;
        match deck.space_files(if last.closed { -2 } else { -1 })? {
            true => drop(deck.space_files(1)?),
            false => deck.rewind()?,
        }
        let file = look_at_file(deck, None)?;
        deck.go_to_end()?;
        let Some(file) = file else { return Ok(None) };
        Ok(Some(match file.content {
            Content::Archive(entry) => {
                let name = entry.info.as_ref().map(name_of).unwrap_or_default();
                format!("the last backup on the cartridge{name} is not complete; this one goes behind it")
            }
            Content::OtherTar(first) => {
                format!("the last tape file is a tar of another program ({first}); this backup goes behind it")
            }
            _ => "the last tape file is nothing that blocktar wrote; this backup goes behind it".to_owned(),
        }))
    }

    /// Looks at what the cartridge begins with.
    fn start(&mut self) -> Result<Start> {
        self.deck.rewind()?;
        let name = self.deck.name().to_owned();
        let first = match self.deck.read()? {
            Met::EndOfData => return Ok(Start::Blank),
            Met::Filemark => {
                let more = !matches!(self.deck.read()?, Met::EndOfData);
                return Ok(if more { Start::Foreign("an empty tape file".to_owned()) } else { Start::Blank });
            }
            Met::Unreadable(cause) => return Ok(Start::Foreign(format!("what cannot be read ({cause})"))),
            Met::Record(length) => self.deck.record(length).to_vec(),
        };
        Ok(match beginning(&first) {
            Beginning::Label => match catalog::label(&name, &first) {
                Ok(label) if matches!(self.deck.read()?, Met::Filemark) => Start::Label(label),
                Ok(label) => {
                    Start::Foreign(format!("the label of {}, and more behind it in one tape file", label.name))
                }
                Err(error) => Start::Foreign(format!("a label that cannot be used ({error})")),
            },
            Beginning::Archive | Beginning::SpoiledArchive => Start::Archive,
            Beginning::OtherTar => {
                Start::Foreign(format!("a tar of another program ({})", catalog::first_name(&first)))
            }
            Beginning::Other => Start::Foreign("something that is neither a label nor a backup of blocktar".to_owned()),
        })
    }
}

/// Says what will be lost when a cartridge is begun anew behind its label.
fn lost(deck: &mut Deck<'_>) -> Option<String> {
    let walked = lost_files(deck);
    let (files, unlisted) = match walked {
        Ok(files) => (files, None),
        // What nobody can list must not keep the cartridge from being used again.
        Err((files, error)) => (files, Some(error)),
    };
    let mut parts = Vec::new();
    if !files.is_empty() {
        let count = if files.len() == 1 { "1 tape file".to_owned() } else { format!("{} tape files", files.len()) };
        let named = &files[..files.len().min(LOST_NAMED)];
        let more =
            if files.len() > LOST_NAMED { format!(", and {} more", files.len() - LOST_NAMED) } else { String::new() };
        parts.push(format!("{count}: {}{more}", named.join(", ")));
    }
    parts.extend(unlisted.map(|error| format!("what could not be listed ({error})")));
    (!parts.is_empty()).then(|| format!("what the cartridge holds is cut off: {}", parts.join("; and ")))
}

/// What the tape files of a cartridge are, but for its label; of those before a failure, with that.
fn lost_files(deck: &mut Deck<'_>) -> std::result::Result<Vec<String>, (Vec<String>, Error)> {
    let mut files = Vec::new();
    let mut walk = match Walk::begin(deck) {
        Ok(walk) => walk,
        Err(error) => return Err((files, error)),
    };
    loop {
        match walk.next() {
            Ok(Some(file)) if file.number == Some(0) && matches!(file.content, Content::Label(_)) => {}
            Ok(Some(file)) => files.push(file.content.describe()),
            Ok(None) => return Ok(files),
            Err(error) => return Err((files, error)),
        }
    }
}

fn labelled(label: Label, file: Option<u64>) -> Medium {
    Medium { id: Some(label.id), name: Some(label.name), file, ..Medium::default() }
}
