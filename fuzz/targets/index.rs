//! The lines of an index: never a panic, and what is accepted is in the one spelling.
#![no_main]

use blocktar::archive::{DigestKind, fuzzing};
use blocktar_fuzz::text;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        for kind in [DigestKind::Sha256, DigestKind::Blake3] {
            if let Some(spelled) = fuzzing::index_line(line, kind) {
                assert!(spelled == line, "accepted, but not as it would be written");
            }
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { text::mutate(data, size, max_size, seed) });
