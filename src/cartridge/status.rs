//! What a drive and its cartridge are, without going farther than to the label.

use crate::archive::Label;
use crate::catalog::{self, Beginning, beginning};
use crate::drive::{Drive, DriveStatus, DriveTransforms};
use crate::error::Result;

use super::deck::{Deck, Met};
use super::place::Place;

/// What is known of a drive and its cartridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What the drive tells, from before anything was asked of it.
    pub drive: DriveStatus,
    /// What it does with the bytes.
    pub transforms: DriveTransforms,
    /// The address at which it stands, where it has addresses.
    pub address: Option<u32>,
    /// The cartridge's label.
    pub labelled: Labelled,
    /// Whether it stands again where it stood.
    pub returned: bool,
}

/// Whether a cartridge has a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labelled {
    /// It has this one.
    Yes(Label),
    /// It begins with something else.
    No,
    /// Nothing is recorded on it.
    Blank,
    /// It was not looked at, for this reason.
    Unknown(String),
}

/// Asks a drive, reads the label, and puts the tape back where it stood. Changes nothing, neither the block mode.
///
/// # Errors
/// A drive that fails.
pub fn status(drive: &mut dyn Drive) -> Result<Status> {
    let (transforms, address) = (drive.transforms(), drive.address().ok());
    let (told, can_read) = (drive.status(), drive.can_read());
    let mut deck = Deck::new(drive);
    let told = told.map_err(|cause| deck.failed("asking for the state of", cause))?;
    let unknown = match &told {
        told if !told.online => Some("no cartridge is loaded"),
        told if told.block_bytes != 0 => Some("the drive is in fixed block mode"),
        _ if !can_read => Some("the drive was opened for writing only"),
        _ => None,
    };
    if let Some(why) = unknown {
        let labelled = Labelled::Unknown(why.to_owned());
        return Ok(Status { drive: told, transforms, address, labelled, returned: true });
    }
    let place = Place::of(&mut deck)?;
    let labelled = read_label(&mut deck);
    let returned = place.return_to(&mut deck)?;
    Ok(Status { drive: told, transforms, address, labelled: labelled?, returned })
}

fn read_label(deck: &mut Deck<'_>) -> Result<Labelled> {
    deck.rewind()?;
    Ok(match deck.read()? {
        Met::Record(length) if beginning(deck.record(length)) == Beginning::Label => {
            match catalog::label(deck.name(), deck.record(length)) {
                Ok(label) => Labelled::Yes(label),
                Err(error) => Labelled::Unknown(error.to_string()),
            }
        }
        Met::Record(_) | Met::Filemark => Labelled::No,
        Met::EndOfData => Labelled::Blank,
        Met::Unreadable(cause) => Labelled::Unknown(format!("the first record cannot be read: {cause}")),
    })
}

/// The generation of LTO whose cartridges have this density code (SSC-5 and the vendors' manuals).
pub fn generation(density: u8) -> Option<&'static str> {
    Some(match density {
        0x40 => "LTO-1",
        0x42 => "LTO-2",
        0x44 => "LTO-3",
        0x46 => "LTO-4",
        0x58 => "LTO-5",
        0x5a => "LTO-6",
        0x5c => "LTO-7",
        0x5d => "LTO-7 type M",
        0x5e => "LTO-8",
        0x60 => "LTO-9",
        0x62 | 0x63 => "LTO-10",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_generations_and_unknown_ones_nothing() {
        assert_eq!(
            [0x58, 0x5d, 0x60, 0x63].map(generation),
            [Some("LTO-5"), Some("LTO-7 type M"), Some("LTO-9"), Some("LTO-10")]
        );
        assert_eq!([0, 0x5f, 0xff].map(generation), [None; 3]);
    }
}
