//! What programs are told with `--json` when a command fails, and people when they slip.

mod place;
mod support;

use std::fs;
use std::process::Output;

use place::{Place, failed, says, text};
use serde_json::Value;

fn last_line(bytes: &[u8]) -> Value {
    let said = text(bytes);
    serde_json::from_str(said.lines().last().unwrap_or("")).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn check(output: &Output, told: &Value, command: &str, code: i32, class: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!((&told["command"], &told["exit_code"]), (&command.into(), &code.into()));
    assert_eq!(told["error"]["class"], class, "{told}");
    assert!(told["error"]["why"].is_string(), "{told}");
    says(&output.stderr, command, &["blocktar: "]);
}

#[test]
fn a_failed_command_leaves_one_object_on_stdout() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    fs::write(place.path("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    let cases = [
        ("backup absent.img -o new.tar --json", "backup", 3, "io"),
        ("backup disk.img -o backup.tar --json", "backup", 6, "refused"),
        ("restore -i cut.tar new.img --json", "restore", 4, "incomplete"),
        ("restore -i absent.tar new.img --dry-run --json", "restore", 3, "io"),
        ("info absent.tar --json", "info", 3, "io"),
        ("info . --json", "info", 6, "refused"),
        ("info disk.img --extents --json", "info", 5, "damaged"),
        ("verify absent.tar --json", "verify", 3, "io"),
    ];
    for (line, command, code, class) in cases {
        let output = place.run(line);
        assert_eq!(text(&output.stdout).lines().count(), 1, "{line}: {output:?}");
        check(&output, &last_line(&output.stdout), command, code, class);
        let without = place.run(&line.replace(" --json", ""));
        failed(&without, line, code, &["blocktar: "]);
    }
    let refused = last_line(&place.run("backup disk.img -o backup.tar --json").stdout);
    assert_eq!(refused["error"]["what"], "write backup.tar");
    assert!(refused["error"]["help"].as_str().unwrap().contains("--overwrite"));
    assert!(!place.path("new.tar").exists() && !place.path("new.img").exists());
}

#[test]
fn standard_output_that_carries_an_archive_stays_clean() {
    let place = Place::new();
    let output = place.run("backup absent.img --json");
    assert!(output.stdout.is_empty(), "{output:?}");
    check(&output, &last_line(&output.stderr), "backup", 3, "io");
    let into_full = place.shell("blocktar backup disk.img --json > /dev/full");
    check(&into_full, &last_line(&into_full.stderr), "backup", 3, "io");
}

#[test]
fn a_word_too_many_is_met_with_the_line_that_was_meant() {
    let place = Place::new();
    failed(
        &place.run("restore backup.tar new.img"),
        "restore",
        2,
        &["tip: ", "`blocktar restore -i backup.tar new.img`"],
    );
    failed(&place.run("backup disk.img new.tar"), "backup", 2, &["`blocktar backup disk.img -o new.tar`"]);
    assert!(!place.path("new.img").exists() && !place.path("new.tar").exists());
}

/// Reported: `--read-back` left no trace, and zeros of a device that were written were called skipped.
#[test]
fn a_restore_tells_what_it_did() {
    let place = Place::new();
    let half = place.image.len() / 2;
    fs::write(place.path("half.img"), [&place.image[..half], &vec![0; half]].concat()).unwrap();
    assert!(place.run("backup half.img -o half.tar -q").status.success());
    for (option, read_back) in [("", false), ("--read-back", true)] {
        let output = place.run(&format!("restore -i half.tar new.img --overwrite --json {option}"));
        let told = last_line(&output.stdout);
        assert_eq!(told["read_back"], read_back, "{told}");
        assert_eq!(told["restored"]["data_bytes"], told["end"]["data_bytes"], "{told}");
        assert_eq!(told["restored"]["zero_bytes"], told["end"]["zero_bytes"], "{told}");
        says(&output.stderr, option, &["1.5 MiB written", "1.5 MiB left as holes"]);
        assert_eq!(text(&output.stderr).contains("read back"), read_back, "{}", text(&output.stderr));
    }
}

#[test]
fn a_dash_is_what_the_help_says_of_it() {
    let place = Place::new();
    let help = place.run("--help").stdout;
    says(&help, "--help", &["`-` is standard input", "`-o -` is standard output", "`./-`"]);
    fs::write(place.path("-"), "no archive").unwrap();
    for line in ["blocktar verify -", "blocktar restore -i - piped.img", "blocktar list -"] {
        let line = format!("set -o pipefail; blocktar backup disk.img -o - | {line}");
        let output = place.shell(&line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    }
    assert_ne!(place.run("info ./-").status.code(), Some(0), "a file of that name");
}
