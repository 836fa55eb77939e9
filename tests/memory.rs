//! How much memory the program takes at most, as the system counts it: bounded, whatever the size of the device and however many
//! its extents.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The promise for two processors (README, "How fast, in how much memory").
const PEAK_KIB_MAX: u64 = 96 << 10;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A folder and the image in it.
struct Place(tempfile::TempDir);

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program with two threads and gives its peak in KiB, as wait4 tells it to time(1).
    fn peak_kib(&self, line: &str, stdin: Option<&str>, stdout: Option<&str>) -> u64 {
        let notes = self.path("peak");
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "%M", "-o"]).arg(&notes).arg(env!("CARGO_BIN_EXE_blocktar"));
        command.args(line.split_whitespace()).args(["-q", "--threads", "2"]).current_dir(self.0.path());
        // Through a pipe, so that no end of it can seek.
        let mut feeder = stdin.map(|name| {
            Command::new("cat").arg(self.path(name)).stdout(Stdio::piped()).spawn().expect("cat is everywhere")
        });
        command.stdin(feeder.as_mut().map_or(Stdio::null(), |feeder| feeder.stdout.take().unwrap().into()));
        command.stdout(stdout.map_or(Stdio::null(), |name| File::create(self.path(name)).unwrap().into()));
        let status = command.status().expect("this test needs /usr/bin/time: install it (`apt-get install time`)");
        assert!(status.success(), "{line}: {status}");
        assert!(feeder.is_none_or(|mut feeder| feeder.wait().unwrap().success()));
        fs::read_to_string(notes).unwrap().trim().parse().unwrap()
    }

    /// Backup, verify, restore and recompress in every way that takes memory in its own way.
    fn check_all(&self) {
        for compression in ["none", "zstd:1"] {
            let mut peaks = Vec::new();
            let mut run = |line: &str, stdin, stdout| peaks.push((line.to_owned(), self.peak_kib(line, stdin, stdout)));
            run(&format!("backup disk.img --compression {compression}"), None, Some("backup.tar"));
            run("verify backup.tar", None, None);
            run("backup disk.img --since backup.tar", None, None);
            let other = if compression == "none" { "zstd:1" } else { "none" };
            run(&format!("recompress --compression {other}"), Some("backup.tar"), Some("other.tar"));
            run("recompress backup.tar --digest blake3 --extent-limit 64K", None, None);
            fs::remove_file(self.path("other.tar")).unwrap();
            run("restore new.img", Some("backup.tar"), None);
            run("restore -i backup.tar new.img --overwrite --read-back", None, None);
            fs::remove_file(self.path("new.img")).unwrap();
            for (line, peak_kib) in peaks {
                println!("{compression}: {} MiB: {line}", peak_kib >> 10);
                assert!(peak_kib <= PEAK_KIB_MAX, "{compression}: {peak_kib} KiB: {line}");
            }
        }
    }
}

/// Bytes that compress by about a half, different for each number.
fn bytes(number: u64, length: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state & 0x0f0f_0f0f_0f0f_0f0f).to_le_bytes()
    };
    (0..length / 8).flat_map(|_| next()).collect()
}

fn make_image(path: &Path, size: u64, extents: u64, length: u64, distance: u64) {
    let file = File::create(path).unwrap();
    file.set_len(size).unwrap();
    for number in 0..extents {
        file.write_all_at(&bytes(number, length), number * distance).unwrap();
    }
}

/// A folder in memory where there is room: deleting a file of so many extents takes minutes on a disk that discards.
fn in_memory() -> tempfile::TempDir {
    let df = Command::new("df").args(["-B1", "--output=avail", "/dev/shm"]).output().unwrap();
    let free_bytes = String::from_utf8_lossy(&df.stdout).lines().last().and_then(|line| line.trim().parse().ok());
    let roomy = free_bytes.is_some_and(|free_bytes: u64| free_bytes > 2 * GIB);
    if roomy { tempfile::tempdir_in("/dev/shm").unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn a_large_sparse_image_takes_no_more_than_the_promise() {
    let place = Place(tempfile::tempdir().unwrap());
    make_image(&place.path("disk.img"), 64 * GIB, 75, 4 * MIB, 800 * MIB);
    place.check_all();
}

#[test]
fn many_small_extents_take_no_more_than_the_promise() {
    let place = Place(in_memory());
    make_image(&place.path("disk.img"), 100_000 * 128 * KIB, 100_000, 4 * KIB, 128 * KIB);
    place.check_all();
}

/// A backup kept each of them twice.
#[test]
fn attached_files_are_kept_once() {
    let place = Place(in_memory());
    make_image(&place.path("disk.img"), 16 * MIB, 1, 4 * KIB, 4 * KIB);
    let plain_kib = place.peak_kib("backup disk.img", None, None);
    let mut line = "backup disk.img".to_owned();
    for number in 0..16 {
        fs::write(place.path(&format!("file{number}")), bytes(number, 4 * MIB)).unwrap();
        line += &format!(" --attach file{number}");
    }
    let most_kib = plain_kib + (64 + 16) * 1024;
    let peaks = [place.peak_kib(&line, None, Some("backup.tar")), place.peak_kib("recompress backup.tar", None, None)];
    assert!(peaks.iter().all(|kib| *kib <= most_kib), "{peaks:?} KiB of at most {most_kib}, of which 64 MiB are files");
    let mut chain = "backup.tar".to_owned();
    for number in 1..5 {
        let name = format!("inc{number}.tar");
        let since = chain.replace(' ', " --since ");
        place.peak_kib(&line.replace("disk.img", &format!("disk.img --since {since} -o {name}")), None, None);
        chain += &format!(" {name}");
    }
    let (merge_kib, most_kib) = (place.peak_kib(&format!("merge {chain}"), None, None), most_kib + 64 * 1024);
    assert!(merge_kib <= most_kib, "{merge_kib} KiB of at most {most_kib}: files of archives that are not the newest");
}
