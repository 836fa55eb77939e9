//! A tape drive as everything above the driver sees one: records, filemarks, positions.

mod failure;
mod lent;

use std::io;
use std::path::Path;

use crate::error::Result;
use crate::stream::Medium;

pub use failure::explained;
pub use lent::LentDrive;

/// What a drive tells of itself and of where it stands (st(4), `MTIOCGET`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriveStatus {
    /// A cartridge is loaded and ready.
    pub online: bool,
    /// The cartridge cannot be written.
    pub write_protected: bool,
    /// At the beginning of the medium.
    pub at_beginning: bool,
    /// At the end of what is recorded, as far as the driver has noticed.
    pub at_end_of_data: bool,
    /// Just behind a filemark.
    pub behind_filemark: bool,
    /// In the zone of early warning, or at the end of the medium.
    pub near_end: bool,
    /// Size of fixed blocks in bytes; 0 means that each write makes a record of its own size.
    pub block_bytes: u32,
    /// The tape file in which it stands, from 0, where the driver knows.
    pub file: Option<u32>,
    /// The record in this file before which it stands, from 0, where the driver knows.
    pub record: Option<u32>,
    /// The drive was reset, and the driver refuses everything until it is told where to go.
    pub position_lost: bool,
    /// Density code of the medium (SSC-5, table of density codes); 0 where the drive does not say.
    pub density: u8,
}

/// What a drive does with the bytes on their way, where it tells (SSC-5, data compression and encryption).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriveTransforms {
    /// Whether the drive compresses; `None` where it does not tell.
    pub compression: Option<bool>,
    /// Whether the drive encrypts, and the identifier of its key where it has one; `None` where it does not encrypt or does not tell.
    pub encryption: Option<String>,
}

/// Where an archive begins on a cartridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// The drive stands there.
    There {
        /// What the archive's backup-info says of the medium.
        medium: Medium,
        /// What the user should know of what lies there already, in sentences.
        notes: Vec<String>,
    },
    /// Nowhere on this cartridge, for this reason.
    Wrong(String),
}

/// Finds the place on a cartridge where an archive begins, and goes there.
pub trait Place: Send {
    /// On the cartridge that is in the drive when the archive begins. One that will not do is refused.
    fn first(&mut self, drive: &mut dyn Drive) -> Result<Placed>;
    /// On one that was put in for a further part.
    fn next(&mut self, drive: &mut dyn Drive) -> Result<Placed>;
    /// Whether what is recorded may be cut off already, so that nobody need be told how to allow it.
    fn may_overwrite(&self) -> bool {
        false
    }
}

/// A tape drive with a cartridge, in variable block mode: one write is one record.
///
/// Contract, which is that of Linux `st` in variable mode: errors carry the system's error number ([`io::Error::raw_os_error`]). All positions refer to the
/// medium, not to one tape file. A command that writes nothing leaves what is recorded as it is; a write cuts off everything behind it.
pub trait Drive: Send {
    /// The drive as the user named it.
    fn name(&self) -> &str;
    /// Whether this path names this very drive, which nobody can open once more.
    fn is_at(&self, path: &Path) -> bool {
        path == Path::new(self.name())
    }
    /// Whether it was opened so that it can read.
    fn can_read(&self) -> bool;
    /// Whether it was opened so that it can write.
    fn can_write(&self) -> bool;
    /// Writes one record. `ENOSPC`: early warning or the end of the medium; whether the record was recorded is not certain, see [`address`](Self::address).
    fn write_record(&mut self, record: &[u8]) -> io::Result<()>;
    /// Reads one record; its length, or 0 at a filemark, which is passed. `ENOMEM`: the record is longer than the buffer, and has been passed all the same.
    fn read_record(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes so many filemarks and brings everything to the medium; 0 only brings everything there. Errors of earlier writes come out here.
    fn write_filemarks(&mut self, count: u32) -> io::Result<()>;
    /// Goes to the beginning of the medium.
    fn rewind(&mut self) -> io::Result<()>;
    /// Goes over so many filemarks: behind the last of them forward, before it backward.
    fn space_files(&mut self, count: i32) -> io::Result<()>;
    /// Goes over so many records; a filemark in the way is `EIO`, and then it stands at its far side. (Some emulations pass over it silently.)
    fn space_records(&mut self, count: i32) -> io::Result<()>;
    /// Goes behind everything that is recorded.
    fn to_end_of_data(&mut self) -> io::Result<()>;
    /// The address of the next record on the medium, where the drive has addresses; a filemark counts as one record.
    fn address(&mut self) -> io::Result<u32>;
    /// Goes to an address.
    fn seek(&mut self, address: u32) -> io::Result<()>;
    /// Where it stands.
    fn status(&mut self) -> io::Result<DriveStatus>;
    /// Leaves fixed block mode, in which somebody else may have left it.
    fn set_variable_blocks(&mut self) -> io::Result<()>;
    /// What it does with the bytes.
    fn transforms(&mut self) -> DriveTransforms;
    /// Rewinds and gives the cartridge out.
    fn unload(&mut self) -> io::Result<()>;
    /// Takes a cartridge in and goes to its beginning.
    fn load(&mut self) -> io::Result<()>;
}
