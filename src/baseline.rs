//! What is known of the state on which an increment builds: for each range of the device its digest, that it is zero, or nothing; pure.

use crate::archive::pack::Before;
use crate::archive::{Digest, DigestKind, Held, Kind, OpenArchive, Parent};
use crate::error::{Error, Result};
use crate::extent::{DirtyMapBuilder, Extent, ExtentKind, ExtentMap, Range};
use crate::range_set::RangeSet;

/// What the indexes of a chain tell of its newest state.
///
/// It takes 48 bytes for each member of data that counts still, and some more for each run of zeros: for a terabyte of data in members of 1 MiB 48 MB, of 4 MiB 12 MB.
#[derive(Clone, Debug)]
pub struct Baseline {
    parent: Parent,
    digest: DigestKind,
    /// Ascending, without overlap.
    data: Vec<DataRange>,
    zeros: RangeSet,
    /// What could not be read when it was backed up last.
    bad: RangeSet,
}

/// A member of data, and whether its digest is a BLAKE3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DataRange {
    start: u64,
    /// Members are at most 64 MiB long: the highest bit is free for the kind of the digest.
    packed_length: u32,
    digest: [u8; 32],
}

// What the baseline of a large chain takes is told to users.
const _: () = assert!(size_of::<DataRange>() == 48);

const BLAKE3_BIT: u32 = 1 << 31;

impl DataRange {
    fn new(range: Range, digest: Digest, kind: DigestKind) -> Self {
        let kind_bit = if kind == DigestKind::Blake3 { BLAKE3_BIT } else { 0 };
        let length = u32::try_from(range.length).expect("a member is at most 64 MiB long");
        Self { start: range.start, packed_length: length | kind_bit, digest: digest.0 }
    }

    fn range(&self) -> Range {
        Range { start: self.start, length: u64::from(self.packed_length & !BLAKE3_BIT) }
    }

    fn before(&self) -> Before {
        let kind = if self.packed_length & BLAKE3_BIT == 0 { DigestKind::Sha256 } else { DigestKind::Blake3 };
        Before::Data(kind, Digest(self.digest))
    }
}

/// A range of which all bytes are known in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Where it lies.
    pub range: Range,
    /// What it held.
    pub before: Before,
}

impl Baseline {
    /// What is known by the indexes of these archives: a full and its increments, each on the one before it. Their inputs can seek.
    ///
    /// # Errors
    /// [`WrongChain`](Error::WrongChain) where one does not build on the one before it; an archive that cannot be read by its indexes.
    pub fn of_chain(archives: &mut [OpenArchive]) -> Result<Self> {
        let mut baseline: Option<Self> = None;
        for archive in archives {
            let parent = head_of(archive)?;
            check_link(archive, baseline.as_ref().map(|baseline| &baseline.parent))?;
            let mut told = Told { kind: archive.info().digest, ..Told::default() };
            archive.held(|range, held| told.enter(range, held))?;
            baseline = Some(match baseline {
                None => Self { digest: told.kind, parent, data: told.data, zeros: told.zeros, bad: told.bad },
                Some(older) => older.overlaid(told, parent),
            });
        }
        baseline.ok_or_else(|| Error::wrong_chain("find what changed", "there is no archive to build on", None))
    }

    /// The archive that an increment builds on.
    pub fn parent(&self) -> &Parent {
        &self.parent
    }

    /// The digest of the chain's newest archive.
    pub fn digest(&self) -> DigestKind {
        self.digest
    }

    /// The length of the longest range that can only be compared as a whole.
    pub(crate) fn longest_bytes(&self) -> u64 {
        self.data.iter().map(|data| data.range().length).max().unwrap_or(0)
    }

    /// Bytes of which the digest is known, or that they are zero.
    pub fn known_bytes(&self) -> u64 {
        self.data.iter().map(|data| data.range().length).sum::<u64>() + self.zeros.bytes()
    }

    /// What has to be read of a device of this size on which this is all that changed: that, and what the chain lacks because it could not be read.
    pub fn with_unread(&self, changed: ExtentMap, size_bytes: u64) -> ExtentMap {
        if self.bad.is_empty() {
            return changed;
        }
        let told: RangeSet = changed.iter().map(|extent| extent.range()).collect();
        let unread = self.bad.iter().flat_map(|range| told.missing_in(range));
        let unread = unread.map(|range| Extent::data(range.start, range.length));
        let mut all: Vec<_> = changed.iter().chain(unread).collect();
        all.sort_by_key(|extent| extent.start);
        let mut map = DirtyMapBuilder::new(size_bytes);
        for extent in all {
            match extent.kind {
                ExtentKind::Data => map.add_data(extent.range()),
                ExtentKind::Zero { .. } => map.add_hole(extent.range()),
            }
        }
        map.finish()
    }

    /// Ranges with digests of this kind, at most so long, that lie within the first bytes of the device and outside what changed: up to `count` of them, spread over all.
    pub fn sample(
        &self,
        count: usize,
        length_max: u64,
        within_bytes: u64,
        kind: DigestKind,
        changed: &RangeSet,
    ) -> Vec<(Range, Digest)> {
        let fits = |data: &&DataRange| {
            let range = data.range();
            matches!(data.before(), Before::Data(own, _) if own == kind)
                && range.length <= length_max
                && range.end() <= within_bytes
                && !changed.touches(range)
        };
        let candidates = self.data.iter().filter(fits).count();
        let chosen = count.min(candidates);
        let is_chosen =
            |place: usize| chosen > 0 && (place * chosen) / candidates != ((place + 1) * chosen) / candidates;
        let fitting = self.data.iter().filter(fits).enumerate().filter(|(place, _)| is_chosen(*place));
        fitting.map(|(_, data)| (data.range(), Digest(data.digest))).collect()
    }

