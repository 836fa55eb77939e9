//! Finds on a cartridge what an archive builds on.

use crate::archive::{BackupInfo, Digest, Parent};
use crate::catalog::Entry;
use crate::drive::Drive;
use crate::error::Result;

use super::content::{Content, TapeFile};
use super::deck::Deck;
use super::inventory::Walk;

/// An archive of a chain, and where it lies.
#[derive(Clone, Debug)]
pub struct ChainFile {
    /// Its tape file, from 0.
    pub file: u32,
    /// What the inventory told of it.
    pub entry: Entry,
}

/// The archive of this id and those on which it builds, the oldest first, as far as they lie on the cartridge: each leaves the state that the next one names.
/// The drive stands anywhere then.
///
/// Of an archive that lies on several cartridges it is the part that is found here.
///
/// # Errors
/// A drive that fails, or holds no cartridge.
pub fn chain(drive: &mut dyn Drive, id: &str) -> Result<Vec<ChainFile>> {
    let files = chain_files(drive)?;
    let newest = best(&files, |file| file.info().is_some_and(|info| info.id == id));
    Ok(follow(files, newest))
}

/// The same of what an increment builds on that lies on another cartridge; empty if it is not on this one.
///
/// # Errors
/// Those of [`chain`].
pub fn chain_below(drive: &mut dyn Drive, parent: &Parent) -> Result<Vec<ChainFile>> {
    let files = chain_files(drive)?;
    let newest = best(&files, |file| file.leaves(parent));
    Ok(follow(files, newest))
}

fn chain_files(drive: &mut dyn Drive) -> Result<Vec<ChainFile>> {
    let mut deck = Deck::open(drive, "read")?;
    let mut walk = Walk::begin(&mut deck)?;
    let mut files = Vec::new();
    while let Some(file) = walk.next()? {
        files.extend(chain_file(file));
    }
    Ok(files)
}

/// The last of those that will do; a whole copy rather than a part of another.
fn best(files: &[ChainFile], will_do: impl Fn(&ChainFile) -> bool) -> Option<usize> {
    let whole = files.iter().rposition(|file| file.is_whole() && will_do(file));
    whole.or_else(|| files.iter().rposition(will_do))
}

/// From the newest to the oldest, turned round.
fn follow(mut files: Vec<ChainFile>, newest: Option<usize>) -> Vec<ChainFile> {
    let (mut next, mut chain) = (newest, Vec::new());
    while let Some(place) = next {
        let found = files.remove(place);
        let parent = found.info().and_then(|info| info.parent.as_ref());
        next = parent.and_then(|parent| best(&files, |file| file.leaves(parent)));
        chain.push(found);
    }
    chain.reverse();
    chain
}

impl ChainFile {
    fn info(&self) -> Option<&BackupInfo> {
        self.entry.info.as_ref()
    }

    /// The state that it leaves, as far as that is known: of a part behind which others follow, only if its head tells it.
    pub fn state(&self) -> Option<Digest> {
        let end = self.entry.end.as_ref().and_then(|end| end.state);
        end.or_else(|| self.info().and_then(|info| info.state))
    }

    /// Whether this is all of the archive.
    pub fn is_whole(&self) -> bool {
        let end_of_all = self.entry.end.as_ref().is_some_and(|end| end.digest.is_some());
        end_of_all && self.info().is_some_and(|info| info.part.is_none())
    }

    /// Whether it leaves what an increment names as its parent: by its state, or, of a part that does not tell it, by its id.
    fn leaves(&self, parent: &Parent) -> bool {
        let goes_on = self.entry.end.as_ref().is_some_and(|end| end.goes_on() && end.id == parent.id);
        self.state().map_or(goes_on, |state| state == parent.state)
    }
}

/// An archive or a part of one that has its end: one that was cut leaves no state.
fn chain_file(file: TapeFile) -> Option<ChainFile> {
    let number = file.number?;
    match file.content {
        Content::Archive(entry) if entry.end.is_some() => Some(ChainFile { file: number, entry: *entry }),
        _ => None,
    }
}
