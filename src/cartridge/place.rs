//! Remembers where a drive stood, and brings it back there.

use crate::error::Result;

use super::deck::{Deck, Met};

/// Where a drive stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address.
    Address(u32),
    /// Behind everything.
    EndOfData,
    /// Before this record of this tape file.
    Record {
        /// The tape file, from 0.
        file: u32,
        /// The record, from 0.
        record: u32,
    },
    /// The drive does not know.
    Unknown,
}

impl Place {
    /// Where the drive stands now. One that does not know reads on, to tell the end of data, behind which backups are appended.
    pub fn of(deck: &mut Deck<'_>) -> Result<Self> {
        if let Some(address) = deck.address() {
            return Ok(Self::Address(address));
        }
        let status = deck.status()?;
        Ok(match (status.file, status.record) {
            _ if status.at_end_of_data => Self::EndOfData,
            _ if status.at_beginning => Self::Record { file: 0, record: 0 },
            (Some(file), Some(record)) => Self::Record { file, record },
            _ if matches!(deck.read()?, Met::EndOfData) => Self::EndOfData,
            _ => Self::Unknown,
        })
    }

    /// Goes there; `false` if that is not known, and the drive was left at the beginning.
    pub fn return_to(self, deck: &mut Deck<'_>) -> Result<bool> {
        match self {
            Self::Address(address) => deck.seek(address).map(|()| true),
            Self::EndOfData => deck.go_to_end().map(|()| true),
            Self::Record { file, record } => {
                let there = deck.go_to_file(file)?;
                Ok(there && (record == 0 || deck.forward_records(record)))
            }
            Self::Unknown => deck.rewind().map(|()| false),
        }
    }
}
