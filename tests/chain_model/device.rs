//! A device in memory that changes, has holes, and has ranges that cannot be read.

use std::io;
use std::ops::Range;

use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentMap};
use blocktar::source::MemoryImage;
use blocktar::stream::{Device, Image};

use super::chance::Chance;

const BLOCK: usize = 4096;

/// What can be read of it, and where nothing is allocated.
#[derive(Clone)]
pub struct ModelDevice {
    pub bytes: Vec<u8>,
    /// Blocks that the device tells as holes; they are zeros.
    holes: Vec<bool>,
    /// Blocks that cannot be read.
    pub unreadable: Option<Range<usize>>,
}

impl ModelDevice {
    /// A device of some size with some content.
    pub fn new(chance: &mut Chance) -> Self {
        let mut device = Self::of(Vec::new());
        device.resize(chance.below(900_000) as usize, chance);
        device
    }

    /// A device that holds these bytes, without holes.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { holes: vec![false; bytes.len().div_ceil(BLOCK)], bytes, unreadable: None }
    }

    /// Changes it in one way or another; says how.
    pub fn change(&mut self, chance: &mut Chance) -> String {
        let range = self.a_range(chance);
        match chance.below(10) {
            0..4 => self.write(range.clone(), chance),
            4 => {
                self.bytes[range.clone()].fill(0);
                self.settle();
                return format!("zeroed {range:?}");
            }
            5 | 6 => {
                self.punch(range.clone());
                return format!("discarded {range:?}");
            }
            7 => return "written as it was".to_owned(),
            _ => {
                let size = chance.below(900_000) as usize;
                self.resize(size, chance);
                return format!("resized to {size}");
            }
        }
        format!("wrote {range:?}")
    }

    fn a_range(&self, chance: &mut Chance) -> Range<usize> {
        let start = chance.below(self.bytes.len() as u64 + 1) as usize;
        let most = [600, 30_000, 400_000][chance.below(3) as usize];
        let end = (start + chance.below(most) as usize).min(self.bytes.len());
        match chance.below(2) {
            0 => start..end,
            _ => start / BLOCK * BLOCK..end.next_multiple_of(BLOCK).min(self.bytes.len()),
        }
    }

    fn write(&mut self, range: Range<usize>, chance: &mut Chance) {
        let new = chance.bytes(range.len());
        self.bytes[range].copy_from_slice(&new);
        self.settle();
    }

    fn punch(&mut self, range: Range<usize>) {
        self.bytes[range.clone()].fill(0);
        self.settle();
        let whole = range.start.div_ceil(BLOCK)..range.end / BLOCK;
        if whole.start < whole.end {
            self.holes[whole].fill(true);
        }
    }

    fn resize(&mut self, size: usize, chance: &mut Chance) {
        let before = self.bytes.len();
        self.bytes.resize(size, 0);
        self.holes = vec![false; size.div_ceil(BLOCK)];
        if size > before && chance.below(3) > 0 {
            self.write(before..size, chance);
        }
        if size > before && chance.below(2) == 0 {
            self.punch(before + (size - before) / 3..size);
        }
    }

    /// What is no longer zero is no hole.
    fn settle(&mut self) {
        for (hole, block) in self.holes.iter_mut().zip(self.bytes.chunks(BLOCK)) {
            *hole &= block.iter().all(|byte| *byte == 0);
        }
    }

    /// What a reader sees now.
    pub fn image(&self) -> ModelImage {
        let mut map = ExtentMap::new();
        let mut start = 0;
        for run in self.holes.chunk_by(|one, other| one == other) {
            let end = (start + run.len() * BLOCK).min(self.bytes.len());
            let (offset, length) = (start as u64, (end - start) as u64);
            map.push(if run[0] { Extent::hole(offset, length) } else { Extent::data(offset, length) });
            start = end;
        }
        ModelImage { image: MemoryImage::new(self.bytes.clone(), map), unreadable: self.unreadable.clone() }
    }
}

/// The device as a source reads it.
pub struct ModelImage {
    image: MemoryImage,
    unreadable: Option<Range<usize>>,
}

impl Image for ModelImage {
    fn device(&self) -> &Device {
        self.image.device()
    }

    fn extents(&self) -> Result<ExtentMap> {
        self.image.extents()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (start, end) = (offset as usize, offset as usize + buffer.len());
        match &self.unreadable {
            Some(unreadable) if unreadable.start < end && start < unreadable.end => {
                const EIO: i32 = 5;
                Err(io::Error::from_raw_os_error(EIO))
            }
            _ => self.image.read_at(buffer, offset),
        }
    }

    fn changes(&self) -> Result<Vec<String>> {
        self.image.changes()
    }
}
