//! What lies on a device, by the magic numbers of file systems, volume managers, RAID and partition tables; pure.
//!
//! Kinds are spelled as blkid does. Offsets are from the on-disk headers that each line's comment names. This is for information and
//! against accidents: it knows the usual formats, not all, and it checks magic numbers, no checksums.

mod fields;
mod filesystems;
mod tables;
mod volumes;

use std::io;

use crate::stream::Filesystem;

/// Btrfs' superblock, the last one at the start, ends here.
const HEAD_BYTES: u64 = 68 << 10;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// As blkid spells it: `ext4`, `LVM2_member`, `gpt`.
    pub kind: &'static str,
    /// UUID or serial number, as the format's own tools print it.
    pub uuid: Option<String>,
    /// Label, if there is one.
    pub label: Option<String>,
}

impl Signature {
    /// As it stands in an archive.
    pub fn into_filesystem(self) -> Filesystem {
        Filesystem { kind: self.kind.to_owned(), uuid: self.uuid, label: self.label }
    }

    fn new(kind: &'static str) -> Self {
        Self { kind, uuid: None, label: None }
    }

    fn uuid(self, uuid: Option<String>) -> Self {
        Self { uuid, ..self }
    }

    fn label(self, label: Option<String>) -> Self {
        Self { label, ..self }
    }
}

/// Tells what lies on a device of this size, which `read` reads: it fills the whole buffer from an offset on.
///
/// Where several are found, the one that a machine would see first: what holds a whole device (RAID, LVM, encryption) before file
/// systems, and partition tables last. Reads at most about 350 KiB, at the start and at the end.
pub fn detect(
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<()>,
    size_bytes: u64,
) -> io::Result<Option<Signature>> {
    // So many bytes from `start` on, or as many as the device has there.
    let mut bytes_at = |start: u64, length: u64| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size_bytes.saturating_sub(start).min(length) as usize];
        if !bytes.is_empty() {
            read(&mut bytes, start)?;
        }
        Ok(bytes)
    };
    let head = bytes_at(0, HEAD_BYTES)?;
    let tail_start = volumes::tail_start(size_bytes);
    let tail = bytes_at(tail_start, size_bytes - tail_start)?;
    let found = volumes::detect_at_end(&tail, size_bytes)
        .or_else(|| volumes::detect(&head))
        .or_else(|| filesystems::detect(&head))
        .or_else(|| tables::detect(&head));
    match found {
        None => Ok(volumes::detect_zfs(&bytes_at(volumes::ZFS_RING_START, volumes::ZFS_RING_BYTES)?)),
        found => Ok(found),
    }
}

#[cfg(test)]
mod tests;
