//! A target that forgets everything: for verify, and to measure the rest of a restore.

use super::check_range;
use crate::error::Result;
use crate::stream::Target;

/// Takes writes within its capacity and reads as zero.
#[derive(Debug)]
pub struct Null {
    capacity: u64,
}

impl Null {
    /// A target of this size.
    pub fn new(capacity: u64) -> Self {
        Self { capacity }
    }
}

impl Target for Null {
    fn name(&self) -> &str {
        "nowhere"
    }

    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        check_range(self.name(), self.capacity, offset, buffer.len() as u64)?;
        buffer.fill(0);
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        check_range(self.name(), self.capacity, offset, bytes.len() as u64)
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        check_range(self.name(), self.capacity, offset, length)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
