//! An image in memory, for tests and examples.

use std::io;

use crate::error::Result;
use crate::extent::ExtentMap;
use crate::stream::{Device, Image};

/// Bytes in memory with a map that the caller chose.
#[derive(Clone, Debug)]
pub struct MemoryImage {
    device: Device,
    bytes: Vec<u8>,
    extents: ExtentMap,
}

impl MemoryImage {
    /// An image of these bytes. The extents cover them without a gap, and zero extents lie over zeros: [`Scan`](super::Scan) refuses a map that does not cover.
    pub fn new(bytes: Vec<u8>, extents: ExtentMap) -> Self {
        let device = Device {
            size_bytes: bytes.len() as u64,
            sector_bytes: 512,
            kind: "memory".into(),
            path: "memory".into(),
            ..Device::default()
        };
        Self { device, bytes, extents }
    }
}

impl Image for MemoryImage {
    fn device(&self) -> &Device {
        &self.device
    }

    fn extents(&self) -> Result<ExtentMap> {
        Ok(self.extents.clone())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = start..start.saturating_add(buffer.len());
        buffer.copy_from_slice(self.bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn changes(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
