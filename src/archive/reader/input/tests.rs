//! An input against a model: whatever is read, passed over, given back or gone to, the bytes are those of the archive.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proptest::prelude::*;

use super::*;
use crate::archive::block::{HeaderMaker, ZEROS};

/// Bytes, and how they are given.
#[derive(Default)]
pub struct Fake {
    pub bytes: Vec<u8>,
    pub position: usize,
    pub can_seek: bool,
    /// The length it tells instead of its bytes'.
    pub length_bytes: Option<u64>,
    /// What the next reads fail with.
    pub failures: Vec<io::ErrorKind>,
    pub reads: Arc<AtomicUsize>,
    /// Where the last seek went.
    pub sought: Arc<AtomicUsize>,
}

impl Input for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn length(&self) -> Option<u64> {
        self.can_seek.then(|| self.length_bytes.unwrap_or(self.bytes.len() as u64))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Relaxed);
        if let Some(kind) = self.failures.pop() {
            return Err(kind.into());
        }
        let left = &self.bytes[self.position.min(self.bytes.len())..];
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.position += length;
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        assert!(self.can_seek);
        self.position = position as usize;
        self.sought.store(self.position, Relaxed);
        Ok(())
    }
}

pub fn input(fake: Fake) -> ArchiveInput {
    ArchiveInput::new(Box::new(fake))
}

/// Bytes that tell where they stand.
fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place / 256 + place * 3) as u8).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Skip(u64),
    Seek(u64),
    GiveBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1usize..2000).prop_map(Step::Read),
        (1usize..700_000).prop_map(Step::Read),
        (0u64..2000).prop_map(Step::Skip),
        (0u64..400_000).prop_map(Step::Skip),
        (0u64..1_000_000).prop_map(Step::Seek),
        Just(Step::GiveBack),
    ]
}

proptest! {
    #[test]
    fn reads_are_those_of_the_model(can_seek in any::<bool>(), steps in proptest::collection::vec(step(), 1..40)) {
        let bytes = numbered(1_000_000);
        let mut input = input(Fake { bytes: bytes.clone(), can_seek, ..Fake::default() });
        let (mut at, mut returned) = (0usize, false);
        for step in steps {
            match step {
                // Whoever has given a block back reads at least a block.
                Step::Read(length) => {
                    let length = if returned { length.max(BLOCK) } else { length };
                    if at + length <= bytes.len() {
                        let mut read = vec![0; length];
                        input.read_exact(&mut read).unwrap();
                        prop_assert!(read == bytes[at..at + length]);
                        (at, returned) = (at + length, false);
                    }
                }
                Step::Skip(stored) => {
                    let length = stored.next_multiple_of(BLOCK as u64) as usize;
                    if length > 0 && at + length <= bytes.len() {
                        input.skip_stored(stored).unwrap();
                        (at, returned) = (at + length, false);
                    }
                }
                Step::Seek(position) if can_seek => {
                    input.seek_to(position).unwrap();
                    (at, returned) = (position as usize, false);
                }
                Step::GiveBack if !returned && at + BLOCK <= bytes.len() => {
                    let mut block = [0; BLOCK];
                    input.read_exact(&mut block).unwrap();
                    input.give_back(block);
                    returned = true;
                }
                Step::Seek(_) | Step::GiveBack => {}
            }
            prop_assert_eq!(input.position(), at as u64);
        }
    }
}

#[test]
fn small_reads_are_gathered() {
    let reads = Arc::new(AtomicUsize::new(0));
    let mut input = input(Fake { bytes: numbered(1 << 20), reads: reads.clone(), ..Fake::default() });
    for _ in 0..2048 {
        input.read_exact(&mut [0; BLOCK]).unwrap();
    }
    assert_eq!(reads.load(Relaxed), (1 << 20) / BUFFER_BYTES);
}

#[test]
fn seeking_to_what_is_in_the_buffer_reads_nothing_anew() {
    let reads = Arc::new(AtomicUsize::new(0));
    let mut input = input(Fake { bytes: numbered(1 << 20), can_seek: true, reads: reads.clone(), ..Fake::default() });
    input.read_exact(&mut [0; BLOCK]).unwrap();
    for position in [BUFFER_BYTES as u64 - 512, 0, 4096, 100] {
        input.seek_to(position).unwrap();
        input.read_exact(&mut [0; 100]).unwrap();
    }
    assert_eq!(reads.load(Relaxed), 1);
}

#[test]
fn an_interrupted_read_is_tried_again_and_no_other_failure_is() {
    let failures = vec![io::ErrorKind::Interrupted; 3];
    let mut interrupted = input(Fake { bytes: numbered(100), failures, ..Fake::default() });
    let mut read = [0; 100];
    interrupted.read_exact(&mut read).unwrap();
    assert_eq!(read[..], numbered(100));
    let failures = vec![io::ErrorKind::PermissionDenied];
    let mut failing = input(Fake { bytes: numbered(100), failures, ..Fake::default() });
    assert!(matches!(failing.read_exact(&mut read), Err(Error::Io(_))));
}

#[test]
fn an_input_that_ends_says_where() {
    let said = |length: usize| {
        input(Fake { bytes: numbered(length), ..Fake::default() }).read_exact(&mut [0; 100]).unwrap_err().to_string()
    };
    assert!(said(0).contains("empty") && !said(99).contains("empty"));
    assert!(said(99).contains("at byte 99") && said(99).contains("fake"));
    assert_eq!(input(Fake::default()).name(), "fake");
}

