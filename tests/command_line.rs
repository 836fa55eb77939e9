//! The command line as users meet it: exit codes, refusals, messages, and which stream carries what.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a disk image of 1 MiB: data in the middle, zeros around it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let mut bytes = vec![0; 1 << 20];
        for (position, byte) in bytes[300_000..500_000].iter_mut().enumerate() {
            *byte = (position * 7 + position / 251) as u8;
        }
        fs::write(place.path("disk.img"), bytes).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs what must succeed.
    fn done(&self, line: &str) -> Output {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        output
    }

    /// Runs what must fail with this exit code, nothing on stdout and this on stderr.
    fn fails(&self, line: &str, code: i32, texts: &[&str]) {
        assert_failed(&self.run(line), line, code, texts);
    }

    fn backed_up() -> Self {
        let place = Self::new();
        place.done("backup disk.img -o backup.tar -q");
        place
    }
}

fn assert_failed(output: &Output, line: &str, code: i32, texts: &[&str]) {
    assert_eq!(output.status.code(), Some(code), "{line}: {}", stderr(output));
    assert_eq!(stdout(output), "", "{line}");
    for text in texts {
        assert!(stderr(output).contains(text), "{line}: `{text}` is not in:\n{}", stderr(output));
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn partials(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("partial") || name.ends_with(".tmp")).collect()
}

#[test]
fn help_lists_every_exit_code_and_command() {
    let place = Place::new();
    for line in [
        "--help",
        "-h",
        "backup --help",
        "restore -h",
        "list -h",
        "info -h",
        "verify -h",
        "compare -h",
        "extract -h",
        "recompress -h",
        "salvage -h",
    ] {
        let help = stdout(&place.done(line));
        for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "8 ", "130,143 "] {
            assert!(help.contains(&format!("\n  {code}")), "{line}: exit code {code} is missing in:\n{help}");
        }
        assert!(help.contains("Examples:\n  blocktar "), "{line}");
    }
}

#[test]
fn wrong_usage_is_2() {
    let place = Place::new();
    let lines = [
        "",
        "backup",
        "frobnicate",
        "backup disk.img --compression lzma",
        "backup disk.img --compression zstd:99",
        "backup disk.img --digest md5",
        "backup disk.img --extent-limit 1K",
        "backup disk.img --record-size 1000",
        "backup disk.img --threads 0",
        "backup disk.img --meta novalue",
        "backup disk.img --meta a=1 --meta a=2",
        "backup disk.img --bwlimit 0",
        "backup disk.img --verify",
        "backup disk.img --progress maybe",
        "list -q -v",
        "salvage new.img",
        "restore new.img --lost lost.json",
        "info a.tar --json --attached x",
    ];
    for line in lines {
        place.fails(line, 2, &[]);
    }
    // Standard output may be a tape: only then it means something.
    place.fails("backup disk.img --overwrite", 6, &["--overwrite is for"]);
}

#[test]
fn what_is_not_there_is_3() {
    let place = Place::new();
    place.fails("backup absent.img -o backup.tar", 3, &["blocktar: opening absent.img: No such file"]);
    place.fails("verify absent.tar", 3, &["blocktar: opening absent.tar: No such file"]);
    place.fails("restore -i absent.tar new.img", 3, &["absent.tar"]);
    assert!(!place.path("backup.tar").exists() && !place.path("new.img").exists());
}

#[test]
fn an_output_that_is_the_source_is_refused() {
    let place = Place::new();
    let before = fs::read(place.path("disk.img")).unwrap();
    place.fails(
        "backup disk.img -o disk.img --overwrite",
        6,
        &["the output is the source itself", "  help: `blocktar"],
    );
    let stdout = File::options().append(true).open(place.path("disk.img")).unwrap();
    let output = place.command("backup disk.img").stdout(stdout).output().unwrap();
    assert_failed(&output, "backup disk.img >> disk.img", 6, &["the output is the source itself"]);
    assert_eq!(fs::read(place.path("disk.img")).unwrap(), before);
}

#[test]
fn an_existing_archive_is_replaced_only_when_told() {
    let place = Place::backed_up();
    place.fails("backup disk.img -o backup.tar", 6, &["--overwrite"]);
    place.done("backup disk.img -o backup.tar --overwrite");
    place.fails("backup disk.img -o .", 6, &["is a folder", "-o ./backup.tar"]);
}

