//! A tape drive behind Linux' driver `st`.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::drive::{Drive, DriveStatus, DriveTransforms};
use crate::sys::block::file_kind;
use crate::sys::tape::{self, Command, TapeNode};
use crate::sys::{errno, scsi};

/// An open device of `st`. It is never opened anew: the driver lets only one have it.
#[derive(Debug)]
pub struct StDrive {
    file: File,
    name: String,
    can_read: bool,
    can_write: bool,
}

impl StDrive {
    /// Takes an open device.
    pub(super) fn new(file: File, name: String) -> io::Result<Self> {
        let (can_read, can_write) = tape::access(&file)?;
        Ok(Self { file, name, can_read, can_write })
    }

    /// Whether it holds no cartridge: not even one that is still being loaded.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        tape::is_empty(&self.file)
    }

    fn run(&self, command: Command, count: i32) -> io::Result<()> {
        tape::run(&self.file, command, count)
    }

    /// Runs one of two commands by the count's sign; the driver takes counts without one.
    fn space(&self, count: i32, forward: Command, backward: Command) -> io::Result<()> {
        match count {
            0 => Ok(()),
            1.. => self.run(forward, count),
            _ => self.run(backward, count.checked_neg().ok_or(io::ErrorKind::InvalidInput)?),
        }
    }
}

impl Drive for StDrive {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_at(&self, path: &Path) -> bool {
        let drive = |metadata: io::Result<Metadata>| Some(TapeNode::of(file_kind(&metadata.ok()?))?.drive);
        // Each of its nodes is the same drive, and only one of them can be open.
        path == Path::new(&self.name)
            || drive(self.file.metadata()).is_some_and(|own| drive(path.metadata()) == Some(own))
    }

    fn can_read(&self) -> bool {
        self.can_read
    }

    fn can_write(&self) -> bool {
        self.can_write
    }

    fn write_record(&mut self, record: &[u8]) -> io::Result<()> {
        loop {
            match self.file.write(record) {
                // A record of which a part was taken is on the tape, and none that was meant to be there.
                Ok(length) if length != record.len() => return Err(io::Error::from_raw_os_error(errno::EIO)),
                Ok(_) => return Ok(()),
                // The driver is interrupted only before it does anything.
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn write_filemarks(&mut self, count: u32) -> io::Result<()> {
        self.run(Command::WriteFilemarks, i32::try_from(count).map_err(|_| io::ErrorKind::InvalidInput)?)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.run(Command::Rewind, 1)
    }

    fn space_files(&mut self, count: i32) -> io::Result<()> {
        self.space(count, Command::ForwardFiles, Command::BackwardFiles)
    }

    fn space_records(&mut self, count: i32) -> io::Result<()> {
        self.space(count, Command::ForwardRecords, Command::BackwardRecords)
    }

    fn to_end_of_data(&mut self) -> io::Result<()> {
        self.run(Command::EndOfData, 1)
    }

    fn address(&mut self) -> io::Result<u32> {
        tape::address(&self.file)
    }

    fn seek(&mut self, address: u32) -> io::Result<()> {
        self.run(Command::Seek, i32::try_from(address).map_err(|_| io::ErrorKind::InvalidInput)?)
    }

    fn status(&mut self) -> io::Result<DriveStatus> {
        tape::status(&self.file)
    }

    fn set_variable_blocks(&mut self) -> io::Result<()> {
        self.run(Command::SetBlockBytes, 0)
    }

    fn transforms(&mut self) -> DriveTransforms {
        scsi::transforms(&self.file)
    }

    fn unload(&mut self) -> io::Result<()> {
        self.run(Command::Unload, 1)
    }

    fn load(&mut self) -> io::Result<()> {
        self.run(Command::Load, 1)?;
        // Until then the driver goes on counting in the file where the cartridge before it stood.
        self.run(Command::Rewind, 1)
    }
}
