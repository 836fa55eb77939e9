//! What the program must not do, and says so: archives on terminals, full disks, signals, closed streams.

mod place;
mod support;

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use place::{MIB, Place, failed, says, text};
use support::{LoopDevice, Mounted, is_root, names};

fn path_of(device: &LoopDevice) -> String {
    device.path.display().to_string()
}

// ------------------------------------------------------------------------------------------------ terminals

#[test]
fn terminals_are_not_for_archives() {
    let place = Place::new();
    for (line, code, says_so) in [
        ("blocktar backup disk.img", 6, "blocktar backup disk.img -o FILE"),
        // Before a snapshot is taken, and what LVM says of the volume.
        ("blocktar backup lvm:vg/lv", 6, "blocktar backup lvm:vg/lv -o FILE"),
        ("blocktar restore new.img", 6, "blocktar restore -i ARCHIVE new.img"),
        ("blocktar restore backup.tar", 6, "blocktar restore -i backup.tar TARGET"),
        ("blocktar restore backup.tar --overwrite", 6, "blocktar restore -i backup.tar TARGET"),
        ("blocktar verify", 6, "verify"),
        ("blocktar recompress -o new.tar", 6, "blocktar recompress ARCHIVE"),
        ("blocktar recompress backup.tar", 6, "blocktar recompress backup.tar -o FILE"),
        ("blocktar list", 6, "list"),
    ] {
        let output = place.terminal(line);
        assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
        says(
            &output.stdout,
            line,
            &[says_so, "terminal"].map(|wanted| if line.contains("backup.tar") { says_so } else { wanted }),
        );
    }
    // What is not there is told before anything else.
    let output = place.terminal("blocktar backup absent.img");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    says(&output.stdout, "backup absent.img", &["opening absent.img"]);
    assert_eq!(names(place.folder.path()), ["backup.tar", "disk.img"]);
}

// ------------------------------------------------------------------------------------------------ full disks

#[test]
fn a_full_disk_is_3_and_leaves_nothing() {
    if !is_root("backups and restores into full file systems") {
        return;
    }
    let place = Place::new();
    let small = Mounted::new("tmpfs", "size=1m");
    let backing = place.path("small.img");
    assert!(place.shell("truncate -s 2M small.img && mkfs.ext4 -q -F -m 0 -O ^has_journal small.img").status.success());
    let device = LoopDevice::over(&backing, 512);
    let ext4 = place.path("ext4");
    fs::create_dir(&ext4).unwrap();
    assert!(place.shell(&format!("mount {} ext4 && rmdir ext4/lost+found", path_of(&device))).status.success());
    for folder in [small.folder(), &ext4] {
        let at = folder.display();
        for line in [
            format!("backup disk.img -o {at}/new.tar"),
            format!("recompress backup.tar -o {at}/new.tar --compression none"),
        ] {
            failed(&place.run(&line), &line, 3, &["new.tar", "No space left", "help: make room"]);
            assert_eq!(names(folder), [""; 0], "{line}");
        }
        for line in [
            format!("blocktar restore -i backup.tar {at}/new.img"),
            format!("cat backup.tar | blocktar restore {at}/new.img --threads 16"),
        ] {
            failed(&place.shell(&line), &line, 3, &["new.img", "No space left", "help: make room"]);
            assert_eq!(names(folder), [""; 0], "{line}");
        }
        // A name that a shell made is not ours to remove.
        let line = format!("blocktar backup disk.img > {at}/shell.tar");
        failed(&place.shell(&line), &line, 3, &["No space left", "help: make room"]);
        let left = place.run(&format!("verify {at}/shell.tar"));
        assert_eq!(left.status.code(), Some(4), "{left:?}");
        fs::remove_file(folder.join("shell.tar")).unwrap();
    }
    assert!(place.shell("umount ext4").status.success());
}

// ------------------------------------------------------------------------------------------------ signals

/// Sends a signal after a moment; how long it took the process to leave, and what it said.
fn stopped_by(mut command: Command, signal: &str) -> (Duration, Output) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // Kept: nobody reads the pipe, nobody writes it, and nobody closes it.
    let (_stdin, _stdout) = (child.stdin.take(), child.stdout.take());
    std::thread::sleep(Duration::from_millis(400));
    assert!(child.try_wait().unwrap().is_none(), "it ended before the signal");
    let begun = Instant::now();
    let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let status = child.wait().unwrap();
    let took = begun.elapsed();
    let mut stderr = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    (took, Output { status, stdout: Vec::new(), stderr })
}

fn is_stopped(command: Command, what: &str, signal: &str, code: i32) {
    let (took, output) = stopped_by(command, signal);
    failed(&output, what, code, &["blocktar: interrupted by signal"]);
    assert!(took < Duration::from_secs(1), "{what}, {signal}: {took:?}");
}

