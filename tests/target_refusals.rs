//! What a restore must not overwrite, and says so: targets that are too small, in use, precious, or the archive itself.

mod place;
mod support;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use place::{MIB, Place, failed, says, text};
use support::{LoopDevice, is_root, names};

fn path_of(device: &LoopDevice) -> String {
    device.path.display().to_string()
}

#[test]
fn a_target_that_is_one_byte_too_small_is_refused_unless_told() {
    if !is_root("restores onto loop devices that are too small") {
        return;
    }
    // A device has whole sectors; an image need not.
    let place = Place::of_size(2 * MIB + 1);
    let device = LoopDevice::dirty(2 * MIB, 512);
    let line = format!("restore -i backup.tar {}", path_of(&device));
    let reasons = ["1 too few", "lvcreate -L 2097664b", "--truncate"];
    place.refuses(&line, &reasons);
    place.refuses(&format!("{line} --overwrite --target-is-zero"), &reasons);
    place.refuses(&format!("{line} --dry-run"), &reasons);
    failed(&place.shell(&format!("blocktar restore {} < backup.tar", path_of(&device))), "< backup.tar", 6, &reasons);
    failed(&place.shell(&format!("cat backup.tar | blocktar restore {}", path_of(&device))), "a pipe", 6, &reasons);
    assert!(device.content().iter().all(|byte| *byte == 0xff), "a refused target was written to");
    let plan = place.run(&format!("{line} --truncate --dry-run"));
    assert!(text(&plan.stdout).contains("1 byte\n"), "{plan:?}");
    for truncating in [format!("{line} --truncate"), format!("{line} --truncate --overwrite --read-back")] {
        let output = place.run(&truncating);
        assert_eq!(output.status.code(), Some(0));
        assert!(device.content() == place.image[..2 * MIB]);
        // What was written, not what the archive holds.
        says(&output.stderr, &truncating, &["data        2 MiB written", "left out    1 byte at the end"]);
    }
}

#[test]
fn a_target_in_use_is_refused_whatever_is_said() {
    if !is_root("restores onto devices that are mounted or held") {
        return;
    }
    let place = Place::new();
    let device = LoopDevice::dirty(16 * MIB, 512);
    let line = format!("restore -i backup.tar {} --overwrite", path_of(&device));
    assert!(place.shell(&format!("mkfs.ext4 -q -F {}", path_of(&device))).status.success());
    let mounted = place.path("mounted");
    fs::create_dir(&mounted).unwrap();
    assert!(
        place
            .shell(&format!("mount {} mounted && echo kept > mounted/file && sync", path_of(&device)))
            .status
            .success()
    );
    let before = device.content();
    place.refuses(&line, &["it is in use (mounted", "lsblk"]);
    assert!(device.content() == before, "a mounted target was written to");
    assert_eq!(fs::read(mounted.join("file")).unwrap(), b"kept\n");
    assert!(place.shell("umount mounted").status.success());

    let before = device.content();
    // O_EXCL, as mkfs and LVM open devices.
    let held = OpenOptions::new().read(true).custom_flags(0o200).open(&device.path).unwrap();
    place.refuses(&line, &["it is in use"]);
    assert!(device.content() == before);
    drop(held);
    assert_eq!(place.run(&line).status.code(), Some(0));
    assert!(device.content()[..3 * MIB] == place.image);
}

#[test]
fn a_target_that_holds_something_is_refused_unless_told() {
    if !is_root("restores onto devices that hold something") {
        return;
    }
    let place = Place::new();
    for (make, kind) in [("mkfs.ext4 -q -F -L precious", "ext4"), ("mkswap", "swap")] {
        let device = LoopDevice::dirty(16 * MIB, 512);
        assert!(place.shell(&format!("{make} {}", path_of(&device))).status.success());
        let before = device.content();
        let line = format!("restore -i backup.tar {}", path_of(&device));
        place.refuses(&line, &[&format!("it holds {kind}"), "--overwrite"]);
        place.refuses(&format!("{line} --dry-run"), &["it holds"]);
        assert!(device.content() == before);
        assert_eq!(place.run(&format!("{line} --overwrite")).status.code(), Some(0));
        assert!(device.content()[..3 * MIB] == place.image);
    }
}

#[test]
fn a_target_that_is_the_input_is_refused() {
    if !is_root("restores onto devices that hold the archive") {
        return;
    }
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    let length = archive.len().next_multiple_of(MIB);
    // The archive lies on the device itself.
    let raw = place.path("raw");
    fs::write(&raw, [&archive[..], &vec![0; length - archive.len()]].concat()).unwrap();
    let device = LoopDevice::over(&raw, 512);
    let before = device.content();
    let path = path_of(&device);
    place.refuses(&format!("restore -i {path} {path} --overwrite"), &["it is the archive that is to be restored"]);
    let line = format!("blocktar restore {path} --overwrite < {path}");
    failed(&place.shell(&line), &line, 6, &["it is the archive that is to be restored"]);
    assert!(device.content() == before);
}

#[test]
fn a_target_on_which_the_input_lies_is_refused() {
    if !is_root("restores onto a loop device of the archive's own file") {
        return;
    }
    let place = Place::new();
    fs::copy(place.path("backup.tar"), place.path("under.tar")).unwrap();
    let device = LoopDevice::over(&place.path("under.tar"), 512);
    let before = fs::read(place.path("under.tar")).unwrap();
    let line = format!("restore -i under.tar {} --overwrite --truncate", path_of(&device));
    place.refuses(&line, &["it is the archive that is to be restored"]);
    assert!(fs::read(place.path("under.tar")).unwrap() == before, "the archive was overwritten by itself");
}

#[test]
fn an_output_that_is_the_source_device_is_refused() {
    if !is_root("backups of a device onto itself") {
        return;
    }
    let place = Place::new();
    fs::copy(place.path("disk.img"), place.path("backing")).unwrap();
    let device = LoopDevice::over(&place.path("backing"), 512);
    let path = path_of(&device);
    place.refuses(&format!("backup {path} -o {path} --overwrite"), &["the output is the source itself"]);
    for line in [
        format!("blocktar backup {path} > {path}"),
        // The file under the device.
        format!("blocktar backup {path} 1<> backing"),
        format!("blocktar backup backing > {path}"),
    ] {
        failed(&place.shell(&line), &line, 6, &["the output is the source itself"]);
        assert!(device.content() == place.image, "{line}");
    }
}

#[test]
fn folders_pipes_and_existing_images_are_no_targets() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).unwrap();
    fs::write(place.path("old.img"), "precious").unwrap();
    assert!(place.shell("mkfifo pipe").status.success());
    place.refuses("restore -i backup.tar folder", &["it is a folder", "folder/disk.img"]);
    place.refuses("restore -i backup.tar folder --overwrite", &["it is a folder"]);
    place.refuses("restore -i backup.tar old.img", &["an image of this name exists", "--overwrite"]);
    for other in ["pipe", "/dev/null", "/dev/zero"] {
        place.refuses(&format!("restore -i backup.tar {other} --overwrite"), &["neither a block device nor"]);
    }
    place.refuses("backup folder -o new.tar", &["it is a directory"]);
    place.refuses("backup disk.img -o folder --overwrite", &["is a folder"]);
    assert_eq!(fs::read(place.path("old.img")).unwrap(), b"precious");
    assert_eq!(names(place.folder.path()), ["backup.tar", "disk.img", "folder", "old.img", "pipe"]);
}
