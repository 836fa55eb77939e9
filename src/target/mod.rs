//! Where a restore lands, and the zeroing ladder that all targets share.

mod backing;
pub mod block;
pub mod existing_image;
pub mod head_last;
pub mod memory;
pub mod new_image;
pub mod null;
pub mod read_only;
mod zeroing;

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::Target;
use crate::sys::partial_file::IfExists;

/// What a restore wants of its target.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Size of the device to restore: the size of a new image, and the least that a device must have; `None` while it is not known.
    pub size_bytes: Option<u64>,
    /// What happens to an image that has the name already.
    pub if_exists: IfExists,
    /// The user's word that a block device reads as zero from end to end.
    pub target_is_zero: bool,
    /// What the restore does with the first MiB of a block device.
    pub head: Head,
}

/// What a restore does with the first MiB of a block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// It is zero until all else is on stable storage, as a full restore wants it ([`head_last`]).
    Last,
    /// It is written like all else, as an increment on what the device holds wants it.
    InOrder,
}

/// Opens a block device, or begins a new image, by what `path` is.
///
/// Nothing is written yet: a restore may still be refused.
pub fn open(path: &Path, request: &Request, progress: &Arc<Progress>) -> Result<Box<dyn Target>> {
    let name = path.display().to_string();
    match fs::metadata(path) {
        Ok(found) if found.file_type().is_block_device() => {
            let device =
                block::BlockDevice::open(path, request.size_bytes.unwrap_or(0), request.target_is_zero, progress)?;
            match request.head {
                Head::InOrder => Ok(Box::new(device)),
                Head::Last => Ok(Box::new(head_last::HeadLast::begin(device)?)),
            }
        }
        Ok(found) if !found.is_file() => {
            let why = "it is neither a block device nor a regular file";
            let remedy = "name a block device or a new image".to_owned();
            Err(Error::refused(format!("restore onto {name}"), why, Some(remedy)))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("looking at", name, error)),
        _ => Ok(Box::new(new_image::NewImage::create(path, request.size_bytes, request.if_exists, progress)?)),
    }
}

/// Opens a block device or an image that exists, to change some of it in place. Nothing is written yet. With a size, a device must have as much, and an
/// image has it when it is finished.
pub fn open_in_place(path: &Path, size_bytes: Option<u64>, progress: &Arc<Progress>) -> Result<Box<dyn Target>> {
    let name = path.display().to_string();
    let found = fs::metadata(path).map_err(|cause| Error::io("looking at", &name, cause))?;
    if found.file_type().is_block_device() {
        return Ok(Box::new(block::BlockDevice::open(path, size_bytes.unwrap_or(0), false, progress)?));
    }
    if found.is_file() {
        return Ok(Box::new(existing_image::ExistingImage::open(path, size_bytes, progress)?));
    }
    let remedy = "name a block device or an image".to_owned();
    Err(Error::refused(format!("write into {name}"), "it is neither a block device nor a regular file", Some(remedy)))
}

/// Holds a range against the capacity: what lies beyond it must neither grow an image nor be dropped.
fn check_range(name: &str, capacity: u64, offset: u64, length: u64) -> Result<()> {
    match offset.checked_add(length) {
        Some(end) if end <= capacity => Ok(()),
        _ => {
            let why = format!("{length} bytes at {offset} do not fit into its {capacity} bytes");
            Err(Error::refused(format!("go beyond the end of {name}"), why, None))
        }
    }
}
