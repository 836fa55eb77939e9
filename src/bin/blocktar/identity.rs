//! Which file or device a path or a standard stream really is, so that nothing is read and overwritten at once.

use std::fs::{self, File, Metadata};
use std::os::fd::AsFd;
use std::path::Path;

use blocktar::sys::block::{FileKind, Identity, file_kind, identity};
use blocktar::sys::sysfs::BlockDevice;

/// What lies at this path; `None` if that cannot be told, such as when nothing is there.
pub fn of_path(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().and_then(|metadata| of(&metadata))
}

/// What a standard stream is connected to; `None` for what cannot be read and written at once, such as a pipe.
pub fn of_stream(stream: impl AsFd) -> Option<Identity> {
    stream_metadata(stream).and_then(|metadata| of(&metadata))
}

fn of(metadata: &Metadata) -> Option<Identity> {
    match file_kind(metadata) {
        FileKind::Regular => Some(identity(metadata)),
        FileKind::Block(number) => {
            // A loop device is the file that it shows: what is written to one is overwritten in the other.
            let shown = BlockDevice::new(number).backing_file().and_then(|path| of_path(&path));
            Some(shown.unwrap_or(Identity::Block(number)))
        }
        _ => None,
    }
}

/// Whether a standard stream is a regular file.
pub fn is_regular_file(stream: impl AsFd) -> bool {
    stream_metadata(stream).is_some_and(|metadata| metadata.is_file())
}

fn stream_metadata(stream: impl AsFd) -> Option<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_itself_under_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two, other) = (folder.path().join("one"), folder.path().join("two"), folder.path().join("other"));
        fs::write(&one, "").unwrap();
        fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&one, &two).unwrap();
        assert_eq!(of_path(&one), of_path(&two));
        assert_ne!(of_path(&one), of_path(&other));
        assert_eq!(of_path(&one), of_stream(File::open(&two).unwrap()));
        assert!(is_regular_file(File::open(&one).unwrap()));
    }

    #[test]
    fn what_cannot_be_overwritten_has_no_identity() {
        assert_eq!(of_path(Path::new("/nonexistent/file")), None);
        assert_eq!(of_path(Path::new("/dev/null")), None);
    }
}
