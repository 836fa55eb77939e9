//! The device's side of a comparison: reads ahead, each byte once, and nothing that is known to be zero.

use crate::ahead::{AHEAD_BYTES, Ahead};
use crate::error::Result;
use crate::extent::{Extent, ExtentKind, ExtentMap, MapCursor, Range};
use crate::ranges::RangeList;
use crate::stream::Image;
use crate::zeros::is_zero;

use super::BLOCK_BYTES;

/// How much is read and compared at once: what stays in the processor's cache in between.
const STEP_BYTES: u64 = 256 << 10;

/// A device that is read from front to back.
pub struct DeviceSide<'a> {
    image: &'a mut dyn Image,
    /// The zero extents of the device.
    holes: ExtentMap,
    cursor: MapCursor,
    /// What will be read, if that is known, and how far the device was told of it.
    ahead: Option<(ExtentMap, Ahead)>,
    buffer: Vec<u8>,
}

impl<'a> DeviceSide<'a> {
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
        let ahead = held.is_some().then(|| (data, Ahead::new(AHEAD_BYTES)));
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
            Some((data, ahead)) => ahead.look(&*self.image, data, range),
            None => self.image.prefetch(range.start, range.length),
        }
        let buffer = &mut self.buffer[..range.length as usize];
        self.image
            .read_at(buffer, range.start)
            .map_err(|cause| self.image.device().read_failure(range.start, cause))?;
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
