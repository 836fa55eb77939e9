//! The seeking reader and the inventory that goes by an archive's head and tail: never a panic, never more than the end member counts.
#![no_main]

use std::sync::Arc;

use blocktar::archive::Reading;
use blocktar::catalog::{State, examine};
use blocktar_fuzz::archives::{MemoryInput, Way};
use blocktar_fuzz::mutate;
use blocktar_fuzz::outcome::{How, read};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    let archive = Arc::new(bytes.to_vec());
    let way = Way::File;
    let whole = read(&archive, How { way, most: usize::MAX, reading: Reading::Best });
    let in_pieces = read(&archive, How { way, most: 509, reading: Reading::Best });
    assert!(whole == in_pieces, "how the bytes come makes a difference: {whole:?} and {in_pieces:?}");
    let entry = examine(MemoryInput::boxed(&archive, way)).expect("nothing but the archive is at fault");
    if let Ok(whole) = whole {
        // An inventory may call sound what has a fault in its middle, but never the other way round.
        let is_complete = matches!(entry.state, State::Complete | State::WithBadRanges);
        assert!(is_complete == whole.end_blocks, "it can be read, and is listed as {:?}", entry.state);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
