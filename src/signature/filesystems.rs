//! File systems, swap space and image formats.

use super::Signature;
use super::fields::{has, le16, le32, le64, text, text_utf16, uuid, volume_serial};

/// All that are known by what lies in the first 68 KiB.
pub(super) fn detect(head: &[u8]) -> Option<Signature> {
    let all = [btrfs, xfs, ext, f2fs, swap, qcow2, squashfs, ntfs, exfat, vfat, iso9660];
    all.into_iter().find_map(|detect| detect(head))
}

/// Superblock at 64 KiB (btrfs(5), "superblock"): file system UUID at 32, magic at 64, label at 299.
fn btrfs(head: &[u8]) -> Option<Signature> {
    const AT: usize = 64 << 10;
    has(head, AT + 64, b"_BHRfS_M")
        .then(|| Signature::new("btrfs").uuid(uuid(head, AT + 32)).label(text(head, AT + 299, 256)))
}

/// `struct xfs_dsb` of Linux' `fs/xfs/libxfs/xfs_format.h`: UUID at 32, name at 108.
fn xfs(head: &[u8]) -> Option<Signature> {
    has(head, 0, b"XFSB").then(|| Signature::new("xfs").uuid(uuid(head, 32)).label(text(head, 108, 12)))
}

/// `struct ext4_super_block` at 1024 (Linux' `Documentation/filesystems/ext4/super.rst`): magic at 56, feature words at 92, 96 and 100, UUID at 104, label at 120.
///
/// What makes an ext4 is a feature that ext3 does not have; what makes an ext3 is a journal.
fn ext(head: &[u8]) -> Option<Signature> {
    const AT: usize = 1024;
    const COMPAT_HAS_JOURNAL: u32 = 0x4;
    const INCOMPAT_JOURNAL_DEVICE: u32 = 0x8;
    // Directory entries with types, a journal to be replayed, block groups with their own descriptors.
    const INCOMPAT_OF_EXT3: u32 = 0x2 | 0x4 | 0x10;
    // Few superblocks, large files, directories as trees.
    const RO_COMPAT_OF_EXT3: u32 = 0x1 | 0x2 | 0x4;
    if le16(head, AT + 56)? != 0xef53 {
        return None;
    }
    let (compat, incompat, ro_compat) = (le32(head, AT + 92)?, le32(head, AT + 96)?, le32(head, AT + 100)?);
    let kind = if incompat & INCOMPAT_JOURNAL_DEVICE != 0 {
        "jbd"
    } else if incompat & !INCOMPAT_OF_EXT3 != 0 || ro_compat & !RO_COMPAT_OF_EXT3 != 0 {
        "ext4"
    } else if compat & COMPAT_HAS_JOURNAL != 0 {
        "ext3"
    } else {
        "ext2"
    };
    Some(Signature::new(kind).uuid(uuid(head, AT + 104)).label(text(head, AT + 120, 16)))
}

/// `struct f2fs_super_block` at 1024 (`include/linux/f2fs_fs.h`): UUID at 108, name in UTF-16 at 124.
fn f2fs(head: &[u8]) -> Option<Signature> {
    const AT: usize = 1024;
    (le32(head, AT)? == 0xf2f5_2010)
        .then(|| Signature::new("f2fs").uuid(uuid(head, AT + 108)).label(text_utf16(head, AT + 124, 512)))
}

/// `union swap_header` of `include/linux/swap.h`: the magic ends the first page, whatever the size of a page is; UUID at 1036, label at 1052.
fn swap(head: &[u8]) -> Option<Signature> {
    let pages = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
    pages
        .into_iter()
        .any(|page| has(head, page - 10, b"SWAPSPACE2"))
        .then(|| Signature::new("swap").uuid(uuid(head, 1036)).label(text(head, 1052, 16)))
}

/// QEMU's `docs/interop/qcow2.txt`: blkid has no word for it, but an image that is written over is a loss all the same.
fn qcow2(head: &[u8]) -> Option<Signature> {
    has(head, 0, b"QFI\xfb").then(|| Signature::new("qcow2"))
}

/// `struct squashfs_super_block`: magic at 0, major version at 28.
fn squashfs(head: &[u8]) -> Option<Signature> {
    (has(head, 0, b"hsqs") && le16(head, 28)? == 4).then(|| Signature::new("squashfs"))
}

/// The name at 3 in the boot sector, the volume's serial number at 72 (Linux' `fs/ntfs3/ntfs.h`, `struct NTFS_BOOT`).
fn ntfs(head: &[u8]) -> Option<Signature> {
    let serial = |head| le64(head, 72).map(|serial| format!("{serial:016X}"));
    has(head, 3, b"NTFS    ").then(|| Signature::new("ntfs").uuid(serial(head)))
}

/// The name at 3, the volume's serial number at 100 ("exFAT file system specification", 3.1). The label lies in the root directory.
fn exfat(head: &[u8]) -> Option<Signature> {
    has(head, 3, b"EXFAT   ").then(|| Signature::new("exfat").uuid(volume_serial(head, 100)))
}

/// "FAT: General Overview of On-Disk Format", the boot sector: type, serial number and label lie at other places with FAT32. The label is
/// the boot sector's; one in the root directory may differ.
fn vfat(head: &[u8]) -> Option<Signature> {
    if !has(head, 510, &[0x55, 0xaa]) {
        return None;
    }
    let (serial, label) = if has(head, 82, b"FAT32   ") {
        (67, 71)
    } else if has(head, 54, b"FAT12   ") || has(head, 54, b"FAT16   ") || has(head, 54, b"FAT     ") {
        (39, 43)
    } else {
        return None;
    };
    let label = text(head, label, 11).filter(|label| label != "NO NAME");
    Some(Signature::new("vfat").uuid(volume_serial(head, serial)).label(label))
}

/// ECMA-119, 8.4: the first volume descriptor is at 32 KiB, its mark at 1, the volume's name at 40.
fn iso9660(head: &[u8]) -> Option<Signature> {
    const AT: usize = 32 << 10;
    has(head, AT + 1, b"CD001").then(|| Signature::new("iso9660").label(text(head, AT + 40, 32)))
}
