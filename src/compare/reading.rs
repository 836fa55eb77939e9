//! The device's side of a comparison: reads ahead, each byte once, and nothing that is known to be zero.

use crate::error::{Error, Result};
use crate::extent::{Extent, ExtentKind, ExtentMap, MapCursor, Range};
use crate::ranges::RangeList;
use crate::stream::Image;
use crate::zeros::is_zero;

use super::BLOCK_BYTES;

/// How much is read and compared at once: what stays in the processor's cache in between.
const STEP_BYTES: u64 = 256 << 10;

/// How much the device is told about before it is read, so that it is never waited for twice.
const AHEAD_BYTES: u64 = 8 << 20;

/// The longest range that it is told about at once.
const AHEAD_STEP_BYTES: u64 = 4 << 20;

/// A device that is read from front to back.
pub struct Reading<'a> {
    image: &'a mut dyn Image,
    /// The zero extents of the device.
    holes: ExtentMap,
    cursor: MapCursor,
    /// What will be read, if that is known.
    ahead: Option<Ahead>,
    buffer: Vec<u8>,
}

impl<'a> Reading<'a> {
    /// Begins to read a device. Where it is known beforehand what will be asked for, `held` covers that, and the device is told ahead.
    pub fn begin(image: &'a mut dyn Image, held: Option<&ExtentMap>) -> Result<Self> {
        let (mut holes, mut data, mut cursor) = (ExtentMap::new(), ExtentMap::new(), MapCursor::default());
        for extent in image.extents()?.iter() {
            match (extent.kind, held) {
                (ExtentKind::Zero { .. }, _) => holes.push(extent),
                (ExtentKind::Data, Some(held)) => cursor.covered(held, extent.start, extent.end(), |range| {
                    data.push(Extent::data(range.start, range.length));
                }),
                (ExtentKind::Data, None) => {}
            }
        }
        let ahead = held.is_some().then(|| Ahead::new(data));
        Ok(Self { image, holes, cursor: MapCursor::default(), ahead, buffer: vec![0; STEP_BYTES as usize] })
    }

    /// What is read.
    pub fn image(&self) -> &dyn Image {
        self.image
    }

    /// Compares the device from `offset` on with these bytes. Comes in ascending order.
    pub fn hold_against(&mut self, bytes: &[u8], offset: u64, differing: &mut RangeList) -> Result<()> {
        for (part, is_hole) in self.parts(Range { start: offset, length: bytes.len() as u64 }) {
            let inside = |range: Range| &bytes[(range.start - offset) as usize..(range.end() - offset) as usize];
            if is_hole {
                find(part, differing, |range| is_zero(inside(range)));
                continue;
            }
            for step in steps(part, STEP_BYTES) {
                let found = self.read(step)?;
                find(step, differing, |range| part_of(found, step, range) == inside(range));
                self.image.release(step.start, step.length);
            }
        }
        Ok(())
    }

    /// Compares this range of the device with zeros; may be long, so it asks whether to go on.
    pub fn hold_against_zeros(
        &mut self,
        range: Range,
        differing: &mut RangeList,
        mut go_on: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        for (part, _) in self.parts(range).into_iter().filter(|(_, is_hole)| !is_hole) {
            for step in steps(part, STEP_BYTES) {
                go_on()?;
                let found = self.read(step)?;
                find(step, differing, |range| is_zero(part_of(found, step, range)));
                self.image.release(step.start, step.length);
            }
        }
        Ok(())
    }

    /// The parts of a range in order, and whether each is a hole of the device.
    fn parts(&mut self, range: Range) -> Vec<(Range, bool)> {
        let (mut parts, mut at) = (Vec::new(), range.start);
        self.cursor.covered(&self.holes, range.start, range.end(), |hole| {
            parts.push((Range::between(at, hole.start), false));
            parts.push((hole, true));
            at = hole.end();
        });
        parts.push((Range::between(at, range.end()), false));
        parts.retain(|(part, _)| part.length > 0);
        parts
    }

    fn read(&mut self, range: Range) -> Result<&[u8]> {
        match &mut self.ahead {
            Some(ahead) => ahead.look(&*self.image, range),
            None => self.image.prefetch(range.start, range.length),
        }
        let buffer = &mut self.buffer[..range.length as usize];
        self.image.read_at(buffer, range.start).map_err(|cause| {
            let what = format!("{}, bytes {} to {}", self.image.device().path, range.start, range.end() - 1);
            Error::io("reading", what, cause)
        })?;
        Ok(buffer)
    }
}

/// The bytes of `range` in a buffer that holds those of `step`.
fn part_of(buffer: &[u8], step: Range, range: Range) -> &[u8] {
    &buffer[(range.start - step.start) as usize..(range.end() - step.start) as usize]
}

/// A range cut at multiples of a length.
fn steps(range: Range, step_bytes: u64) -> impl Iterator<Item = Range> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let end = range.end().min((at / step_bytes + 1) * step_bytes);
        let step = (at < range.end()).then(|| Range::between(at, end));
        at = end;
        step
    })
}

/// Notes the blocks of a range that are not the same; mostly all are, which one look tells.
fn find(range: Range, differing: &mut RangeList, is_same: impl Fn(Range) -> bool) {
    if !is_same(range) {
        steps(range, BLOCK_BYTES).filter(|block| !is_same(*block)).for_each(|block| differing.push(block));
    }
}

/// How far ahead of the reads the device was told of them.
struct Ahead {
    /// What will be read.
    data: ExtentMap,
    /// The extent that holds `until`, and the one that holds `passed`.
    position: usize,
    passed_position: usize,
    /// Everything before this has been told.
    until: u64,
    /// Everything before this has been read, or will not be.
    passed: u64,
    /// What lies in between, in bytes of data.
    bytes: u64,
}

impl Ahead {
    fn new(data: ExtentMap) -> Self {
        Self { data, position: 0, passed_position: 0, until: 0, passed: 0, bytes: 0 }
    }

    /// Tells the device what will be read now, and as much as the limit behind it, whenever less than half of that is left.
    fn look(&mut self, image: &dyn Image, now: Range) {
        self.pass_to(now.start);
        if self.bytes >= now.length + AHEAD_BYTES / 2 {
            return;
        }
        while self.bytes < now.length + AHEAD_BYTES {
            let Some(extent) = self.data.get(self.position) else { return };
            let start = extent.start.max(self.until);
            if start >= extent.end() {
                self.position += 1;
                continue;
            }
            let end = extent.end().min((start / AHEAD_STEP_BYTES + 1) * AHEAD_STEP_BYTES);
            image.prefetch(start, end - start);
            self.bytes += end - start;
            self.until = end;
        }
    }

    /// Leaves behind what lies before this offset, read or not.
    fn pass_to(&mut self, offset: u64) {
        while let Some(extent) = self.data.get(self.passed_position) {
            let begin = extent.start.max(self.passed);
            let end = extent.end().min(offset).min(self.until);
            self.bytes -= end.saturating_sub(begin);
            if extent.end() > offset {
                break;
            }
            self.passed_position += 1;
        }
        self.passed = offset;
        self.until = self.until.max(offset);
    }
}
