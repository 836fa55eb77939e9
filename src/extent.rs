//! Byte ranges of a device, extents and the map of them; pure.

mod dirty;

pub use dirty::DirtyMapBuilder;

/// A byte range of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// Offset of the first byte.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
}

impl Range {
    /// The range from `start` up to, not including, `end`.
    pub fn between(start: u64, end: u64) -> Self {
        debug_assert!(start <= end);
        Self { start, length: end - start }
    }

    /// What is left of so many bytes from `start` on: nothing, where that lies behind them.
    pub fn rest(start: u64, size_bytes: u64) -> Self {
        Self::between(start, size_bytes.max(start))
    }

    /// Offset of the first byte behind it.
    pub fn end(&self) -> u64 {
        self.start + self.length
    }

    /// What lies in both; `None` if nothing does.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let (start, end) = (self.start.max(other.start), self.end().min(other.end()));
        (start < end).then(|| Self::between(start, end))
    }
}

/// What an extent holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtentKind {
    /// Bytes that must be read.
    Data,
    /// Bytes that are certain to read as zero; `hole` hints that nothing is allocated there.
    Zero {
        /// Nothing is allocated.
        hole: bool,
    },
}

/// A byte range of the device and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Offset of the first byte.
    pub start: u64,
    /// Number of bytes, at least one.
    pub length: u64,
    /// Data or zeros.
    pub kind: ExtentKind,
}

impl Extent {
    /// A data extent.
    pub fn data(start: u64, length: u64) -> Self {
        Self { start, length, kind: ExtentKind::Data }
    }

    /// A zero extent in which nothing is allocated.
    pub fn hole(start: u64, length: u64) -> Self {
        Self { start, length, kind: ExtentKind::Zero { hole: true } }
    }

    /// Offset of the first byte behind it.
    pub fn end(&self) -> u64 {
        self.start + self.length
    }

    /// Its byte range.
    pub fn range(&self) -> Range {
        Range { start: self.start, length: self.length }
    }
}

/// The most extents that a map holds (format-spec, section 6).
pub const MAP_EXTENTS_MAX: usize = 1 << 20;

/// Data extents with less than this between them are stored as one, gap included.
pub const JOIN_BYTES: u64 = 64 << 10;

/// Extents in ascending order without overlap: of a full, covering the device without a gap; of an increment, what changed.
///
/// A million extents take 16 MiB: a start and a length, with the kind in the length's two highest bits
/// (offsets end at 2^53, so these are free).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtentMap {
    packed: Vec<(u64, u64)>,
}

const KIND_SHIFT: u32 = 62;
const LENGTH_MASK: u64 = (1 << KIND_SHIFT) - 1;

impl ExtentMap {
    /// A map without extents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an extent as it is.
    ///
    /// # Panics
    /// If it is empty, overlaps the last one or begins before it: whoever builds a map from untrusted input checks first.
    pub fn push(&mut self, extent: Extent) {
        assert!(extent.length > 0 && extent.start >= self.end(), "extents ascend and are not empty");
        let kind = match extent.kind {
            ExtentKind::Data => 0,
            ExtentKind::Zero { hole: false } => 1,
            ExtentKind::Zero { hole: true } => 2,
        };
        self.packed.push((extent.start, extent.length | kind << KIND_SHIFT));
    }

    /// Number of extents.
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether it has no extent.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Offset of the first byte behind the last extent.
    pub fn end(&self) -> u64 {
        self.packed.last().map_or(0, |&packed| unpack(packed).end())
    }

    /// The extent at this place of the order.
    pub fn get(&self, position: usize) -> Option<Extent> {
        self.packed.get(position).copied().map(unpack)
    }

    /// The extents in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Extent> + '_ {
        self.packed.iter().copied().map(unpack)
    }

    /// Bytes in data extents.
    pub fn data_bytes(&self) -> u64 {
        self.iter().filter(|extent| extent.kind == ExtentKind::Data).map(|extent| extent.length).sum()
    }

    /// Where one data extent begins right behind another: no member may lie across. Few maps have such places.
    pub fn data_seams(&self) -> Vec<u64> {
        let data = self.iter().filter(|extent| extent.kind == ExtentKind::Data);
        let mut end = None;
        data.filter(|extent| end.replace(extent.end()) == Some(extent.start)).map(|extent| extent.start).collect()
    }

    /// Whether the extents cover `from..size_bytes` without a gap: from 0, as a full's must.
    pub fn covers(&self, from: u64, size_bytes: u64) -> bool {
        let mut end = from;
        let mut rest = self.iter().skip_while(|extent| extent.end() <= from);
        rest.all(|extent| std::mem::replace(&mut end, extent.end()) >= extent.start) && end == size_bytes
    }
}

