//! Maps and cursors, by example and against a model of every byte.

use super::*;
use proptest::prelude::*;

#[test]
fn joins_only_what_is_closer_than_the_join_distance() {
    let mut builder = MapBuilder::default();
    builder.add_data(Range { start: 0, length: 4096 });
    builder.add_data(Range { start: 4096 + JOIN_BYTES - 1, length: 1 });
    builder.add_data(Range { start: 4096 + 2 * JOIN_BYTES, length: 1 });
    let map = builder.finish(1 << 20);
    let starts: Vec<_> = map.iter().map(|extent| (extent.start, extent.kind)).collect();
    let hole = ExtentKind::Zero { hole: true };
    assert_eq!(
        starts,
        [
            (0, ExtentKind::Data),
            (4096 + JOIN_BYTES, hole),
            (4096 + 2 * JOIN_BYTES, ExtentKind::Data),
            (4097 + 2 * JOIN_BYTES, hole)
        ]
    );
}

#[test]
fn a_cursor_gives_what_is_covered_between_members() {
    let map: ExtentMap =
        [Extent::data(10, 10), Extent::hole(20, 10), Extent::hole(40, 10), Extent::data(50, 10)].into_iter().collect();
    let mut cursor = MapCursor::default();
    assert!(cursor.within_data(&map, Range { start: 55, length: 5 }));
    assert!(!cursor.within_data(&map, Range { start: 15, length: 6 }));
    let mut covered = Vec::new();
    cursor.covered(&map, 0, 15, |range| covered.push((range.start, range.end())));
    cursor.covered(&map, 15, 55, |range| covered.push((range.start, range.end())));
    cursor.covered(&map, 55, 55, |range| covered.push((range.start, range.end())));
    assert_eq!(covered, [(10, 15), (15, 30), (40, 55)]);
}

/// The data extents of the map that holds so many extents at most, where data of 1 KiB is parted by these gaps.
fn data_with_gaps(extents_max: usize, gaps: &[u64]) -> Vec<Range> {
    // Far from the start, where a distance is not to be taken for an offset.
    let mut at = 1 << 40;
    let mut builder = MapBuilder::with_limit(extents_max);
    builder.add_data(Range { start: at, length: 1024 });
    for gap in gaps {
        at += 1024 + gap;
        builder.add_data(Range { start: at, length: 1024 });
    }
    let map = builder.finish(at + 2048);
    assert!(map.len() <= extents_max && map.covers(0, at + 2048), "{extents_max}: {gaps:?}");
    map.iter().filter(|extent| extent.kind == ExtentKind::Data).map(|extent| extent.range()).collect()
}

#[test]
fn the_join_distance_is_doubled_only_when_there_are_too_many_extents() {
    let far = JOIN_BYTES + 1;
    for data_extents in 1..9 {
        let gaps = vec![far; data_extents];
        let room = 2 * data_extents + 1;
        // As many as there is room for stay apart, be there room for one more zero extent or not; one more and all of them are joined.
        assert_eq!(data_with_gaps(room, &gaps[1..]).len(), data_extents);
        assert_eq!(data_with_gaps(room + 1, &gaps[1..]).len(), data_extents);
        assert_eq!(data_with_gaps(room, &gaps).len(), 1);
        assert_eq!(data_with_gaps(room + 1, &gaps).len(), 1);
    }
}

#[test]
fn a_doubled_join_distance_joins_only_what_is_closer() {
    let starts = |gaps: &[u64]| data_with_gaps(5, gaps).iter().map(|range| range.start - (1 << 40)).collect::<Vec<_>>();
    assert_eq!(starts(&[JOIN_BYTES, 2 * JOIN_BYTES]), [0, 2 * 1024 + 3 * JOIN_BYTES]);
    assert_eq!(starts(&[JOIN_BYTES, 2 * JOIN_BYTES - 1]), [0]);
}

#[test]
fn data_of_no_length_is_no_extent() {
    let mut builder = MapBuilder::default();
    builder.add_data(Range { start: 1 << 30, length: 0 });
    assert_eq!(builder.finish(1 << 31), [Extent::hole(0, 1 << 31)].into_iter().collect());
}

proptest! {
    #[test]
    fn a_built_map_covers_the_device_and_all_data(gaps in proptest::collection::vec((0u64..300_000, 1u64..100_000), 0..200), tail in 0u64..200_000, limit in 3usize..64) {
        let mut builder = MapBuilder::with_limit(limit);
        let mut data = Vec::new();
        let mut at = 0;
        for (gap, length) in gaps {
            data.push(Range { start: at + gap, length });
            at += gap + length;
        }
        data.iter().for_each(|range| builder.add_data(*range));
        let map = builder.finish(at + tail);
        prop_assert!(map.len() <= limit);
        prop_assert!(map.covers(0, at + tail));
        for range in data {
            prop_assert!(map.iter().any(|extent| extent.kind == ExtentKind::Data && extent.start <= range.start && range.end() <= extent.end()));
        }
    }

    /// Against a model that knows of each byte what lies there.
    #[test]
    fn maps_and_cursors_say_what_each_byte_says(
        spans in proptest::collection::vec((0u64..6, 1u64..9, 0u8..3), 0..24), stops in proptest::collection::vec(0u64..14, 1..24)
    ) {
        let mut map = ExtentMap::new();
        let mut model = Vec::new();
        for (gap, length, kind) in spans {
            let kind = if kind == 0 { ExtentKind::Data } else { ExtentKind::Zero { hole: kind == 2 } };
            // An extent has a number, so that two neighbours of one kind are still two.
            let number = map.len();
            model.resize(model.len() + gap as usize, None);
            map.push(Extent { start: model.len() as u64, length, kind });
            model.resize(model.len() + length as usize, Some((number, kind)));
        }
        let at = |place: u64| model.get(place as usize).copied().flatten();
        prop_assert_eq!(map.end(), map.iter().last().map_or(0, |last| last.end()));
        prop_assert_eq!(map.data_bytes(), model.iter().flatten().filter(|(_, kind)| *kind == ExtentKind::Data).count() as u64);
        let (mut cursor, mut from) = (MapCursor::default(), 0);
        for step in stops {
            let to = from + step;
            let mut given = Vec::new();
            cursor.covered(&map, from, to, |range| given.push(range));
            let covered: Vec<u64> = (from..to).filter(|place| at(*place).is_some()).collect();
            prop_assert_eq!(given.iter().flat_map(|range| range.start..range.end()).collect::<Vec<_>>(), covered);
            prop_assert!(given.windows(2).all(|pair| pair[0].end() < pair[1].start) && given.iter().all(|range| range.length > 0));
            let is_data = |place: u64| at(place).is_some_and(|found| found.1 == ExtentKind::Data);
            let seams: Vec<u64> = (1..map.end()).filter(|place| is_data(place - 1) && is_data(*place) && at(place - 1) != at(*place)).collect();
            prop_assert_eq!(map.data_seams(), seams);
            for length in 1..20 {
                let same = (to..to + length).all(|place| at(place).is_some_and(|found| found.1 == ExtentKind::Data && at(to) == Some(found)));
                prop_assert_eq!(cursor.within_data(&map, Range { start: to, length }), same);
            }
            prop_assert_eq!(map.covers(from, map.end()), from <= map.end() && (from..map.end()).all(|place| at(place).is_some()));
            from = to;
        }
    }
}
