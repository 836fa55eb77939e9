//! Tells an image what will be read of it, some way ahead of the reads.

use crate::extent::{ExtentKind, ExtentMap, Range};
use crate::stream::Image;

/// How much data an image is told about before it is read, so that it is never waited for twice.
pub const AHEAD_BYTES: u64 = 8 << 20;

/// The longest range that it is told about at once.
const STEP_BYTES: u64 = 4 << 20;

/// How far ahead of the reads an image was told of them. Always looks at the same map, whose data is read in ascending order.
#[derive(Debug)]
pub struct Ahead {
    limit_bytes: u64,
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
    /// Tells at most so much ahead.
    pub fn new(limit_bytes: u64) -> Self {
        Self { limit_bytes, position: 0, passed_position: 0, until: 0, passed: 0, bytes: 0 }
    }

    /// Tells the image what will be read now, and as much as the limit behind it, whenever less than half of that is left.
    pub fn look(&mut self, image: &dyn Image, map: &ExtentMap, now: Range) {
        self.pass_to(map, now.start);
        if self.bytes >= now.length + self.limit_bytes / 2 {
            return;
        }
        while self.bytes < now.length + self.limit_bytes {
            let Some(extent) = map.get(self.position) else { return };
            let start = extent.start.max(self.until);
            if extent.kind != ExtentKind::Data || start >= extent.end() {
                self.position += 1;
                continue;
            }
            let step_end = (start / STEP_BYTES + 1) * STEP_BYTES;
            let end = extent.end().min(step_end).min(start.saturating_add(self.limit_bytes));
            image.prefetch(start, end - start);
            self.bytes += end - start;
            self.until = end;
        }
    }

    /// Leaves behind what lies before this offset, read or not.
    fn pass_to(&mut self, map: &ExtentMap, offset: u64) {
        while let Some(extent) = map.get(self.passed_position) {
            if extent.kind == ExtentKind::Data {
                let begin = extent.start.max(self.passed);
                let end = extent.end().min(offset).min(self.until);
                self.bytes -= end.saturating_sub(begin);
            }
            if extent.end() > offset {
                break;
            }
            self.passed_position += 1;
        }
        self.passed = offset;
        self.until = self.until.max(offset);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;

    use super::*;
    use crate::error::Result;
    use crate::extent::Extent;
    use crate::stream::Device;

    /// Notes what it is told.
    struct Told {
        device: Device,
        ranges: RefCell<Vec<(u64, u64)>>,
    }

    impl Image for Told {
        fn device(&self) -> &Device {
            &self.device
        }

        fn extents(&self) -> Result<ExtentMap> {
            unreachable!("the map is given")
        }

        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
            unreachable!("nothing is read")
        }

        fn prefetch(&self, offset: u64, length: u64) {
            self.ranges.borrow_mut().push((offset, length));
        }

        fn changes(&self) -> Result<Vec<String>> {
            unreachable!("nothing is read")
        }
    }

    #[test]
    fn data_is_told_in_steps_as_far_as_the_limit_and_again_when_half_is_left() {
        const MIB: u64 = 1 << 20;
        let map = [Extent::data(0, 5 * MIB), Extent::hole(5 * MIB, MIB), Extent::data(6 * MIB, 20 * MIB)];
        let map: ExtentMap = map.into_iter().collect();
        let image = Told { device: Device::default(), ranges: RefCell::default() };
        let mut ahead = Ahead::new(8 * MIB);
        let mut told = |start_mib: u64| {
            ahead.look(&image, &map, Range { start: start_mib * MIB, length: MIB });
            let ranges = image.ranges.take();
            ranges.into_iter().map(|(start, length)| (start / MIB, length / MIB)).collect::<Vec<_>>()
        };
        assert_eq!(told(0), [(0, 4), (4, 1), (6, 2), (8, 4)]);
        assert_eq!((told(1), told(7)), (vec![], vec![]));
        assert_eq!(told(8), [(12, 4), (16, 4)]);
        // What is passed over is not told afterwards.
        assert_eq!(told(21), [(21, 3), (24, 2)]);
    }
}
