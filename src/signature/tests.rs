//! Made by the formats' own tools where these are at hand, and compared with blkid; by hand otherwise.

use super::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

const MIB: usize = 1 << 20;

fn detect_bytes(bytes: &[u8]) -> Option<Signature> {
    let read = |buffer: &mut [u8], offset: u64| {
        buffer.copy_from_slice(
            bytes.get(offset as usize..).and_then(|rest| rest.get(..buffer.len())).expect("within the device"),
        );
        Ok(())
    };
    detect(read, bytes.len() as u64).unwrap()
}

/// What lies on a device of this size with these pieces on it.
fn with(size: usize, pieces: &[(usize, &[u8])]) -> Option<Signature> {
    let mut bytes = vec![0; size];
    for (offset, piece) in pieces {
        bytes[*offset..][..piece.len()].copy_from_slice(piece);
    }
    detect_bytes(&bytes)
}

fn kind(size: usize, pieces: &[(usize, &[u8])]) -> Option<&'static str> {
    with(size, pieces).map(|signature| signature.kind)
}

/// Runs a tool on a new image, and gives what we and blkid find there.
fn made_by(tool: &str, arguments: &[&str]) -> (Option<Signature>, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(16 << 20).unwrap();
    let output = Command::new(tool).args(arguments).arg(file.path()).env("PATH", path()).output();
    let output = output.unwrap_or_else(|error| panic!("{tool} is needed for this test: {error}"));
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    let ours = detect(|buffer, offset| file.as_file().read_exact_at(buffer, offset), 16 << 20).unwrap();
    (ours, blkid(file.path()))
}

fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn blkid(path_of_image: &Path) -> String {
    let output = Command::new("blkid").args(["-p", "-o", "export"]).arg(path_of_image).env("PATH", path()).output();
    String::from_utf8(output.expect("blkid is needed for this test").stdout).unwrap()
}

fn assert_as_blkid(tool: &str, arguments: &[&str], expected: &str) {
    let (ours, blkid) = made_by(tool, arguments);
    let ours = ours.unwrap_or_else(|| panic!("nothing found; blkid says {blkid}"));
    assert_eq!(ours.kind, expected);
    // Blanks are escaped for the shell.
    let value = |key: &str| blkid.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.replace('\\', ""));
    assert_eq!(value("TYPE=").or(value("PTTYPE=")).as_deref(), Some(ours.kind), "{blkid}");
    assert_eq!(value("UUID=").or(value("PTUUID=")), ours.uuid, "{blkid}");
    assert_eq!(value("LABEL="), ours.label, "{blkid}");
}

#[test]
fn real_ones_are_named_as_blkid_names_them() {
    for kind in ["ext2", "ext3", "ext4"] {
        assert_as_blkid("mke2fs", &["-q", "-F", "-L", "my disk", "-t", kind], kind);
    }
    assert_as_blkid("mke2fs", &["-q", "-F", "-O", "journal_dev"], "jbd");
    assert_as_blkid("mkswap", &["-q", "-L", "swapped"], "swap");
    assert_as_blkid("sgdisk", &["-n", "1:0:0"], "gpt");
}

#[test]
fn nothing_is_found_where_nothing_is() {
    for size in [0, 1, 511, 512, 4095, 4097, 65 << 10, MIB + 1] {
        assert_eq!(detect_bytes(&vec![0; size]), None, "{size}");
        assert_eq!(detect_bytes(&vec![0xff; size]), None, "{size}");
    }
}

#[test]
fn a_device_that_ends_within_a_header_does_no_harm() {
    for size in (0..600).chain([1080, 1081, 1100, 4095, 4096, 4130, 32773, 65608]) {
        let mut bytes = vec![0; size];
        for (offset, magic) in [(0, &b"XFSB"[..]), (1080, b"\x53\xef"), (4120, &[0xc6, 0x85]), (510, b"\x55\xaa")] {
            if let Some(place) = bytes.get_mut(offset..offset + magic.len()) {
                place.copy_from_slice(magic);
            }
        }
        detect_bytes(&bytes);
    }
}

