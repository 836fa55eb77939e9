//! Records that lie twice in a row, as a drive leaves them that recorded what it said it had refused.

use std::ops::Range;

/// How many places are tried at most: one is what happens.
const TRIED_MAX: usize = 16;

/// Where in these bytes, which begin at `position` of the input, a record stands a second time, beginning within the first `reach` bytes.
///
/// Of a record that begins before these bytes only the rest is compared, and several in a row that are all the same count once. Data may hold the same
/// record twice, too: only a digest can tell.
pub fn doubled(bytes: &[u8], position: u64, record_bytes: usize, reach: usize) -> Vec<Range<usize>> {
    let mut found = Vec::<Range<usize>>::new();
    let Some(into_record) = position.checked_rem(record_bytes as u64) else { return found };
    let first = record_bytes - into_record as usize;
    let mut ran_on = false;
    for at in (first..reach).step_by(record_bytes) {
        let before = at.saturating_sub(record_bytes)..at;
        let again = before.start + record_bytes..before.end + record_bytes;
        let is_again = bytes.get(again).is_some_and(|again| *again == bytes[before]);
        if is_again && !ran_on {
            found.push(at..at + record_bytes);
        }
        ran_on = is_again;
        if found.len() == TRIED_MAX {
            break;
        }
    }
    found.retain(|record| record.end <= bytes.len());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes: &[u8], position: u64, reach: usize) -> Vec<usize> {
        doubled(bytes, position, 4, reach).iter().map(|record| record.start).collect()
    }

    #[test]
    fn finds_records_that_lie_twice_in_a_row_where_records_begin() {
        assert_eq!(at(b"abcdabcdefgh", 0, 12), [4]);
        assert_eq!(at(b"abcdabcdefgh", 8, 4), [0; 0], "it does not begin in reach");
        assert_eq!(at(b"xabcdabcdefgh", 0, 13), [0; 0], "not where records begin");
        assert_eq!(at(b"cdabcdefghefgh", 2, 14), [2, 10], "of the first, only the rest is there");
        assert_eq!(at(b"aaaaaaaaaaaabbbbbbbb", 0, 20), [4, 16], "a run counts once");
        assert_eq!(at(b"abcdabc", 0, 7), [0; 0], "it is not all there");
        assert!(doubled(b"abcd", 0, 0, 4).is_empty());
        assert_eq!(doubled(&[0; 4 << 10], 0, 4, 4 << 10).len(), 1);
    }
}
