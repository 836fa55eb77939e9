//! What once ended with exit code 0, or left something behind, and must not: each of these was found by attack.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use support::{Chance, LoopDevice, is_root, names};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

/// A folder with `disk.img`, 2 MiB, and its archive `backup.tar`.
fn a_place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("disk.img"), Chance::from_seed(11).bytes(2 * MIB)).unwrap();
    assert_eq!(shell(&folder, "blocktar backup disk.img -o backup.tar -q").status.code(), Some(0));
    folder
}

/// Runs a line in bash with `blocktar` on the path.
fn shell(folder: &TempDir, line: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_blocktar"));
    let path = format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", program.parent().unwrap().display());
    Command::new("bash").args(["-c", line]).current_dir(folder.path()).env("PATH", path).output().unwrap()
}

#[track_caller]
fn fails(folder: &TempDir, line: &str, code: i32, text: &str) -> String {
    let output = shell(folder, line);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    assert!(said.contains(text), "{line}: `{text}` is not in: {said}");
    said
}

/// Readers take nothing but zeros behind an archive, so one that goes into the middle of something is no success.
#[test]
fn an_archive_in_front_of_something_else_is_no_success() {
    let place = a_place();
    fs::write(place.path().join("old"), vec![7; 3 * MIB]).unwrap();
    let said = fails(&place, "blocktar backup disk.img 1<> old", 3, "behind the archive");
    let cure = said.split('`').nth(1).unwrap().replace("FILE", "old");
    assert!(shell(&place, &format!("{cure} && blocktar verify -q old")).status.success(), "{cure}");
    // What comes behind, and what zeros follow, is fine.
    let fine = "truncate -s 8M zeros && blocktar backup disk.img -q 1<> zeros && blocktar verify -q zeros \
        && echo header > both && blocktar backup disk.img -q >> both && (read -N 7; blocktar verify -q) < both";
    assert!(shell(&place, fine).status.success());
    if !is_root("archives on loop devices") {
        return;
    }
    let device = LoopDevice::dirty(4 * MIB, 512);
    let path = device.path.display().to_string();
    let said = fails(&place, &format!("blocktar backup disk.img > {path}"), 3, "behind the archive");
    let cure = said.split('`').nth(1).unwrap().replace("DEVICE", &path);
    assert!(shell(&place, &format!("{cure} && blocktar verify -q {path}")).status.success(), "{cure}");
    assert!(shell(&place, &format!("blocktar backup disk.img -q > {path}")).status.success(), "zeros follow");
}

/// A device that is not there must not become a file in memory.
#[test]
fn no_file_is_made_among_the_devices() {
    let place = a_place();
    for line in ["restore -i backup.tar /dev/blocktar-none -q", "backup disk.img -o /dev/blocktar-none -q"] {
        fails(&place, &format!("blocktar {line}"), 6, "no device of that name");
        assert!(!Path::new("/dev/blocktar-none").exists(), "{line}");
    }
    if is_root("files among the devices") {
        let line = "trap 'rm -f /dev/blocktar-none' EXIT; blocktar backup disk.img > /dev/blocktar-none";
        fails(&place, line, 6, "no device of that name");
    }
}

/// The signal for it killed the program, which so could not remove its unfinished file.
#[test]
fn a_limit_of_file_sizes_leaves_nothing() {
    let place = a_place();
    for line in ["backup disk.img -o new.tar --compression none", "restore -i backup.tar new.img"] {
        fails(&place, &format!("ulimit -f 512; blocktar {line}"), 3, "too large");
        assert_eq!(names(place.path()), ["backup.tar", "disk.img"], "{line}");
    }
}

/// `list` and `info` look at the end alone, and that was a sound one.
#[test]
fn an_archive_that_is_there_twice_is_listed_as_damaged() {
    let place = a_place();
    assert!(shell(&place, "cat backup.tar backup.tar > twice.tar").status.success());
    for command in ["list", "info", "verify"] {
        let output = shell(&place, &format!("blocktar {command} twice.tar"));
        assert_eq!(output.status.code(), Some(5), "{command}: {output:?}");
        let output = shell(&place, &format!("blocktar {command} backup.tar"));
        assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
    }
}

/// It was opened all the same, and said to be overwritten when the first write had failed.
#[test]
fn a_read_only_device_is_refused_before_the_first_write() {
    if !is_root("restores onto a read-only loop device") {
        return;
    }
    let place = a_place();
    // `blockdev --setro` would stay with the number of the loop device when it is detached.
    let line = "truncate -s 4M under.img && device=$(losetup -f -r --show under.img) && trap 'losetup -d $device' EXIT; \
        blocktar restore -i backup.tar $device";
    let said = fails(&place, line, 6, "it is read-only");
    assert!(!said.contains("overwritten"), "{said}");
}
