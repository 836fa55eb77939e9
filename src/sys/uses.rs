//! Who uses a device or an image just now: mounts, swap and devices that are built on it.

use std::io;
use std::path::{Path, PathBuf};

use crate::sys::block::{DeviceNumber, FileKind, Identity, file_kind, identity};
use crate::sys::mounts::{Mount, mounts, path_identity, swaps};
use crate::sys::sysfs::BlockDevice;

/// One use of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The device that is used: the one asked for, a partition of it, or one that is built on it.
    pub device: String,
    /// How.
    pub how: How,
}

/// How a device is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// It is mounted.
    Mounted {
        /// Where.
        place: PathBuf,
        /// Whether the file system can be written to.
        read_write: bool,
    },
    /// It is swapped to.
    Swap,
}

/// The mounts and swaps of the device or image at `path`: its own, those of its partitions, and those of all that is built on them.
///
/// An image is looked at by way of the loop devices that show it. Sees the mounts of this process' name space
/// only, and of a file system over several devices the one device that mountinfo names.
pub fn uses(path: &Path) -> io::Result<Vec<Use>> {
    let metadata = std::fs::metadata(path)?;
    let mut devices: Vec<(String, DeviceNumber)> = Vec::new();
    match file_kind(&metadata) {
        FileKind::Block(number) => {
            add_stack(&mut devices, path.display().to_string(), &BlockDevice::new(number), number)
        }
        FileKind::Regular => {
            for device in loop_devices_of(identity(&metadata)) {
                if let (Some(name), Some(number)) = (node(&device), device.number()) {
                    add_stack(&mut devices, name, &device, number);
                }
            }
        }
        _ => return Ok(Vec::new()),
    }
    let (mounts, swaps) = (mounts()?, swaps()?);
    let mut uses = Vec::new();
    if swaps.iter().any(|swap| path_identity(swap) == Some(identity(&metadata))) {
        uses.push(Use { device: path.display().to_string(), how: How::Swap });
    }
    for (name, number) in devices {
        let places = mounts.iter().filter(|mount| mount.is_of(number));
        uses.extend(places.map(|Mount { place, read_write, .. }| Use {
            device: name.clone(),
            how: How::Mounted { place: place.clone(), read_write: *read_write },
        }));
        let is_swap = swaps.iter().any(|swap| path_identity(swap) == Some(Identity::Block(number)));
        let found = Use { device: name, how: How::Swap };
        if is_swap && !uses.contains(&found) {
            uses.push(found);
        }
    }
    Ok(uses)
}

/// Adds a device, its partitions and what is built on them, each once.
fn add_stack(devices: &mut Vec<(String, DeviceNumber)>, name: String, device: &BlockDevice, number: DeviceNumber) {
    if devices.iter().any(|(_, known)| *known == number) {
        return;
    }
    devices.push((name, number));
    for above in device.partitions().into_iter().chain(device.holders()) {
        if let (Some(name), Some(number)) = (node(&above), above.number()) {
            add_stack(devices, name, &above, number);
        }
    }
}

/// The path of a device's node, by the name that people know.
fn node(device: &BlockDevice) -> Option<String> {
    match device.mapper_name() {
        Some(name) => Some(format!("/dev/mapper/{name}")),
        None => device.name().map(|name| format!("/dev/{name}")),
    }
}

fn loop_devices_of(image: Identity) -> impl Iterator<Item = BlockDevice> {
    let shows_image =
        move |device: &BlockDevice| device.backing_file().and_then(|file| path_identity(&file)) == Some(image);
    BlockDevice::all().into_iter().filter(shows_image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_file_is_used_by_nobody() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(uses(file.path()).unwrap(), []);
        assert!(uses(Path::new("/nonexistent/image")).is_err());
    }

    #[test]
    fn the_device_of_a_mounted_file_system_is_mounted() {
        // Containers have no such mount; then there is nothing to find.
        for mount in mounts().unwrap().iter().filter(|mount| mount.source.starts_with("/dev/") && mount.source.exists())
        {
            if matches!(path_identity(&mount.source), Some(Identity::Block(_))) {
                let found = uses(&mount.source).unwrap();
                let how = How::Mounted { place: mount.place.clone(), read_write: mount.read_write };
                assert!(found.iter().any(|used| used.how == how), "{mount:?}: {found:?}");
            }
        }
    }
}
