//! Byte ranges that are found one after another: joined where they touch, the first of them kept, all of them counted.

use std::fmt;

use crate::extent::Range;

/// How many ranges a list keeps: more than a person reads, and little memory however many there are.
const KEPT_MAX: usize = 1000;

/// How many of them a message names.
const NAMED_MAX: usize = 5;

/// Ranges in ascending order, for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeList {
    kept: Vec<Range>,
    left_out: u64,
    bytes: u64,
    /// Where the last range ends, kept or not.
    end: u64,
}

impl RangeList {
    /// Adds a range that begins where the last one ends, or behind it; an empty one is nothing.
    pub fn push(&mut self, range: Range) {
        if range.length == 0 {
            return;
        }
        let joins = self.bytes > 0 && range.start == self.end;
        self.bytes += range.length;
        self.end = range.end();
        if !joins && self.kept.len() < KEPT_MAX {
            self.kept.push(range);
        } else if !joins {
            self.left_out += 1;
        } else if let (Some(last), 0) = (self.kept.last_mut(), self.left_out) {
            *last = Range::between(last.start, range.end());
        }
    }

    /// The first thousand of them.
    pub fn kept(&self) -> &[Range] {
        &self.kept
    }

    /// How many more there are.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.kept.len() as u64 + self.left_out
    }

    /// How many bytes lie in all of them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

/// The first few as a sentence has them: `bytes 0 to 4095, 8192 to 12287 and 3 more ranges`.
impl fmt::Display for RangeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.kept.iter().take(NAMED_MAX).enumerate() {
            let before = if place == 0 { "bytes " } else { ", " };
            write!(f, "{before}{} to {}", range.start, range.end() - 1)?;
        }
        match self.count().saturating_sub(NAMED_MAX as u64) {
            0 => Ok(()),
            1 => write!(f, " and 1 more range"),
            more => write!(f, " and {more} more ranges"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ranges: impl IntoIterator<Item = (u64, u64)>) -> RangeList {
        let mut list = RangeList::default();
        ranges.into_iter().for_each(|(start, end)| list.push(Range::between(start, end)));
        list
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let found = list([(0, 10), (10, 20), (20, 20), (21, 30)]);
        assert_eq!(found.kept(), [Range::between(0, 20), Range::between(21, 30)]);
        assert_eq!((found.count(), found.bytes(), found.left_out()), (2, 29, 0));
        assert!(list([]).is_empty() && list([(5, 5)]).is_empty());
    }

    #[test]
    fn what_is_not_kept_is_counted_once() {
        let many = (0..1002u64).map(|place| (place * 10, place * 10 + 5));
        let found = list(many.chain([(10_015, 10_016), (10_020, 10_021)]));
        assert_eq!((found.kept().len(), found.left_out(), found.count()), (1000, 3, 1003));
        assert_eq!(found.bytes(), 5 * 1002 + 2);
        assert_eq!(found.kept()[999], Range::between(9990, 9995));
    }

    #[test]
    fn a_sentence_names_the_first_few() {
        assert_eq!(list([(0, 4096), (8192, 12_288)]).to_string(), "bytes 0 to 4095, 8192 to 12287");
        let many = list((0..9).map(|place| (place * 10, place * 10 + 1)));
        assert_eq!(many.to_string(), "bytes 0 to 0, 10 to 10, 20 to 20, 30 to 30, 40 to 40 and 4 more ranges");
    }
}
