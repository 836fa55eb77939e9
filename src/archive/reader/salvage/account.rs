//! What is certain of the device by the members that were found: their bytes, and which ranges read as zero or are unchanged.

use super::super::super::digest::DigestKind;
use super::super::super::index::{Content, LINE_MAX, Line, parse_first_line, parse_line};
use super::super::super::info::{BackupInfo, Kind, MapKind};
use super::super::super::{frame, limit, map};
use crate::error::Result;
use crate::extent::{ExtentKind, ExtentMap, MapCursor, Range};
use crate::range_set::RangeSet;

/// What is certain of a range of the device, and was not told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven<'a> {
    /// It holds these bytes, which have their digest.
    Data {
        /// Offset on the device.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// It reads as zero.
    Zeros(Range),
}

/// Who is told.
pub type Tell<'a> = &'a mut dyn FnMut(Proven<'_>) -> Result<()>;

/// The size of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSize {
    /// Size in bytes.
    pub bytes: u64,
    /// Whether backup-info says so, or a whole map; else it is as much as was seen, and the device may be larger.
    pub certain: bool,
}

/// The account of a salvage.
pub struct Account {
    info: Option<BackupInfo>,
    map: Option<ExtentMap>,
    /// Of a map that was found: whether its extents are marked as changed, if it has any.
    dirty: Option<bool>,
    /// What need not be told any more: it was, or is unchanged, or is not wanted.
    settled: RangeSet,
    bad: RangeSet,
    highest_end: u64,
    /// Gaps between neighbours, while it is not known whether the archive is a full.
    unresolved: Vec<Range>,
}

impl Account {
    /// An account of these ranges of the device, or of all.
    pub fn open(wanted: Option<&RangeSet>) -> Self {
        let whole = Range { start: 0, length: limit::NUMBER };
        let settled = wanted.map(|wanted| wanted.missing_in(whole).into_iter().collect()).unwrap_or_default();
        Self {
            info: None,
            map: None,
            dirty: None,
            settled,
            bad: RangeSet::default(),
            highest_end: 0,
            unresolved: Vec::new(),
        }
    }

    /// The backup-info, if it was found.
    pub fn info(&self) -> Option<&BackupInfo> {
        self.info.as_ref()
    }

    /// Whether it is a full, where that is known.
    fn is_full(&self) -> Option<bool> {
        self.info.as_ref().map(|info| info.kind == Kind::Full).or(self.dirty.map(|dirty| !dirty))
    }

    /// Whether the members alone tell the extents, where that is known.
    fn is_inline(&self) -> Option<bool> {
        self.info.as_ref().map(|info| info.map == MapKind::Inline).or(self.dirty.map(|_| false))
    }

    /// Takes a backup-info, the first one found: those of all parts say the same of the device.
    pub fn learn(&mut self, info: &BackupInfo, tell: Tell<'_>) -> Result<()> {
        self.info.get_or_insert_with(|| info.clone());
        let gaps = std::mem::take(&mut self.unresolved);
        gaps.into_iter().try_for_each(|gap| self.close(gap, tell))
    }

    /// Takes a map whose text has its digest. What is wrong with it, otherwise.
    pub fn take_map(&mut self, stored: &[u8], compressed: bool, kind: DigestKind) -> std::result::Result<(), String> {
        let frames = match &self.info {
            Some(info) => vec![map::Frame::of(info)],
            None => vec![map::Frame::of_unknown(false), map::Frame::of_unknown(true)],
        };
        let loaded = frames.iter().map(|frame| (frame.dirty, map::load(stored, compressed, frame, kind)));
        let mut fault = String::new();
        for (dirty, loaded) in loaded {
            match loaded {
                Ok((found, ..)) => {
                    // An empty one is that of an inline archive too, or of an increment in which nothing changed.
                    self.dirty = (!found.is_empty()).then_some(dirty);
                    self.map = Some(found);
                    return Ok(());
                }
                Err(why) => fault = why,
            }
        }
        Err(fault)
    }

    /// The map, where it says something.
    fn plan(&self) -> Option<&ExtentMap> {
        self.map.as_ref().filter(|_| self.is_inline() == Some(false))
    }

    /// Tells what reads as zero by the map alone.
    pub fn tell_map(&mut self, tell: Tell<'_>) -> Result<()> {
        let Some(map) = self.plan() else { return Ok(()) };
        let zeros: Vec<_> =
            map.iter().filter(|extent| extent.kind != ExtentKind::Data).map(|extent| extent.range()).collect();
        zeros.into_iter().try_for_each(|range| self.zeros(range, tell))
    }

    fn zeros(&mut self, range: Range, tell: Tell<'_>) -> Result<()> {
        self.highest_end = self.highest_end.max(range.end());
        for part in self.settled.missing_in(range) {
            tell(Proven::Zeros(part))?;
        }
        self.settled.insert(range);
        Ok(())
    }

