//! Sets of bytes of a device, as the fewest ranges that hold them; pure.

use std::collections::BTreeMap;

use crate::extent::Range;

/// A set of bytes; ranges come in any order and may overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    /// Start and end of each range; none is empty, and none touches the next.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// Adds a range; an empty one is nothing.
    pub fn insert(&mut self, range: Range) {
        if range.length == 0 {
            return;
        }
        let (mut start, mut end) = (range.start, range.end());
        while let Some((&other_start, &other_end)) = self.ranges.range(..=end).next_back()
            && other_end >= start
        {
            (start, end) = (start.min(other_start), end.max(other_end));
            self.ranges.remove(&other_start);
        }
        self.ranges.insert(start, end);
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: Range) {
        for held in self.within(range) {
            // What is held lies in one of the ranges, with something before or behind it, or nothing.
            if let Some((&start, &end)) = self.ranges.range(..=held.start).next_back() {
                self.ranges.remove(&start);
                self.insert(Range::between(start, held.start));
                self.insert(Range::between(held.end(), end));
            }
        }
    }

    /// The parts of a range that are not in the set, ascending.
    pub fn missing_in(&self, range: Range) -> Vec<Range> {
        let mut missing = Vec::new();
        let mut at = range.start;
        let first = self.ranges.range(..=range.start).next_back().map_or(range.start, |(&start, _)| start);
        for (&start, &end) in self.ranges.range(first..).take_while(|(start, _)| **start < range.end()) {
            if start > at {
                missing.push(Range::between(at, start));
            }
            at = at.max(end);
        }
        if at < range.end() {
            missing.push(Range::between(at, range.end()));
        }
        missing
    }

    /// Whether a byte of this range is in the set.
    pub fn touches(&self, range: Range) -> bool {
        range.length > 0 && self.ranges.range(..range.end()).next_back().is_some_and(|(_, &end)| end > range.start)
    }

    /// The parts of a range that are in the set, ascending.
    pub fn within(&self, range: Range) -> Vec<Range> {
        let first = self.ranges.range(..=range.start).next_back().map_or(range.start, |(&start, _)| start);
        let held = self.ranges.range(first..).take_while(|(start, _)| **start < range.end());
        held.filter_map(|(&start, &end)| Range::between(start, end).intersection(&range)).collect()
    }

    /// All ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.ranges.iter().map(|(&start, &end)| Range::between(start, end))
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.iter().map(|range| range.length).sum()
    }

    /// The first byte, or 0.
    pub fn start(&self) -> u64 {
        self.ranges.first_key_value().map_or(0, |(&start, _)| start)
    }

    /// The end of the last range, or 0.
    pub fn end(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(_, &end)| end)
    }
}

impl FromIterator<Range> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEVICE: u64 = 64;

    fn held(set: &RangeSet) -> Vec<bool> {
        (0..DEVICE).map(|byte| set.touches(Range { start: byte, length: 1 })).collect()
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_added(ranges in proptest::collection::vec((0..DEVICE, 0u64..12), 0..20), asked in (0..DEVICE, 0u64..40)) {
            let ranges: Vec<_> = ranges.into_iter().map(|(start, length)| Range::between(start, (start + length).min(DEVICE))).collect();
            let set: RangeSet = ranges.iter().copied().collect();
            let bytes: Vec<bool> = (0..DEVICE).map(|byte| ranges.iter().any(|range| (range.start..range.end()).contains(&byte))).collect();
            prop_assert_eq!(held(&set), bytes.clone());
            prop_assert_eq!(set.bytes(), bytes.iter().filter(|byte| **byte).count() as u64);
            let all: Vec<_> = set.iter().collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].end() < pair[1].start) && all.iter().all(|range| range.length > 0));
            let asked = Range::between(asked.0, (asked.0 + asked.1).min(DEVICE));
            let parts = |ranges: Vec<Range>| held(&ranges.into_iter().collect());
            let inside = |byte: u64| (asked.start..asked.end()).contains(&byte);
            let expect = |wanted: bool| (0..DEVICE).map(|byte| inside(byte) && bytes[byte as usize] == wanted).collect::<Vec<_>>();
            prop_assert_eq!(parts(set.missing_in(asked)), expect(false));
            prop_assert_eq!(parts(set.within(asked)), expect(true));
            prop_assert_eq!(set.touches(asked), expect(true).contains(&true));
            let mut rest = set.clone();
            rest.remove(asked);
            let outside = (0..DEVICE).map(|byte| !inside(byte) && bytes[byte as usize]).collect::<Vec<_>>();
            prop_assert_eq!(held(&rest), outside);
        }
    }
}
