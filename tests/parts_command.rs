//! `--part-size` and `--next-medium` on the command line.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::{Chance, Mounted, is_root, names};

fn blocktar(folder: &Path, line: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blocktar")).args(line).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with an image of 3.5 MB that does not get smaller.
fn with_image() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::from_seed(3);
    let bytes: Vec<u8> = (0..3_500_000).map(|_| chance.next() as u8 | 1).collect();
    std::fs::write(folder.path().join("disk.img"), bytes).unwrap();
    folder
}

const LINE: [&str; 8] = ["backup", "disk.img", "--extent-limit", "64K", "--part-size", "1M", "-o", "backup-%03d.tar"];

#[test]
fn parts_of_a_size_are_tars_and_the_summary_says_what_lies_where() {
    let folder = with_image();
    let output = blocktar(folder.path(), &[&LINE[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let parts = ["backup-001.tar", "backup-002.tar", "backup-003.tar", "backup-004.tar"];
    assert_eq!(names(folder.path())[..4], parts);
    assert!(
        said(&output).contains("4 parts") && said(&output).contains("part 2      backup-002.tar"),
        "{}",
        said(&output)
    );
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = summary["parts"].as_array().unwrap();
    for (part, name) in told.iter().zip(parts) {
        let bytes = std::fs::metadata(folder.path().join(name)).unwrap().len();
        assert_eq!((part["output"].as_str(), part["bytes"].as_u64()), (Some(name), Some(bytes)));
        assert!(bytes <= 1 << 20 && bytes.is_multiple_of(4096));
        let listed = Command::new("tar").arg("-tf").arg(folder.path().join(name)).output().unwrap();
        assert!(listed.status.success() && listed.stderr.is_empty());
    }
    assert_eq!((told[0]["from"].as_u64(), told[3]["to"].as_u64()), (Some(0), Some(3_500_000)));
}

#[test]
fn a_single_part_is_verified_under_the_name_that_it_got() {
    let folder = with_image();
    let line = ["backup", "disk.img", "--part-size", "10M", "-o", "backup-%03d.tar", "--verify"];
    let output = blocktar(folder.path(), &line);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(names(folder.path()), ["backup-001.tar", "disk.img"]);
}

/// A backup that fails must not have destroyed the one before, and what is left of a longer one would be taken for parts of the new.
#[test]
fn parts_of_another_archive_are_never_replaced() {
    for existing in ["backup-001.tar", "backup-003.tar", "backup-017.tar"] {
        let folder = with_image();
        std::fs::write(folder.path().join(existing), "the good old archive").unwrap();
        for line in [&LINE[..], &[&LINE[..], &["--overwrite"]].concat()] {
            let output = blocktar(folder.path(), line);
            assert_eq!(output.status.code(), Some(6), "{line:?}: {}", said(&output));
            assert!(said(&output).contains("exists already") && said(&output).contains("remove"), "{}", said(&output));
            assert_eq!(names(folder.path()), [existing, "disk.img"]);
            assert_eq!(std::fs::read(folder.path().join(existing)).unwrap(), b"the good old archive");
        }
    }
}

/// One part would take the place of another, and the archive that was called complete would lack it.
#[test]
fn a_command_that_names_a_part_of_this_archive_again_is_refused() {
    for (again, alias) in
        [("x.tar", "x.tar"), ("x.tar", "./x.tar"), ("backup-001.tar", "backup-001.tar"), ("x.tar", "link")]
    {
        let folder = with_image();
        if alias == "link" {
            std::os::unix::fs::symlink("x.tar", folder.path().join("link")).unwrap();
        }
        let command = format!("if test $BLOCKTAR_PART = 2; then echo {again}; else echo {alias}; fi");
        let output = blocktar(folder.path(), &[&LINE[..], &["--overwrite", "--next-medium", &command]].concat());
        assert_eq!(output.status.code(), Some(6), "{alias}: {}", said(&output));
        assert!(said(&output).contains("exists already") && said(&output).contains("remove"), "{}", said(&output));
        let left: Vec<_> = names(folder.path()).into_iter().filter(|name| name != "link").collect();
        assert_eq!(left, ["disk.img"], "{alias}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = with_image();
    for (line, code, word) in [
        ("backup disk.img --part-size 1M -o backup.tar", 6, "%03d"),
        ("backup disk.img --part-size 1M -o %d-%d.tar", 6, "exactly one"),
        ("backup disk.img --part-size 1M", 2, "--output"),
        ("backup disk.img --part-size 1M -o -", 2, "backup-%03d.tar"),
        ("reblock disk.img --part-size 1M -o -", 2, "backup-%03d.tar"),
        ("recompress disk.img --part-size 1M -o -", 2, "backup-%03d.tar"),
        ("backup disk.img --part-size 10K -o %d.tar", 6, "no room"),
        ("backup disk.img --part-size 100K -o %d.tar", 6, "--part-size 131072"),
        ("backup disk.img --part-size 1M --extent-limit 1M -o %d.tar", 6, "--extent-limit 524288"),
        ("backup disk.img --part-size 600K --record-size 512K -o %d.tar", 6, "--part-size 651264"),
        ("backup disk.img --part-size 128K --record-size 16K -o %d.tar", 6, "--part-size 143360"),
        ("backup lvm:vg/lv --part-size 1M --extent-limit 1M -o %d.tar", 6, "no room for members of 1 MiB"),
        ("reblock disk.img --part-size 100K -o %d.tar", 6, "no room"),
        ("recompress disk.img --part-size 1M --extent-limit 1M -o %d.tar", 6, "no room for members of 1 MiB"),
        ("backup disk.img --next-medium true -o x.tar", 6, "--next-medium"),
        ("backup disk.img --overwrite", 6, "--overwrite"),
        ("backup disk.img --verify", 2, "`-o FILE` or `-o /dev/nst0`"),
        ("backup disk.img --verify -o -", 2, "`-o FILE` or `-o /dev/nst0`"),
    ] {
        let output = blocktar(folder.path(), &line.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(code), "{line}: {}", said(&output));
        assert!(said(&output).contains(word), "{line}: {}", said(&output));
        assert_eq!(names(folder.path()), ["disk.img"], "{line}");
    }
    // A source that has the name of a part.
    std::fs::rename(folder.path().join("disk.img"), folder.path().join("disk-2.img")).unwrap();
    let line = ["backup", "disk-2.img", "--part-size", "1M", "-o", "disk-%d.img", "--overwrite"];
    let output = blocktar(folder.path(), &line);
    assert!(output.status.code() == Some(6) && said(&output).contains("the source itself"), "{}", said(&output));
    assert_eq!(names(folder.path()), ["disk-2.img"]);
}

#[test]
fn a_command_between_the_parts_may_name_the_next_file() {
    let folder = with_image();
    let command = "test $BLOCKTAR_REASON-$BLOCKTAR_DIRECTION = next-write && mkdir -p p$BLOCKTAR_PART && echo p$BLOCKTAR_PART/b.tar";
    let output = blocktar(folder.path(), &[&LINE[..], &["--next-medium", command]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(names(folder.path()), ["backup-001.tar", "disk.img", "p2", "p3", "p4"]);
    assert_eq!(names(&folder.path().join("p4")), ["b.tar"]);
    std::fs::remove_file(folder.path().join("backup-001.tar")).unwrap();
    let failing = blocktar(folder.path(), &[&LINE[..], &["--next-medium", "echo no free slot; exit 9"]].concat());
    assert_eq!(failing.status.code(), Some(3), "{}", said(&failing));
    assert!(said(&failing).contains("exit status: 9"), "{}", said(&failing));
    assert!(said(&failing).contains("no free slot\nblocktar: "), "what it wrote says why: {}", said(&failing));
    assert_eq!(names(folder.path()), ["disk.img", "p2", "p3", "p4"], "parts of a failed backup go");
}

#[test]
fn a_full_disk_in_the_midst_of_a_part_leaves_nothing() {
    if !is_root("a file system that is full in the second part") {
        return;
    }
    let (source, full) = (with_image(), Mounted::new("tmpfs", "size=2m"));
    let target = full.folder().join("b-%d.tar");
    let output = blocktar(source.path(), &[&LINE[..7], &[target.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("No space left"), "{}", said(&output));
    assert_eq!(names(full.folder()), [""; 0]);
}

#[test]
fn reblock_makes_parts_of_an_archive_in_one_and_keeps_its_identity() {
    let folder = with_image();
    let made = blocktar(folder.path(), &["backup", "disk.img", "--extent-limit", "64K", "-o", "one.tar", "--json"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let line = ["reblock", "one.tar", "--part-size", "1M", "-o", "part-%d.tar", "--buffer", "2M", "--json"];
    let output = blocktar(folder.path(), &line);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("4 parts") && said(&output).contains("would have sufficed"), "{}", said(&output));
    let of = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let (made, output) = (of(&made), of(&output));
    assert_eq!(output["parts"].as_array().unwrap().len(), 4);
    for key in ["id", "digest", "state", "finished"] {
        assert_eq!(made["end"][key], output["end"][key], "{key}");
    }
}

#[test]
fn parts_are_verified_in_the_run_that_writes_them() {
    let folder = with_image();
    let of = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let output = blocktar(folder.path(), &[&LINE[..], &["--verify", "--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let verified = &of(&output)["verified"];
    assert_eq!((verified["parts"].as_array().unwrap().len(), verified["faults"].as_array().unwrap().len()), (4, 0));
    assert!(said(&output).contains("part 4: sound, backup-004.tar"), "{}", said(&output));
    // Also those that a command named; and what it spoils behind our back is found.
    let command = "mkdir -p p$BLOCKTAR_PART && echo p$BLOCKTAR_PART/b.tar; test $BLOCKTAR_PART != 3 || truncate -s -200K backup-001.tar";
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let line = ["reblock", "backup-%03d.tar", "--part-size", "1M", "-o", "other/%d.tar", "--verify", "--json"];
    let output = blocktar(folder.path(), &line);
    assert_eq!((output.status.code(), of(&output)["verified"]["parts"].as_array().unwrap().len()), (Some(0), 4));
    for part in 1..5 {
        std::fs::remove_file(folder.path().join(format!("backup-00{part}.tar"))).unwrap();
    }
    let output = blocktar(folder.path(), &[&LINE[..], &["--verify", "--next-medium", command]].concat());
    assert!([Some(4), Some(5)].contains(&output.status.code()), "{}", said(&output));
    assert!(said(&output).contains("part 1: not sound") || said(&output).contains("fault"), "{}", said(&output));
}

/// One command brings what is read and what is written: it is told which.
#[test]
fn next_medium_serves_both_sides_of_a_copy() {
    let folder = with_image();
    assert_eq!(blocktar(folder.path(), &LINE).status.code(), Some(0));
    let command = "echo $BLOCKTAR_DIRECTION $BLOCKTAR_PART $BLOCKTAR_REASON >> notes; \
                   if test $BLOCKTAR_DIRECTION = read; then printf backup-%03d.tar $BLOCKTAR_PART; else echo new-$BLOCKTAR_PART.tar; fi";
    for (verb, output) in [("reblock", "one.tar"), ("recompress", "two.tar")] {
        let line = [verb, "backup-001.tar", "-o", output, "--next-medium", command];
        let copied = blocktar(folder.path(), &line);
        assert_eq!(copied.status.code(), Some(0), "{}", said(&copied));
        let notes = std::fs::read_to_string(folder.path().join("notes")).unwrap();
        assert_eq!(notes, "read 2 next\nread 3 next\nread 4 next\n", "{verb}");
        std::fs::remove_file(folder.path().join("notes")).unwrap();
        let compared = blocktar(folder.path(), &["compare", output, "disk.img"]);
        assert_eq!(compared.status.code(), Some(0), "{verb}: {}", said(&compared));
    }
    let line = ["reblock", "backup-001.tar", "--part-size", "2M", "-o", "new-%d.tar", "--next-medium", command];
    let copied = blocktar(folder.path(), &line);
    assert_eq!(copied.status.code(), Some(0), "{}", said(&copied));
    let notes = std::fs::read_to_string(folder.path().join("notes")).unwrap();
    let mut lines: Vec<_> = notes.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["read 2 next", "read 3 next", "read 4 next", "write 2 next"]);
    let compared = blocktar(folder.path(), &["compare", "new-1.tar", "new-2.tar", "disk.img"]);
    assert_eq!(compared.status.code(), Some(0), "{}", said(&compared));
}

/// Members of the default length would have no room.
#[test]
fn members_are_cut_to_what_a_part_has_room_for() {
    let folder = with_image();
    let line = "backup disk.img --part-size 200K --compression none -o %d.tar --json";
    let made = blocktar(folder.path(), &line.split(' ').collect::<Vec<_>>());
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let told: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(told["info"]["extent_limit"], 128 << 10, "{told}");
    let whole = blocktar(folder.path(), &["backup", "disk.img", "-o", "whole.tar", "--compression", "none"]);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    let line = "recompress whole.tar --part-size 700K -o new-%d.tar --verify --json";
    let made = blocktar(folder.path(), &line.split(' ').collect::<Vec<_>>());
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let told: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(told["info"]["extent_limit"], 512 << 10, "{told}");
}
