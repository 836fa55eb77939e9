//! What holds a whole device: RAID, LVM, encryption, caches, replication.

use super::Signature;
use super::fields::{array, has, le32, text, uuid};

/// Linux' md superblock, `include/uapi/linux/raid/md_p.h`.
const MD_MAGIC: u32 = 0xa92b_4efc;

/// An md 0.90 superblock, the one that lies farthest before the end, begins at most so far from it.
const TAIL_BYTES: u64 = 128 << 10;

/// Where the part of the device that [`detect_at_end`] looks at begins: on a multiple of 4 KiB, or at 0.
pub(super) fn tail_start(size_bytes: u64) -> u64 {
    size_bytes.saturating_sub(TAIL_BYTES) / 4096 * 4096
}

/// Superblocks at the end of a device: what they cover may have a file system at its start that must not be taken for the whole.
pub(super) fn detect_at_end(tail: &[u8], size_bytes: u64) -> Option<Signature> {
    let start = tail_start(size_bytes);
    let inside = |offset: u64| offset.checked_sub(start).and_then(|inside| usize::try_from(inside).ok());
    // md 1.0: 8 to 12 KiB before the end, on a multiple of 4 KiB (md(4), "sub-version 1.0").
    let md10 = (size_bytes / 512).checked_sub(16).map(|sector| (sector & !7) * 512).and_then(inside);
    if let Some(signature) = md10.and_then(|at| md1(tail, at)) {
        return Some(signature);
    }
    // md 0.90: in the last whole 64 KiB, in the byte order of the host that made it.
    let md090 = (size_bytes / (64 << 10) * (64 << 10)).checked_sub(64 << 10).and_then(inside);
    if md090
        .and_then(|at| array(tail, at))
        .is_some_and(|magic| [u32::from_le_bytes(magic), u32::from_be_bytes(magic)].contains(&MD_MAGIC))
    {
        return Some(Signature::new("linux_raid_member"));
    }
    // DRBD's internal metadata ends with a block of 4 KiB; its magic, one for each version, is at 60 (drbd_int.h, `meta_data_on_disk`).
    let drbd = (size_bytes / 4096 * 4096).checked_sub(4096).and_then(inside)?;
    let magic = array(tail, drbd + 60).map(u32::from_be_bytes)?;
    (0x8374_026a..=0x8374_026d).contains(&magic).then(|| Signature::new("drbd"))
}

/// Headers at the start of a device.
pub(super) fn detect(head: &[u8]) -> Option<Signature> {
    // md 1.1 and 1.2.
    md1(head, 0).or_else(|| md1(head, 4096)).or_else(|| lvm2(head)).or_else(|| luks(head)).or_else(|| bcache(head))
}

/// Version 1 at 4, set UUID at 16, name at 32.
fn md1(bytes: &[u8], at: usize) -> Option<Signature> {
    (le32(bytes, at)? == MD_MAGIC && le32(bytes, at + 4)? == 1)
        .then(|| Signature::new("linux_raid_member").uuid(uuid(bytes, at + 16)).label(text(bytes, at + 32, 32)))
}

/// LVM2's label is in one of the first four sectors, its type at 24, the offset of the header with the UUID of the physical
/// volume at 20 (`struct label_header` in LVM2's `lib/label/label.h`).
fn lvm2(head: &[u8]) -> Option<Signature> {
    let label =
        (0..4).map(|sector| sector * 512).find(|&at| has(head, at, b"LABELONE") && has(head, at + 24, b"LVM2 001"))?;
    let header = label + le32(head, label + 20)?.min(512) as usize;
    let plain = text(head, header, 32).filter(|plain| plain.len() == 32 && plain.is_ascii());
    // Printed in groups, as pvs does.
    let groups = [0..6, 6..10, 10..14, 14..18, 18..22, 22..26, 26..32];
    let grouped = plain.map(|plain| groups.map(|group| plain[group].to_owned()).join("-"));
    Some(Signature::new("LVM2_member").uuid(grouped))
}

/// LUKS on-disk format, versions 1 and 2: version at 6, UUID as text at 168; in version 2 a label at 24.
fn luks(head: &[u8]) -> Option<Signature> {
    if !has(head, 0, b"LUKS\xba\xbe") {
        return None;
    }
    let label = (array(head, 6).map(u16::from_be_bytes) == Some(2)).then(|| text(head, 24, 48)).flatten();
    Some(Signature::new("crypto_LUKS").uuid(text(head, 168, 40)).label(label))
}

/// `struct cache_sb_disk` at 4 KiB (`drivers/md/bcache/bcache_ondisk.h`): magic at 24, UUID at 40, label at 72.
fn bcache(head: &[u8]) -> Option<Signature> {
    const MAGIC: [u8; 16] =
        [0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81];
    has(head, 4096 + 24, &MAGIC)
        .then(|| Signature::new("bcache").uuid(uuid(head, 4096 + 40)).label(text(head, 4096 + 72, 32)))
}

/// The ring of uberblocks in the first of ZFS' labels ("ZFS On-Disk Specification", 1.2).
pub(super) const ZFS_RING_START: u64 = 128 << 10;
/// Length of that ring.
pub(super) const ZFS_RING_BYTES: u64 = 128 << 10;

/// An uberblock takes 1 KiB or more and begins with its magic, in the byte order of the host that wrote it.
pub(super) fn detect_zfs(ring: &[u8]) -> Option<Signature> {
    const MAGIC: u64 = 0x00ba_b10c;
    let is_uberblock = |block: &[u8]| has(block, 0, &MAGIC.to_le_bytes()) || has(block, 0, &MAGIC.to_be_bytes());
    ring.chunks(1024).any(is_uberblock).then(|| Signature::new("zfs_member"))
}
