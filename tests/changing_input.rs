//! An archive whose file changes between the check of its indexes and the reading of its data: an error, never a panic.

mod archives;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use archives::forge::{Data, Forge, frame, sha256};
use archives::{MemoryInput, MemoryOutput, Way, class};
use blocktar::archive::{OpenArchive, OpenOptions, RewriteRequest};
use blocktar::progress::Progress;
use blocktar::recompress::recompress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::stream::Input;
use blocktar::target::memory::Memory;

/// Gives one archive, and another one from a moment on.
struct Changing {
    before: Box<dyn Input>,
    after: Box<dyn Input>,
    changed: Arc<AtomicBool>,
    /// Whether it changes when it is sought back to its beginning.
    changes_at_beginning: bool,
}

impl Changing {
    fn now(&mut self) -> &mut dyn Input {
        if self.changed.load(Relaxed) { &mut *self.after } else { &mut *self.before }
    }
}

impl Input for Changing {
    fn name(&self) -> &str {
        "a changing file"
    }

    fn length(&self) -> Option<u64> {
        self.before.length()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.now().read(buffer)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        if self.changes_at_beginning && position < FIRST {
            self.changed.store(true, Relaxed);
        }
        self.now().seek_to(position)
    }
}

const FIRST: u64 = 50_000;
const SMALL: u64 = 16;
const SIZE: u64 = FIRST + 10_000 * SMALL;

/// An archive with an index that is longer than what a reader keeps of its input, and whose first member says that it holds so many bytes.
fn archive(length: u64, compressed: bool) -> Arc<Vec<u8>> {
    Arc::new(forge(length, compressed, 1).build())
}

/// The same with other bytes, by which all that depends on them is other, too.
fn forge(length: u64, compressed: bool, mark: u8) -> Forge {
    let bytes: Vec<u8> = (0..SIZE).map(|place| ((place / SMALL) >> (place % 4 * 4)) as u8 | mark).collect();
    let (first, rest) = bytes.split_at(FIRST as usize);
    let mut data = vec![Data { length, ..Data::plain(0, first) }];
    if compressed {
        (data[0].stored, data[0].compressed) = (frame(first), true);
    }
    let small = rest.chunks(SMALL as usize).zip(0..);
    data.extend(small.map(|(piece, number)| Data::plain(FIRST + number * SMALL, piece)));
    Forge::new(SIZE, &[(0, SIZE, false)], data)
}

#[test]
fn sizes_that_have_changed_since_they_were_checked_are_damage() {
    for compressed in [false, true] {
        for length in [0, FIRST - 1, 65_537, 1 << 40, (1 << 53) - 1] {
            let changed = Arc::new(AtomicBool::new(false));
            let [before, after] =
                [FIRST, length].map(|length| MemoryInput::boxed(&archive(length, compressed), Way::File));
            let input = Box::new(Changing { before, after, changed: changed.clone(), changes_at_beginning: false });
            let opened = OpenArchive::open(input, &OpenOptions::default()).unwrap();
            changed.store(true, Relaxed);
            let mut target = Memory::new(vec![0xff; SIZE as usize]);
            let outcome = restore(opened, &mut target, &RestoreRequest::default(), &Progress::default());
            let error = outcome.unwrap_err().error;
            assert_eq!(class(&error), "damaged", "{length}, {compressed}: {error}");
        }
    }
}

/// What was checked is one archive, what is read another, each without a fault in itself.
#[test]
fn an_index_that_has_changed_since_it_was_checked_is_damage() {
    let changed = Arc::new(AtomicBool::new(false));
    let [before, after] =
        [1, 3].map(|mark| MemoryInput::boxed(&Arc::new(forge(FIRST, false, mark).build()), Way::File));
    let input = Box::new(Changing { before, after, changed: changed.clone(), changes_at_beginning: false });
    let opened = OpenArchive::open(input, &OpenOptions::default()).unwrap();
    changed.store(true, Relaxed);
    let mut target = Memory::new(vec![0xff; SIZE as usize]);
    let outcome = restore(opened, &mut target, &RestoreRequest::default(), &Progress::default());
    let error = outcome.unwrap_err().error;
    assert_eq!(class(&error), "damaged", "{error}");
}

/// The end that was looked at first names another state than the one that came when all was read: no archive may name both.
#[test]
fn a_state_that_has_changed_since_it_was_told_ends_no_archive() {
    let [before, after] = [Some(sha256(b"another")), None].map(|state| {
        let archive = Forge { state, ..forge(FIRST, false, 1) }.build();
        MemoryInput::boxed(&Arc::new(archive), Way::File)
    });
    let changed = Arc::new(AtomicBool::new(false));
    let input: Box<dyn Input> =
        Box::new(Changing { before, after, changed: changed.clone(), changes_at_beginning: true });
    let mut output = MemoryOutput::default();
    let error = recompress(input, &mut output, &RewriteRequest::default(), &Progress::default()).unwrap_err();
    assert!(changed.load(Relaxed) && error.to_string().contains("another state"), "{error}");
    assert!(!*output.finished.lock().unwrap());
}
