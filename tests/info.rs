//! `info` as its users meet it: what it says of archives of every kind, the picture, the map.

mod place;
mod support;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Output, Stdio};

use place::{MIB, Place, failed, says, text};
use serde_json::Value;

/// 64 MiB: two MiB of data at 8 MiB, a block at 40 MiB, holes elsewhere; its archive is `sparse.tar`.
fn sparse() -> Place {
    let place = Place::of_size(4096);
    let made = "truncate -s 64M sparse.img && head -c 2M /dev/urandom > data \
        && dd if=data of=sparse.img bs=1M seek=8 conv=notrunc status=none \
        && dd if=data of=sparse.img bs=4k count=1 seek=10240 conv=notrunc status=none \
        && blocktar backup sparse.img -o sparse.tar -q";
    assert!(place.shell(made).status.success());
    place
}

/// Runs `info` in a locale and with a width for the picture.
fn info(place: &Place, line: &str, locale: &str) -> Output {
    place.command(&format!("info {line}")).env("LC_ALL", locale).env("COLUMNS", "64").output().unwrap()
}

/// The rows of the picture, without offsets.
fn rows(output: &Output) -> Vec<String> {
    let said = text(&output.stdout);
    let picture = said.lines().skip_while(|line| !line.trim_start().starts_with("picture ")).skip(1);
    let rows = picture.filter(|line| line.ends_with("MiB") || line.ends_with("bytes") || line.ends_with("KiB"));
    rows.map(|line| line[13..].rsplitn(3, ' ').last().unwrap().to_owned()).collect()
}

fn vector(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/vectors").join(name).display().to_string()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn the_picture_shows_where_data_lies_in_the_width_of_the_terminal() {
    let place = sparse();
    let output = info(&place, "sparse.tar", "C.UTF-8");
    let rows = rows(&output);
    let zeros = "·".repeat(40);
    let mut expected = vec![zeros.clone(); 8];
    // 2 of 8 MiB are 10 of 40 characters.
    expected[1] = format!("{}{}", "█".repeat(10), "·".repeat(30));
    expected[5] = format!("░{}", "·".repeat(39));
    assert_eq!(rows, expected, "{}", text(&output.stdout));
    says(&output.stdout, "info", &["each character is 204.8 KiB", "█▓▒░ data, much to little   · zero\n"]);
    assert!(!text(&output.stdout).contains("bad"));

    let ascii = info(&place, "sparse.tar", "C");
    assert!(ascii.stdout.is_ascii());
    says(&ascii.stdout, "info", &[" ##########...", "#%+: data, much to little   . zero\n"]);
    let shown = text(&place.terminal("stty rows 50 cols 100; LC_ALL=C blocktar info sparse.tar").stdout);
    assert!(shown.contains(&format!(" {} 8 MiB", ".".repeat(76))), "{shown}");
}

#[test]
fn a_pipe_tells_what_a_file_tells() {
    let place = sparse();
    let seeking = info(&place, "sparse.tar", "C.UTF-8");
    let piped = place.shell("cat sparse.tar | LC_ALL=C.UTF-8 COLUMNS=64 blocktar info");
    let lines = |output: &Output| {
        let lines: Vec<_> = text(&output.stdout).lines().skip(1).map(str::to_owned).collect();
        // Of a pipe nobody knows the length.
        lines.into_iter().filter(|line| !line.trim_start().starts_with("length ")).collect::<Vec<_>>()
    };
    assert_eq!(lines(&seeking), lines(&piped));
    for name in ["full_inline.tar", "increment.tar", "full_bad_range.tar", "increment_inline.tar"] {
        let file = info(&place, &vector(name), "C");
        let pipe = place.shell(&format!("cat {} | LC_ALL=C COLUMNS=64 blocktar info", vector(name)));
        assert_eq!(lines(&file), lines(&pipe), "{name}");
    }
}

#[test]
fn bad_ranges_are_seen_and_named() {
    let place = Place::new();
    let output = info(&place, &vector("full_bad_range.tar"), "C.UTF-8");
    assert_eq!(output.status.code(), Some(8));
    says(&output.stdout, "info", &["  bad         bytes ", "× bad: not read"]);
    assert!(rows(&output).concat().contains('×'), "{}", text(&output.stdout));
    let value = json(&info(&place, &format!("--json {}", vector("full_bad_range.tar")), "C"));
    assert_eq!(value["bad"].as_array().map(Vec::len), Some(1));
    assert_eq!(value["bad"][0]["length"], value["end"]["bad_bytes"]);
}

#[test]
fn increments_show_what_is_unchanged_and_what_they_build_on() {
    let place = Place::new();
    let output = info(&place, &vector("increment.tar"), "C.UTF-8");
    says(&output.stdout, "info", &["  parent      ", "  builds on   the image ", "unchanged: ", "- unchanged"]);
    assert!(rows(&output).concat().contains('-'), "{}", text(&output.stdout));
}

#[test]
fn parts_say_where_they_begin_and_end() {
    let place = Place::new();
    let first = info(&place, &vector("part_1_of_2.tar"), "C");
    says(&first.stdout, "info", &["part, others missing", "another part follows, from byte ", "? missing"]);
    let second = info(&place, &vector("part_2_of_2.tar"), "C");
    says(&second.stdout, "info", &["part, others missing", "  part        number 2, from byte ", "? missing"]);
    assert_eq!((first.status.code(), second.status.code()), (Some(4), Some(4)));
}

