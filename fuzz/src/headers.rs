//! Changes a member's headers and mends what holds them together, so that more than a sum must notice.

use blocktar::archive::limit;

use crate::archives::BLOCK;
use crate::archives::forge;
use crate::chance::Chance;
use crate::text;

/// The mutator of the target that reads headers: of one member, or of two that follow each other.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut chance = Chance::from_seed(seed.into());
    let mut headers = data[..size].to_vec();
    match chance.below(4) {
        0 => text::change_bytes(&mut headers, &mut chance),
        1 => change_record(&mut headers, &mut chance),
        2 => change_field(&mut headers, &mut chance),
        _ => headers.extend_from_within(..),
    }
    if chance.below(8) > 0 {
        headers.chunks_exact_mut(BLOCK).for_each(mend_sum);
    }
    let length = headers.len().min(max_size);
    data[..length].copy_from_slice(&headers[..length]);
    length
}

/// Puts the right sum into a block, if it is a header.
fn mend_sum(block: &mut [u8]) {
    if block[257..].starts_with(b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    }
}

/// Changes one of the fields that may differ between headers, in its own alphabet as a rule.
fn change_field(headers: &mut [u8], chance: &mut Chance) {
    let blocks = (headers.len() / BLOCK).max(1) as u64;
    let Some(block) = headers.get_mut(chance.below(blocks) as usize * BLOCK..) else { return };
    let at = match chance.below(4) {
        0 => 124 + chance.below(12),
        1 => 136 + chance.below(12),
        2 => 37 + chance.below(50),
        _ => chance.below(BLOCK as u64),
    };
    let alphabet = b"0123456789abcdefz._/-\0";
    if let Some(byte) = block.get_mut(at as usize) {
        *byte = alphabet[chance.below(alphabet.len() as u64) as usize];
    }
}

/// Changes the record of the first member, and makes its payload and the size in the `x` header fit.
fn change_record(headers: &mut Vec<u8>, chance: &mut Chance) {
    let size = headers.get(124..135).and_then(|digits| u64::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
    let Some(size) = size.filter(|size| *size <= limit::RECORD as u64 + 100) else { return };
    let Some(payload) = headers.get(BLOCK..BLOCK + size as usize) else { return };
    let Some(blank) = payload.iter().position(|byte| *byte == b'=') else { return };
    let mut record = payload[blank + 1..].strip_suffix(b"\n").unwrap_or_default().to_vec();
    text::change(&mut record, chance);
    let mut pax = forge::pax(&record);
    headers[124..135].copy_from_slice(format!("{:011o}", pax.len()).as_bytes());
    pax.resize(pax.len().next_multiple_of(BLOCK), 0);
    let end = (BLOCK + size.next_multiple_of(BLOCK as u64) as usize).min(headers.len());
    headers.splice(BLOCK..end, pax);
}