    /// Whether a member may say something of this range. Why not, otherwise.
    pub fn check(&self, range: Range, is_data: bool) -> std::result::Result<(), &'static str> {
        let size_bytes = self.info.as_ref().map_or(limit::NUMBER, |info| info.device.size_bytes);
        if range.length == 0 || range.start.checked_add(range.length).is_none_or(|end| end > size_bytes) {
            return Err("it lies beyond the device");
        }
        if is_data && self.info.as_ref().is_some_and(|info| range.length > info.extent_limit) {
            return Err("it is longer than the extent limit");
        }
        let within = |map| MapCursor::at(map, range.start).within_data(map, range);
        if self.plan().is_none_or(within) { Ok(()) } else { Err("it does not lie within one data extent of the map") }
    }

    /// Tells the bytes of a member that was checked.
    pub fn data(&mut self, offset: u64, bytes: &[u8], tell: Tell<'_>) -> Result<()> {
        let range = Range { start: offset, length: bytes.len() as u64 };
        self.highest_end = self.highest_end.max(range.end());
        for part in self.settled.missing_in(range) {
            let (from, to) = (part.start - offset, part.end() - offset);
            tell(Proven::Data { offset: part.start, bytes: &bytes[from as usize..to as usize] })?;
        }
        self.settled.insert(range);
        Ok(())
    }

    /// Takes a range that could not be read when the backup was made.
    pub fn take_bad(&mut self, range: Range) {
        self.highest_end = self.highest_end.max(range.end());
        self.bad.insert(range);
    }

    /// Tells a range of zeros for which a member stands. Only an archive without a map has such.
    pub fn zero_member(&mut self, range: Range, tell: Tell<'_>) -> Result<()> {
        if self.is_inline() == Some(false) { Ok(()) } else { self.zeros(range, tell) }
    }

    /// Tells what is certain of a gap between two members that follow each other without anything between them.
    pub fn close(&mut self, gap: Range, tell: Tell<'_>) -> Result<()> {
        if gap.length == 0 {
            return Ok(());
        }
        match (self.is_full(), self.is_inline()) {
            (None, _) => self.unresolved.push(gap),
            (Some(true), _) => return self.zeros(gap, tell),
            (Some(false), Some(true)) => self.settled.insert(gap),
            (Some(false), _) => {
                let Some(map) = self.plan() else { return Ok(()) };
                let mut zeros = Vec::new();
                MapCursor::at(map, gap.start).covered(map, gap.start, gap.end(), |range| zeros.push(range));
                zeros.into_iter().try_for_each(|range| self.zeros(range, tell))?;
                self.settled.insert(gap);
            }
        }
        Ok(())
    }

    /// Takes what an increment's end proves unchanged: what lies behind all that its last index lists.
    pub fn unchanged(&mut self, range: Range) {
        if self.is_full() == Some(false) {
            self.settled.insert(range);
        }
    }

    /// Tells what an index, whose text has its digest, says of zeros, and takes what it says of bad ranges. Gives where it ends; `None` if it contradicts itself.
    ///
    /// Its lines go on from where the index before it ended, so what none of them is about is unchanged.
    pub fn index(&mut self, stored: &[u8], kind: DigestKind, tell: Tell<'_>) -> Result<Option<u64>> {
        let Ok(mut lines) = frame::table_reader(stored, true) else { return Ok(None) };
        let mut line = Vec::new();
        let mut next = |line: &mut Vec<u8>| frame::read_piece(&mut *lines, b'\n', LINE_MAX, line).unwrap_or(false);
        let Some(mut at) = next(&mut line).then(|| parse_first_line(&line)).flatten() else { return Ok(None) };
        while next(&mut line) {
            let Some(found) = parse_line(&line, kind) else { return Ok(None) };
            let range = found.range();
            if range.start < at || self.check_listed(range).is_none() {
                return Ok(None);
            }
            self.settled.insert(Range::between(at, range.start));
            at = range.end();
            match found {
                Line::Zeros(range) => self.zeros(range, tell)?,
                Line::Member(landed) => match landed.content {
                    Content::Zero => self.zeros(range, tell)?,
                    Content::Bad => self.take_bad(range),
                    Content::Data { .. } => self.highest_end = self.highest_end.max(at),
                },
            }
        }
        Ok(Some(at))
    }

    fn check_listed(&self, range: Range) -> Option<()> {
        let size_bytes = self.info.as_ref().map_or(limit::NUMBER, |info| info.device.size_bytes);
        (range.length > 0 && range.start.checked_add(range.length)? <= size_bytes).then_some(())
    }

    /// The size of the device, as far as it is known.
    pub fn size(&self) -> DeviceSize {
        if let Some(info) = &self.info {
            return DeviceSize { bytes: info.device.size_bytes, certain: true };
        }
        match &self.map {
            Some(map) if self.dirty == Some(false) => DeviceSize { bytes: map.end(), certain: true },
            map => {
                let map_end = map.as_ref().map_or(0, ExtentMap::end);
                DeviceSize { bytes: self.highest_end.max(map_end), certain: false }
            }
        }
    }

    /// What is not certain of all that the archive should tell, those ranges included that could not be read when the backup was made.
    pub fn lost(&self) -> RangeSet {
        let whole = Range { start: 0, length: self.size().bytes };
        match self.plan() {
            // What no extent of an increment covers is unchanged.
            Some(map) => map.iter().flat_map(|extent| self.settled.missing_in(extent.range())).collect(),
            None => self.settled.missing_in(whole).into_iter().collect(),
        }
    }

    /// Of what is lost, what could not be read when the backup was made.
    pub fn bad_of(&self, lost: &RangeSet) -> RangeSet {
        self.bad.iter().flat_map(|range| lost.within(range)).collect()
    }
}