#[test]
fn of_a_cut_archive_is_shown_what_is_there_and_what_is_missing() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    fs::write(place.path("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    for line in ["COLUMNS=64 LC_ALL=C blocktar info cut.tar", "cat cut.tar | COLUMNS=64 LC_ALL=C blocktar info"] {
        let output = place.shell(line);
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        says(&output.stdout, line, &["incomplete", "  map         data: 3 MiB in 1 extent", "? missing"]);
        let cells = rows(&output).concat();
        let (there, missing) = cells.split_at(cells.find('?').unwrap());
        assert!((10..30).contains(&there.len()) && missing.bytes().all(|one| one == b'?'), "{cells}");
    }
    // Cut within the head, nothing is known of the map.
    fs::write(place.path("head.tar"), &archive[..5000]).unwrap();
    let output = info(&place, "head.tar", "C");
    assert_eq!(output.status.code(), Some(4));
    says(&output.stdout, "info", &["incomplete", "  id          ", "? missing"]);
}

#[test]
fn a_damaged_index_does_not_hide_head_end_and_plan() {
    let place = Place::new();
    let mut archive = fs::read(place.path("backup.tar")).unwrap();
    let index = archive.windows(14).rposition(|bytes| bytes == b"/index/0000000").unwrap();
    archive[index + 512] ^= 1;
    fs::write(place.path("backup.tar"), archive).unwrap();
    let output = info(&place, "backup.tar", "C");
    assert_eq!(output.status.code(), Some(5));
    says(&output.stdout, "info", &["damaged: ", "  map         data: 3 MiB", "  digest      ", "picture"]);
}

#[test]
fn json_tells_what_people_are_told() {
    let place = sparse();
    let value = json(&info(&place, "sparse.tar --json", "C"));
    assert_eq!(value["map"]["data"]["extents"], 2);
    assert_eq!(value["map"]["data"]["bytes"], 2 * MIB + 4096);
    assert_eq!(value["map"]["hole"]["extents"], 3);
    assert_eq!(
        (&value["map"]["largest_data_bytes"], &value["map"]["median_data_bytes"]),
        (&(2 * MIB).into(), &4096.into())
    );
    assert_eq!((&value["zeros_found_bytes"], &value["bad"]), (&0.into(), &Value::Array(Vec::new())));
    assert_eq!((&value["state"], &value["exit_code"]), (&"complete".into(), &0.into()));
}

#[test]
fn the_map_is_printed_as_it_stands_in_the_archive() {
    let place = sparse();
    let table = text(&info(&place, "sparse.tar --extents", "C").stdout);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert_eq!((&lines[0], &lines[1]), (&vec!["START", "LENGTH", "KIND"], &vec!["0", "8388608", "hole"]));
    assert_eq!(lines[2], ["8388608", "2097152", "data"]);
    let same = "set -o pipefail; for archive in \"$@\"; do cmp <(tar -xOf $archive --wildcards '*/extents.json'; echo) \
        <(blocktar info --extents --json $archive) && cmp <(blocktar info --extents --json $archive) \
        <(cat $archive | blocktar info --extents --json) || exit 1; done";
    for archive in ["sparse.tar", &vector("increment.tar"), &vector("full_all_zero.tar")] {
        let output = place.shell(&format!("set -- {archive}; {same}"));
        assert!(output.status.success(), "{archive}: {output:?}");
    }
}

#[test]
fn an_archive_without_a_map_prints_what_its_members_say() {
    let place = Place::new();
    let output = info(&place, &format!("--extents --json {}", vector("full_inline.tar")), "C");
    let extents = json(&output);
    let ends = extents.as_array().unwrap().iter().fold(0, |at, extent| {
        assert_eq!(extent["start"], at);
        at + extent["length"].as_u64().unwrap()
    });
    let device = &json(&info(&place, &format!("--json {}", vector("full_inline.tar")), "C"))["info"]["device"]["size"];
    assert_eq!(*device, ends);
}

#[test]
fn the_map_of_a_cut_archive_is_printed_and_its_state_told() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    fs::write(place.path("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    fs::write(place.path("head.tar"), &archive[..5000]).unwrap();
    let output = place.run("info --extents cut.tar");
    assert_eq!(output.status.code(), Some(4));
    says(&output.stdout, "cut.tar", &["  data\n"]);
    says(&output.stderr, "cut.tar", &["blocktar: warning: cut.tar: incomplete"]);
    failed(&place.run("info --extents head.tar"), "head.tar", 4, &["before its map"]);
}

#[test]
fn a_reader_that_has_seen_enough_of_the_map_is_no_failure() {
    let place = sparse();
    for line in ["info sparse.tar --extents", "info sparse.tar --extents --json"] {
        let mut child = place.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{line}");
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = place.command("info sparse.tar --extents").stdout(full).output().unwrap();
    failed(&output, "info --extents > /dev/full", 3, &["writing standard output"]);
}

#[test]
fn of_an_empty_device_there_is_no_picture_and_no_room_to_make() {
    let place = Place::new();
    let made = place.shell("true > empty.img && blocktar backup empty.img -q -o empty.tar && blocktar info empty.tar");
    let said = text(&made.stdout);
    assert!(made.status.success() && said.contains("complete"), "{made:?}");
    assert!(!said.contains("picture") && !said.contains("lvcreate"), "{said}");
}
