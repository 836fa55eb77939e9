//! Which file or device a path or a standard stream really is, so that nothing is read and overwritten at once.

use std::fs::{self, File, Metadata};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use blocktar::sys::block::{DeviceNumber, FileKind, Identity, file_kind, identity};
use blocktar::sys::sysfs::BlockDevice;

/// A file or device, and what it lies on: what is written there changes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    itself: Identity,
    /// The drive of a partition, what a volume is built on, the device of a file's file system; and what these lie on.
    beneath: Vec<Identity>,
}

impl Place {
    fn new(itself: Identity) -> Self {
        Self { itself, beneath: Vec::new() }
    }

    fn on(mut self, other: Self) -> Self {
        self.beneath.push(other.itself);
        self.beneath.extend(other.beneath);
        self
    }
}

/// Whether what is written to one of them changes the other.
pub fn meet(one: Option<&Place>, other: Option<&Place>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    one.itself == other.itself || one.beneath.contains(&other.itself) || other.beneath.contains(&one.itself)
}

/// What lies at this path; `None` if that cannot be told, such as when nothing is there.
pub fn of_path(path: &Path) -> Option<Place> {
    fs::metadata(path).ok().and_then(|metadata| of(&metadata))
}

/// What a standard stream is connected to; `None` for what cannot be read and written at once, such as a pipe.
pub fn of_stream(stream: impl AsFd) -> Option<Place> {
    stream_metadata(stream).and_then(|metadata| of(&metadata))
}

fn of(metadata: &Metadata) -> Option<Place> {
    match file_kind(metadata) {
        FileKind::Regular => {
            let device = BlockDevice::new(DeviceNumber::from_raw(metadata.dev()));
            // Some file systems, such as tmpfs, lie on no device.
            let device = device.number().and_then(|_| of_device(&device));
            let file = Place::new(identity(metadata));
            Some(device.into_iter().fold(file, Place::on))
        }
        FileKind::Block(number) => {
            Some(of_device(&BlockDevice::new(number)).unwrap_or(Place::new(Identity::Block(number))))
        }
        _ => None,
    }
}

fn of_device(device: &BlockDevice) -> Option<Place> {
    // A loop device is the file that it shows: what is written to one is overwritten in the other.
    if let Some(shown) = device.backing_file().and_then(|path| of_path(&path)) {
        return Some(shown);
    }
    let number = device.number()?;
    let drive = device.drive();
    let drive = (drive.number() != Some(number)).then(|| of_device(&drive)).flatten();
    let slaves = device.slaves();
    let below = drive.into_iter().chain(slaves.iter().filter_map(of_device));
    Some(below.fold(Place::new(Identity::Block(number)), Place::on))
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
    fn what_is_written_to_a_disk_changes_what_lies_on_it() {
        let block = |minor| Identity::Block(DeviceNumber { major: 8, minor });
        let disk = || Place::new(block(0));
        let part = |minor| Place::new(block(minor)).on(disk());
        let volume = || Place::new(block(3)).on(part(1));
        let meet = |one: Place, other: Place| {
            let both = (meet(Some(&one), Some(&other)), meet(Some(&other), Some(&one)));
            assert_eq!(both.0, both.1);
            both.0
        };
        assert!(meet(part(1), part(1)) && meet(part(1), disk()) && meet(volume(), part(1)) && meet(volume(), disk()));
        assert!(!meet(part(1), part(2)) && !meet(volume(), part(2)));
        assert!(!super::meet(None, Some(&disk())) && !super::meet(None, None));
    }

    #[test]
    fn what_cannot_be_overwritten_has_no_identity() {
        assert_eq!(of_path(Path::new("/nonexistent/file")), None);
        assert_eq!(of_path(Path::new("/dev/null")), None);
    }
}
