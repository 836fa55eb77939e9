//! `list` of folders: what was meant as an archive has its line, what is something else is passed over, what failed is told.

mod place;
mod support;

use std::fs;

use place::{Place, says, text};
use serde_json::Value;

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", text(bytes)))
}

/// The states that a listing tells, by the names of the files.
fn states(listed: &Value) -> Vec<(String, String)> {
    let states = listed["archives"].as_array().unwrap().iter().map(|archive| {
        let name = archive["archive"].as_str().unwrap().rsplit('/').next().unwrap();
        (name.to_owned(), archive["state"].as_str().unwrap().to_owned())
    });
    states.collect()
}

#[test]
fn broken_archives_in_a_folder_are_never_passed_over() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(place.path(name), bytes).unwrap();
    write("cut.tar", &archive[..300]);
    write("empty.tar", b"");
    write("zeros.tar", &[0; 4096]);
    write("text.tar", b"this is no tar, whatever its name says");
    let mut spoiled = archive.clone();
    spoiled[148] ^= 1;
    write("spoiled", &spoiled);
    write("empty", b"");
    assert!(place.shell("tar -cf foreign.tar disk.img && rm disk.img").status.success());

    let output = place.run("list . --json -v");
    let listed = json(&output.stdout);
    let expected = [
        ("backup.tar", "complete"),
        ("cut.tar", "incomplete"),
        ("empty.tar", "incomplete"),
        ("spoiled", "damaged"),
        ("text.tar", "incomplete"),
        ("zeros.tar", "incomplete"),
    ];
    assert_eq!(states(&listed), expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    assert_eq!((output.status.code(), &listed["exit_code"]), (Some(5), &5.into()));
    // The tar of another program, and an empty file that no name makes an archive.
    assert_eq!(listed["passed_over"], 2);
    says(&output.stderr, "list -v", &["passed over 2 files"]);
}

/// Of a hole nothing needs to be read, and of zeros that begin a file not more than some: a terabyte would take minutes.
#[test]
fn huge_holes_keep_nobody_waiting() {
    const TIB: u64 = 1 << 40;
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    let write = |name: &str, bytes: &[u8], hole: u64| {
        fs::write(place.path(name), bytes).unwrap();
        let file = fs::File::options().write(true).open(place.path(name)).unwrap();
        file.set_len(bytes.len() as u64 + hole).unwrap();
        file
    };
    write("hole.tar", b"", TIB);
    write("cut.tar", &archive[..archive.len() / 2], TIB);
    write("whole.tar", &archive, TIB);
    let late = write("late.tar", b"", TIB);
    std::os::unix::fs::FileExt::write_all_at(&late, b"x", TIB - 1).unwrap();
    let begun = std::time::Instant::now();
    let output = place.shell("timeout 60 blocktar list . --json");
    let listed = json(&output.stdout);
    let expected = [
        ("backup.tar", "complete"),
        ("cut.tar", "incomplete"),
        ("hole.tar", "incomplete"),
        ("late.tar", "incomplete"),
        ("whole.tar", "complete"),
    ];
    assert_eq!(states(&listed), expected.map(|(name, state)| (name.to_owned(), state.to_owned())));
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    let output = place.shell("timeout 60 blocktar verify whole.tar 2>&1 && timeout 60 blocktar verify late.tar 2>&1");
    says(&output.stdout, "verify", &["late.tar", "zeros, as no archive does"]);
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn what_an_interrupted_backup_has_left_is_named_and_what_runs_is_not() {
    let place = Place::new();
    // Linux has no process of this number: they end at 2^22.
    let (left, running) =
        (".a.tar.blocktar-4194305-1.partial", format!(".b.tar.blocktar-{}-1.partial", std::process::id()));
    fs::write(place.path(left), "x").unwrap();
    fs::write(place.path(&running), "x").unwrap();
    let output = place.run("list . --json -q");
    assert_eq!(output.status.code(), Some(0), "a left-over is no fault of an archive");
    says(&output.stderr, "list .", &["blocktar: warning: ./.a.tar.blocktar-4194305-1.partial: left by", "delete it"]);
    assert!(!text(&output.stderr).contains(&running));
    let listed = json(&output.stdout);
    assert_eq!(listed["left_over"], serde_json::json!([format!("./{left}")]));
    assert_eq!(states(&listed).len(), 1);
}

#[test]
fn what_cannot_be_looked_at_does_not_hide_the_rest() {
    let place = Place::new();
    let output = place.run("list absent.tar backup.tar --json");
    let listed = json(&output.stdout);
    assert_eq!((output.status.code(), states(&listed).len()), (Some(3), 1));
    let error = &listed["errors"][0];
    assert_eq!(
        (&error["class"], &error["what"], &error["on"]),
        (&"io".into(), &"opening".into(), &"absent.tar".into())
    );
    says(&output.stderr, "list", &["blocktar: opening absent.tar: "]);
}

/// Reported: `list` called two archives in one file, and one with old data behind it, incomplete, which `info` and `verify` call damaged.
#[test]
fn what_stands_behind_an_archive_is_judged_as_info_and_verify_judge_it() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    assert!(place.run("backup disk.img -o second.tar").status.success());
    let second = fs::read(place.path("second.tar")).unwrap();
    fs::write(place.path("two.tar"), [&archive[..], &second].concat()).unwrap();
    fs::write(place.path("device.tar"), [&archive[..], &vec![0xe5; 3 << 20]].concat()).unwrap();
    fs::write(place.path("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    for (name, code) in [("two.tar", 5), ("device.tar", 5), ("cut.tar", 4)] {
        let said = ["list", "info", "verify"].map(|command| place.run(&format!("{command} {name} --json")));
        assert_eq!(said.each_ref().map(|output| output.status.code()), [Some(code); 3], "{name}");
        let [listed, info, _] = said.map(|output| json(&output.stdout));
        for field in ["state", "reason"] {
            assert_eq!(listed["archives"][0][field], info[field], "{name}: {field}");
        }
    }
}
