//! `reblock` and `--buffer` as their users meet them.

mod place;
mod support;

use std::fs;

use place::{Place, failed, says, text};
use serde_json::Value;
use support::names;

fn done(place: &Place, line: &str) -> Value {
    let output = place.shell(line);
    assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

#[test]
fn a_copy_is_the_same_archive() {
    let place = Place::new();
    let summary = done(&place, "blocktar reblock backup.tar -o copy.tar --verify --json");
    assert_eq!((&summary["command"], &summary["exit_code"]), (&"reblock".into(), &0.into()));
    assert_eq!((&summary["archive"], &summary["buffer"]), (&"backup.tar".into(), &Value::Null));
    assert_eq!(summary["verified"]["faults"], Value::Array(vec![]));
    done(&place, "cmp backup.tar copy.tar");
    done(&place, "cat backup.tar | blocktar reblock --buffer 2M > third.tar && cmp backup.tar third.tar");
    done(&place, "blocktar backup disk.img --buffer 1M | blocktar reblock - -o fourth.tar");
    done(&place, "blocktar restore -q -i fourth.tar new.img && cmp disk.img new.img");
}

#[test]
fn the_buffer_says_how_the_drive_fared() {
    let place = Place::new();
    for (command, archive) in [
        ("backup disk.img --compression none", "a.tar"),
        ("reblock backup.tar", "b.tar"),
        ("recompress backup.tar --compression none", "c.tar"),
    ] {
        let line = format!("{command} --buffer 1M -o {archive} --json");
        let output = place.run(&line);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        says(&output.stderr, &line, &["  buffer      1 MiB; the drive ", "would have sufficed"]);
        let summary: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        let buffer = &summary["buffer"];
        assert_eq!(buffer["bytes"], 1 << 20, "{buffer}");
        for key in ["waits", "waited_seconds", "lasted_seconds", "bytes_per_second", "sufficient_bytes"] {
            assert!(buffer[key].is_number(), "{key}: {buffer}");
        }
    }
    let line = "backup disk.img -o d.tar --buffer 0";
    let output = place.run(line);
    assert!(!text(&output.stderr).contains("  buffer "), "{output:?}");
}

/// A source that stands still for longer than the buffer lasts.
#[test]
fn a_source_that_stops_makes_the_drive_wait() {
    let place = Place::of_size(24 << 20);
    let line = "(head -c 8M backup.tar; sleep 1; tail -c +8388609 backup.tar) | blocktar reblock --buffer 4M --json -o slow.tar";
    let output = place.shell(line);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let summary: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    let buffer = &summary["buffer"];
    assert!(buffer["waits"].as_u64().is_some_and(|waits| (1..=8).contains(&waits)), "{buffer}");
    assert!(buffer["waited_seconds"].as_f64().is_some_and(|seconds| seconds > 0.5), "{buffer}");
    says(&output.stderr, line, &["; the drive had to wait "]);
    done(&place, "cmp backup.tar slow.tar");
}

#[test]
fn memory_that_is_not_there_is_no_buffer() {
    let place = Place::new();
    for size in ["1000T", "15P"] {
        let line = format!("backup disk.img -o new.tar --buffer {size}");
        place.refuses(
            &line,
            &["refused to hold back", "of memory can be had", "help: leave some of it to others: --buffer "],
        );
    }
    // Less than there is, and more than this process may have.
    let line = "ulimit -v 900000; blocktar backup disk.img -o new.tar --threads 1 --buffer 1G";
    failed(
        &place.shell(line),
        line,
        3,
        &["in the buffer: there is no memory for it", "help: use a smaller one: --buffer"],
    );
    assert_eq!(names(place.folder.path()), ["backup.tar", "disk.img"]);
}

#[test]
fn the_archive_itself_is_no_output() {
    let place = Place::new();
    let line = "reblock backup.tar -o backup.tar --overwrite";
    place.refuses(line, &["the output is the archive itself", "help: `blocktar reblock backup.tar -o FILE`"]);
    fs::write(place.path("new.tar"), "mine").unwrap();
    place.refuses("reblock backup.tar -o new.tar", &["--overwrite"]);
    let line = "reblock backup.tar -o other.tar --record-size 1M";
    place.refuses(line, &["only a tape has any", "help: leave --record-size out"]);
    assert!(!place.path("other.tar").exists());
}

#[test]
fn an_archive_that_is_damaged_gives_none() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    let mut spoiled = archive.clone();
    spoiled[archive.len() / 2] ^= 1;
    for (bytes, code) in [(spoiled, 5), (archive[..archive.len() / 2].to_vec(), 4), (Vec::new(), 4)] {
        fs::write(place.path("spoiled"), bytes).unwrap();
        for line in ["blocktar reblock spoiled -o new.tar --buffer 8M", "cat spoiled | blocktar reblock -o new.tar"] {
            failed(&place.shell(line), line, code, &["help: "]);
        }
        let line = "blocktar reblock spoiled --buffer 1M > stdout.tar";
        failed(&place.shell(line), line, code, &[]);
        assert_eq!(place.run("verify stdout.tar").status.code(), Some(4), "what went to stdout looks complete");
        fs::remove_file(place.path("spoiled")).unwrap();
        fs::remove_file(place.path("stdout.tar")).unwrap();
        assert_eq!(names(place.folder.path()), ["backup.tar", "disk.img"]);
    }
    let line = "reblock disk.img -o new.tar";
    failed(&place.run(line), line, 5, &["does not begin as a blocktar archive does"]);
}
