//! Goes through a cartridge once, tape file by tape file, for whoever reads its archives through.

use crate::catalog::{Beginning, beginning};
use crate::drive::Drive;
use crate::error::Result;

use super::content::{Content, TapeFile};
use super::deck::{Deck, Met};
use super::inventory::look_at_file;

/// What stands next on a cartridge.
#[derive(Clone, Debug)]
pub enum Ahead {
    /// An archive, or part of one: the drive stands at its head.
    Archive,
    /// Something else, which the drive has passed; what is left of an archive without its head is told so too.
    Passed(Box<TapeFile>),
    /// Nothing more is recorded.
    End,
}

/// Goes to the beginning of a cartridge.
///
/// # Errors
/// A drive that cannot read, holds no cartridge, or fails.
pub fn begin_pass(drive: &mut dyn Drive) -> Result<()> {
    Deck::open(drive, "read")?.rewind()
}

/// Goes behind the tape file in which the drive stands; `false` if what is recorded ends with it.
///
/// # Errors
/// As those of [`begin_pass`].
pub fn pass_file(drive: &mut dyn Drive) -> Result<bool> {
    Deck::open(drive, "read")?.space_files(1)
}

/// Looks what stands at the start of a tape file, of this number, where the drive stands.
///
/// # Errors
/// As those of [`begin_pass`].
pub fn look_ahead(drive: &mut dyn Drive, number: u32) -> Result<Ahead> {
    let mut deck = Deck::open(drive, "read")?;
    let is_archive = match deck.read()? {
        Met::EndOfData => return Ok(Ahead::End),
        Met::Filemark => {
            let content = Content::Nothing;
            let file = TapeFile { number: Some(number), address: None, content, record_bytes: 0, closed: true };
            return Ok(Ahead::Passed(Box::new(file)));
        }
        Met::Record(length) => {
            let kind = beginning(deck.record(length));
            deck.step_back()?;
            matches!(kind, Beginning::Archive | Beginning::SpoiledArchive)
        }
        // Whether the drive passed it or not, the rest of the file tells what it was.
        Met::Unreadable(_) => false,
    };
    if is_archive {
        return Ok(Ahead::Archive);
    }
    Ok(look_at_file(&mut deck, Some(number))?.map_or(Ahead::End, |file| Ahead::Passed(Box::new(file))))
}
