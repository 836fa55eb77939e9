//! What a backup reads: devices and images, each as a stream of extents.

mod block;
mod direct;
mod disk_file;
mod file;
mod in_use;
mod lvm;
mod memory;
mod scan;
mod throttle;

use std::io;
use std::num::NonZeroU64;
use std::path::Path;

use crate::error::{Error, Result};
use crate::stream::{Image, Source};
use crate::sys::block::{FileKind, file_kind};
use crate::sys::mounts;

pub use block::BlockImage;
pub use file::FileImage;
pub use in_use::warnings_before;
pub use lvm::{FoundVolume, FrozenVolume, Tracking};
pub use memory::MemoryImage;
pub use scan::Scan;
pub use throttle::Throttle;

/// The largest device that an archive can hold: numbers end below 2^53 (format-spec, section 11).
pub const SIZE_BYTES_MAX: u64 = (1 << 53) - 1;

/// How a source is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceOptions {
    /// Read no more than so many bytes per second.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// Opens the device or image at this path, to be read once from front to back.
pub fn open(path: &Path, options: &SourceOptions) -> Result<Box<dyn Source>> {
    Ok(paced(Scan::new(open_image(path)?), options))
}

/// Reads an image no faster than it is wanted.
fn paced(scan: Scan<impl Image + 'static>, options: &SourceOptions) -> Box<dyn Source> {
    match options.bytes_per_second {
        // Prefetching is reading, too: it must not run ahead of the limit by more than a moment.
        Some(limit) => Box::new(Throttle::new(scan.with_ahead(limit.get() / 10), limit)),
        None => Box::new(scan),
    }
}

/// Opens the device or image at this path, to be read in any order.
pub fn open_image(path: &Path) -> Result<Box<dyn Image>> {
    if path.as_os_str().is_empty() {
        return Err(refused(path, "its name is empty", "name a block device or a disk image"));
    }
    let metadata = std::fs::metadata(path).map_err(|cause| Error::io("opening", name(path), cause))?;
    // Decided before anything is opened: opening a pipe waits for its writer, and opening a tape may rewind it.
    match file_kind(&metadata) {
        FileKind::Regular => Ok(Box::new(FileImage::open(path)?)),
        FileKind::Block(_) => Ok(Box::new(BlockImage::open(path)?)),
        kind => Err(refuse_kind(path, kind)),
    }
}

/// The path as it goes into messages and into the archive.
fn name(path: &Path) -> String {
    path.display().to_string()
}

fn refused(path: &Path, why: &str, remedy: &str) -> Error {
    Error::refused(format!("read {}", name(path)), why, Some(remedy.to_owned()))
}

fn check_size(path: &Path, size_bytes: u64) -> Result<()> {
    if size_bytes <= SIZE_BYTES_MAX {
        return Ok(());
    }
    let why = format!("its {size_bytes} bytes are more than an archive can hold");
    Err(Error::refused(format!("read {}", name(path)), why, None))
}

/// The failure of a source that has become smaller.
fn shrank(name: &str, before_bytes: u64, now_bytes: u64) -> Error {
    let why = format!("the source shrank from {before_bytes} to {now_bytes} bytes: what was read is no state of it");
    Error::io("reading", name, io::Error::new(io::ErrorKind::UnexpectedEof, why))
}

/// The warning about a source that has become larger.
fn grew(name: &str, before_bytes: u64, now_bytes: u64) -> String {
    format!(
        "{name} grew from {before_bytes} to {now_bytes} bytes while it was read: what came behind its old end was left out"
    )
}

fn refuse_kind(path: &Path, kind: FileKind) -> Error {
    match kind {
        FileKind::Directory => {
            let mounted = mounts::mounts().unwrap_or_default().into_iter().rfind(|mount| mount.place == path);
            let remedy = match mounted.filter(|mount| mount.source.is_absolute()) {
                Some(mount) => {
                    format!("name the device that is mounted there, {}, or a snapshot of it", mount.source.display())
                }
                None => "name the device that it lies on, or use tar for the files".to_owned(),
            };
            refused(path, "it is a directory, not a block device or a disk image", &remedy)
        }
        tape if tape.is_tape() => {
            refused(path, "it is a tape drive: archives go there", "name a block device or a disk image")
        }
        FileKind::Character(_) => {
            refused(path, "it is a character device, which has no size", "name a block device or a disk image")
        }
        FileKind::Pipe | FileKind::Socket => refused(
            path,
            "it is a pipe or a socket, whose size and extents are not known",
            "name a block device or a disk image",
        ),
        FileKind::Regular | FileKind::Block(_) => {
            refused(path, "it became something else while it was opened", "try again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn refusal(path: &Path) -> String {
        match open(path, &SourceOptions::default()) {
            Err(error @ Error::Refused(_)) => format!("{error}; {}", error.remedy().unwrap()),
            Err(error) => panic!("not a refusal: {error}"),
            Ok(_) => panic!("{} was opened", path.display()),
        }
    }

    #[test]
    fn what_is_no_disk_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert!(refusal(Path::new("")).contains("its name is empty"));
        assert!(refusal(folder.path()).contains("it is a directory"));
        assert!(refusal(&socket).contains("pipe or a socket"));
        assert!(refusal(Path::new("/dev/zero")).contains("character device"));
    }

    #[test]
    fn what_is_not_there_is_a_failed_call() {
        let Err(error) = open(Path::new("/nonexistent/disk"), &SourceOptions::default()) else { panic!() };
        assert!(error.to_string().starts_with("opening /nonexistent/disk: "), "{error}");
    }
}
