//! Reads the records of a tape file, of whatever size, and tries again what cannot be read.

use std::io;
use std::mem;

use crate::drive::{Drive, explained};
use crate::error::Advised;
use crate::sys::direct::AlignedBuffer;
use crate::sys::errno;

/// Few records are longer. What is shorter than the buffer is read as it is.
const FIRST_BYTES: usize = 1 << 20;
/// A read's length has three bytes (SSC-5), and so has a record's.
const LONGEST_BYTES: usize = (1 << 24) - 1;
/// What no drive finds too long.
const SHORTEST_BYTES: usize = 64 << 10;
/// The most records that one command spaces over: its count has three bytes, with sign.
const SPACE_MAX: i64 = (1 << 23) - 1;
/// How often a record is tried again that could not be read.
const RETRIES: u32 = 2;

/// What stood where the drive read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A record; [`Records::record`] has it.
    Record,
    /// A filemark; the drive stands behind it.
    Filemark,
    /// Nothing more is recorded.
    EndOfData,
}

/// A failure to read.
#[derive(Debug)]
pub(super) enum Failure {
    /// The next record cannot be read, even when tried again; the drive stands behind it.
    Unreadable(io::Error),
    /// Where the drive stands now is not known, or nothing more can be had of it.
    Other(io::Error),
}

impl Failure {
    /// The error with its sentence.
    pub(super) fn into_error(self) -> io::Error {
        match self {
            Self::Unreadable(error) | Self::Other(error) => error,
        }
    }
}

/// The records from where a drive stands, which count from 0.
pub(super) struct Records {
    drive: Box<dyn Drive>,
    current: Buffer,
    /// The record before, by which it is told whether a failed read moved the tape, where the drive has no addresses.
    previous: Buffer,
    next: u64,
    /// The address of record 0, where the drive has addresses.
    first_address: Option<u32>,
    positionings: u64,
}

/// A record that was read, or none.
struct Buffer {
    bytes: AlignedBuffer,
    length: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { bytes: AlignedBuffer::new(FIRST_BYTES), length: 0 }
    }

    fn record(&self) -> &[u8] {
        &self.bytes.bytes()[..self.length]
    }
}

impl Records {
    pub(super) fn new(mut drive: Box<dyn Drive>) -> Self {
        let first_address = drive.address().ok();
        Self { drive, current: Buffer::new(), previous: Buffer::new(), next: 0, first_address, positionings: 0 }
    }

    pub(super) fn drive(&mut self) -> &mut dyn Drive {
        &mut *self.drive
    }

    pub(super) fn name(&self) -> &str {
        self.drive.name()
    }

    /// The record that was read last.
    pub(super) fn record(&self) -> &[u8] {
        self.current.record()
    }

    /// The number of the record before which the drive stands.
    pub(super) fn number(&self) -> u64 {
        self.next
    }

    /// The address of record 0, where the drive has addresses.
    pub(super) fn first_address(&self) -> Option<u32> {
        self.first_address
    }

    /// How often the tape was sent somewhere.
    pub(super) fn positionings(&self) -> u64 {
        self.positionings
    }

    /// Reads the next record. At an end nothing moves any more but what the drive itself moved.
    pub(super) fn next(&mut self) -> Result<Step, Failure> {
        mem::swap(&mut self.current, &mut self.previous);
        self.current.length = 0;
        let read = self.read();
        // At the end of data an emulation gives stale bytes; only its state tells.
        let stale = self.next == 0 && read.is_ok() && self.is_at_end_of_data();
        match read {
            Ok(_) if stale => Ok(Step::EndOfData),
            Ok(0) => Ok(Step::Filemark),
            Ok(length) => Ok(self.took(length)),
            Err(_) if self.is_at_end_of_data() => Ok(Step::EndOfData),
            Err(cause) if cause.raw_os_error() == Some(errno::EIO) => self.retry(cause),
            Err(cause) => Err(self.failed(cause)),
        }
    }

    fn took(&mut self, length: usize) -> Step {
        self.current.length = length;
        self.next += 1;
        Step::Record
    }

    /// Reads a record, whatever its length.
    fn read(&mut self) -> io::Result<usize> {
        let mut too_short = 0;
        loop {
            let buffer_bytes = self.current.bytes.bytes().len();
            let other_bytes = match self.drive.read_record(self.current.bytes.bytes_mut()) {
                // The record has been passed.
                Err(cause) if cause.raw_os_error() == Some(errno::ENOMEM) && buffer_bytes < LONGEST_BYTES => {
                    self.space(-1)?;
                    too_short = buffer_bytes;
                    (2 * buffer_bytes).min(LONGEST_BYTES)
                }
                // Nothing moved; the drive takes no read as long as this.
                Err(cause) if cause.raw_os_error() == Some(errno::EINVAL) && buffer_bytes > SHORTEST_BYTES => {
                    let shorter = if too_short == 0 { buffer_bytes / 2 } else { too_short.midpoint(buffer_bytes) };
                    if buffer_bytes - too_short <= SHORTEST_BYTES {
                        return Err(cause);
                    }
                    shorter
                }
                read => return read,
            };
            self.current.bytes = AlignedBuffer::new(other_bytes);
        }
    }

