//! The forward reader, stopping at the first fault and reading through, with bytes that come in different pieces: the same each time.
#![no_main]

use std::sync::Arc;

use blocktar::archive::Reading;
use blocktar_fuzz::archives::Way;
use blocktar_fuzz::mutate;
use blocktar_fuzz::outcome::{How, read, speaks_of_parts};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    let archive = Arc::new(bytes.to_vec());
    let way = Way::Pipe;
    let stopping = read(&archive, How { way, most: usize::MAX, reading: Reading::Best });
    let in_pieces = read(&archive, How { way, most: 509, reading: Reading::Best });
    assert!(stopping == in_pieces, "how the bytes come makes a difference: {stopping:?} and {in_pieces:?}");
    let through = read(&archive, How { way, most: usize::MAX, reading: Reading::Through });
    let both_refuse_a_part = stopping.is_err() && through.is_err() && speaks_of_parts(bytes);
    assert!(
        stopping == through || both_refuse_a_part,
        "reading through makes a difference: {stopping:?} and {through:?}"
    );
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
