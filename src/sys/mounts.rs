//! What the kernel says is mounted and swapped to.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::sys::block::{DeviceNumber, FileKind, Identity, file_kind, identity};

/// One line of `/proc/self/mountinfo`, described in proc_pid_mountinfo(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The device as the file system gives it; btrfs and others make one up.
    pub number: DeviceNumber,
    /// Where it is mounted.
    pub place: PathBuf,
    /// Its type: `ext4`.
    pub filesystem: String,
    /// What was mounted: a device's path as a rule.
    pub source: PathBuf,
    /// Whether the file system as a whole can be written to. One that is mounted read-write elsewhere changes below a read-only bind mount, too.
    pub read_write: bool,
}

impl Mount {
    /// Whether this block device is what is mounted.
    pub fn is_of(&self, number: DeviceNumber) -> bool {
        self.number == number || self.source.is_absolute() && device_number(&self.source) == Some(number)
    }
}

/// What is mounted in the name space of this process; containers may mount more.
pub fn mounts() -> io::Result<Vec<Mount>> {
    Ok(parse_mounts(&std::fs::read("/proc/self/mountinfo")?))
}

/// What is swapped to: partitions and files. None where the kernel has no swap.
pub fn swaps() -> io::Result<Vec<PathBuf>> {
    match std::fs::read("/proc/swaps") {
        Ok(text) => Ok(parse_swaps(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The number of the block device at this path, if there is one.
pub fn device_number(path: &Path) -> Option<DeviceNumber> {
    match file_kind(&std::fs::metadata(path).ok()?) {
        FileKind::Block(number) => Some(number),
        _ => None,
    }
}

/// The identity of what lies at this path, if anything does.
pub fn path_identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|metadata| identity(&metadata))
}

fn parse_mounts(text: &[u8]) -> Vec<Mount> {
    text.split(|&byte| byte == b'\n').filter_map(parse_mount).collect()
}

/// `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue`: the number of fields before the dash varies.
fn parse_mount(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let dash = 6 + fields.get(6..)?.iter().position(|field| field == b"-")?;
    let (major, minor) = std::str::from_utf8(fields[2]).ok()?.split_once(':')?;
    let options = fields.get(dash + 3)?;
    Some(Mount {
        number: DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? },
        place: path(fields[4]),
        filesystem: String::from_utf8_lossy(fields[dash + 1]).into_owned(),
        source: path(fields[dash + 2]),
        read_write: options.split(|&byte| byte == b',').any(|option| option == b"rw"),
    })
}

/// A line of headings, then the path and four more columns.
fn parse_swaps(text: &[u8]) -> Vec<PathBuf> {
    let lines = text.split(|&byte| byte == b'\n').skip(1);
    lines
        .filter_map(|line| line.split(|byte| byte.is_ascii_whitespace()).next())
        .filter(|name| !name.is_empty())
        .map(path)
        .collect()
}

fn path(escaped: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(unescape(escaped)))
}

/// The kernel writes blanks, tabs, line ends and backslashes in paths as `\` and three octal digits.
fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let [first, behind @ ..] = rest {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &rest[4..] } else { behind };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_taken_apart() {
        let text = b"36 35 98:7 /root /mnt/a\\040b\\134 rw,noatime master:1 shared:2 - ext3 /dev/sd\\011a rw,errors=continue\n\
            40 35 0:9 / /ro ro - btrfs /dev/sdb ro\n";
        let mounts = parse_mounts(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].number, DeviceNumber { major: 98, minor: 7 });
        assert_eq!(mounts[0].place, Path::new("/mnt/a b\\"));
        assert_eq!(mounts[0].filesystem, "ext3");
        assert_eq!(mounts[0].source, Path::new("/dev/sd\ta"));
        assert!(mounts[0].read_write);
        assert!(!mounts[1].read_write);
    }

    #[test]
    fn lines_that_make_no_sense_are_skipped() {
        assert_eq!(parse_mounts(b"\n36 35\n36 35 98 / / rw - ext3 a rw\n1 2 3:4 / / rw -\n1 2 3:4 / / rw - a b\n"), []);
    }

    #[test]
    fn swap_paths_are_read_below_the_headings() {
        let text = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/dm-1                               partition\t1\t0\t-2\n/swap\\040file file 1 0 -3\n";
        assert_eq!(parse_swaps(text), [PathBuf::from("/dev/dm-1"), PathBuf::from("/swap file")]);
        assert_eq!(parse_swaps(b""), Vec::<PathBuf>::new());
    }

    #[test]
    fn only_whole_octal_escapes_are_replaced() {
        assert_eq!(unescape(b"\\040\\04\\999\\\\377"), b" \\04\\999\\\xff");
    }

    #[test]
    fn this_machine_has_a_root() {
        assert!(mounts().unwrap().iter().any(|mount| mount.place == Path::new("/")));
    }
}
