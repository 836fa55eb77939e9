//! `compare` and `extract` as their users meet them: exit codes, messages, and what goes to which stream.

mod place;
mod support;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Output, Stdio};

use place::{MIB, Place, failed, says, text};
use serde_json::{Value, json};
use support::{LoopDevice, is_root};

fn vector(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/vectors").join(name).display().to_string()
}

fn json_of(said: &[u8]) -> Value {
    serde_json::from_slice(said).unwrap_or_else(|error| panic!("{error}: {}", text(said)))
}

/// Runs a line with this on its standard input.
fn run_with_input(place: &Place, line: &str, input: &[u8]) -> Output {
    let mut child = place.command(line);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // One that refuses early does not take all of it.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

fn archive_of(place: &Place) -> Vec<u8> {
    fs::read(place.path("backup.tar")).unwrap()
}

// ------------------------------------------------------------------------------------------------ extract

#[test]
fn a_range_comes_from_a_file_and_through_a_pipe() {
    let place = Place::new();
    for (options, first, length) in [
        ("", 0, 3 * MIB),
        ("--offset 1M", MIB, 2 * MIB),
        ("--length 512", 0, 512),
        ("--offset 1000KiB --length 64K", 1000 << 10, 64 << 10),
        ("--offset 3145727 --length 1", 3 * MIB - 1, 1),
        ("--offset 3M --length 0", 3 * MIB, 0),
    ] {
        let expected = &place.image[first..first + length];
        let from_file = place.run(&format!("extract backup.tar {options}"));
        assert_eq!(from_file.status.code(), Some(0), "{options}: {}", text(&from_file.stderr));
        assert!(from_file.stdout == expected, "{options}");
        says(&from_file.stderr, options, &["extracted ", "archive     backup.tar"]);
        let quiet = run_with_input(&place, &format!("extract - {options} -q --threads 1"), &archive_of(&place));
        assert!(quiet.stdout == expected && quiet.stderr.is_empty(), "{options}: {}", text(&quiet.stderr));
    }
    let output = place.run("extract backup.tar --offset 1M --length 2K --json -q");
    assert_eq!(output.stdout, &place.image[MIB..MIB + 2048]);
    let summary = json_of(&output.stderr);
    assert_eq!(
        (&summary["command"], &summary["offset"], &summary["length"]),
        (&json!("extract"), &json!(MIB), &json!(2048))
    );
    assert_eq!(summary["end"]["data_members"].as_u64().map(|members| members > 0), Some(true));
}

#[test]
fn what_an_archive_cannot_give_is_refused_before_the_first_byte() {
    let place = Place::new();
    let size = "the device has 3145728 bytes";
    place.refuses("extract backup.tar --offset 3M", &[size, "there is nothing from byte 3145728 on", "help: give"]);
    place.refuses("extract backup.tar --offset 2M --length 2M", &[size, "no 2097152 bytes"]);
    place.refuses("extract backup.tar --offset 999999T --length 999999T", &[size]);
    for line in ["extract backup.tar --offset x", "extract backup.tar --length -1"] {
        failed(&place.run(line), line, 2, &[]);
    }
    let line = format!("extract {}", vector("increment.tar"));
    failed(
        &place.run(&line),
        &line,
        7,
        &["increment.tar: ", "bytes 0 to 511, 1512 to 65535", "unchanged since its parent 0199a0b0", "help: "],
    );
    let held = place.run(&format!("{line} --offset 512 --length 1000"));
    assert_eq!((held.status.code(), held.stdout.len()), (Some(0), 1000));
    let line = format!("extract {}", vector("full_bad_range.tar"));
    failed(
        &place.run(&line),
        &line,
        6,
        &["full_bad_range.tar: ", "bytes 4396 to 9395 could not be read when the backup was made", "help: "],
    );
    let line = "extract absent.tar";
    failed(&place.run(line), line, 3, &["opening absent.tar: No such file"]);
}

#[test]
fn a_cut_or_damaged_archive_is_an_error_whatever_was_given() {
    let place = Place::new();
    let archive = archive_of(&place);
    let cut = run_with_input(&place, "extract --length 1K", &archive[..archive.len() * 3 / 4]);
    assert_eq!((cut.status.code(), &cut.stdout[..]), (Some(4), &place.image[..1024]), "{}", text(&cut.stderr));
    let mut spoiled = archive.clone();
    let half = archive.len() / 2;
    spoiled[half..half + 16].iter_mut().for_each(|byte| *byte ^= 0xff);
    fs::write(place.path("spoiled.tar"), &spoiled).unwrap();
    let output = place.run("extract spoiled.tar");
    assert_eq!(output.status.code(), Some(5));
    assert!(output.stdout.len() < 2 * MIB && place.image.starts_with(&output.stdout), "only what is right");
    says(&output.stderr, "spoiled", &["spoiled.tar is damaged", "  affected: bytes 1048576 to 2097151", "  help: "]);
    let sound_member = place.run("extract spoiled.tar --length 1M");
    assert_eq!((sound_member.status.code(), sound_member.stdout.len()), (Some(0), MIB));
}

#[test]
fn raw_bytes_go_neither_to_a_terminal_nor_into_their_archive() {
    let place = Place::new();
    let output = place.terminal("blocktar extract backup.tar");
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    says(
        &output.stdout,
        "a terminal",
        &["standard output is a terminal", "extract from backup.tar", "blocktar extract backup.tar > FILE"],
    );
    let output = place.shell("script -qec 'blocktar extract > piece' /dev/null");
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let before = archive_of(&place);
    for line in ["blocktar extract backup.tar >> backup.tar", "blocktar extract < backup.tar >> backup.tar"] {
        failed(&place.shell(line), line, 6, &["the output is the archive itself"]);
    }
    assert!(archive_of(&place) == before);
}

#[test]
fn an_output_that_does_not_take_it_is_3() {
    let place = Place::new();
    let output = place.shell("blocktar extract backup.tar | true; exit ${PIPESTATUS[0]}");
    failed(&output, "extract | true", 3, &["writing standard output: Broken pipe", "  help: "]);
    let output = place.shell("blocktar extract backup.tar > /dev/full");
    failed(&output, "extract > /dev/full", 3, &["No space left", "  help: make room"]);
    let output = place.shell("blocktar extract backup.tar >&-");
    failed(&output, "extract >&-", 3, &["it was closed from the start"]);
}

#[test]
fn into_a_file_it_writes_the_range_and_leaves_what_lies_behind() {
    let place = Place::new();
    fs::write(place.path("piece"), [7; 10_000]).unwrap();
    let mut piece = File::options().write(true).open(place.path("piece")).unwrap();
    piece.seek(SeekFrom::Start(100)).unwrap();
    let output = place.command("extract backup.tar --offset 1M --length 4K").stdout(piece).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let expected = [&[7; 100], &place.image[MIB..MIB + 4096], &[7; 10_000 - 4196]].concat();
    assert!(fs::read(place.path("piece")).unwrap() == expected);
}

// ------------------------------------------------------------------------------------------------ compare

#[test]
fn equal_is_0_and_different_is_1_with_the_ranges() {
    let place = Place::new();
    let equal = place.run("compare backup.tar disk.img");
    assert_eq!((equal.status.code(), text(&equal.stderr)), (Some(0), String::new()));
    says(&equal.stdout, "equal", &["disk.img equals backup.tar\n", "compared    3 MiB (3145728 bytes)"]);
    let quiet = place.run("compare backup.tar disk.img -q");
    assert_eq!((quiet.status.code(), quiet.stdout.len(), quiet.stderr.len()), (Some(0), 0, 0));

    let mut changed = place.image.clone();
    for at in [5000, 9000, 2_000_000] {
        changed[at] ^= 1;
    }
    fs::write(place.path("changed.img"), &changed).unwrap();
    let quiet = place.run("compare backup.tar changed.img -q");
    assert_eq!(
        (quiet.status.code(), text(&quiet.stdout)),
        (
            Some(1),
            "changed.img differs from backup.tar in 2 ranges\n  differs: bytes 4096 to 12287 (8 KiB)\n  differs: bytes 1998848 to 2002943 (4 KiB)\n".to_owned()
        )
    );
    let through_pipe = run_with_input(&place, "compare - changed.img --json --threads 1", &archive_of(&place));
    let found = json_of(&through_pipe.stdout);
    assert_eq!((through_pipe.status.code(), &found["exit_code"], &found["equal"]), (Some(1), &json!(1), &json!(false)));
    assert_eq!(found["differing"], json!([{"offset": 4096, "length": 8192}, {"offset": 1_998_848, "length": 4096}]));
    assert_eq!((&found["differing_bytes"], &found["bad"]), (&json!(12_288), &json!([])));
    let found = json_of(&place.run("compare backup.tar disk.img --json").stdout);
    assert_eq!((&found["equal"], &found["compared_bytes"]), (&json!(true), &json!(3 * MIB)));
}

#[test]
fn another_size_is_a_difference() {
    let place = Place::new();
    fs::write(place.path("short.img"), &place.image[..2 * MIB]).unwrap();
    let output = place.run("compare backup.tar short.img");
    assert_eq!(output.status.code(), Some(1));
    says(
        &output.stdout,
        "short",
        &["differs: bytes 2097152 to 3145727 (1 MiB)", "2 MiB (2097152 bytes); when it was backed up, 3 MiB"],
    );
    fs::write(place.path("long.img"), [&place.image[..], &[0]].concat()).unwrap();
    says(&place.run("compare backup.tar long.img").stdout, "long", &["differs: bytes 3145728 to 3145728 (1 byte)"]);
}

#[test]
fn what_was_not_compared_is_said() {
    let place = Place::new();
    let bad = vector("full_bad_range.tar");
    assert_eq!(place.run(&format!("restore -i {bad} bad.img -q")).status.code(), Some(8));
    let output = place.run(&format!("compare {bad} bad.img"));
    assert_eq!(output.status.code(), Some(8), "{}", text(&output.stdout));
    says(
        &output.stdout,
        "bad",
        &[
            "as far as it was compared",
            "not compared, as it could not be read when it was backed up: bytes 4396 to 9395",
        ],
    );
    let found = json_of(&place.run(&format!("compare {bad} bad.img --json")).stdout);
    assert_eq!((&found["equal"], &found["bad_bytes"]), (&Value::Null, &json!(5000)), "nobody knows");
    let found = json_of(&place.run(&format!("compare {bad} disk.img --json")).stdout);
    assert_eq!(found["equal"], json!(false));
    let found = json_of(&place.run(&format!("compare {} disk.img --json", vector("increment.tar"))).stdout);
    assert_eq!((&found["unchanged_bytes"], &found["compared_bytes"]), (&json!(132_464), &json!(67_537)));
}

#[test]
fn an_archive_that_is_not_sound_is_no_difference() {
    let place = Place::new();
    let mut archive = archive_of(&place);
    fs::write(place.path("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    let half = archive.len() / 2;
    archive[half..half + 16].iter_mut().for_each(|byte| *byte ^= 0xff);
    fs::write(place.path("spoiled.tar"), &archive).unwrap();
    // Though the image differs before the damage, too.
    fs::write(place.path("changed.img"), vec![1; 3 * MIB]).unwrap();
    for image in ["disk.img", "changed.img"] {
        let line = format!("compare spoiled.tar {image}");
        failed(&place.run(&line), &line, 5, &["spoiled.tar is damaged", "affected: bytes 1048576 to 2097151"]);
        let line = format!("compare cut.tar {image}");
        failed(&place.run(&line), &line, 4, &["cut.tar is incomplete"]);
    }
}

#[test]
fn a_file_that_never_was_an_archive_is_not_sent_to_verify() {
    let place = Place::new();
    place.shell("tar -cf other.tar disk.img");
    for (line, help) in [
        ("compare disk.img backup.tar", "help: it does not begin as an archive"),
        ("extract other.tar", "help: it looks to be a tar of another program"),
        ("recompress disk.img -o new.tar", "help: it does not begin as an archive"),
        ("restore -i other.tar new.img", "help: it looks to be a tar of another program"),
        ("info disk.img --extents", "help: it does not begin as an archive"),
    ] {
        let output = place.run(line);
        failed(&output, line, 5, &[help]);
        assert!(!text(&output.stderr).contains("blocktar verify"), "{line}: {}", text(&output.stderr));
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    let place = Place::new();
    let line = "compare backup.tar absent.img";
    failed(&place.run(line), line, 3, &["opening absent.img: No such file"]);
    let line = "compare backup.tar .";
    failed(&place.run(line), line, 6, &["refused to read .: it is a directory"]);
    failed(&place.run("compare backup.tar"), "compare backup.tar", 2, &["DEVICE"]);
    let output = place.terminal("blocktar compare - disk.img");
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    says(&output.stdout, "a terminal", &["standard input is a terminal"]);
}

#[test]
fn a_device_is_compared_and_warned_of_when_it_is_in_use() {
    let place = Place::new();
    if !is_root("compare with a block device") {
        return;
    }
    let backing = place.path("disk.img");
    assert!(place.shell("truncate -s 8M disk.img && mkfs.ext4 -q -F disk.img").status.success());
    assert_eq!(place.run("backup disk.img -o fs.tar -q").status.code(), Some(0));
    let device = LoopDevice::over(&backing, 512);
    let line = format!("compare fs.tar {}", device.path.display());
    let equal = place.run(&line);
    assert_eq!(equal.status.code(), Some(0), "{}", text(&equal.stdout));
    File::options().write(true).open(&device.path).unwrap().write_all_at(b"other", 5 << 20).unwrap();
    let output = place.run(&line);
    assert_eq!(output.status.code(), Some(1));
    says(&output.stdout, &line, &["differs: bytes 5242880 to 5246975 (4 KiB)"]);
    fs::create_dir(place.path("mounted")).unwrap();
    assert!(place.shell(&format!("mount {} mounted", device.path.display())).status.success());
    let output = place.run(&line);
    assert!(place.shell("umount mounted").status.success());
    says(&output.stderr, &line, &["is mounted read-write at"]);
}
