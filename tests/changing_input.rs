//! An archive whose file changes between the check of its indexes and the reading of its data: an error, never a panic.

mod archives;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use archives::forge::{Data, Forge, frame};
use archives::{MemoryInput, Way, class};
use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::stream::Input;
use blocktar::target::memory::Memory;

/// Gives one archive, and another one from a moment on.
struct Changing {
    before: Box<dyn Input>,
    after: Box<dyn Input>,
    changed: Arc<AtomicBool>,
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
        self.now().seek_to(position)
    }
}

const FIRST: u64 = 50_000;
const SMALL: u64 = 16;
const SIZE: u64 = FIRST + 10_000 * SMALL;

/// An archive with an index that is longer than what a reader keeps of its input, and whose first member says that it holds so many bytes.
fn archive(length: u64, compressed: bool) -> Arc<Vec<u8>> {
    archive_of(length, compressed, 1)
}

/// The same with other bytes, by which all that depends on them is other, too.
fn archive_of(length: u64, compressed: bool, mark: u8) -> Arc<Vec<u8>> {
    let bytes: Vec<u8> = (0..SIZE).map(|place| ((place / SMALL) >> (place % 4 * 4)) as u8 | mark).collect();
    let (first, rest) = bytes.split_at(FIRST as usize);
    let mut data = vec![Data { length, ..Data::plain(0, first) }];
    if compressed {
        (data[0].stored, data[0].compressed) = (frame(first), true);
    }
    let small = rest.chunks(SMALL as usize).zip(0..);
    data.extend(small.map(|(piece, number)| Data::plain(FIRST + number * SMALL, piece)));
    Arc::new(Forge::new(SIZE, &[(0, SIZE, false)], data).build())
}

#[test]
fn sizes_that_have_changed_since_they_were_checked_are_damage() {
    for compressed in [false, true] {
        for length in [0, FIRST - 1, 65_537, 1 << 40, (1 << 53) - 1] {
            let changed = Arc::new(AtomicBool::new(false));
            let [before, after] =
                [FIRST, length].map(|length| MemoryInput::boxed(&archive(length, compressed), Way::File));
            let input = Box::new(Changing { before, after, changed: changed.clone() });
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
    let [before, after] = [1, 3].map(|mark| MemoryInput::boxed(&archive_of(FIRST, false, mark), Way::File));
    let input = Box::new(Changing { before, after, changed: changed.clone() });
    let opened = OpenArchive::open(input, &OpenOptions::default()).unwrap();
    changed.store(true, Relaxed);
    let mut target = Memory::new(vec![0xff; SIZE as usize]);
    let outcome = restore(opened, &mut target, &RestoreRequest::default(), &Progress::default());
    let error = outcome.unwrap_err().error;
    assert_eq!(class(&error), "damaged", "{error}");
}
