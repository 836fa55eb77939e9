//! An archive read forward, by its index, and by a verify: all give the same image and the same end, or all refuse.
//!
//! Which refusals may differ, by section 12 of the specification: an archive with several faults is refused for the one that a
//! reader meets first, and the seeking reader begins at the end. So from a pipe and from a file the words *damaged*, *incomplete* and *not understood*
//! may differ, but for one: *incomplete* says that there is no end, so the seeking reader says it only where whoever goes through the structure from the front
//! finds none either. A verify goes the way of the forward reader, and its first fault is the one that a restore from a pipe stops at.
#![no_main]

use std::sync::Arc;

use blocktar::archive::Reading;
use blocktar::catalog::{State, examine};
use blocktar::progress::Progress;
use blocktar::verify::verify;
use blocktar_fuzz::archives::{MemoryInput, Way, class, restore_bytes};
use blocktar_fuzz::mutate;
use blocktar_fuzz::outcome::{How, Whole, read, speaks_of_parts};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    let archive = Arc::new(bytes.to_vec());
    let [forward, seeking] =
        [Way::Pipe, Way::File].map(|way| read(&archive, How { way, most: usize::MAX, reading: Reading::Best }));
    let verdict = verdict(&archive);
    match (&forward, &seeking) {
        (Ok(forward), Ok(seeking)) => {
            assert!(forward == seeking, "two readings of one archive: {forward:?} and {seeking:?}");
            assert!(verdict == if forward.end_blocks { None } else { Some("damaged") }, "a verify says {verdict:?}");
            check_restores(&archive, forward);
        }
        (Err(_), Err(_)) if speaks_of_parts(&archive) => {}
        (Err(forward), Err(seeking)) => {
            assert!(verdict == Some(forward), "a verify says {verdict:?}, and the forward reader {forward}");
            assert!(*seeking != "incomplete" || has_no_end(&archive), "cut for one, and for the other {forward}");
        }
        _ => panic!("only one can read it: forward {forward:?}, seeking {seeking:?}"),
    }
});

/// Whether an archive has no end for whoever goes through its structure from the front.
fn has_no_end(archive: &Arc<Vec<u8>>) -> bool {
    let entry = examine(MemoryInput::boxed(archive, Way::Pipe)).expect("nothing but the archive is at fault");
    entry.state == State::Incomplete
}

/// The class of the first fault that a verify finds.
fn verdict(archive: &Arc<Vec<u8>>) -> Option<&'static str> {
    let report = verify(MemoryInput::boxed(archive, Way::Pipe), 1, &Progress::default());
    let report = report.expect("nothing but the archive is at fault");
    report.faults.first().map(|fault| class(&fault.error))
}

/// A restore of a full that can be read leaves behind what was told of it.
fn check_restores(archive: &Arc<Vec<u8>>, whole: &Whole) {
    let Some(image) = whole.image(0xff) else { return };
    for way in [Way::Pipe, Way::File] {
        let (restored, outcome) = restore_bytes(archive, way, 1, image.len());
        assert!(outcome.is_ok(), "it can be read, and not be restored: {outcome:?}");
        assert!(restored == image, "a restore leaves other bytes behind");
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
