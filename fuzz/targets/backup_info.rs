//! `backup-info.json`: never a panic, and what is accepted is in the one spelling.
#![no_main]

use blocktar::archive::fuzzing;
use blocktar_fuzz::text;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    if let Some(spelled) = fuzzing::backup_info(bytes) {
        assert!(spelled == bytes, "accepted, but not as it would be written");
        let value = serde_json::from_slice(bytes).expect("what was accepted is JSON");
        assert!(text::numbers_fit(&value), "accepted with a number that none may be");
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { text::mutate(data, size, max_size, seed) });