    fn is_at_end_of_data(&mut self) -> bool {
        self.drive.status().is_ok_and(|status| status.at_end_of_data)
    }

    pub(super) fn failed(&mut self, cause: io::Error) -> Failure {
        Failure::Other(explained(&mut *self.drive, cause))
    }

    /// Spaces over records, in as many commands as it takes.
    pub(super) fn space(&mut self, count: i64) -> io::Result<()> {
        self.space_in_parts(count, SPACE_MAX)
    }

    pub(super) fn space_in_parts(&mut self, count: i64, part_max: i64) -> io::Result<()> {
        let mut left = count;
        while left != 0 {
            let part = left.clamp(-part_max, part_max);
            self.positionings += 1;
            self.drive.space_records(part as i32)?;
            left -= part;
        }
        Ok(())
    }

    /// Runs a command that sends the tape elsewhere than over records.
    pub(super) fn position(&mut self, go: impl FnOnce(&mut dyn Drive) -> io::Result<()>) -> io::Result<()> {
        self.positionings += 1;
        go(&mut *self.drive)
    }

    /// The drive has been sent to before this record.
    pub(super) fn moved_to(&mut self, number: u64) {
        (self.next, self.current.length, self.previous.length) = (number, 0, 0);
    }

    /// Goes to the address of a record, where the drive has addresses.
    pub(super) fn seek(&mut self, first_address: u32, number: u64) -> io::Result<()> {
        let address = u64::from(first_address).checked_add(number).and_then(|address| u32::try_from(address).ok());
        let address = address.ok_or(io::ErrorKind::InvalidInput)?;
        self.position(|drive| drive.seek(address))
    }
}

/// What follows a failed read.
impl Records {
    /// Tries the next record again, and goes behind it where that is in vain.
    fn retry(&mut self, cause: io::Error) -> Result<Step, Failure> {
        // A drive that lost its position, or its cartridge, fails all the same, and must not be sent anywhere.
        if !self.drive.status().is_ok_and(|status| status.online) {
            return Err(self.failed(cause));
        }
        let read_again = match self.first_address {
            Some(first) => self.retry_at(first),
            None => self.retry_by_spacing(),
        };
        match read_again {
            Ok(Some(length)) => Ok(self.took(length)),
            Ok(None) => {
                self.next += 1;
                Err(Failure::Unreadable(cause))
            }
            // Some drives say that nothing is recorded there only when they are to space over it.
            Err(_) if self.is_at_end_of_data() || (self.space(1).is_err() && self.is_at_end_of_data()) => {
                Ok(Step::EndOfData)
            }
            Err(other) => Err(self.failed(other)),
        }
    }

    /// Goes back to the record's address and reads it; `None` if that fails with it as before.
    fn retry_at(&mut self, first_address: u32) -> io::Result<Option<usize>> {
        for _ in 0..RETRIES {
            self.seek(first_address, self.next)?;
            match self.read() {
                Err(cause) if cause.raw_os_error() == Some(errno::EIO) => {}
                Ok(0) => return Err(elsewhere()),
                read => return read.map(Some),
            }
        }
        self.seek(first_address, self.next + 1)?;
        Ok(None)
    }

    /// Steps back and reads. Drives differ in whether a failed read moves the tape: one that did not gives the record before, or the filemark.
    fn retry_by_spacing(&mut self) -> io::Result<Option<usize>> {
        if self.next > 0 && self.previous.length == 0 {
            // Nothing is known of the record before.
            return Err(elsewhere());
        }
        let (mut moves, mut tried) = (true, 0);
        while tried < RETRIES {
            // In front of the first record there may be nothing to step back over.
            if moves && let Err(cause) = self.space(-1) {
                if self.next > 0 {
                    return Err(cause);
                }
                moves = false;
            }
            match self.read() {
                Err(cause) if cause.raw_os_error() == Some(errno::EIO) => tried += 1,
                Err(cause) => return Err(cause),
                Ok(0) if self.next == 0 && tried == 0 => moves = false,
                Ok(0) => return Err(elsewhere()),
                Ok(length) if moves && self.current.bytes.bytes()[..length] == *self.previous.record() => moves = false,
                Ok(length) => return Ok(Some(length)),
            }
        }
        if !moves {
            self.space(1)?;
        }
        Ok(None)
    }
}

fn elsewhere() -> io::Error {
    let why = "behind a record that cannot be read, it is no longer certain where the tape stands".to_owned();
    let remedy = "clean the drive, rewind the tape and try again".to_owned();
    Advised { why, remedy, cause: None }.into()
}
