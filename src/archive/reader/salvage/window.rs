//! The bytes of an input of which nothing is certain: some of them at a time, to be looked at more than once, gone past what cannot be read.

use std::io;
use std::ops::Range;

use crate::error::Error;
use crate::stream::Input;

/// How much is read at once at least.
const READ_BYTES: usize = if cfg!(fuzzing) { 4 << 10 } else { 256 << 10 };

/// A piece of an input, from a position on.
pub struct Window {
    input: Box<dyn Input>,
    bytes: Vec<u8>,
    /// How much of `bytes` lies before the position.
    start: usize,
    position: u64,
    ended: bool,
    unreadable_bytes: u64,
    failure: Option<Error>,
}

impl Window {
    /// Begins where the input stands, which counts as position 0.
    pub fn new(input: Box<dyn Input>) -> Self {
        Self { input, bytes: Vec::new(), start: 0, position: 0, ended: false, unreadable_bytes: 0, failure: None }
    }

    /// Where the bytes begin that [`fill`](Self::fill) gives.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes could not be read so far; zeros stand for them.
    pub fn unreadable_bytes(&self) -> u64 {
        self.unreadable_bytes
    }

    /// The failed read behind which nothing could be read; it is taken for the end of the input, as what was read before it still counts.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// At least so many bytes from the position on; fewer only at the end of the input.
    pub fn fill(&mut self, wanted: usize) -> &[u8] {
        while self.bytes.len() - self.start < wanted && !self.ended {
            self.read_more(wanted);
        }
        &self.bytes[self.start..]
    }

    /// The input as the user named it.
    pub fn name(&self) -> &str {
        self.input.name()
    }

    /// The size of the records in which the input comes, where it comes in records.
    pub fn record_bytes(&self) -> Option<u64> {
        self.input.record_bytes()
    }

    /// Takes these bytes out, of those that were given; positions count as if they had never been there.
    pub fn cut(&mut self, range: Range<usize>) -> Vec<u8> {
        self.bytes.drain(self.start + range.start..self.start + range.end).collect()
    }

    /// Puts bytes back that were taken out.
    pub fn put_back(&mut self, at: usize, cut: Vec<u8>) {
        let at = self.start + at;
        drop(self.bytes.splice(at..at, cut));
    }

    /// Goes on by so many bytes, which must have been given.
    pub fn pass(&mut self, length: usize) {
        let length = length.min(self.bytes.len() - self.start);
        self.start += length;
        self.position += length as u64;
    }

    fn read_more(&mut self, wanted: usize) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let held = self.bytes.len();
        self.bytes.resize(held + READ_BYTES.max(wanted.saturating_sub(held).min(4 * READ_BYTES)), 0);
        let read = self.read_at(held);
        self.bytes.truncate(held + *read.as_ref().unwrap_or(&0));
        self.ended = matches!(read, Ok(0));
        if let Err(cause) = read {
            self.pass_unreadable(cause);
        }
    }

    fn read_at(&mut self, held: usize) -> io::Result<usize> {
        loop {
            match self.input.read(&mut self.bytes[held..]) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    /// Puts zeros in the place of what cannot be read: what is sound in spite of that, its digest proves.
    fn pass_unreadable(&mut self, cause: io::Error) {
        match self.input.pass_unreadable(&cause).unwrap_or(Err(cause)) {
            Ok(lost_bytes) => {
                self.unreadable_bytes += lost_bytes;
                self.bytes.resize(self.bytes.len() + lost_bytes as usize, 0);
            }
            Err(cause) => {
                self.failure = Some(Error::io("reading", self.input.name(), cause));
                self.ended = true;
            }
        }
    }
}