#[test]
fn signals_stop_what_waits_for_a_slow_pipe_within_a_second() {
    let place = Place::new();
    let archive = fs::read(place.path("backup.tar")).unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // Nobody reads.
        let mut backup = place.command("backup disk.img");
        backup.stdout(Stdio::piped());
        is_stopped(backup, "a backup into a pipe that nobody reads", signal, code);
        // Nobody writes: before the first byte, and in the middle.
        for length in [0, archive.len() / 2, archive.len() - 4096] {
            for line in ["restore new.img", "recompress -o new.tar"] {
                let (reader, mut writer) = std::io::pipe().unwrap();
                let piece = archive[..length].to_vec();
                let mut command = place.command(line);
                command.stdin(reader);
                let feeding = std::thread::spawn(move || {
                    let _ = writer.write_all(&piece);
                    // Open until the reader has gone.
                    writer
                });
                is_stopped(command, &format!("{line} from a pipe that nobody writes"), signal, code);
                assert_eq!(names(place.folder.path()), ["backup.tar", "disk.img"], "{signal} after {length} bytes");
                drop(feeding.join().unwrap());
            }
        }
    }
}

#[test]
fn a_signal_leaves_a_device_headless() {
    if !is_root("signals that stop restores onto loop devices") {
        return;
    }
    // More than one batch, so that something is written before the wait.
    let place = Place::of_size(20 * MIB);
    let archive = fs::read(place.path("backup.tar")).unwrap();
    let device = LoopDevice::dirty(20 * MIB, 512);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let half = archive[..archive.len() * 2 / 3].to_vec();
    let mut restore = place.command(&format!("restore {}", path_of(&device)));
    restore.stdin(reader);
    let feeding = std::thread::spawn(move || {
        writer.write_all(&half).unwrap();
        writer
    });
    is_stopped(restore, "a restore onto a device", "TERM", 143);
    drop(feeding.join().unwrap());
    let content = device.content();
    assert!(content[..MIB].iter().all(|byte| *byte == 0), "its head is not zero");
    assert!(content[19 * MIB..].iter().all(|byte| *byte == 0xff));
}

#[test]
fn a_restore_that_fails_half_way_names_what_it_has_overwritten() {
    if !is_root("restores of cut archives onto loop devices") {
        return;
    }
    // More than one batch, so that something is written before the cut is met.
    let place = Place::of_size(20 * MIB);
    let device = LoopDevice::dirty(20 * MIB, 512);
    let path = path_of(&device);
    let line = format!("head -c 12M backup.tar | blocktar restore {path}");
    failed(
        &place.shell(&line),
        &line,
        4,
        &["is incomplete", "has been overwritten within bytes 0 to", "is not whole: restore it again"],
    );
    assert!(device.content()[..MIB].iter().all(|byte| *byte == 0), "its head is not zero");
    // From a file everything is known before the first write.
    let whole = LoopDevice::dirty(20 * MIB, 512);
    assert!(place.shell("head -c 12M backup.tar > cut.tar").status.success());
    let line = format!("restore -i cut.tar {}", path_of(&whole));
    failed(&place.run(&line), &line, 4, &["is incomplete"]);
    assert!(whole.content().iter().all(|byte| *byte == 0xff), "a cut file was restored half-way");
}

// ------------------------------------------------------------------------------------------------ closed streams

#[test]
fn a_reader_that_leaves_is_3_and_said() {
    let place = Place::of_size(20 * MIB);
    let line = "blocktar backup disk.img --threads 4 | head -c 1000 > /dev/null; echo ${PIPESTATUS[0]} >&2";
    let output = place.shell(line);
    says(&output.stderr, line, &["writing standard output", "Broken pipe", "help: ", "\n3\n"]);
    assert!(!text(&output.stderr).contains("backed up"), "{output:?}");
}

/// Before `main`, the standard library opens /dev/null in place of a closed stream.
#[test]
fn a_closed_standard_output_does_not_swallow_an_archive() {
    let place = Place::new();
    for line in ["blocktar backup disk.img >&-", "blocktar backup disk.img -o - >&-"] {
        failed(&place.shell(line), line, 3, &["standard output", "closed"]);
    }
    for line in ["blocktar list backup.tar >&-", "blocktar verify backup.tar >&-", "blocktar info backup.tar >&-"] {
        failed(&place.shell(line), line, 3, &["standard output", "closed"]);
    }
    for line in ["--help", "backup --help", "--version"] {
        failed(&place.shell(&format!("blocktar {line} >&-")), line, 3, &["standard output", "closed"]);
        failed(&place.shell(&format!("blocktar {line} > /dev/full")), line, 3, &["No space left"]);
        assert!(place.shell(&format!("set -o pipefail; blocktar {line} | cat")).status.success());
    }
    // Who names /dev/null means it, and who closes the other streams takes nothing from the archive.
    let fine = [
        "blocktar backup disk.img > /dev/null",
        "blocktar backup disk.img 1<> /dev/null",
        "blocktar backup disk.img -o other.tar -q >&- 2>&- <&-",
        "blocktar backup disk.img 2>&- <&- > another.tar",
        "blocktar restore -i other.tar new.img -q >&- 2>&- <&-",
    ];
    for line in fine {
        assert_eq!(place.shell(line).status.code(), Some(0), "{line}");
    }
    assert_eq!(place.shell("blocktar verify another.tar").status.code(), Some(0));
    assert!(fs::read(place.path("new.img")).unwrap() == place.image);
    let line = "blocktar restore empty.img <&-";
    failed(&place.shell(line), line, 3, &["standard input", "closed"]);
    let mut left = names(place.folder.path());
    left.retain(|name| name.contains("partial") || name == "empty.img");
    assert_eq!(left, [""; 0]);
}
