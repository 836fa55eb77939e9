//! Builds the map of an increment from what changed, in bounded memory.

use super::{Extent, ExtentKind, ExtentMap, JOIN_BYTES, MAP_EXTENTS_MAX, Range};

/// Collects what changed on a device, in ascending order, and makes an increment's map of it.
///
/// Data that lies closer together than the join distance becomes one extent, gap included: the bytes in the gap are read with it, and are right. Zeros are never
/// joined across a gap. When there would be more extents than a map may hold, the distance is doubled until they fit, and zeros that lie
/// within it are read like data.
#[derive(Debug)]
pub struct DirtyMapBuilder {
    extents: Vec<Extent>,
    join_bytes: u64,
    size_bytes: u64,
    extents_max: usize,
}

impl DirtyMapBuilder {
    /// For a device of this size; what lies behind its end is cut off.
    pub fn new(size_bytes: u64) -> Self {
        Self::with_limit(size_bytes, MAP_EXTENTS_MAX)
    }

    fn with_limit(size_bytes: u64, extents_max: usize) -> Self {
        Self { extents: Vec::new(), join_bytes: JOIN_BYTES, size_bytes, extents_max }
    }

    /// Adds a range that must be read; ranges come in ascending order without overlap.
    pub fn add_data(&mut self, range: Range) {
        self.add(range, ExtentKind::Data);
    }

    /// Adds a range that is certain to read as zero now, because nothing is allocated there.
    pub fn add_hole(&mut self, range: Range) {
        self.add(range, ExtentKind::Zero { hole: true });
    }

    fn add(&mut self, range: Range, kind: ExtentKind) {
        let Some(range) = range.intersection(&Range { start: 0, length: self.size_bytes }) else { return };
        let next = Extent { start: range.start, length: range.length, kind };
        match self.extents.last_mut() {
            Some(last) if joins(last, &next, self.join_bytes) => *last = joined(last, &next),
            _ => self.extents.push(next),
        }
        while self.extents.len() > self.extents_max {
            self.join_bytes *= 2;
            let join_bytes = self.join_bytes;
            self.extents.dedup_by(|next, last| {
                let near = next.start - last.end() < join_bytes;
                if near {
                    *last = joined(last, next);
                }
                near
            });
        }
    }

    /// The map.
    pub fn finish(self) -> ExtentMap {
        self.extents.into_iter().collect()
    }
}

fn joins(last: &Extent, next: &Extent, join_bytes: u64) -> bool {
    let gap = next.start - last.end();
    last.kind == next.kind && (gap == 0 || (last.kind == ExtentKind::Data && gap < join_bytes))
}

/// Both as one: as zeros only where they are, without anything between.
fn joined(last: &Extent, next: &Extent) -> Extent {
    let is_zero = last.kind == next.kind && last.end() == next.start;
    let kind = if is_zero { last.kind } else { ExtentKind::Data };
    Extent { start: last.start, length: next.end() - last.start, kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIT: u64 = 16 << 10;

    fn build(pieces: &[(u64, u64, bool)], size: u64, extents_max: usize) -> ExtentMap {
        let mut builder = DirtyMapBuilder::with_limit(size * UNIT, extents_max);
        let mut at = 0;
        for &(gap, length, zero) in pieces {
            let range = Range { start: (at + gap) * UNIT, length: length * UNIT };
            at += gap + length;
            if zero { builder.add_hole(range) } else { builder.add_data(range) }
        }
        builder.finish()
    }

    #[test]
    fn data_is_joined_across_small_gaps_and_zeros_are_not() {
        let map =
            build(&[(1, 1, false), (3, 1, false), (4, 1, false), (0, 1, true), (0, 1, true), (1, 1, true)], 100, 100);
        let unit = |start: u64, length: u64| (start * UNIT, length * UNIT);
        let expected = [
            Extent::data(unit(1, 5).0, unit(1, 5).1),
            Extent::data(unit(10, 1).0, unit(10, 1).1),
            Extent::hole(unit(11, 2).0, unit(11, 2).1),
            Extent::hole(unit(14, 1).0, unit(14, 1).1),
        ];
        assert_eq!(map.iter().collect::<Vec<_>>(), expected);
    }

    proptest! {
        #[test]
        fn nothing_that_changed_is_left_out_and_zero_is_only_what_is(
            pieces in proptest::collection::vec((0u64..9, 1u64..5, any::<bool>()), 0..60),
            size in 1u64..300,
            extents_max in 1usize..40,
        ) {
            let map = build(&pieces, size, extents_max);
            prop_assert!(map.len() <= extents_max && map.end() <= size * UNIT);
            let mut at = 0;
            for (gap, length, zero) in pieces {
                at += gap;
                for unit in (at..at + length).filter(|unit| *unit < size) {
                    let extent = map.iter().find(|extent| extent.start <= unit * UNIT && unit * UNIT < extent.end());
                    prop_assert!(extent.is_some_and(|extent| zero || extent.kind == ExtentKind::Data), "{unit}");
                }
                // What did not change, or is data, is never zero.
                for unit in at - gap..at {
                    prop_assert!(!map.iter().any(|extent| extent.kind != ExtentKind::Data && extent.start <= unit * UNIT && unit * UNIT < extent.end()));
                }
                at += length;
            }
        }
    }
}
