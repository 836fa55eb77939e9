//! An archive on tape of which only pieces are wanted: it is found by addresses, or by spacing where the drive has none.

use std::io;

use super::input::nothing;
use super::records::{Failure, Records, Step};
use super::window::Window;
use crate::drive::Drive;
use crate::error::Advised;
use crate::stream::Input;

/// How much is kept of what was read.
const WINDOW_BYTES: usize = 16 << 20;
/// So much is read at the start, and before the end when something there is wanted: the head, or the last index and the end member, as a rule.
const EDGE_BYTES: u64 = 4 << 20;
/// Up to so many bytes ahead are read through rather than jumped over: a drive reads them faster than it searches.
const GAP_BYTES: u64 = 64 << 20;

/// One tape file, or what is left of it, of which any place can be reached.
///
/// All its records but the last have the same size, which is checked as they are read.
pub struct SeekableTapeInput {
    records: Records,
    window: Window,
    record_bytes: u64,
    /// How many records there are, once that is known.
    count: Option<u64>,
    length: Option<u64>,
    position: u64,
    place: Place,
    /// Where the drive stood at first, for those without addresses.
    origin: Origin,
}

/// Where the tape stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the record that [`Records::number`] says.
    Inside,
    /// Behind the filemark that ends the tape file.
    Behind,
    /// Nowhere that is known: a command failed.
    Lost,
}

/// The tape file in which the drive stood at first, and the record in it.
#[derive(Clone, Copy, Debug)]
struct Origin {
    file: Option<u32>,
    record: Option<u32>,
}

impl SeekableTapeInput {
    /// Reads on from where the drive stands, and finds out how long the tape file is, where the drive has addresses.
    ///
    /// # Errors
    /// A tape that cannot be read there, or has nothing there.
    pub fn open(mut drive: Box<dyn Drive>) -> io::Result<Self> {
        let status = drive.status().map_err(|cause| crate::drive::explained(&mut *drive, cause))?;
        let mut input = Self {
            records: Records::new(drive),
            window: Window::new(WINDOW_BYTES),
            record_bytes: 0,
            count: None,
            length: None,
            position: 0,
            place: Place::Inside,
            origin: Origin { file: status.file, record: status.record },
        };
        input.read_head()?;
        if input.length.is_none()
            && let Some(first_address) = input.records.first_address()
        {
            input.measure(first_address)?;
        }
        Ok(input)
    }

    /// How often the tape was sent somewhere.
    pub fn positionings(&self) -> u64 {
        self.records.positionings()
    }

    fn read_head(&mut self) -> io::Result<()> {
        while self.records.number() * self.record_bytes < EDGE_BYTES {
            if !self.step()? {
                return Ok(());
            }
            if self.record_bytes == 0 {
                self.record_bytes = self.records.record().len() as u64;
            }
            self.keep()?;
        }
        Ok(())
    }

    /// Reads the record before which the tape stands; `false` at the end, which then is known.
    fn step(&mut self) -> io::Result<bool> {
        match self.records.next() {
            Ok(Step::Record) => return Ok(true),
            Ok(end) if self.records.number() == 0 => {
                self.place = Place::Lost;
                return Err(nothing(self.records.name(), end));
            }
            Ok(end) => self.ends_here(end),
            Err(Failure::Unreadable(cause)) => return Err(self.unreadable(cause)),
            Err(Failure::Other(error)) => {
                self.place = Place::Lost;
                return Err(error);
            }
        }
        Ok(false)
    }

    fn ends_here(&mut self, end: Step) {
        self.place = if end == Step::Filemark { Place::Behind } else { Place::Lost };
        let count = self.records.number();
        let last_bytes = self.window.get(count - 1).map_or(self.record_bytes, |last| last.len() as u64);
        (self.count, self.length) = (Some(count), Some((count - 1) * self.record_bytes + last_bytes));
    }

    /// The failure of the record before the next.
    fn unreadable(&self, cause: io::Error) -> io::Error {
        let (number, length) = (self.records.number() - 1, self.record_bytes);
        let (from, to) = (number * length, (number + 1) * length);
        let why =
            format!("record {number}, bytes {from} to {to} of the tape file, cannot be read, neither when tried again");
        let remedy = "clean the drive and try again, or another drive".to_owned();
        Advised { why, remedy, cause: Some(cause) }.into()
    }

    /// Takes the record that was read last into the window.
    fn keep(&mut self) -> io::Result<()> {
        let (number, record) = (self.records.number() - 1, self.records.record());
        let before = number.checked_sub(1).and_then(|before| self.window.get(before));
        let too_long = record.len() as u64 > self.record_bytes;
        if too_long || before.is_some_and(|before| (before.len() as u64) < self.record_bytes) {
            let why =
                format!("record {number} has {} bytes, where those before it have {}", record.len(), self.record_bytes);
            let remedy =
                "records of one size are needed to find a place: read it from front to back, as `restore` does";
            return Err(Advised { why, remedy: remedy.to_owned(), cause: None }.into());
        }
        self.window.push(number, record.to_vec());
        Ok(())
    }

