//! Lists the tape files of a cartridge by their ends, with a handful of positionings each.

use crate::drive::Drive;
use crate::error::Result;

use super::content::{Content, TapeFile, content};
use super::deck::Deck;
use super::place::Place;
use super::tail::read_ends;

/// What an inventory has to say beside the tape files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// How often the drive was sent elsewhere, back to where it stood included.
    pub positionings: u64,
    /// Whether it stands again where it stood; else at the beginning, as it did not know where that was.
    pub returned: bool,
}

/// Lists all tape files, from the first on, and puts the tape back where it stood.
///
/// # Errors
/// A drive that cannot read or holds no cartridge, and one that fails; what cannot be read of a tape file is told as its content. The tape is put back in either case.
pub fn inventory(drive: &mut dyn Drive, mut tell: impl FnMut(TapeFile)) -> Result<Inventory> {
    let mut deck = Deck::open(drive, "list")?;
    let place = Place::of(&mut deck)?;
    let walked = walk_through(&mut deck, &mut tell);
    let returned = place.return_to(&mut deck);
    walked?;
    Ok(Inventory { returned: returned?, positionings: deck.positionings() })
}

fn walk_through(deck: &mut Deck<'_>, tell: &mut dyn FnMut(TapeFile)) -> Result<()> {
    let mut walk = Walk::begin(deck)?;
    while let Some(file) = walk.next()? {
        tell(file);
    }
    Ok(())
}

/// A way through the tape files of a cartridge, from the first on.
pub(super) struct Walk<'k, 'd> {
    deck: &'k mut Deck<'d>,
    number: u32,
    /// What stands behind a tape file without anything in it.
    ahead: Option<TapeFile>,
    ended: bool,
}

impl<'k, 'd> Walk<'k, 'd> {
    /// Begins at the first tape file.
    pub fn begin(deck: &'k mut Deck<'d>) -> Result<Self> {
        deck.rewind()?;
        Ok(Self { deck, number: 0, ahead: None, ended: false })
    }

    /// The next tape file, or `None` behind the last that holds anything.
    pub fn next(&mut self) -> Result<Option<TapeFile>> {
        if let Some(file) = self.ahead.take() {
            return Ok(Some(file));
        }
        let Some(file) = self.look()? else { return Ok(None) };
        if !matches!(file.content, Content::Nothing) {
            return Ok(Some(file));
        }
        // A second filemark at the end of data, which some programs write, is nobody's tape file.
        self.ahead = self.look()?;
        Ok(self.ahead.is_some().then_some(file))
    }

    fn look(&mut self) -> Result<Option<TapeFile>> {
        if self.ended {
            return Ok(None);
        }
        let file = look_at_file(self.deck, Some(self.number))?;
        self.ended = file.as_ref().is_none_or(|file| !file.closed);
        self.number += 1;
        Ok(file)
    }
}

/// Looks at the tape file at whose first record the drive stands, and leaves it behind that. `None` at the end of data.
pub(super) fn look_at_file(deck: &mut Deck<'_>, number: Option<u32>) -> Result<Option<TapeFile>> {
    let Some(ends) = read_ends(deck)? else { return Ok(None) };
    let location = match number {
        Some(number) => format!("{}, file {number}", deck.name()),
        None => deck.name().to_owned(),
    };
    let content = content(&location, &ends)?;
    Ok(Some(TapeFile { number, address: ends.address, content, record_bytes: ends.record_bytes, closed: ends.closed }))
}