    /// The state that an archive on top of this one leaves behind. What is left of a range that it overrides in part is not known any more: its digest was one of the whole.
    fn overlaid(mut self, newer: Told, parent: Parent) -> Self {
        let size_bytes = parent.device_size;
        self.data.retain(|data| data.range().end() <= size_bytes && !newer.told.touches(data.range()));
        self.data.extend(newer.data);
        // Two runs in order: a stable sort merges them.
        self.data.sort_by_key(|data| data.start);
        let old_zeros =
            self.zeros.iter().filter_map(|zeros| zeros.intersection(&Range { start: 0, length: size_bytes }));
        let left = old_zeros.flat_map(|zeros| newer.told.missing_in(zeros));
        let zeros = left.chain(newer.zeros.iter()).collect();
        self.bad.remove(Range::rest(size_bytes, u64::MAX));
        newer.told.iter().for_each(|range| self.bad.remove(range));
        newer.bad.iter().for_each(|range| self.bad.insert(range));
        Self { parent, digest: newer.kind, data: self.data, zeros, bad: self.bad }
    }
}

/// What one archive tells.
#[derive(Default)]
struct Told {
    kind: DigestKind,
    data: Vec<DataRange>,
    zeros: RangeSet,
    /// All of it, what could not be read included.
    told: RangeSet,
    bad: RangeSet,
}

impl Told {
    fn enter(&mut self, range: Range, held: Held) {
        self.told.insert(range);
        match held {
            Held::Data(digest) => self.data.push(DataRange::new(range, digest, self.kind)),
            Held::Zero => self.zeros.insert(range),
            Held::Bad => self.bad.insert(range),
        }
    }
}

/// What an increment on this archive names as its parent.
fn head_of(archive: &OpenArchive) -> Result<Parent> {
    let state = archive.end().and_then(|end| end.state);
    let state = state.ok_or_else(|| {
        let why = "it cannot be read here and there, or goes on elsewhere, so that its state is not known beforehand";
        let remedy = "name the archive's file, and all of its parts".to_owned();
        Error::refused(format!("build on {}", archive.name()), why, Some(remedy))
    })?;
    let info = archive.info();
    Ok(Parent { id: info.id.clone(), state, device_size: info.device.size_bytes })
}

fn check_link(archive: &OpenArchive, before: Option<&Parent>) -> Result<()> {
    let own = archive.info().parent.as_ref();
    let why = match (own, before) {
        _ if archive.info().kind == Kind::Undo => "it is an undo, which leads back to an older state".to_owned(),
        (None, None) => return Ok(()),
        (Some(own), Some(before)) if own.state == before.state && own.device_size == before.device_size => {
            return Ok(());
        }
        (Some(own), None) => format!("it builds on {}, which is not given", own.id),
        (Some(own), Some(before)) => format!("it builds on {}, not on {}", own.id, before.id),
        (None, Some(before)) => format!("it is a full, and does not build on {}", before.id),
    };
    Err(Error::wrong_chain(format!("build on {}", archive.name()), why, None))
}

/// Walks through a baseline from front to back.
#[derive(Debug)]
pub(crate) struct BaselineCursor<'b> {
    baseline: &'b Baseline,
    next_data: usize,
    zeros: Vec<Range>,
    next_zeros: usize,
}

impl<'b> BaselineCursor<'b> {
    /// Begins at the device's first byte.
    pub fn new(baseline: &'b Baseline) -> Self {
        Self { baseline, next_data: 0, zeros: baseline.zeros.iter().collect(), next_zeros: 0 }
    }

    /// What is known from `at` on, up to where something else is known, and within the first bytes of a device. `at` never goes back.
    pub fn unit(&mut self, at: u64, size_bytes: u64) -> Unit {
        let data = &self.baseline.data;
        while data.get(self.next_data).is_some_and(|data| data.range().end() <= at) {
            self.next_data += 1;
        }
        while self.zeros.get(self.next_zeros).is_some_and(|zeros| zeros.end() <= at) {
            self.next_zeros += 1;
        }
        let (data, zeros) = (data.get(self.next_data), self.zeros.get(self.next_zeros));
        let up_to = |end: u64| Range::between(at, end.min(size_bytes));
        if let Some(zeros) = zeros.filter(|zeros| zeros.start <= at) {
            return Unit { range: up_to(zeros.end()), before: Before::Zero };
        }
        match data {
            Some(data) if data.start == at && data.range().end() <= size_bytes => {
                Unit { range: data.range(), before: data.before() }
            }
            // Some of its bytes were dealt with, or cut off: the digest tells nothing of the others alone.
            Some(data) if data.start <= at => Unit { range: up_to(data.range().end()), before: Before::Unknown },
            _ => {
                let next =
                    data.map_or(size_bytes, |data| data.start).min(zeros.map_or(size_bytes, |zeros| zeros.start));
                Unit { range: up_to(next), before: Before::Unknown }
            }
        }
    }
}

#[cfg(test)]
mod tests;
