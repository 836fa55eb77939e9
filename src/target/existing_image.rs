//! An image that exists, written in place: what is not written keeps what it held.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use super::backing::{Backing, BackingKind};
use super::new_image::ANY_SIZE;
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::stream::Target;

/// An open image. It may be made longer by what is written behind its end; shorter only if it is to get a certain size.
#[derive(Debug)]
pub struct ExistingImage {
    backing: Backing,
    size_bytes: Option<u64>,
}

impl ExistingImage {
    /// Opens a regular file for reading and writing; nothing is changed yet. With a size it has that one when it is finished.
    pub fn open(path: &Path, size_bytes: Option<u64>, progress: &Arc<Progress>) -> Result<Self> {
        let name = path.display().to_string();
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let file = opened.map_err(|cause| Error::io("opening", &name, cause))?;
        let capacity = size_bytes.unwrap_or(ANY_SIZE);
        Ok(Self { backing: Backing::new(file, name, BackingKind::RegularFile, capacity, progress), size_bytes })
    }
}

impl Target for ExistingImage {
    fn name(&self) -> &str {
        self.backing.name()
    }

    fn capacity(&self) -> u64 {
        self.backing.capacity()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.backing.read(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.backing.write(bytes, offset)
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        self.backing.zero(Range { start: offset, length })
    }

    fn set_size(&mut self, size_bytes: u64) -> Result<()> {
        self.backing.grow(size_bytes)
    }

    fn sync(&mut self) -> Result<()> {
        self.backing.sync()
    }

    fn finish(&mut self) -> Result<()> {
        self.size_bytes.map_or(Ok(()), |size_bytes| self.backing.cut(size_bytes))?;
        self.backing.sync()
    }
}
