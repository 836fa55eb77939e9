//! A block device, opened for this process alone.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::backing::{Backing, BackingKind};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::stream::Target;
use crate::sys::{block, mounts, sysfs};

/// A block device that nobody else has mounted or holds, also not one of its partitions.
///
/// Writes go through the page cache, so that any offset and length works on any sector size, and are written back at
/// once. Other programs that open the device without asking for it alone are not kept out.
#[derive(Debug)]
pub struct BlockDevice {
    backing: Backing,
    target_is_zero: bool,
}

impl BlockDevice {
    /// Opens a device that has at least `size_bytes`. With `target_is_zero`, the user's word, zeros
    /// are written only over what this restore wrote.
    pub fn open(path: &Path, size_bytes: u64, target_is_zero: bool, progress: &Arc<Progress>) -> Result<Self> {
        let name = path.display().to_string();
        refuse_read_only(path, &name)?;
        let mut file = open_exclusive(path, &name)?;
        let capacity = file.seek(SeekFrom::End(0)).map_err(|cause| Error::io("asking the size of", &name, cause))?;
        if capacity < size_bytes {
            let why = format!("it has {capacity} bytes, and {size_bytes} are to be restored");
            return Err(Error::refused(format!("restore onto {name}"), why, Some("use a larger device".to_owned())));
        }
        Ok(Self { backing: Backing::new(file, name, BackingKind::BlockDevice, capacity, progress), target_is_zero })
    }
}

/// Opening such a device succeeds; only the first write would fail.
fn refuse_read_only(path: &Path, name: &str) -> Result<()> {
    match mounts::device_number(path).map(sysfs::BlockDevice::new) {
        Some(device) if device.is_read_only() => {
            let remedy = format!("`blockdev --setrw {name}`, if it may be written");
            Err(Error::refused(format!("restore onto {name}"), "it is read-only", Some(remedy)))
        }
        _ => Ok(()),
    }
}

fn open_exclusive(path: &Path, name: &str) -> Result<File> {
    block::open_exclusive(path).map_err(|cause| {
        if cause.kind() != io::ErrorKind::ResourceBusy {
            return Error::io("opening", name, cause);
        }
        let why = "it is in use (mounted, swap, held by LVM or RAID, or by another program)";
        let remedy = format!("`lsblk {name}` shows what holds it: unmount or deactivate that first");
        Error::refused(format!("restore onto {name}"), why, Some(remedy))
    })
}

impl Target for BlockDevice {
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
        let range = Range { start: offset, length };
        if self.target_is_zero { self.backing.zero_written(range) } else { self.backing.zero(range) }
    }

    fn sync(&mut self) -> Result<()> {
        self.backing.sync()
    }

    fn finish(&mut self) -> Result<()> {
        self.backing.sync()
    }
}
