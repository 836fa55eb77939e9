//! What shows of the archives of a chain when each lies over the one on which it builds; pure.

use crate::extent::Range;
use crate::range_set::RangeSet;

/// Archives that lie over each other, seen from above: the newest comes first.
#[derive(Debug)]
pub struct Overlay {
    covered: RangeSet,
    size_bytes: u64,
}

impl Default for Overlay {
    fn default() -> Self {
        Self { covered: RangeSet::default(), size_bytes: u64::MAX }
    }
}

impl Overlay {
    /// Goes down to the next archive, which is one of a device of so many bytes. What a newer one cut off is gone, even where the device grew again.
    pub fn go_down(&mut self, size_bytes: u64) {
        self.size_bytes = self.size_bytes.min(size_bytes);
    }

    /// What shows of this archive where it tells of a range.
    pub fn shown(&self, range: Range) -> Vec<Range> {
        let kept = range.intersection(&Range { start: 0, length: self.size_bytes });
        kept.map_or_else(Vec::new, |kept| self.covered.missing_in(kept))
    }

    /// What shows of an archive that tells of the whole device.
    pub fn shown_of_all(&self) -> RangeSet {
        self.shown(Range { start: 0, length: self.size_bytes }).into_iter().collect()
    }

    /// Covers these ranges for the archives below.
    pub fn cover(&mut self, ranges: &RangeSet) {
        ranges.iter().for_each(|range| self.covered.insert(range));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u64, u64)]) -> RangeSet {
        ranges.iter().map(|&(start, end)| Range::between(start, end)).collect()
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut overlay = Overlay::default();
        overlay.go_down(100);
        assert_eq!(overlay.shown_of_all(), set(&[(0, 100)]));
        overlay.cover(&set(&[(60, 100)]));
        overlay.go_down(60);
        assert_eq!(overlay.shown(Range::between(40, 60)), [Range::between(40, 60)]);
        overlay.cover(&set(&[(10, 20)]));
        // The oldest is one of a larger device: what it had behind byte 60 was cut off before the newest grew.
        overlay.go_down(200);
        assert_eq!(overlay.shown_of_all(), set(&[(0, 10), (20, 60)]));
        assert_eq!(overlay.shown(Range::between(55, 150)), [Range::between(55, 60)]);
        assert_eq!(overlay.shown(Range::between(150, 200)), []);
    }
}
