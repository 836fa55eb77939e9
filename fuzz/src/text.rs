//! Changes JSON texts where it matters: numbers, keys, repeats. Bytes are changed by libFuzzer itself.

use std::ops::Range;

use blocktar::archive::limit;
use libfuzzer_sys::fuzzer_mutate;
use serde_json::Value;

use crate::chance::Chance;

/// Numbers at which something changes: the format's limits and their neighbours, and where arithmetic wraps.
const NUMBERS: [u64; 22] = [
    0,
    1,
    2,
    7,
    511,
    512,
    513,
    4095,
    4096,
    65_535,
    65_536,
    65_537,
    1 << 20,
    (64 << 20) - 4096,
    64 << 20,
    (1 << 32) - 1,
    1 << 32,
    (1 << 53) - 1,
    1 << 53,
    1 << 62,
    u64::MAX - 1,
    u64::MAX,
];

/// The mutator of the targets that read a single text.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut chance = Chance::from_seed(seed.into());
    if chance.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut text = data[..size].to_vec();
    for _ in 0..1 + chance.below(3) {
        change(&mut text, &mut chance);
    }
    let length = text.len().min(max_size);
    data[..length].copy_from_slice(&text[..length]);
    length
}

/// Whether all numbers are ones that the format has: whole, from 0 to 2^53 − 1.
pub fn numbers_fit(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some_and(|number| number <= limit::NUMBER),
        Value::Array(values) => values.iter().all(numbers_fit),
        Value::Object(object) => object.values().all(numbers_fit),
        _ => true,
    }
}

/// Does one thing to a JSON text.
pub fn change(text: &mut Vec<u8>, chance: &mut Chance) {
    match chance.below(8) {
        0..4 => change_number(text, chance),
        4 => {
            let Some(piece) = pick(&pieces(text), chance) else { return };
            text.drain(piece);
        }
        5 => {
            let all = pieces(text);
            let (Some(piece), Some(place)) = (pick(&all, chance), pick(&all, chance)) else { return };
            let copied = text[piece].to_vec();
            text.splice(place.start..place.start, copied);
        }
        6 => swap_neighbours(text, chance),
        _ => change_bytes(text, chance),
    }
}

/// Lets libFuzzer change the bytes: it knows what they were compared with.
pub fn change_bytes(text: &mut Vec<u8>, chance: &mut Chance) {
    let size = text.len();
    let most = size + 1 + chance.below(64) as usize;
    text.resize(most, 0);
    let size = fuzzer_mutate(text, size, most);
    text.truncate(size);
}

fn change_number(text: &mut Vec<u8>, chance: &mut Chance) {
    let numbers = numbers(text);
    let Some(place) = pick(&numbers, chance) else { return };
    let value = |place: &Range<usize>| str::from_utf8(&text[place.clone()]).ok()?.parse::<u64>().ok();
    let old = value(&place).unwrap_or(0);
    let other = pick(&numbers, chance).and_then(|place| value(&place)).unwrap_or(0);
    let new = match chance.below(8) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => other,
        3 => old.wrapping_add(other),
        4 => old.wrapping_sub(other),
        5 => old ^ 1 << chance.below(64),
        _ => NUMBERS[chance.below(NUMBERS.len() as u64) as usize],
    };
    text.splice(place, new.to_string().into_bytes());
}

fn swap_neighbours(text: &mut Vec<u8>, chance: &mut Chance) {
    let all = pieces(text);
    if all.len() < 2 {
        return;
    }
    let first = chance.below(all.len() as u64 - 1) as usize;
    let (one, other) = (all[first].clone(), all[first + 1].clone());
    let swapped = [&text[other.clone()], &text[one.end..other.start], &text[one.clone()]].concat();
    text.splice(one.start..other.end, swapped);
}

/// Where numbers stand.
fn numbers(text: &[u8]) -> Vec<Range<usize>> {
    runs(text, |byte| byte.is_ascii_digit())
}

/// What stands between commas, brackets and line ends: keys with their values, as a rule.
fn pieces(text: &[u8]) -> Vec<Range<usize>> {
    runs(text, |byte| !b",[]{}\n".contains(&byte))
}

fn runs(text: &[u8], belongs: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut begin = None;
    for (at, byte) in text.iter().chain([&b'\n']).enumerate() {
        match (begin, at < text.len() && belongs(*byte)) {
            (None, true) => begin = Some(at),
            (Some(start), false) => {
                runs.push(start..at);
                begin = None;
            }
            _ => {}
        }
    }
    runs
}

fn pick(all: &[Range<usize>], chance: &mut Chance) -> Option<Range<usize>> {
    (!all.is_empty()).then(|| all[chance.below(all.len() as u64) as usize].clone())
}
