//! `recompress` as its users meet it.

mod place;
mod support;
mod vector;

use std::fs::{self, File};

use place::{Place, failed, says, text};
use serde_json::Value;
use support::names;

const NAMES: [&str; 2] = ["backup.tar", "disk.img"];

fn done(place: &Place, line: &str) -> Value {
    let output = place.shell(line);
    assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn info(place: &Place, archive: &str) -> Value {
    done(place, &format!("blocktar info --json {archive}"))
}

#[test]
fn what_is_told_becomes_otherwise_and_all_else_stays() {
    let place = Place::new();
    let before = info(&place, "backup.tar");
    for (options, changed) in [
        ("", vec![]),
        ("--compression none", vec![("compression", "none".into())]),
        ("--compression zstd:7 --threads 1", vec![("compression", "zstd:7".into())]),
        ("--digest blake3", vec![("digest", "blake3".into())]),
        ("--extent-limit 64K", vec![("extent_limit", 65536.into())]),
        ("--record-size 512K", vec![("record_size", 524_288.into())]),
    ] {
        let summary = done(&place, &format!("blocktar recompress backup.tar -o new.tar {options} --verify --json"));
        assert_eq!((&summary["command"], &summary["exit_code"]), (&"recompress".into(), &0.into()));
        assert_eq!(summary["end"]["state"], summary["from"]["state"]);
        assert_ne!(summary["end"]["digest"], summary["from"]["digest"]);
        assert_eq!(summary["verified"]["faults"], Value::Array(vec![]));
        let after = info(&place, "new.tar");
        for key in ["name", "created", "device", "extent_limit", "record_size", "compression", "digest", "program"] {
            let expected =
                changed.iter().find(|(name, _)| *name == key).map_or(&before["info"][key], |(_, value)| value);
            assert_eq!(&after["info"][key], expected, "{options}: {key}");
        }
        done(&place, "blocktar restore -q -i new.tar new.img && cmp disk.img new.img && rm new.img new.tar");
    }
}

#[test]
fn archives_go_through_pipes() {
    let place = Place::new();
    let summary = "cat backup.tar | blocktar recompress - --compression none --json 2> said | cat > new.tar";
    done(&place, summary);
    done(
        &place,
        "tail -n 1 said > last && blocktar verify -q new.tar && blocktar restore -q new.img < new.tar && cmp disk.img new.img",
    );
    let said: Value = serde_json::from_slice(&fs::read(place.path("last")).unwrap()).unwrap();
    assert_eq!(said["archive"], "standard input");
    done(&place, "blocktar recompress < new.tar | blocktar recompress --digest blake3 > third.tar");
    assert_eq!(info(&place, "third.tar")["end"]["state"], info(&place, "backup.tar")["end"]["state"]);
}

#[test]
fn the_archive_itself_is_no_output() {
    let place = Place::new();
    let before = fs::read(place.path("backup.tar")).unwrap();
    fs::hard_link(place.path("backup.tar"), place.path("hard.tar")).unwrap();
    std::os::unix::fs::symlink("backup.tar", place.path("soft.tar")).unwrap();
    for output in ["backup.tar", "./backup.tar", "hard.tar", "soft.tar"] {
        let line = format!("recompress backup.tar -o {output} --overwrite");
        place.refuses(&line, &["the output is the archive itself", "help: `blocktar recompress backup.tar -o FILE`"]);
        let line = format!("blocktar recompress -o {output} --overwrite < backup.tar");
        failed(&place.shell(&line), &line, 6, &["the output is the archive itself"]);
    }
    let appending = File::options().append(true).open(place.path("backup.tar")).unwrap();
    let line = "recompress backup.tar";
    failed(&place.command(line).stdout(appending).output().unwrap(), line, 6, &["the output is the archive itself"]);
    assert!(fs::read(place.path("backup.tar")).unwrap() == before);
}

#[test]
fn an_existing_file_is_replaced_only_when_told_and_only_by_a_whole_archive() {
    let place = Place::new();
    fs::write(place.path("new.tar"), "mine").unwrap();
    place.refuses("recompress backup.tar -o new.tar", &["--overwrite"]);
    let archive = fs::read(place.path("backup.tar")).unwrap();
    fs::write(place.path("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    let line = "recompress cut.tar -o new.tar --overwrite";
    failed(&place.run(line), line, 4, &["blocktar: cut.tar is incomplete", "affected: bytes "]);
    assert_eq!(fs::read(place.path("new.tar")).unwrap(), b"mine");
    assert_eq!(place.run("recompress backup.tar -o new.tar --overwrite").status.code(), Some(0));
    assert_eq!(place.run("verify new.tar").status.code(), Some(0));
    assert_eq!(names(place.folder.path()), ["backup.tar", "cut.tar", "disk.img", "new.tar"]);
}

#[test]
fn an_archive_that_is_damaged_gives_none() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    let mut spoiled = archive.clone();
    spoiled[archive.len() / 2] ^= 1;
    for (bytes, code) in [(spoiled, 5), (archive[..archive.len() / 2].to_vec(), 4), (Vec::new(), 4)] {
        fs::write(place.path("spoiled"), bytes).unwrap();
        for line in ["blocktar recompress spoiled -o new.tar", "cat spoiled | blocktar recompress -o new.tar"] {
            failed(&place.shell(line), line, code, &["help: "]);
        }
        let line = "blocktar recompress spoiled > stdout.tar";
        failed(&place.shell(line), line, code, &[]);
        assert_eq!(place.run("verify stdout.tar").status.code(), Some(4), "what went to stdout looks complete");
        fs::remove_file(place.path("spoiled")).unwrap();
        fs::remove_file(place.path("stdout.tar")).unwrap();
        assert_eq!(names(place.folder.path()), NAMES);
    }
    let line = "recompress disk.img -o new.tar";
    failed(&place.run(line), line, 5, &["does not begin as a blocktar archive does"]);
}

#[test]
fn bad_ranges_stay_bad_and_are_said() {
    let place = Place::new();
    let bad = vector::all().into_iter().find(|vector| vector.name == "full_bad_range").unwrap();
    fs::write(place.path("bad.tar"), &bad.bytes[..]).unwrap();
    let line = "recompress bad.tar -o new.tar --verify --json";
    let output = place.run(line);
    assert_eq!(output.status.code(), Some(8), "{line}: {output:?}");
    says(&output.stderr, line, &["missing here too: bytes 4396 to 9395"]);
    let summary: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(
        (&summary["bad"], &summary["exit_code"]),
        (&serde_json::json!([{"offset": 4396, "length": 5000}]), &8.into())
    );
}

#[test]
fn wrong_usage_is_2() {
    let place = Place::new();
    for line in [
        "recompress backup.tar --verify",
        "recompress backup.tar -o - --verify",
        "recompress backup.tar -o new.tar --compression lzma",
        "recompress backup.tar -o new.tar --extent-limit 65M",
        "recompress backup.tar -o new.tar --record-size 100",
        "recompress backup.tar -o new.tar --digest md5",
        "recompress backup.tar -o new.tar --keep-going",
    ] {
        failed(&place.run(line), line, 2, &[]);
    }
    let line = "recompress backup.tar --overwrite";
    failed(&place.run(line), line, 6, &["--overwrite is for"]);
    assert_eq!(names(place.folder.path()), NAMES);
}
