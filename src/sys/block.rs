//! What a path names, and the size, sectors and exclusive use of a block device.
#![allow(unsafe_code)] // for ioctl

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::libc;

/// The ioctls, with numbers as in Linux' `include/uapi/linux/fs.h`.
mod ioctl {
    use nix::libc::c_int;

    // BLKSSZGET predates the encoding of direction and size: it is a bare _IO(0x12, 104).
    nix::ioctl_read_bad!(blksszget, nix::request_code_none!(0x12, 104), c_int);
    // Declared with size_t but always writes a u64.
    nix::ioctl_read!(blkgetsize64, 0x12, 114, u64);
}

/// Major and minor number of a device; printed as `8:1`, as sysfs and mountinfo do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// The driver, roughly.
    pub major: u64,
    /// Which of the driver's devices.
    pub minor: u64,
}

impl DeviceNumber {
    /// Takes a `dev_t`, as stat gives it, apart.
    pub fn from_raw(raw: u64) -> Self {
        Self { major: nix::sys::stat::major(raw), minor: nix::sys::stat::minor(raw) }
    }
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// What kind of thing a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A block device.
    Block(DeviceNumber),
    /// A character device.
    Character(DeviceNumber),
    /// A directory.
    Directory,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
}

impl FileKind {
    /// Whether it is a SCSI tape (Linux' `Documentation/admin-guide/devices.txt`).
    pub fn is_tape(self) -> bool {
        const SCSI_TAPE_MAJOR: u64 = 9;
        matches!(self, Self::Character(DeviceNumber { major: SCSI_TAPE_MAJOR, .. }))
    }
}

/// The kind that stat says.
pub fn file_kind(metadata: &Metadata) -> FileKind {
    let (kind, number) = (metadata.file_type(), DeviceNumber::from_raw(metadata.rdev()));
    if kind.is_block_device() {
        FileKind::Block(number)
    } else if kind.is_char_device() {
        FileKind::Character(number)
    } else if kind.is_dir() {
        FileKind::Directory
    } else if kind.is_fifo() {
        FileKind::Pipe
    } else if kind.is_socket() {
        FileKind::Socket
    } else {
        FileKind::Regular
    }
}

/// What makes two open files the same thing: of a device its number, whatever node it was opened by; of a file its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A block device.
    Block(DeviceNumber),
    /// Anything else: the file system and the inode there.
    Inode {
        /// The file system.
        filesystem: DeviceNumber,
        /// Number of the inode.
        inode: u64,
    },
}

/// The identity that stat says.
pub fn identity(metadata: &Metadata) -> Identity {
    match file_kind(metadata) {
        FileKind::Block(number) => Identity::Block(number),
        _ => Identity::Inode { filesystem: DeviceNumber::from_raw(metadata.dev()), inode: metadata.ino() },
    }
}

/// Size of a block device in bytes.
pub fn size_bytes(device: &File) -> io::Result<u64> {
    let mut size_bytes = 0;
    // SAFETY: BLKGETSIZE64 writes one u64 to the given place, and nothing if it fails.
    unsafe { ioctl::blkgetsize64(device.as_raw_fd(), &mut size_bytes) }?;
    Ok(size_bytes)
}

/// Logical sector size of a block device in bytes: the unit of direct reads and writes.
pub fn sector_bytes(device: &File) -> io::Result<u32> {
    let mut sector_bytes: libc::c_int = 0;
    // SAFETY: BLKSSZGET writes one int to the given place, and nothing if it fails.
    unsafe { ioctl::blksszget(device.as_raw_fd(), &mut sector_bytes) }?;
    u32::try_from(sector_bytes).map_err(|_| io::Error::other(format!("sectors of {sector_bytes} bytes")))
}

/// Opens a block device for reading and writing, and for nobody else who asks for the same.
///
/// The kernel refuses with EBUSY while the device or a partition of it is mounted, swapped to, or held by a device
/// mapper or RAID device. It keeps out others only if they, too, use `O_EXCL`; mount does.
pub fn open_exclusive(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_EXCL.bits()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let kind = |path: &str| file_kind(&std::fs::metadata(path).unwrap());
        assert_eq!(kind("/"), FileKind::Directory);
        assert_eq!(kind("/dev/null"), FileKind::Character(DeviceNumber { major: 1, minor: 3 }));
        assert_eq!(kind("/proc/self/exe"), FileKind::Regular);
    }

    #[test]
    fn tapes_are_told_by_their_major_number() {
        let character = |raw| FileKind::Character(DeviceNumber::from_raw(raw));
        assert!(character(9 << 8 | 128).is_tape());
        assert!(!character(259 << 8 | 3).is_tape());
        assert!(!FileKind::Block(DeviceNumber::from_raw(9 << 8)).is_tape());
    }

    #[test]
    fn a_regular_file_is_no_block_device() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(size_bytes(&file).unwrap_err().raw_os_error(), Some(libc::ENOTTY));
        assert!(sector_bytes(&file).is_err());
    }

    #[test]
    fn links_to_one_file_have_one_identity() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two, other) = (folder.path().join("one"), folder.path().join("two"), folder.path().join("other"));
        std::fs::write(&one, "").unwrap();
        std::fs::write(&other, "").unwrap();
        std::fs::hard_link(&one, &two).unwrap();
        let of = |path: &Path| identity(&std::fs::metadata(path).unwrap());
        assert_eq!(of(&one), of(&two));
        assert_ne!(of(&one), of(&other));
    }
}
