//! What is said of an archive whose parts are not all there.

use crate::error::Error;
use crate::extent::Range;

/// The error of an archive of which the parts of these numbers, first and last of each run, were not seen, and the one behind the last that was.
pub fn missing(
    archive: &str,
    numbers: &[(u64, u64)],
    next: Option<u64>,
    affected: impl IntoIterator<Item = Range>,
) -> Error {
    let affected = affected.into_iter().filter(|range| range.length > 0).collect();
    Error::Incomplete {
        archive: archive.to_owned(),
        why: not_seen(numbers, next),
        affected,
        remedy: Some(
            "name all parts of the archive, in any order; what a part holds can be restored alone with --single-part"
                .to_owned(),
        ),
    }
}

pub fn not_seen(numbers: &[(u64, u64)], next: Option<u64>) -> String {
    if let (true, Some(number)) = (numbers.is_empty(), next) {
        return format!("it goes on in part {number}, which was not given");
    }
    let all: Vec<_> = numbers.iter().copied().chain(next.map(|number| (number, number))).collect();
    let verb = if is_one(&all) { "was" } else { "were" };
    let behind = if next.is_some() { ", and what may follow," } else { "" };
    format!("{} of it{behind} {verb} not given", part_words(&all))
}

/// These parts in words, by the first and last of each run: `parts 1, 2 and 4 to 7`.
pub fn part_words(numbers: &[(u64, u64)]) -> String {
    let mut words: Vec<_> = numbers
        .iter()
        .flat_map(|(first, last)| match last.saturating_sub(*first) {
            0 => vec![first.to_string()],
            1 => vec![first.to_string(), last.to_string()],
            _ => vec![format!("{first} to {last}")],
        })
        .collect();
    let last_word = words.pop().unwrap_or_default();
    let before = if words.is_empty() { String::new() } else { format!("{} and ", words.join(", ")) };
    let noun = if is_one(numbers) { "part" } else { "parts" };
    format!("{noun} {before}{last_word}")
}

fn is_one(numbers: &[(u64, u64)]) -> bool {
    matches!(numbers, [(first, last)] if first == last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_in_a_sentence() {
        for (numbers, next, said) in [
            (&[][..], Some(2), "it goes on in part 2, which was not given"),
            (&[(1, 1)], None, "part 1 of it was not given"),
            (&[(1, 1)], Some(3), "parts 1 and 3 of it, and what may follow, were not given"),
            (&[(1, 2), (4, 7)], None, "parts 1, 2 and 4 to 7 of it were not given"),
        ] {
            assert_eq!(not_seen(numbers, next), said);
        }
    }
}