#[test]
fn file_systems_by_hand() {
    let uuid: Vec<u8> = (1..17).collect();
    let found = with(MIB, &[(65600, b"_BHRfS_M"), (65568, &uuid), (65835, b"data")]).unwrap();
    assert_eq!((found.kind, found.label.as_deref()), ("btrfs", Some("data")));
    assert_eq!(found.uuid.as_deref(), Some("01020304-0506-0708-090a-0b0c0d0e0f10"));
    assert_eq!(kind(MIB, &[(0, b"XFSB")]), Some("xfs"));
    assert_eq!(kind(MIB, &[(1024, &[0x10, 0x20, 0xf5, 0xf2])]), Some("f2fs"));
    assert_eq!(kind(MIB, &[(0, b"QFI\xfb")]), Some("qcow2"));
    assert_eq!(kind(MIB, &[(0, b"hsqs"), (28, &[4])]), Some("squashfs"));
    assert_eq!(kind(MIB, &[(3, b"EXFAT   "), (510, b"\x55\xaa")]), Some("exfat"));
    assert_eq!(kind(MIB, &[(32769, b"CD001")]), Some("iso9660"));
    let found = with(MIB, &[(3, b"NTFS    "), (72, &[1, 2, 3, 4, 5, 6, 7, 8])]).unwrap();
    assert_eq!((found.kind, found.uuid.as_deref()), ("ntfs", Some("0807060504030201")));
    let found = with(MIB, &[(82, b"FAT32   "), (67, &[1, 2, 3, 4]), (71, b"NO NAME    "), (510, b"\x55\xaa")]).unwrap();
    assert_eq!((found.kind, found.uuid.as_deref(), found.label), ("vfat", Some("0403-0201"), None));
}

#[test]
fn volumes_by_hand() {
    let md = [0xfc, 0x4e, 0x2b, 0xa9, 1, 0, 0, 0];
    let ext: (usize, &[u8]) = (1080, b"\x53\xef");
    assert_eq!(kind(MIB, &[(4096, &md), ext]), Some("linux_raid_member"));
    assert_eq!(kind(MIB, &[(0, &md)]), Some("linux_raid_member"));
    assert_eq!(kind(MIB, &[(MIB - 8192, &md), ext]), Some("linux_raid_member"));
    assert_eq!(kind(MIB, &[(MIB - 65536, &md[..4]), ext]), Some("linux_raid_member"));
    assert_eq!(kind(MIB, &[(MIB - 4096 + 60, &[0x83, 0x74, 0x02, 0x6b]), ext]), Some("drbd"));
    assert_eq!(kind(MIB, &[ext]), Some("ext2"));
    let found = with(
        MIB,
        &[(512, b"LABELONE"), (532, &[32, 0, 0, 0]), (536, b"LVM2 001"), (544, b"abcdefghijklmnopqrstuvwxyz012345")],
    )
    .unwrap();
    assert_eq!((found.kind, found.uuid.as_deref()), ("LVM2_member", Some("abcdef-ghij-klmn-opqr-stuv-wxyz-012345")));
    let found = with(MIB, &[(0, b"LUKS\xba\xbe\0\x02"), (24, b"secret"), (168, b"0a-0b")]).unwrap();
    assert_eq!(
        (found.kind, found.label.as_deref(), found.uuid.as_deref()),
        ("crypto_LUKS", Some("secret"), Some("0a-0b"))
    );
    assert_eq!(kind(MIB, &[((128 << 10) + 3072, &[0x0c, 0xb1, 0xba, 0])]), Some("zfs_member"));
}

#[test]
fn a_dos_table_is_told_from_a_boot_sector() {
    let mut entry = [0; 16];
    (entry[0], entry[4], entry[12]) = (0x80, 0x83, 1);
    let mark: (usize, &[u8]) = (510, b"\x55\xaa");
    let found = with(MIB, &[(440, &[4, 3, 2, 1]), (446, &entry), mark]).unwrap();
    assert_eq!((found.kind, found.uuid.as_deref()), ("dos", Some("01020304")));
    assert_eq!(kind(MIB, &[mark]), None);
    assert_eq!(kind(MIB, &[(446, &[0x12; 16]), mark]), None);
}

#[test]
fn a_device_that_cannot_be_read_is_an_error() {
    assert!(detect(|_, _| Err(io::ErrorKind::Other.into()), 4096).is_err());
    let empty = File::open("/dev/null").unwrap();
    assert!(detect(|buffer, offset| empty.read_exact_at(buffer, offset), 4096).is_err());
}