    /// Goes behind the filemark to learn where it is.
    fn measure(&mut self, first_address: u32) -> io::Result<()> {
        let marked = self.records.position(|drive| drive.space_files(1));
        let end = self.records.drive().address().map_err(|cause| self.lost(cause))?;
        self.place = if marked.is_ok() { Place::Behind } else { Place::Lost };
        // Without a filemark the tape file was not closed; what it holds is what is recorded.
        let count = u64::from(end.saturating_sub(first_address)).saturating_sub(u64::from(marked.is_ok()));
        (self.count, self.length) = (Some(count), Some(count * self.record_bytes));
        Ok(())
    }

    fn lost(&mut self, cause: io::Error) -> io::Error {
        self.place = Place::Lost;
        self.records.failed(cause).into_error()
    }

    /// Brings this record into the window; `false` behind the last.
    fn fetch(&mut self, number: u64) -> io::Result<bool> {
        if self.window.get(number).is_some() {
            return Ok(true);
        }
        if self.count.is_some_and(|count| number >= count) {
            return Ok(false);
        }
        let gap = GAP_BYTES / self.record_bytes;
        if self.place != Place::Inside || !(self.records.number()..=self.records.number() + gap).contains(&number) {
            self.go_to(self.start_for(number))?;
        }
        while self.records.number() <= number {
            if !self.step()? {
                return Ok(false);
            }
            self.keep()?;
        }
        Ok(true)
    }

    /// From where to read on to have this record: near the end from before all that is wanted there, as a rule.
    fn start_for(&self, number: u64) -> u64 {
        let edge = self.count.map(|count| count.saturating_sub(EDGE_BYTES / self.record_bytes));
        edge.map_or(number, |edge| number.min(edge.max(number.saturating_sub(EDGE_BYTES / self.record_bytes))))
    }

    fn go_to(&mut self, number: u64) -> io::Result<()> {
        let gone = match self.records.first_address() {
            Some(first_address) => self.records.seek(first_address, number),
            None => self.space_to(number),
        };
        gone.map_err(|cause| self.lost(cause))?;
        self.records.moved_to(number);
        self.place = Place::Inside;
        Ok(())
    }

    /// Goes to a record by spacing: from where the tape stands, or else from its beginning, as drives do not agree in how far they go back over a filemark.
    fn space_to(&mut self, number: u64) -> io::Result<()> {
        if self.place == Place::Inside {
            return self.records.space(number as i64 - self.records.number() as i64);
        }
        let (Some(file), Some(record)) = (self.origin.file, self.origin.record) else {
            return Err(io::ErrorKind::NotSeekable.into());
        };
        self.records.position(|drive| drive.rewind())?;
        if file > 0 {
            self.records.position(|drive| drive.space_files(file as i32))?;
        }
        self.records.space(i64::from(record) + number as i64)
    }

    /// Reads the last records, when their numbers are not known yet: as many as were read at the start, so that going back does not leave the tape file.
    fn read_tail(&mut self) -> io::Result<Vec<u8>> {
        let marked = self.records.position(|drive| drive.space_files(1));
        let at_end = self.records.drive().status().is_ok_and(|status| status.at_end_of_data);
        match marked {
            Ok(()) => self.records.position(|drive| drive.space_files(-1)).map_err(|cause| self.lost(cause))?,
            Err(_) if at_end => {}
            Err(cause) => return Err(self.lost(cause)),
        }
        self.records.space(-(self.window.len() as i64)).map_err(|cause| self.lost(cause))?;
        self.records.moved_to(0);
        let mut tail = Window::new(WINDOW_BYTES);
        // Some drives went back a record more than they should.
        loop {
            match self.records.next() {
                Ok(Step::Record) => tail.push(self.records.number() - 1, self.records.record().to_vec()),
                Ok(_) => break,
                Err(failure) => {
                    self.place = Place::Lost;
                    return Err(failure.into_error());
                }
            }
        }
        self.place = Place::Behind;
        let content = tail.content();
        self.window = tail;
        // No record has such a number before the length is known.
        self.window.renumber(u64::MAX / 2);
        Ok(content)
    }
}

impl Input for SeekableTapeInput {
    fn name(&self) -> &str {
        self.records.name()
    }

    fn length(&self) -> Option<u64> {
        self.length
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (self.position / self.record_bytes, (self.position % self.record_bytes) as usize);
        if !self.fetch(number)? {
            return Ok(0);
        }
        // Only the last record may be short; whether this is the last, the next one tells.
        if self.window.get(number).is_some_and(|record| record.len() <= within) && !self.fetch(number + 1)? {
            return Ok(0);
        }
        let record = self.window.get(number).and_then(|record| record.get(within..)).unwrap_or_default();
        let length = buffer.len().min(record.len());
        buffer[..length].copy_from_slice(&record[..length]);
        self.position += length as u64;
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        self.position = position;
        Ok(())
    }

    fn tail(&mut self) -> Option<io::Result<Vec<u8>>> {
        let can_return = self.origin.file.is_some() && self.origin.record.is_some();
        (self.length.is_none() && can_return).then(|| self.read_tail())
    }

    fn set_length(&mut self, length: u64) {
        if self.count.is_some() {
            return;
        }
        let count = length.div_ceil(self.record_bytes);
        (self.count, self.length) = (Some(count), Some(length));
        if self.window.get(u64::MAX / 2).is_some() {
            self.window.renumber(count.saturating_sub(self.window.len()));
        }
    }
}

#[cfg(test)]
mod tests;
