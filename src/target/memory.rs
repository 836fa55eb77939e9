//! A target in memory: for tests, which look at what has landed.

use super::check_range;
use crate::error::Result;
use crate::stream::Target;

/// The bytes of a device.
#[derive(Clone, Debug)]
pub struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    /// A device that held these bytes before the restore.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What it holds now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn range(&self, offset: u64, length: u64) -> Result<std::ops::Range<usize>> {
        check_range(self.name(), self.capacity(), offset, length)?;
        Ok(offset as usize..(offset + length) as usize)
    }
}

impl Target for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn capacity(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        buffer.copy_from_slice(&self.bytes[self.range(offset, buffer.len() as u64)?]);
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let range = self.range(offset, bytes.len() as u64)?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        let range = self.range(offset, length)?;
        self.bytes[range].fill(0);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
