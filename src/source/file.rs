//! A regular file as a disk image: its holes are zeros.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::extent::{ExtentMap, MapBuilder, Range};
use crate::signature::Signature;
use crate::stream::{Device, Image};
use crate::sys::block::{FileKind, file_kind};
use crate::sys::{host, sparse};

use super::disk_file::DiskFile;

/// A regular file, of any size.
#[derive(Debug)]
pub struct FileImage {
    device: Device,
    file: DiskFile,
    opened: Metadata,
}

impl FileImage {
    /// Opens a regular file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = DiskFile::open(path)?;
        let opened = file.metadata()?;
        if file_kind(&opened) != FileKind::Regular {
            return Err(super::refuse_kind(path, file_kind(&opened)));
        }
        super::check_size(path, opened.len())?;
        let device = Device {
            size_bytes: opened.len(),
            sector_bytes: 512,
            kind: "file".into(),
            path: super::name(path),
            host: host::name(),
            filesystem: file.signature(opened.len()).map(Signature::into_filesystem),
            ..Device::default()
        };
        Ok(Self { device, file, opened })
    }
}

impl Image for FileImage {
    fn device(&self) -> &Device {
        &self.device
    }

    fn extents(&self) -> Result<ExtentMap> {
        let mut builder = MapBuilder::default();
        sparse::data_ranges(self.file.file(), self.device.size_bytes, |range| {
            builder.add_data(Range::between(range.start, range.end));
        })
        .map_err(|cause| Error::io("looking for holes in", &self.device.path, cause))?;
        Ok(builder.finish(self.device.size_bytes))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)
    }

    fn prefetch(&self, offset: u64, length: u64) {
        self.file.prefetch(offset, length);
    }

    fn release(&self, offset: u64, length: u64) {
        self.file.release(offset, length);
    }

    fn changes(&self) -> Result<Vec<String>> {
        let now = self.file.metadata()?;
        let (name, before) = (&self.device.path, &self.opened);
        if now.len() < before.len() {
            return Err(super::shrank(name, before.len(), now.len()));
        }
        let mut sentences = Vec::new();
        if now.len() > before.len() {
            sentences.push(super::grew(name, before.len(), now.len()));
        }
        if (now.mtime(), now.mtime_nsec()) != (before.mtime(), before.mtime_nsec()) {
            sentences
                .push(format!("{name} was written to while it was read: what was read may be a mixture of its states"));
        }
        Ok(sentences)
    }
}
