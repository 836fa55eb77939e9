//! Reads ranges past the page cache, on threads of its own, before they are wanted.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::extent::Range;
use crate::sys::direct::{self, ALIGNMENT, AlignedBuffer};

/// How long one read is, at most. They begin at multiples of it, apart from the first of a range.
const READ_BYTES: u64 = 1 << 20;

/// How many reads the device works on at once.
const THREADS: usize = 3;

/// Direct reads of ranges that were announced, in ascending order, and are wanted in that order.
#[derive(Debug)]
pub(super) struct DirectReads {
    shared: Arc<Shared>,
    /// Threads begin with the first range that is announced: most images that are opened have all they need in the cache.
    has_threads: bool,
    /// The read that the last wanted bytes came from.
    current: Option<Finished>,
}

#[derive(Debug)]
struct Shared {
    file: File,
    queue: Mutex<Queue>,
    /// A read was announced, is finished, or all is over.
    changed: Condvar,
}

/// The reads that were announced and not yet wanted, in ascending order, and buffers that nobody uses.
#[derive(Debug, Default)]
struct Queue {
    reads: VecDeque<Read>,
    idle: Vec<AlignedBuffer>,
    /// How many were announced so far.
    announced: u64,
    closed: bool,
}

#[derive(Debug)]
struct Read {
    /// One of its own for each read: the same range may be announced again.
    number: u64,
    range: Range,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    Begun,
    /// How many bytes there are, or why there are none.
    Finished(AlignedBuffer, io::Result<usize>),
}

/// A read and as much of it as there is.
#[derive(Debug)]
struct Finished {
    range: Range,
    buffer: AlignedBuffer,
    filled: usize,
}

/// What the first read that does not lie before an offset has of it.
enum First {
    Finished(Finished),
    /// Nothing before this offset.
    Elsewhere(u64),
}

/// What a direct read has to say of a wanted range.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It gave so many of its first bytes.
    Given(usize),
    /// It does not have the first bytes, up to this offset, or has none at all.
    Elsewhere(u64),
}

impl DirectReads {
    /// Direct reads of this open file; `None` where it has none.
    pub(super) fn begin(file: &File) -> io::Result<Option<Self>> {
        let Some(file) = direct::open(file)? else { return Ok(None) };
        let shared = Arc::new(Shared { file, queue: Mutex::default(), changed: Condvar::new() });
        Ok(Some(Self { shared, has_threads: false, current: None }))
    }

    /// Begins to read a range, whose ends are multiples of [`ALIGNMENT`]; what of it lies behind the end of the file is no error.
    ///
    /// Where the system has no room for a thread, nothing is begun.
    pub(super) fn announce(&mut self, range: Range) {
        if !self.has_threads {
            let start = |_| {
                let shared = self.shared.clone();
                thread::Builder::new().spawn(move || shared.read_on()).is_ok()
            };
            self.has_threads = (0..THREADS).map(start).fold(false, |any, started| any | started);
        }
        if !self.has_threads {
            return;
        }
        let mut queue = self.shared.lock();
        let mut start = range.start;
        while start < range.end() {
            let end = range.end().min((start / READ_BYTES + 1) * READ_BYTES);
            let read = Read { number: queue.announced, range: Range::between(start, end), state: State::Waiting };
            queue.reads.push_back(read);
            queue.announced += 1;
            start = end;
        }
        self.shared.changed.notify_all();
    }

    /// Forgets what was announced.
    pub(super) fn forget(&mut self) {
        self.shared.lock().reads.clear();
        self.current = None;
    }

    /// Reads what was not announced; an end before the end is an error of kind `UnexpectedEof`.
    pub(super) fn read_now(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let start = offset / ALIGNMENT * ALIGNMENT;
        let inside = (offset - start) as usize;
        let length = (inside + bytes.len()).next_multiple_of(ALIGNMENT as usize);
        let mut buffer = AlignedBuffer::new(length);
        let filled = buffer.fill(&self.shared.file, start, length)?;
        if filled < inside + bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.copy_from_slice(&buffer.bytes()[inside..inside + bytes.len()]);
        Ok(())
    }

    /// Gives the bytes at `offset` as far as one read has them, and forgets all reads that lie before it.
    pub(super) fn give(&mut self, bytes: &mut [u8], offset: u64) -> Wanted {
        loop {
            if let Some(current) = self.current.take_if(|current| current.range.end() <= offset) {
                self.shared.lock().idle.push(current.buffer);
            }
            match &self.current {
                Some(current) if current.range.start <= offset => return current.give(bytes, offset),
                Some(current) => return Wanted::Elsewhere(current.range.start),
                None => {}
            }
            match self.shared.take_first(offset) {
                First::Finished(finished) => self.current = Some(finished),
                First::Elsewhere(until) => return Wanted::Elsewhere(until),
            }
        }
    }
}

impl Drop for DirectReads {
    /// The threads end when their present reads do; nobody waits for a slow device.
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// A thread that panics must not leave anybody waiting for its read.
struct CloseOnPanic<'a>(&'a Shared);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.close();
        }
    }
}

impl Finished {
    fn give(&self, bytes: &mut [u8], offset: u64) -> Wanted {
        let inside = (offset - self.range.start) as usize;
        let length = self.filled.saturating_sub(inside).min(bytes.len());
        if length == 0 {
            return Wanted::Elsewhere(self.range.end());
        }
        bytes[..length].copy_from_slice(&self.buffer.bytes()[inside..inside + length]);
        Wanted::Given(length)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.reads.clear();
        self.changed.notify_all();
    }

