//! A block device: one data extent from its first byte to its last.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::extent::{Extent, ExtentMap};
use crate::signature::Signature;
use crate::stream::{Device, Image};
use crate::sys::block::{FileKind, file_kind, sector_bytes, size_bytes};
use crate::sys::host;
use crate::sys::sysfs::BlockDevice;

use super::disk_file::DiskFile;

/// A block device with sectors of any size. Its size need not be a multiple of anything.
#[derive(Debug)]
pub struct BlockImage {
    device: Device,
    file: DiskFile,
}

impl BlockImage {
    /// Opens a block device for reading. Others may go on using it: see [`warnings_before`](super::warnings_before).
    pub fn open(path: &Path) -> Result<Self> {
        let file = DiskFile::open(path)?;
        let number = match file_kind(&file.metadata()?) {
            FileKind::Block(number) => number,
            kind => return Err(super::refuse_kind(path, kind)),
        };
        let name = super::name(path);
        let size_bytes = size_bytes(file.file()).map_err(|cause| Error::io("asking for the size of", &name, cause))?;
        if size_bytes == 0 {
            // A backup of nothing would pass for one of the device.
            let remedy = "insert the medium, or set the device up";
            return Err(super::refused(path, "it has no size: it has no medium, or is not set up", remedy));
        }
        super::check_size(path, size_bytes)?;
        let sector_bytes =
            sector_bytes(file.file()).map_err(|cause| Error::io("asking for the sector size of", &name, cause))?;
        let facts = BlockDevice::new(number);
        let (vg, lv) = facts.lvm_names().map(|names| (names.vg, names.lv)).unzip();
        let device = Device {
            size_bytes,
            sector_bytes,
            kind: "block".into(),
            path: name,
            host: host::name(),
            model: facts.model(),
            serial: facts.serial(),
            vg,
            lv,
            filesystem: file.signature(size_bytes).map(Signature::into_filesystem),
            ..Device::default()
        };
        Ok(Self { device, file })
    }
}

impl BlockImage {
    fn warnings(&self) -> Vec<String> {
        let stale = self.file.may_be_stale().then(|| {
            let name = &self.device.path;
            format!("{name} takes no direct reads and was read through the page cache: if something on it is in use, that may be older")
        });
        stale.into_iter().collect()
    }
}

impl Image for BlockImage {
    fn device(&self) -> &Device {
        &self.device
    }

    fn extents(&self) -> Result<ExtentMap> {
        Ok([Extent::data(0, self.device.size_bytes)].into_iter().collect())
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
        let name = &self.device.path;
        let now = size_bytes(self.file.file()).map_err(|cause| Error::io("asking for the size of", name, cause))?;
        match now.cmp(&self.device.size_bytes) {
            std::cmp::Ordering::Less => Err(super::shrank(name, self.device.size_bytes, now)),
            std::cmp::Ordering::Equal => Ok(self.warnings()),
            std::cmp::Ordering::Greater => {
                Ok([self.warnings(), vec![super::grew(name, self.device.size_bytes, now)]].concat())
            }
        }
    }
}
