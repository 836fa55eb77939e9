//! An archive on tape that is read forward, from where the tape stands to the next filemark.

use std::io;

use super::records::{Failure, Records, Step};
use crate::drive::Drive;
use crate::error::Advised;
use crate::stream::Input;
use crate::sys::errno;

/// So many records in a row before the first that can be read are passed. A tape on which more are lost needs another drive.
const LOST_MAX: u64 = 64;

/// One tape file, or what is left of it, front to back. It ends at the first filemark, behind which the tape then stands.
pub struct TapeInput {
    records: Records,
    /// How much of the current record was given.
    given: usize,
    /// How many bytes came before the current record.
    before: u64,
    record_bytes: Option<usize>,
    state: State,
    /// A record was read beforehand, to learn the size of one that was lost.
    waiting: bool,
    /// So many records before that one are lost, too, and were not yet told.
    untold: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    /// A record could not be read; the tape stands behind it.
    Unreadable,
    Failed,
}

impl TapeInput {
    /// Reads on from where the drive stands.
    pub fn new(drive: Box<dyn Drive>) -> Self {
        let records = Records::new(drive);
        Self { records, given: 0, before: 0, record_bytes: None, state: State::Reading, waiting: false, untold: 0 }
    }

    /// How often the tape was sent somewhere.
    pub fn positionings(&self) -> u64 {
        self.records.positionings()
    }

    /// Reads the next record; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.waiting) {
            return Ok(true);
        }
        self.before += self.records.record().len() as u64;
        self.given = 0;
        match self.records.next() {
            Ok(Step::Record) => {
                self.record_bytes.get_or_insert(self.records.record().len());
                Ok(true)
            }
            Ok(end) => {
                self.state = State::Ended;
                if self.records.number() == 0 { Err(nothing(self.records.name(), end)) } else { Ok(false) }
            }
            Err(Failure::Other(error)) => {
                self.state = State::Failed;
                Err(error)
            }
            Err(Failure::Unreadable(cause)) => {
                self.state = State::Unreadable;
                Err(self.unreadable(self.records.number() - 1, cause))
            }
        }
    }

    /// The failure of a record, with its number and its bytes.
    fn unreadable(&self, number: u64, cause: io::Error) -> io::Error {
        let place = match self.record_bytes {
            Some(length) => format!(", bytes {} to {} of what is read,", self.before, self.before + length as u64),
            None => String::new(),
        };
        let why = format!("record {number}{place} cannot be read, neither when tried again");
        let remedy = "clean the drive and try again, or another drive; \
                      `blocktar salvage` brings back everything else"
            .to_owned();
        Advised { why, remedy, cause: Some(cause) }.into()
    }

    /// The length of the record that was lost. Before the first that could be read, it is taken to be as long as that will be; those between are told one by one.
    fn lost_bytes(&mut self) -> io::Result<u64> {
        if self.untold > 0 {
            self.untold -= 1;
        }
        while self.record_bytes.is_none() && self.state == State::Reading {
            match self.advance() {
                Ok(read) => self.waiting = read,
                Err(_) if self.state == State::Unreadable && self.untold + 1 < LOST_MAX => {
                    self.state = State::Reading;
                    self.untold += 1;
                }
                Err(_) if self.state == State::Unreadable => {
                    self.state = State::Failed;
                    return Err(too_many_lost());
                }
                Err(error) => return Err(error),
            }
        }
        let lost_bytes = self.record_bytes.unwrap_or(0) as u64;
        self.before += lost_bytes;
        Ok(lost_bytes)
    }

    /// The failure of a record that was passed before the first that could be read.
    fn untold(&mut self) -> io::Error {
        self.state = State::Unreadable;
        let number = self.before / self.record_bytes.unwrap_or(1).max(1) as u64;
        self.unreadable(number, io::Error::from_raw_os_error(errno::EIO))
    }
}

fn too_many_lost() -> io::Error {
    let why = format!("the first {LOST_MAX} records cannot be read, neither when tried again");
    let remedy = "clean the drive and try again, or another drive".to_owned();
    Advised { why, remedy, cause: None }.into()
}

/// The failure to read where nothing is.
pub(super) fn nothing(name: &str, end: Step) -> io::Error {
    let position = format!("`mt -f {name} rewind` goes to its beginning, `mt -f {name} asf N` to tape file N, from 0");
    let (why, remedy) = match end {
        Step::Filemark => (
            "there is nothing before the next filemark, behind which the tape stands now",
            "run it again to read what follows, or position the tape".to_owned(),
        ),
        _ => ("the tape is blank, or stands behind everything that is recorded", position),
    };
    Advised { why: why.to_owned(), remedy, cause: None }.into()
}

impl Input for TapeInput {
    fn name(&self) -> &str {
        self.records.name()
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(0),
            State::Unreadable | State::Failed => return Err(io::Error::other("an earlier read of it failed")),
        }
        if self.untold > 0 {
            return Err(self.untold());
        }
        if (self.given == self.records.record().len() || self.waiting) && !self.advance()? {
            return Ok(0);
        }
        let rest = &self.records.record()[self.given..];
        let length = buffer.len().min(rest.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }

    fn seek_to(&mut self, _position: u64) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }

    fn record_bytes(&self) -> Option<u64> {
        self.record_bytes.map(|length| length as u64)
    }

    fn pass_unreadable(&mut self, _cause: &io::Error) -> Option<io::Result<u64>> {
        if self.state != State::Unreadable {
            return None;
        }
        self.state = State::Reading;
        Some(self.lost_bytes())
    }
}

#[cfg(test)]
mod tests;