#[test]
fn an_input_has_a_length_only_where_it_can_seek() {
    for (can_seek, length) in [(true, Some(77)), (false, None)] {
        assert_eq!(input(Fake { bytes: numbered(77), can_seek, ..Fake::default() }).length(), length);
    }
}

#[test]
fn padding_is_zeros_up_to_the_next_block() {
    for (length, padding) in [(0u64, 0usize), (1, 511), (511, 1), (512, 0), (513, 511)] {
        let mut sound = input(Fake { bytes: vec![0; 600], ..Fake::default() });
        sound.read_padding(length).unwrap();
        assert_eq!(sound.position(), padding as u64);
        for wrong in 0..padding {
            let mut bytes = vec![0; 600];
            bytes[wrong] = 1;
            assert!(input(Fake { bytes, ..Fake::default() }).read_padding(length).is_err(), "{length}: {wrong}");
        }
    }
}

#[test]
fn going_on_to_the_next_block_passes_over_less_than_one() {
    for (at, aligned) in [(0usize, 0u64), (1, 512), (511, 512), (512, 512), (700, 1024)] {
        let mut input = input(Fake { bytes: numbered(1024), ..Fake::default() });
        input.read_exact(&mut vec![0; at]).unwrap();
        assert!(input.align(BLOCK as u64).unwrap());
        assert_eq!(input.position(), aligned);
    }
    let mut cut = input(Fake { bytes: numbered(600), ..Fake::default() });
    cut.read_exact(&mut [0; 513]).unwrap();
    assert!(!cut.align(BLOCK as u64).unwrap());
}

#[test]
fn where_an_input_can_seek_nothing_is_read_to_be_passed_over() {
    let reads = Arc::new(AtomicUsize::new(0));
    let mut seeking = input(Fake { bytes: numbered(1 << 20), can_seek: true, reads: reads.clone(), ..Fake::default() });
    seeking.skip_stored((1 << 20) - 512).unwrap();
    assert_eq!((seeking.position(), reads.load(Relaxed)), ((1 << 20) - 512, 0));
    seeking.skip_stored(512).unwrap();
    assert!(
        matches!(seeking.skip_stored(1), Err(Error::Incomplete { .. })),
        "the bytes to be passed over are not there"
    );
}

#[test]
fn only_zeros_may_follow_the_end_and_the_first_other_byte_is_named() {
    let ending = |bytes: Vec<u8>| input(Fake { bytes, ..Fake::default() }).read_zeros_to_the_end();
    assert_eq!(ending(vec![0; 700_000]).unwrap(), 700_000);
    for place in [0, 1, 511, 300_000] {
        let mut bytes = vec![0; 700_000];
        bytes[place] = 1;
        let error = ending(bytes).unwrap_err().to_string();
        assert!(error.contains(&format!("at byte {place},")), "{place}: {error}");
    }
}

/// `/dev/zero`.
struct Endless;

impl Input for Endless {
    fn name(&self) -> &str {
        "endless"
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(0);
        Ok(buffer.len())
    }

    fn seek_to(&mut self, _position: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn zeros_without_an_end_are_no_archive() {
    let error = ArchiveInput::new(Box::new(Endless)).next_member(None).unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }) && error.to_string().contains("only zeros"), "{error}");
}

#[test]
fn what_is_no_header_is_a_cut_only_where_nothing_but_zeros_follows() {
    let common = Common { id: "id".to_owned(), mtime: 0 };
    let read = |bytes: Vec<u8>| {
        let mut input = input(Fake { bytes, ..Fake::default() });
        (input.next_member(Some(&common)).unwrap_err(), input)
    };
    assert!(matches!(read(vec![0; 4 * BLOCK]).0, Error::Incomplete { .. }));
    let (error, _) = read([&[1; BLOCK][..], &[0; 3 * BLOCK]].concat());
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    // The block that ended the zeros is still there to be read.
    let (error, mut behind) = read([&[0; 3 * BLOCK][..], &[7; BLOCK], &[8; BLOCK]].concat());
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    let mut block = [0; BLOCK];
    assert!(behind.read_block(&mut block).unwrap() && block == [7; BLOCK]);
    assert!(behind.read_block(&mut block).unwrap() && block == [8; BLOCK]);
    assert!(!behind.read_block(&mut block).unwrap());
}

/// A member with a record of this length.
fn member_with_record(length: usize) -> Vec<u8> {
    let sized = |name: usize| {
        let requires = vec!["x".repeat(name)];
        Record { length: 5, requires, ..Record::default() }
    };
    let mut text = Vec::new();
    sized(1).push(&mut text);
    let mut bytes = Vec::new();
    HeaderMaker::new("id", 7).push(&mut bytes, &MemberKind::End, &sized(1 + length - text.len()), 5);
    bytes.extend_from_slice(&ZEROS);
    bytes
}

#[test]
fn a_record_is_at_most_3072_bytes_long() {
    for (length, fits) in [(1000, true), (3071, true), (3072, true), (3073, false), (9000, false)] {
        let member = input(Fake { bytes: member_with_record(length), ..Fake::default() }).next_member(None);
        assert_eq!(member.is_ok(), fits, "{length}");
        assert!(fits || member.is_err_and(|error| error.to_string().contains("record has")), "{length}");
    }
}
