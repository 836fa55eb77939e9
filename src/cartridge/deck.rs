//! A drive whose positionings are counted, and whose failures are told in sentences.

use std::io;

use crate::drive::{Drive, DriveStatus, explained};
use crate::error::{Error, Result};

/// Records of this length are read at once; longer ones are met by doubling it.
const RECORD_BYTES: usize = 1 << 20;
/// No record is longer (SSC-5 gives its length three bytes).
const RECORD_BYTES_MAX: usize = 16 << 20;

/// What stood where the drive read.
#[derive(Debug)]
pub enum Met {
    /// A record, of so many bytes at the start of [`Deck::record`].
    Record(usize),
    /// A filemark; the drive stands behind it.
    Filemark,
    /// The end of what is recorded.
    EndOfData,
    /// Something that cannot be read.
    Unreadable(io::Error),
}

/// A drive with a cartridge.
pub struct Deck<'d> {
    drive: &'d mut dyn Drive,
    buffer: Vec<u8>,
    positionings: u64,
    /// A read met the end of data: the driver remembers that until the tape moves.
    met_end: bool,
    was_rewound: bool,
}

impl<'d> Deck<'d> {
    /// Takes a drive as it is.
    pub fn new(drive: &'d mut dyn Drive) -> Self {
        Self { drive, buffer: Vec::new(), positionings: 0, met_end: false, was_rewound: false }
    }

    /// Takes a drive that can read; refuses one without a cartridge, and leaves fixed block mode. `request` says what for.
    pub fn open(drive: &'d mut dyn Drive, request: &str) -> Result<Self> {
        let refused = |drive: &dyn Drive, why: &str, remedy: String| {
            Error::refused(format!("{request} {}", drive.name()), why, Some(remedy))
        };
        if !drive.can_read() {
            let remedy = format!("name it instead: `{}`", drive.name());
            return Err(refused(drive, "it was opened for writing only, and must be read", remedy));
        }
        let mut deck = Self::new(drive);
        let status = deck.status()?;
        if !status.online {
            let remedy = "put a cartridge in and wait until it is loaded".to_owned();
            return Err(refused(deck.drive, "no cartridge is loaded", remedy));
        }
        if status.block_bytes != 0 {
            let result = deck.drive.set_variable_blocks();
            result.map_err(|cause| deck.failed("leaving fixed block mode on", cause))?;
        }
        Ok(deck)
    }

    /// Refuses a drive or cartridge that cannot be written.
    pub fn refuse_protected(&mut self, request: &str) -> Result<()> {
        let request = format!("{request} {}", self.name());
        if !self.drive.can_write() {
            let remedy = "name the drive with -o, or redirect standard output to it".to_owned();
            return Err(Error::refused(request, "it was opened for reading only", Some(remedy)));
        }
        if self.status()?.write_protected {
            let remedy = "slide the cartridge's write protection open, or take another".to_owned();
            return Err(Error::refused(request, "the cartridge is write-protected", Some(remedy)));
        }
        Ok(())
    }

    /// The drive as the user named it.
    pub fn name(&self) -> &str {
        self.drive.name()
    }

    /// The drive.
    pub fn drive(&mut self) -> &mut dyn Drive {
        self.drive
    }

    /// How often it was sent elsewhere.
    pub fn positionings(&self) -> u64 {
        self.positionings
    }

    /// An error of this drive.
    pub fn failed(&mut self, doing: &'static str, cause: io::Error) -> Error {
        let cause = explained(self.drive, cause);
        Error::io(doing, self.drive.name(), cause)
    }

    /// Where it stands.
    pub fn status(&mut self) -> Result<DriveStatus> {
        self.drive.status().map_err(|cause| self.failed("asking for the state of", cause))
    }

    /// Whether it stands at the end of what is recorded.
    pub fn at_end_of_data(&mut self) -> Result<bool> {
        Ok(self.status()?.at_end_of_data)
    }

    /// The address at which it stands, where it has addresses.
    pub fn address(&mut self) -> Option<u32> {
        self.drive.address().ok()
    }

