//! Cartridges with archives on them, and a drive whose rewinds are counted.
#![allow(dead_code)] // No test program uses all of it.

use std::io::{self, IoSlice};
use std::sync::Arc;

use blocktar::archive::Compression;
use blocktar::backup::{BackupRequest, backup};
use blocktar::drive::{Drive, DriveStatus, DriveTransforms};
use blocktar::error::Result;
use blocktar::media::tape::simulated::{Access, Mechanism, SimulatedDrive};
use blocktar::progress::Progress;
use blocktar::reblock::{ReblockRequest, reblock};
use blocktar::stream::{Medium, Output, PartEnded, Spanning};

use crate::archives;

/// The record size of archives here: small, so that a file's ends are not all of it.
pub const RECORD: usize = 64 << 10;

/// An archive of so many bytes of data, of this name, on this medium, in records.
pub fn records_of(name: &str, data_bytes: usize, medium: Option<Medium>) -> Vec<Vec<u8>> {
    let image: Vec<u8> = (0..data_bytes as u32).flat_map(|number| [number as u8, (number >> 8) as u8 | 1]).collect();
    let request = BackupRequest {
        record_bytes: RECORD as u64,
        name: Some(name.to_owned()),
        compression: Compression::None,
        ..BackupRequest::default()
    };
    let mut output = OnMedium { medium, bytes: Vec::new() };
    let mut source = archives::scan(&image[..data_bytes]);
    backup(&mut source, &mut output, &request, &Progress::default()).unwrap();
    output.bytes.chunks(RECORD).map(<[u8]>::to_vec).collect()
}

/// A copy of this archive on this medium, in records.
pub fn reblocked(archive: &[u8], medium: Option<Medium>) -> Vec<Vec<u8>> {
    let mut output = OnMedium { medium, bytes: Vec::new() };
    let input = archives::MemoryInput::boxed(&Arc::new(archive.to_vec()), archives::Way::Pipe);
    let request = ReblockRequest { threads: 1, buffer_bytes: None };
    reblock(input, &mut output, &request, &Progress::default()).unwrap();
    output.bytes.chunks(RECORD).map(<[u8]>::to_vec).collect()
}

/// The id of the archive that these records hold.
pub fn id_of(records: &[Vec<u8>]) -> String {
    String::from_utf8(records[0][..36].to_vec()).unwrap()
}

struct OnMedium {
    medium: Option<Medium>,
    bytes: Vec<u8>,
}

impl Output for OnMedium {
    fn name(&self) -> &str {
        "memory"
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    fn spanning(&mut self) -> Option<&mut dyn Spanning> {
        Some(self)
    }
}

impl Spanning for OnMedium {
    fn medium(&self) -> Option<Medium> {
        self.medium.clone()
    }

    fn record_bytes(&self) -> Option<u64> {
        Some(RECORD as u64)
    }

    fn member_bytes_max(&self) -> Option<u64> {
        None
    }

    fn has_room(&mut self, _bytes: u64) -> bool {
        true
    }

    fn down_bytes(&mut self) -> u64 {
        self.bytes.len() as u64
    }

    fn is_full(&self) -> bool {
        false
    }

    fn next_medium(&mut self, _ended: &PartEnded) -> Result<()> {
        unreachable!("there is always room")
    }
}

/// A drive that counts its rewinds.
pub struct Observed {
    drive: SimulatedDrive,
    /// How often it went to the beginning.
    pub rewinds: u64,
    /// How many records too far it goes where it is sent back farther than this.
    pub slips: Option<(u32, u32)>,
    /// Whether it was reset: the driver takes the tape to be at its beginning then, wherever it stands, until it moves.
    pub was_reset: bool,
}

/// Opens a drive for reading and writing.
pub fn open(mechanism: &Mechanism) -> Observed {
    Observed { drive: mechanism.open(Access::Both).unwrap(), rewinds: 0, slips: None, was_reset: false }
}

/// Writes these records and a filemark where the drive stands.
pub fn write_file(drive: &mut dyn Drive, records: &[Vec<u8>]) {
    records.iter().for_each(|record| drive.write_record(record).unwrap());
    drive.write_filemarks(1).unwrap();
}

impl Drive for Observed {
    fn name(&self) -> &str {
        self.drive.name()
    }

    fn can_read(&self) -> bool {
        self.drive.can_read()
    }

    fn can_write(&self) -> bool {
        self.drive.can_write()
    }

    fn write_record(&mut self, record: &[u8]) -> io::Result<()> {
        self.drive.write_record(record)
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.was_reset = false;
        self.drive.read_record(buffer)
    }

    fn write_filemarks(&mut self, count: u32) -> io::Result<()> {
        self.drive.write_filemarks(count)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.rewinds += 1;
        self.was_reset = false;
        self.drive.rewind()
    }

    fn space_files(&mut self, count: i32) -> io::Result<()> {
        self.was_reset = false;
        self.drive.space_files(count)
    }

    fn space_records(&mut self, count: i32) -> io::Result<()> {
        self.was_reset = false;
        self.drive.space_records(count)
    }

    fn to_end_of_data(&mut self) -> io::Result<()> {
        self.was_reset = false;
        self.drive.to_end_of_data()
    }

    fn address(&mut self) -> io::Result<u32> {
        self.drive.address()
    }

    fn seek(&mut self, address: u32) -> io::Result<()> {
        let here = self.drive.address()?;
        let slip = self.slips.filter(|(distance, _)| here > address + distance).map_or(0, |(_, records)| records);
        self.drive.seek(address + slip)
    }

    fn status(&mut self) -> io::Result<DriveStatus> {
        let status = self.drive.status()?;
        let at_beginning = DriveStatus {
            at_beginning: true,
            behind_filemark: false,
            at_end_of_data: false,
            file: Some(0),
            record: Some(0),
            ..status.clone()
        };
        Ok(if self.was_reset { at_beginning } else { status })
    }

    fn set_variable_blocks(&mut self) -> io::Result<()> {
        self.drive.set_variable_blocks()
    }

    fn transforms(&mut self) -> DriveTransforms {
        self.drive.transforms()
    }

    fn unload(&mut self) -> io::Result<()> {
        self.drive.unload()
    }

    fn load(&mut self) -> io::Result<()> {
        self.drive.load()
    }
}