#[test]
fn restore_with_the_archive_as_target_says_what_was_meant() {
    let place = Place::backed_up();
    let before = fs::read(place.path("backup.tar")).unwrap();
    place.fails("restore backup.tar", 6, &["it is an archive", "`blocktar restore -i backup.tar TARGET`"]);
    place.fails("restore -i backup.tar backup.tar --overwrite", 6, &["it is the archive that is to be restored"]);
    assert_eq!(fs::read(place.path("backup.tar")).unwrap(), before);
}

#[test]
fn an_existing_image_is_replaced_only_when_told() {
    let place = Place::backed_up();
    fs::write(place.path("new.img"), "precious").unwrap();
    place.fails("restore -i backup.tar new.img", 6, &["an image of this name exists", "--overwrite"]);
    assert_eq!(fs::read(place.path("new.img")).unwrap(), b"precious");
    place.done("restore -i backup.tar new.img --overwrite");
    assert_eq!(fs::read(place.path("new.img")).unwrap(), fs::read(place.path("disk.img")).unwrap());
    place.fails("restore -i backup.tar .", 6, &["it is a folder", "./disk.img"]);
}

#[test]
fn a_backup_to_stdout_comes_back_through_stdin() {
    let place = Place::new();
    let archive = place.done("backup disk.img --name web --json").stdout;
    let mut restore = place.command("restore new.img --read-back").stdin(Stdio::piped()).spawn().unwrap();
    restore.stdin.take().unwrap().write_all(&archive).unwrap();
    assert_eq!(restore.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read(place.path("new.img")).unwrap(), fs::read(place.path("disk.img")).unwrap());
}

#[test]
fn summaries_for_programs_go_where_no_archive_goes() {
    let place = Place::new();
    let to_file = place.done("backup disk.img -o backup.tar --verify --json -q");
    let summary = json(&stdout(&to_file));
    assert_eq!(summary["command"], "backup");
    assert_eq!(summary["info"]["device"]["size"], 1 << 20);
    assert_eq!(summary["archive_bytes"], fs::metadata(place.path("backup.tar")).unwrap().len());
    assert_eq!(summary["verified"]["faults"], json("[]"));

    let to_stdout = place.done("backup disk.img --json -q");
    assert_eq!(json(&stderr(&to_stdout))["exit_code"], 0);

    let listed = json(&stdout(&place.done("list backup.tar --json")));
    assert_eq!(listed["archives"][0]["info"]["id"], summary["info"]["id"]);
    assert_eq!(listed["archives"][0]["state"], "complete");
    assert_eq!(json(&stdout(&place.done("info backup.tar --json")))["end"], summary["end"]);
    assert_eq!(json(&stdout(&place.done("verify backup.tar --json")))["faults"], json("[]"));
    let restored = json(&stdout(&place.done("restore -i backup.tar new.img --json -q")));
    assert_eq!((&restored["command"], &restored["bad"]), (&json("\"restore\""), &json("[]")));
}

#[test]
fn quiet_says_nothing_and_the_summary_is_talk() {
    let place = Place::new();
    let talkative = place.done("backup disk.img -o backup.tar");
    assert!(stderr(&talkative).starts_with("backed up disk.img in ") && stdout(&talkative).is_empty());
    let quiet = place.done("backup disk.img -o backup.tar --overwrite -q");
    assert_eq!(stderr(&quiet) + &stdout(&quiet), "");
}

#[test]
fn list_prints_one_line_for_each_archive() {
    let place = Place::new();
    place.done("backup disk.img -o one.tar --name first -q");
    place.done("backup disk.img -o two.tar --compression none -q");
    fs::write(place.path("foreign.txt"), "not an archive").unwrap();
    let listed = stdout(&place.done("list ."));
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[0].starts_with("ID ") && listed.contains(" first ") && listed.contains(" complete "), "{listed}");
    let stdin = File::open(place.path("one.tar")).unwrap();
    let from_stdin = place.command("list").stdin(stdin).output().unwrap();
    assert!(stdout(&from_stdin).contains(" first "), "{}", stderr(&from_stdin));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::backed_up();
    for line in ["list backup.tar", "info backup.tar", "verify backup.tar", "info backup.tar --json"] {
        let mut child = place.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{line}");
    }
}

