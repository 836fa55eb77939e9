//! `--next-medium` on the command line: what comes of a command that brings what is no part, and of one that is at work when blocktar is stopped.

mod place;
mod support;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use blocktar::archive::Label;
use place::{MIB, Place, says, text};

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until this holds.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_no_archive_is_told_at_the_first_part_and_at_later_ones() {
    let place = Place::new();
    let written = place.run("backup disk.img --part-size 2M --extent-limit 256K -o p-%d.tar -q");
    assert!(written.status.success(), "{}", text(&written.stderr));
    fs::create_dir(place.path("folder")).unwrap();
    fs::write(place.path("empty"), []).unwrap();
    fs::write(place.path("zeros"), vec![0; 5 * MIB]).unwrap();
    fs::write(place.path("label"), Label::new("WEEK-07", 64 << 10).unwrap().archive()).unwrap();
    assert!(place.shell("tar cf foreign p-1.tar").status.success());
    for (brought, code, why) in [
        ("/dev/zero", 6, "a device that holds no archive"),
        ("/dev/tty", 6, "a device that holds no archive"),
        ("folder", 6, "a folder"),
        ("empty", 4, "it is empty"),
        ("zeros", 4, "only zeros"),
        ("foreign", 5, "another tar"),
        ("label", 6, "the label of medium WEEK-07, not a backup"),
        ("none", 3, "No such file"),
    ] {
        let line = format!("restore -i {brought} new.img");
        let output = place.run(&line);
        assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
        says(&output.stderr, &line, &[why]);
        let line = format!("blocktar restore -i p-1.tar --next-medium 'echo {brought}' new.img");
        let output = place.shell(&line);
        assert_eq!(output.status.code(), Some(6), "{line}: {output:?}");
        says(&output.stderr, &line, &["5 times what will not do", why]);
        assert!(!place.path("new.img").exists(), "{line}");
    }
    let endless = place.shell("cat /dev/zero | blocktar restore new.img");
    assert_eq!(endless.status.code(), Some(4), "{endless:?}");
    says(&endless.stderr, "a pipe of zeros", &["only zeros"]);
}

/// Stops blocktar while the command for the next medium is at work, and waits for the end of what that started.
fn stop_at_work(place: &Place, line: &str) {
    let change = "sleep 600 & echo $! > number.new; mv number.new number; wait";
    let mut blocktar = place.command(line);
    let mut blocktar = blocktar.arg(change).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the command", || place.path("number").exists());
    let number = fs::read_to_string(place.path("number")).unwrap();
    let runs = || {
        let stat = fs::read_to_string(Path::new("/proc").join(number.trim()).join("stat")).unwrap_or_default();
        stat.contains("(sleep)") && !stat.contains(") Z ")
    };
    // Until it has become that program.
    wait_until("what the command starts", runs);
    assert!(place.shell(&format!("kill -TERM {}", blocktar.id())).status.success());
    assert_eq!(blocktar.wait().unwrap().code(), Some(143), "{line}");
    wait_until("the end of what the command started", || !runs());
    fs::remove_file(place.path("number")).unwrap();
}

#[test]
fn a_command_that_is_at_work_ends_with_blocktar_and_with_all_that_it_started() {
    let place = Place::new();
    let write = "backup disk.img --part-size 2M --extent-limit 256K -o p-%d.tar";
    stop_at_work(&place, &format!("{write} --next-medium"));
    assert_eq!(support::names(place.folder.path()), ["backup.tar", "disk.img"]);
    assert!(place.run(write).status.success());
    // `info` did not stop it.
    for read in ["info", "verify", "extract"] {
        stop_at_work(&place, &format!("{read} p-1.tar --next-medium"));
    }
}
