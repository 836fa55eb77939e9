//! Finds on a cartridge what an archive builds on.

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
/// # Errors
/// A drive that fails, or holds no cartridge.
pub fn chain(drive: &mut dyn Drive, id: &str) -> Result<Vec<ChainFile>> {
    let mut deck = Deck::open(drive, "read")?;
    let mut walk = Walk::begin(&mut deck)?;
    let mut files = Vec::new();
    while let Some(file) = walk.next()? {
        files.extend(chain_file(file));
    }
    let is_wanted = |file: &ChainFile| file.entry.info.as_ref().is_some_and(|info| info.id == id);
    let mut next = files.iter().rposition(is_wanted);
    let mut chain = Vec::new();
    while let Some(place) = next {
        let found = files.swap_remove(place);
        let parent = found.entry.info.as_ref().and_then(|info| info.parent.as_ref()).map(|parent| parent.state);
        let leaves_it =
            |file: &ChainFile| parent.is_some() && file.entry.end.as_ref().and_then(|end| end.state) == parent;
        next = files.iter().position(leaves_it);
        chain.push(found);
    }
    chain.reverse();
    Ok(chain)
}

/// A whole archive: one that was cut leaves no state, and one in parts is for whoever changes cartridges.
fn chain_file(file: TapeFile) -> Option<ChainFile> {
    let number = file.number?;
    match file.content {
        Content::Archive(entry) if entry.end.is_some() => Some(ChainFile { file: number, entry: *entry }),
        _ => None,
    }
}