    /// Waits for the first read that does not lie before `offset`, and takes it if it has its bytes.
    fn take_first(&self, offset: u64) -> First {
        let mut queue = self.lock();
        loop {
            let first = match queue.reads.front() {
                Some(first) if !queue.closed => first,
                _ => return First::Elsewhere(u64::MAX),
            };
            if first.range.start > offset {
                return First::Elsewhere(first.range.start);
            }
            if first.range.end() > offset && !matches!(first.state, State::Finished(..)) {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some(Read { range, state, .. }) = queue.reads.pop_front() else { continue };
            match state {
                State::Finished(buffer, Ok(filled)) if range.end() > offset => {
                    return First::Finished(Finished { range, buffer, filled });
                }
                State::Finished(buffer, outcome) => {
                    queue.idle.push(buffer);
                    if outcome.is_err() && range.end() > offset {
                        return First::Elsewhere(range.end());
                    }
                }
                State::Waiting | State::Begun => {}
            }
        }
    }

    /// What each thread does: takes the first read that waits, until all is over.
    fn read_on(&self) {
        let _unwinding = CloseOnPanic(self);
        let mut queue = self.lock();
        while !queue.closed {
            let waiting = queue.reads.iter_mut().find(|read| matches!(read.state, State::Waiting));
            let Some(read) = waiting else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            read.state = State::Begun;
            let (number, range) = (read.number, read.range);
            let buffer = queue.idle.pop();
            drop(queue);
            let mut buffer = buffer.unwrap_or_else(|| AlignedBuffer::new(READ_BYTES as usize));
            let outcome = buffer.fill(&self.file, range.start, range.length as usize);
            queue = self.lock();
            // It may have been forgotten meanwhile.
            match queue.reads.iter_mut().find(|read| read.number == number) {
                Some(read) => read.state = State::Finished(buffer, outcome),
                None => queue.idle.push(buffer),
            }
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LENGTH: u64 = (5 << 20) + 700;

    fn image() -> (tempfile::NamedTempFile, Vec<u8>) {
        let mut image = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let bytes: Vec<u8> = (0..LENGTH).map(|place| (place / 4093) as u8).collect();
        image.write_all(&bytes).unwrap();
        (image, bytes)
    }

    fn read(reads: &mut DirectReads, offset: u64, length: usize) -> (Vec<u8>, Wanted) {
        let mut bytes = vec![0; length];
        let wanted = reads.give(&mut bytes, offset);
        (bytes, wanted)
    }

    #[test]
    fn gives_announced_ranges_piece_by_piece() {
        let (image, bytes) = image();
        let mut reads = DirectReads::begin(image.as_file()).unwrap().unwrap();
        reads.announce(Range::between(8192, 3 << 20));
        reads.announce(Range::between(4 << 20, (5 << 20) + 4096));
        assert_eq!(read(&mut reads, 0, 100).1, Wanted::Elsewhere(8192));
        let mut at = 8192;
        while at < 3 << 20 {
            let (piece, wanted) = read(&mut reads, at, 300_000);
            let Wanted::Given(length) = wanted else { panic!("{wanted:?} at {at}") };
            assert!(piece[..length] == bytes[at as usize..at as usize + length]);
            at += length as u64;
        }
        assert_eq!(at, 3 << 20);
        assert_eq!(read(&mut reads, at, 10).1, Wanted::Elsewhere(4 << 20));
        assert_eq!(read(&mut reads, 5 << 20, 4096), ([&bytes[5 << 20..], &[0; 3396]].concat(), Wanted::Given(700)));
        assert_eq!(read(&mut reads, LENGTH, 1).1, Wanted::Elsewhere((5 << 20) + 4096));
        assert_eq!(read(&mut reads, 6 << 20, 1).1, Wanted::Elsewhere(u64::MAX));
    }

    #[test]
    fn what_was_not_announced_can_be_read_too() {
        let (image, bytes) = image();
        let reads = DirectReads::begin(image.as_file()).unwrap().unwrap();
        for (offset, length) in [(0, 1), (4095, 2), (123_456, 70_000), (LENGTH - 9, 9)] {
            let mut read = vec![0; length];
            reads.read_now(&mut read, offset).unwrap();
            assert!(read == bytes[offset as usize..][..length], "{offset}");
        }
        let error = reads.read_now(&mut [0; 10], LENGTH - 9).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_passed_over_or_forgotten_is_not_given_later() {
        let (image, bytes) = image();
        let mut reads = DirectReads::begin(image.as_file()).unwrap().unwrap();
        for _ in 0..50 {
            reads.announce(Range::between(0, 4 << 20));
            let (piece, wanted) = read(&mut reads, (3 << 20) + 5, 1000);
            assert_eq!(wanted, Wanted::Given(1000));
            assert!(piece == bytes[(3 << 20) + 5..][..1000]);
            reads.forget();
            assert_eq!(read(&mut reads, (3 << 20) + 5, 1000).1, Wanted::Elsewhere(u64::MAX));
        }
    }

    #[test]
    fn a_failed_read_is_left_to_others() {
        let (image, _) = image();
        let mut reads = DirectReads::begin(image.as_file()).unwrap().unwrap();
        // The kernel takes no offset that is not aligned.
        reads.announce(Range::between(100, 4196));
        assert_eq!(read(&mut reads, 100, 10).1, Wanted::Elsewhere(4196));
    }
}