#[test]
fn an_archive_into_a_closed_pipe_or_a_full_disk_is_3() {
    let place = Place::new();
    let mut child = place
        .command("backup disk.img --compression none -q")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_failed(&output, "backup | true", 3, &["writing standard output", "  help: "]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = place.command("backup disk.img").stdout(full).output().unwrap();
    assert_failed(&output, "backup > /dev/full", 3, &["No space left", "  help: make room"]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    place.done("backup disk.img -o backup.tar");
    let output = place.command("list backup.tar").stdout(full).output().unwrap();
    assert_failed(&output, "list > /dev/full", 3, &["writing standard output"]);
}

#[test]
fn cut_and_changed_archives_are_4_and_5() {
    let place = Place::backed_up();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    fs::write(place.path("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    fs::write(place.path("empty.tar"), "").unwrap();
    let mut changed = archive.clone();
    changed[archive.len() / 2] ^= 1;
    fs::write(place.path("changed.tar"), changed).unwrap();
    for (name, code) in [("cut.tar", 4), ("empty.tar", 4), ("changed.tar", 5)] {
        assert_eq!(place.run(&format!("verify {name}")).status.code(), Some(code), "{name}");
        place.fails(&format!("restore -i {name} new.img"), code, &["blocktar: "]);
        assert!(!place.path("new.img").exists(), "{name}");
    }
    assert_eq!(place.run("list cut.tar").status.code(), Some(4));
    assert!(stdout(&place.run("list cut.tar")).contains("incomplete"));
}

#[test]
fn attached_files_and_notes_come_back() {
    let place = Place::new();
    fs::write(place.path("web.xml"), "<domain/>").unwrap();
    place.done("backup disk.img -o backup.tar --attach web.xml --meta vm=4711 --name web -q");
    assert_eq!(place.done("info backup.tar --attached web.xml").stdout, b"<domain/>");
    place.fails("info backup.tar --attached db.xml", 6, &["no attached file of this name", "web.xml"]);
    let text = stdout(&place.done("info backup.tar"));
    for part in ["vm=4711", "web.xml", "complete", "1 MiB (1048576 bytes)", "lvcreate -L 1048576b"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    place.fails("backup disk.img -o other.tar --attach web.xml --attach web.xml", 6, &["attach web.xml", "  help: "]);
}

#[test]
fn a_dry_run_prints_the_plan_and_changes_nothing() {
    let place = Place::backed_up();
    let plan = stdout(&place.done("restore -i backup.tar new.img --dry-run"));
    assert!(plan.contains("new.img"), "{plan}");
    assert!(!place.path("new.img").exists());
}

#[test]
fn progress_for_programs_is_one_object_a_line() {
    let place = Place::new();
    let output = place.done("backup disk.img -o backup.tar --progress json -q");
    let lines: Vec<_> = stderr(&output).lines().map(json).collect();
    let last = lines.last().expect("there is always a last one");
    assert_eq!((&last["last"], &last["total_bytes"]), (&json("true"), &json("1048576")));
    assert_eq!(last["done_bytes"], 1 << 20);
}

/// The map of such an archive is empty, so all of it may be data.
#[test]
fn a_dry_run_of_an_archive_without_a_map_does_not_promise_to_write_nothing() {
    let place = Place::new();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec/vectors/full_inline.tar");
    let plan = stdout(&place.done(&format!("restore -i {} new.img --dry-run --json", archive.display())));
    let plan = &json(&plan)["plan"];
    assert_eq!(plan["data_bytes"], plan["device_bytes"]);
}

/// Starts a backup that would take an hour, and waits until it reads.
fn slow_backup(place: &Place, command: &mut Command) -> Child {
    command.args(["--bwlimit", "1K", "--progress", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = [0];
    // The first line of progress comes after a second.
    child.stderr.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(first, *b"{", "{:?}", place.path(""));
    child
}

#[test]
fn signals_end_a_backup_within_a_second_and_leave_nothing() {
    let place = Place::new();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        // What started the tests may have been told to ignore some of them, as nohup and a shell's `&` do.
        let mut command = Command::new("env");
        command.args(["--default-signal", env!("CARGO_BIN_EXE_blocktar"), "backup", "disk.img", "-o", "backup.tar"]);
        let child = slow_backup(&place, command.current_dir(place.0.path()).stdin(Stdio::null()));
        let begun = Instant::now();
        let killed = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let output = child.wait_with_output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "{signal}: {:?}", begun.elapsed());
        assert_failed(&output, signal, code, &["blocktar: interrupted by signal"]);
        assert!(!place.path("backup.tar").exists());
        assert_eq!(partials(place.0.path()), [""; 0], "{signal}");
    }
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_so() {
    let place = Place::new();
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_blocktar")).args(["backup", "disk.img", "-o", "backup.tar"]);
    command.current_dir(place.0.path()).stdin(Stdio::null());
    let child = slow_backup(&place, &mut command);
    for signal in ["HUP", "TERM"] {
        Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    // Not 129.
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
}