fn unpack((start, packed): (u64, u64)) -> Extent {
    let kind = match packed >> KIND_SHIFT {
        0 => ExtentKind::Data,
        kind => ExtentKind::Zero { hole: kind == 2 },
    };
    Extent { start, length: packed & LENGTH_MASK, kind }
}

impl FromIterator<Extent> for ExtentMap {
    fn from_iter<I: IntoIterator<Item = Extent>>(extents: I) -> Self {
        let mut map = Self::new();
        extents.into_iter().for_each(|extent| map.push(extent));
        map
    }
}

/// Builds the map of a whole device from data ranges, in bounded memory.
///
/// Data extents that lie closer together than the join distance become one, gap included. When there would be more
/// extents than a map may hold, the distance is doubled until they fit.
#[derive(Debug)]
pub struct MapBuilder {
    data: Vec<Range>,
    join_bytes: u64,
    data_extents_max: usize,
}

impl Default for MapBuilder {
    fn default() -> Self {
        Self::with_limit(MAP_EXTENTS_MAX)
    }
}

impl MapBuilder {
    /// A builder whose map has at most `extents_max` extents.
    pub fn with_limit(extents_max: usize) -> Self {
        // Each data extent brings at most one zero extent, and one zero extent may follow the last.
        Self { data: Vec::new(), join_bytes: JOIN_BYTES, data_extents_max: (extents_max - 1) / 2 }
    }

    /// Adds a data range; ranges come in ascending order without overlap.
    pub fn add_data(&mut self, range: Range) {
        if range.length == 0 {
            return;
        }
        match self.data.last_mut() {
            Some(last) if range.start - last.end() < self.join_bytes => *last = Range::between(last.start, range.end()),
            _ => self.data.push(range),
        }
        while self.data.len() > self.data_extents_max {
            self.join_bytes *= 2;
            self.join();
        }
    }

    fn join(&mut self) {
        let join_bytes = self.join_bytes;
        self.data.dedup_by(|next, last| {
            let joined = next.start - last.end() < join_bytes;
            if joined {
                *last = Range::between(last.start, next.end());
            }
            joined
        });
    }

    /// The map that covers `size_bytes`: the data, and holes between.
    pub fn finish(self, size_bytes: u64) -> ExtentMap {
        let mut map = ExtentMap::new();
        map.packed.reserve_exact(2 * self.data.len() + 1);
        for range in self.data {
            fill_hole(&mut map, range.start);
            map.push(Extent::data(range.start, range.length));
        }
        fill_hole(&mut map, size_bytes);
        map
    }
}

fn fill_hole(map: &mut ExtentMap, up_to: u64) {
    let end = map.end();
    if end < up_to {
        map.push(Extent::hole(end, up_to - end));
    }
}

/// Walks through a map in step with members that come in ascending order.
#[derive(Clone, Debug, Default)]
pub struct MapCursor {
    position: usize,
}

impl MapCursor {
    /// A cursor for whoever begins at this offset.
    pub fn at(map: &ExtentMap, offset: u64) -> Self {
        Self { position: map.packed.partition_point(|&packed| unpack(packed).end() <= offset) }
    }

    /// Gives the parts of `from..to` that extents of the map cover, in maximal ranges, ascending. `from` never goes back.
    pub fn covered(&mut self, map: &ExtentMap, from: u64, to: u64, mut give: impl FnMut(Range)) {
        self.advance(map, from);
        let mut pending: Option<Range> = None;
        for extent in (self.position..).map_while(|position| map.get(position)).take_while(|extent| extent.start < to) {
            let part = Range::between(extent.start.max(from), extent.end().min(to));
            pending = match pending {
                Some(range) if range.end() == part.start => Some(Range::between(range.start, part.end())),
                Some(range) => {
                    give(range);
                    Some(part)
                }
                None => Some(part),
            }
        }
        pending.into_iter().filter(|range| range.length > 0).for_each(give);
    }

    /// Whether the range lies within one data extent. The cursor stays where it is: what lies before the range may still be asked for.
    pub fn within_data(&self, map: &ExtentMap, range: Range) -> bool {
        let mut ahead = self.clone();
        ahead.advance(map, range.start);
        map.get(ahead.position).is_some_and(|extent| {
            extent.kind == ExtentKind::Data && extent.start <= range.start && range.end() <= extent.end()
        })
    }

    fn advance(&mut self, map: &ExtentMap, offset: u64) {
        while map.get(self.position).is_some_and(|extent| extent.end() <= offset) {
            self.position += 1;
        }
    }
}

#[cfg(test)]
mod tests;
