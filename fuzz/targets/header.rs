//! A member's headers, as the reader takes them off its input: never a panic, and what is accepted is, byte for byte, what the writer makes.
#![no_main]

use std::sync::Arc;

use blocktar::archive::fuzzing;
use blocktar_fuzz::archives::{MemoryInput, Way};
use blocktar_fuzz::headers;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    let read = fuzzing::headers(MemoryInput::boxed(&Arc::new(bytes.to_vec()), Way::Pipe), 2);
    assert!(bytes.starts_with(&read), "accepted, but not as it would be written");
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    headers::mutate(data, size, max_size, seed)
});
