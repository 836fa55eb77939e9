//! What is refused of a backup of a logical volume before a snapshot is taken, and before the application is brought to rest for one.
//!
//! LVM's programs are scripts here that know one volume; the real ones are asked in the virtual machine (tests/vm).

mod place;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use place::{Place, text};
use support::names;

const VOLUMES: &str = r#"{"report":[{"lv":[{"lv_name":"lv","lv_uuid":"id-lv","lv_dm_path":"/dev/mapper/vg-lv","lv_size":"8388608","lv_layout":"linear","lv_role":"public","lv_active":"active","origin":"","pool_lv":"","thin_id":"","lv_tags":"","vg_free":"373293056","vg_extent_size":"4194304"}]}]}"#;

/// A place where LVM has the volume vg/lv, and takes no snapshot of it.
fn place() -> Place {
    let place = Place::new();
    let tool = |name: &str, does: String| {
        let path = place.path("lvm").join(name);
        fs::create_dir_all(place.path("lvm")).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    tool("lvs", format!("echo '{VOLUMES}'"));
    tool("lvcreate", format!("echo taken >> {}; exit 5", place.path("steps").display()));
    place
}

/// Backs the volume up, and notes the steps on the way.
fn backup(place: &Place, line: &str) -> Output {
    let path = format!("{}:/usr/bin:/bin", place.path("lvm").display());
    let mut command = place.command(&format!("backup {line}"));
    command.args(["--before-snapshot", "echo frozen >> steps", "--after-snapshot", "echo thawed >> steps"]);
    command.env("PATH", path).output().unwrap()
}

fn steps(place: &Place) -> String {
    fs::read_to_string(place.path("steps")).unwrap_or_default().replace('\n', " ")
}

#[test]
fn what_has_no_place_or_nothing_to_build_on_freezes_nothing() {
    let place = place();
    fs::write(place.path("there.tar"), "theirs").unwrap();
    fs::write(place.path("part-7.tar"), "theirs").unwrap();
    std::os::unix::fs::symlink("nowhere/at-all", place.path("link.tar")).unwrap();
    let disk = fs::read_dir("/sys/block").unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let before = names(place.folder.path());
    for (line, code, says) in [
        ("lvm:vg/lv -o there.tar", 6, "exists already"),
        ("lvm:vg/lv -o lvm", 6, "is a folder"),
        ("lvm:vg/lv -o link.tar", 6, "symbolic link to nowhere"),
        ("lvm:vg/lv -o part-%d.tar --part-size 1M", 6, "part-7.tar exists already"),
        ("lvm:vg/lv -o part.tar --part-size 1M", 6, "place for their number"),
        ("lvm:vg/lv -o none/new.tar", 3, "none/new.tar"),
        ("lvm:vg/lv -o /proc/new.tar", 3, "/proc/new.tar"),
        ("lvm:vg/lv -o new.tar --next-medium true", 6, "--next-medium is for tapes"),
        (&format!("lvm:vg/lv -o /dev/{disk}"), 6, "block device"),
        ("lvm:vg/lv --overwrite", 6, "--overwrite is for"),
        ("lvm:vg/lv -o new.tar --attach none.xml", 3, "none.xml"),
        ("lvm:vg/lv -o new.tar --since there.tar", 4, "there.tar"),
        ("lvm:vg/lv -o backup.tar --overwrite --since backup.tar", 6, "is an archive on which it builds itself"),
        ("lvm:vg/lv -o new.tar --since lvm", 6, "has no complete archive of lvm:vg/lv"),
        ("lvm:vg/none -o new.tar", 6, "no volume none"),
    ] {
        let output = backup(&place, line);
        let said = text(&output.stderr);
        assert!(said.contains(says), "{line}: {said}");
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert_eq!(steps(&place), "", "{line}");
        assert_eq!(names(place.folder.path()), before, "{line}");
    }
    assert_eq!(fs::read(place.path("there.tar")).unwrap(), b"theirs");
}

#[test]
fn what_has_its_place_goes_on_to_the_snapshot() {
    let place = place();
    let output = backup(&place, "lvm:vg/lv -o new.tar");
    assert_eq!((output.status.code(), steps(&place)), (Some(3), "frozen taken thawed ".to_owned()), "{output:?}");
    assert!(!Path::exists(&place.path("new.tar")), "nothing is left of what failed");
    assert!(!names(place.folder.path()).iter().any(|name| name.contains("partial")));
}

/// The name may be taken while the application is brought to rest: then the archive does not replace what has it.
#[test]
fn a_name_that_is_free_first_and_taken_then_is_spared() {
    let place = Place::new();
    let taken = "echo theirs > new.tar";
    let output = place.command("backup disk.img -o new.tar --bwlimit 1M").spawn().and_then(|mut child| {
        while !names(place.folder.path()).iter().any(|name| name.contains("partial")) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(place.shell(taken).status.success());
        child.wait()
    });
    assert_eq!(output.unwrap().code(), Some(6));
    assert_eq!(fs::read(place.path("new.tar")).unwrap(), b"theirs\n");
}
