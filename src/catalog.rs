//! The inventory of archives: what each is, read from its head and its tail.

use std::collections::BTreeMap;

use crate::archive::reader::{self, Ending, Structure};
use crate::archive::{BackupInfo, End, Inputs};
use crate::error::{Error, Result};
use crate::stream::Input;

/// In what state an archive is, as far as head and tail show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its end member is there and fits.
    Complete,
    /// Complete, but the backup could not read everything.
    WithBadRanges,
    /// A part of an archive that lies in several, sound in itself; whether the others are there is not known.
    Part,
    /// A part of an archive whose other parts are all there: their number, its own included.
    PartOf(u64),
    /// It has no end member.
    Incomplete,
    /// It contradicts itself, for this reason.
    Damaged(String),
    /// This version does not understand it, for this reason.
    NotUnderstood(String),
}

/// One archive of an inventory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it lies.
    pub location: String,
    /// What was backed up, if that much can be read.
    pub info: Option<BackupInfo>,
    /// The end member, if there is one.
    pub end: Option<End>,
    /// Length of the archive in bytes, if that is known.
    pub archive_bytes: Option<u64>,
    /// In what state it is.
    pub state: State,
}

/// Looks at one archive: head and tail where it can seek and has its end there, else all of its structure.
///
/// # Errors
/// Failed reads only; what is wrong with the archive is its state.
pub fn examine(input: Box<dyn Input>) -> Result<Entry> {
    let (location, archive_bytes) = (input.name().to_owned(), input.length());
    let (info, outcome) = reader::look(input);
    entry(location, archive_bytes, info, outcome)
}

/// Judges an archive by its first bytes and its last ones alone; `None` if neither are those of an archive.
///
/// # Errors
/// None that is not the archive's state.
pub fn examine_ends(location: &str, archive_bytes: Option<u64>, head: &[u8], tail: &[u8]) -> Result<Option<Entry>> {
    let Some((info, outcome)) = reader::glance(location, head, tail) else { return Ok(None) };
    entry(location.to_owned(), archive_bytes, info, outcome).map(Some)
}

fn entry(
    location: String,
    archive_bytes: Option<u64>,
    info: Option<BackupInfo>,
    outcome: Result<Ending>,
) -> Result<Entry> {
    let (ending, fault) = match outcome {
        Ok(ending) => (Some(ending), None),
        Err(error) => (None, Some(error)),
    };
    let state = state(&location, ending.as_ref(), fault)?;
    Ok(Entry { location, info, end: ending.map(|ending| ending.end), archive_bytes, state })
}

/// An archive whose head has been read, on the way to all that can be learned of it without its data.
pub struct Survey {
    location: String,
    archive_bytes: Option<u64>,
    structure: Structure,
}

/// Begins to look closer at one archive than [`examine`] does: reads its head, map included, as far as it can be read.
pub fn survey(inputs: impl Into<Inputs>) -> (Known, Survey) {
    let inputs = inputs.into();
    let (location, archive_bytes) = (inputs.name(), inputs.length());
    let (known, structure) = reader::survey(inputs);
    (known, Survey { location, archive_bytes, structure })
}

impl Survey {
    /// Reads the indexes where the input can seek, else all of the structure, and tells what lies where, in ascending order.
    ///
    /// Nothing is told from the first fault on, nor of what lies in parts that are not given.
    ///
    /// # Errors
    /// Failed reads only; what is wrong with the archive is its state.
    pub fn finish(self, known: &Known, tell: &mut dyn FnMut(Found)) -> Result<Entry> {
        let Self { location, archive_bytes, structure } = self;
        let outcome = structure.finish(tell);
        let state = state(&location, outcome.ending.as_ref(), outcome.fault)?;
        let end = outcome.ending.map(|ending| ending.end);
        Ok(Entry { location, info: known.info.clone(), end, archive_bytes, state })
    }
}

/// Notes of the parts among these entries whose archives are all there, how many parts these have.
pub fn find_whole_sets(entries: &mut [Entry]) {
    let mut parts: BTreeMap<String, BTreeMap<u64, (BackupInfo, End)>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.state == State::Part) {
        if let (Some(info), Some(end)) = (&entry.info, &entry.end) {
            parts.entry(info.id.clone()).or_default().insert(info.part_number(), (info.clone(), end.clone()));
        }
    }
    parts.retain(|_, parts| is_whole(parts));
    for entry in entries.iter_mut().filter(|entry| entry.state == State::Part) {
        if let Some(parts) = entry.info.as_ref().and_then(|info| parts.get(&info.id)) {
            entry.state = State::PartOf(parts.len() as u64);
        }
    }
}

/// Whether these parts follow each other from the first to the last, as far as heads and ends tell.
fn is_whole(parts: &BTreeMap<u64, (BackupInfo, End)>) -> bool {
    let ends = parts.values().next_back().is_some_and(|(_, end)| end.digest.is_some());
    let begins = parts.values().next().is_some_and(|(info, _)| info.part.is_none());
    let follows = |((_, before), (info, _)): (&(BackupInfo, End), &(BackupInfo, End))| {
        let next_seq = before.backup_info.first_seq().saturating_add(before.members);
        info.part.as_ref().is_some_and(|part| {
            part.number == before.backup_info.part_number() + 1
                && (part.first_seq, part.from, part.running) == (next_seq, before.to, before.running)
        })
    };
    begins && ends && parts.values().zip(parts.values().skip(1)).all(follows)
}

fn state(location: &str, ending: Option<&Ending>, fault: Option<Error>) -> Result<State> {
    let fault = fault.or_else(|| ending?.fault(location));
    Ok(match (ending, fault) {
        (_, Some(Error::Incomplete { .. })) | (None, None) => State::Incomplete,
        (_, Some(Error::Damaged { why, .. })) => State::Damaged(why),
        (_, Some(Error::Refused(refusal))) => State::NotUnderstood(refusal.why),
        (_, Some(error)) => return Err(error),
        (Some(ending), None) if ending.parts == 1 && ending.is_of_part() => State::Part,
        (Some(ending), None) if ending.end.bad_members > 0 => State::WithBadRanges,
        (Some(_), None) => State::Complete,
    })
}

pub use crate::archive::beginning::{Beginning, beginning, begins_with_id, first_name};
pub use crate::archive::reader::{Found, Known, end_in, label};
