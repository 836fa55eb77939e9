//! The map, plain or as a frame: never a panic, what is accepted is in the one spelling and covers what it must.
#![no_main]

use blocktar::archive::{fuzzing, limit};
use blocktar_fuzz::text;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

const FRAME: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

fuzz_target!(|bytes: &[u8]| {
    let compressed = bytes.starts_with(FRAME);
    for dirty in [false, true] {
        // In a device as large as any, a map that covers nothing in particular must be marked dirty; its end tells the size of a device that it covers.
        for size_bytes in [limit::NUMBER, declared_end(bytes)] {
            let Some((map, same, stored)) = fuzzing::map(bytes, compressed, size_bytes, dirty) else { continue };
            assert!(same && (compressed || stored == bytes), "accepted, but not as it would be written");
            assert!(dirty || map.covers(0, size_bytes), "accepted, but it does not cover the device");
            let mut at = 0;
            for extent in map.iter() {
                assert!(extent.length > 0 && extent.start >= at && extent.end() <= size_bytes);
                at = extent.end();
            }
        }
    }
});

/// The end of the last extent, as the text has it: the sum of its last two numbers.
fn declared_end(text: &[u8]) -> u64 {
    let numbers =
        text.split(|byte| !byte.is_ascii_digit()).filter_map(|digits| str::from_utf8(digits).ok()?.parse().ok());
    let numbers: Vec<u64> = numbers.collect();
    numbers.iter().rev().take(2).fold(0u64, |sum, number| sum.saturating_add(*number)).min(limit::NUMBER)
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { text::mutate(data, size, max_size, seed) });
