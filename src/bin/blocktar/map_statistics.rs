//! What a map comes to: how many extents of which kind, how long they are.

use blocktar::archive::{BackupInfo, End, MapKind};
use blocktar::extent::{ExtentKind, ExtentMap};
use serde::Serialize;

use crate::sizes;
use crate::summary::{count, line};

/// Some extents of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extents {
    /// How many.
    extents: u64,
    /// Their bytes.
    bytes: u64,
}

/// The statistics of one map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MapStatistics {
    data: Extents,
    /// Zero extents in which something is allocated.
    zero: Extents,
    /// Zero extents in which nothing is.
    hole: Extents,
    /// What no extent covers: in increments, what is as in the parent.
    unchanged: Extents,
    largest_data_bytes: u64,
    /// Half of the data extents are no longer than this.
    median_data_bytes: u64,
}

impl Extents {
    fn add(&mut self, bytes: u64) {
        self.extents += 1;
        self.bytes += bytes;
    }
}

impl MapStatistics {
    /// The statistics of this archive's map; none where the members alone tell the extents.
    pub fn of(info: &BackupInfo, map: &ExtentMap) -> Option<Self> {
        (info.map == MapKind::First).then(|| Self::of_map(map, info.device.size_bytes))
    }

    fn of_map(map: &ExtentMap, size_bytes: u64) -> Self {
        let mut statistics = Self::default();
        let (mut lengths, mut end) = (Vec::new(), 0);
        for extent in map.iter() {
            statistics.enter_gap(end, extent.start);
            end = extent.end();
            match extent.kind {
                ExtentKind::Data => {
                    statistics.data.add(extent.length);
                    lengths.push(extent.length);
                }
                ExtentKind::Zero { hole: false } => statistics.zero.add(extent.length),
                ExtentKind::Zero { hole: true } => statistics.hole.add(extent.length),
            }
        }
        statistics.enter_gap(end, size_bytes);
        statistics.largest_data_bytes = lengths.iter().copied().max().unwrap_or(0);
        if !lengths.is_empty() {
            let middle = (lengths.len() - 1) / 2;
            statistics.median_data_bytes = *lengths.select_nth_unstable(middle).1;
        }
        statistics
    }

    fn enter_gap(&mut self, from: u64, to: u64) {
        if from < to {
            self.unchanged.add(to - from);
        }
    }

    /// Bytes in data extents that turned out to be zeros when they were read.
    pub fn zeros_found(&self, end: &End) -> u64 {
        self.data.bytes.saturating_sub(end.data_bytes).saturating_sub(end.bad_bytes)
    }

    /// The lines for people.
    pub fn lines(&self) -> Vec<String> {
        let kinds = [("data", self.data), ("zero", self.zero), ("holes", self.hole), ("unchanged", self.unchanged)];
        let mut lines = Vec::new();
        for (kind, Extents { extents, bytes }) in kinds.into_iter().filter(|(_, found)| found.extents > 0) {
            let label = if lines.is_empty() { "map" } else { "" };
            let mut text = format!("{kind}: {} in {}", sizes::short(bytes), count(extents, "extent"));
            if kind == "data" && extents > 1 {
                let (largest, median) = (sizes::short(self.largest_data_bytes), sizes::short(self.median_data_bytes));
                text += &format!(", the largest {largest}, the median {median}");
            }
            lines.push(line(label, &text));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::extent::Extent;

    fn map(extents: &[(u64, u64, ExtentKind)]) -> ExtentMap {
        extents.iter().map(|&(start, length, kind)| Extent { start, length, kind }).collect()
    }

    #[test]
    fn each_kind_is_counted_and_what_lies_between_is_unchanged() {
        let (zero, hole) = (ExtentKind::Zero { hole: false }, ExtentKind::Zero { hole: true });
        let map = map(&[(10, 10, ExtentKind::Data), (20, 5, zero), (30, 1, ExtentKind::Data), (31, 9, hole)]);
        let found = MapStatistics::of_map(&map, 50);
        let extents = |extents, bytes| Extents { extents, bytes };
        assert_eq!((found.data, found.zero, found.hole), (extents(2, 11), extents(1, 5), extents(1, 9)));
        assert_eq!(found.unchanged, extents(3, 10 + 5 + 10));
        assert_eq!((found.largest_data_bytes, found.median_data_bytes), (10, 1));
        assert!(found.lines()[0].contains("data: 11 bytes in 2 extents, the largest 10 bytes, the median 1 byte"));
    }

    #[test]
    fn an_empty_device_has_no_lines() {
        assert_eq!(MapStatistics::of_map(&ExtentMap::new(), 0), MapStatistics::default());
        assert!(MapStatistics::default().lines().is_empty());
    }
}
