//! The inventory of archives: what each is, read from its head and its tail.

use crate::archive::reader::{self, Ending};
use crate::archive::{BackupInfo, End};
use crate::error::{Error, Result};
use crate::stream::Input;

/// In what state an archive is, as far as head and tail show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its end member is there and fits.
    Complete,
    /// Complete, but the backup could not read everything.
    WithBadRanges,
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

/// Looks at one archive: head and tail where it can seek, else all of its structure.
///
/// # Errors
/// Failed reads only; what is wrong with the archive is its state.
pub fn examine(input: Box<dyn Input>) -> Result<Entry> {
    let location = input.name().to_owned();
    let archive_bytes = input.length();
    let (info, outcome) = reader::look(input);
    let (end, state) = match outcome {
        Ok(Ending { end, end_blocks, .. }) => {
            let state = match (end_blocks, end.bad_members) {
                (false, _) => State::Damaged("its end blocks are missing; no data is affected".to_owned()),
                (true, 0) => State::Complete,
                (true, _) => State::WithBadRanges,
            };
            (Some(end), state)
        }
        Err(Error::Incomplete { .. }) => (None, State::Incomplete),
        Err(Error::Damaged { why, .. }) => (None, State::Damaged(why)),
        Err(Error::Refused(refusal)) => (None, State::NotUnderstood(refusal.why)),
        Err(error) => return Err(error),
    };
    Ok(Entry { location, info, end, archive_bytes, state })
}

/// Whether a file that begins with these 512 bytes is meant to be one of our archives.
pub use crate::archive::reader::is_archive;