    /// Goes to the beginning, if it is not there. The driver says so behind a reset, too, wherever the tape stands then: it is believed once it was sent there.
    pub fn rewind(&mut self) -> Result<()> {
        let is_there = self.status()?.at_beginning && !self.met_end;
        if is_there && std::mem::replace(&mut self.was_rewound, true) {
            return Ok(());
        }
        (self.met_end, self.was_rewound) = (false, true);
        // One that is there does not move.
        self.positionings += u64::from(!is_there);
        self.drive.rewind().map_err(|cause| self.failed("rewinding", cause))
    }

    /// Goes behind everything.
    pub fn go_to_end(&mut self) -> Result<()> {
        self.positionings += 1;
        self.drive.to_end_of_data().map_err(|cause| self.failed("going to the end of data on", cause))
    }

    /// Goes to an address.
    pub fn seek(&mut self, address: u32) -> Result<()> {
        self.positionings += 1;
        self.drive.seek(address).map_err(|cause| self.failed("positioning", cause))
    }

    /// Goes over so many filemarks; `false` if the end of data, or the beginning, came first.
    pub fn space_files(&mut self, count: i32) -> Result<bool> {
        self.positionings += 1;
        let Err(cause) = self.drive.space_files(count) else { return Ok(true) };
        let status = self.status()?;
        // Some emulations no longer know where they are behind the beginning.
        if (count > 0 && status.at_end_of_data) || (count < 0 && (status.at_beginning || status.file.is_none())) {
            return Ok(false);
        }
        // tgtd's drives tell the end of data from a fault only where they read.
        if count > 0 && matches!(self.read()?, Met::EndOfData) {
            return Ok(false);
        }
        Err(self.failed("spacing over filemarks on", cause))
    }

    /// Goes back so many records; `false` if a filemark or the beginning came first: then it stands before that.
    pub fn back_records(&mut self, count: u32) -> bool {
        self.positionings += 1;
        // What went wrong otherwise, the next read meets too.
        self.drive.space_records(-i32::try_from(count).unwrap_or(i32::MAX)).is_ok()
    }

    /// Goes back to before the record that was read last.
    pub fn step_back(&mut self) -> Result<()> {
        self.positionings += 1;
        self.drive.space_records(-1).map_err(|cause| self.failed("stepping back on", cause))
    }

    /// Goes forward over so many records; `false` if something else came first.
    pub fn forward_records(&mut self, count: u32) -> bool {
        self.positionings += 1;
        self.drive.space_records(i32::try_from(count).unwrap_or(i32::MAX)).is_ok()
    }

    /// Goes to the start of this tape file from wherever it stands.
    pub fn go_to_file(&mut self, number: u32) -> Result<bool> {
        self.rewind()?;
        if number == 0 {
            return Ok(true);
        }
        self.space_files(i32::try_from(number).unwrap_or(i32::MAX))
    }

    /// The record that was read last.
    pub fn record(&self, length: usize) -> &[u8] {
        &self.buffer[..length]
    }

    /// Reads what stands next.
    pub fn read(&mut self) -> Result<Met> {
        let met = self.read_any()?;
        self.met_end = matches!(met, Met::EndOfData);
        Ok(met)
    }

    fn read_any(&mut self) -> Result<Met> {
        if self.buffer.is_empty() {
            self.buffer.resize(RECORD_BYTES, 0);
        }
        let mut halved = false;
        loop {
            match self.drive.read_record(&mut self.buffer) {
                // An emulation gives stale bytes at the end of data; only its state tells.
                Ok(_) if self.at_end_of_data()? => return Ok(Met::EndOfData),
                Ok(0) => return Ok(Met::Filemark),
                Ok(length) => return Ok(Met::Record(length)),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // A longer record, which has been passed.
                Err(cause)
                    if cause.kind() == io::ErrorKind::OutOfMemory
                        && self.buffer.len() < RECORD_BYTES_MAX
                        && !halved =>
                {
                    self.step_back()?;
                    self.buffer.resize(self.buffer.len() * 2, 0);
                }
                // The drive takes no read as long as this.
                Err(cause) if cause.kind() == io::ErrorKind::InvalidInput && self.buffer.len() > 64 << 10 => {
                    self.buffer.truncate(self.buffer.len() / 2);
                    halved = true;
                }
                Err(_) if self.at_end_of_data()? => return Ok(Met::EndOfData),
                Err(cause) => return Ok(Met::Unreadable(cause)),
            }
        }
    }
}
