//! `kill -9` at random moments of backup and restore: nothing that is incomplete looks complete, and the next run succeeds.

mod archives;
mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use archives::{Way, restore_bytes};
use support::{Chance, LoopDevice, is_root, names};
use tempfile::TempDir;

const IMAGE_BYTES: usize = 8 << 20;
const MIB: usize = 1 << 20;
/// What goes last of all onto a device: without it nothing is recognised there.
const FIRST_BYTES: usize = 4096;

/// A folder in memory, where a sync costs nothing, with an image and its archive.
struct Place {
    folder: TempDir,
    image: Vec<u8>,
    archive: Vec<u8>,
}

impl Place {
    fn new(chance: &mut Chance) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let mut image = chance.bytes(IMAGE_BYTES);
        image[..FIRST_BYTES].fill(0x5a);
        image[5 << 20..6 << 20].fill(0);
        let mut place = Self { folder, image, archive: Vec::new() };
        fs::write(place.path("disk.img"), &place.image).unwrap();
        let made = place.command("backup disk.img -o archive.tar --compression none -q").status().unwrap();
        assert!(made.success());
        place.archive = fs::read(place.path("archive.tar")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Everything in the folder but these names.
    fn others(&self, known: &[&str]) -> Vec<String> {
        names(self.folder.path()).into_iter().filter(|name| !known.contains(&name.as_str())).collect()
    }

    fn remove_all_but(&self, known: &[&str]) {
        self.others(known).iter().for_each(|name| fs::remove_file(self.path(name)).unwrap());
    }

    fn is_whole_archive(&self, bytes: Vec<u8>) -> bool {
        let (restored, outcome) = restore_bytes(&Arc::new(bytes), Way::Pipe, 1, IMAGE_BYTES);
        outcome.is_ok() && restored == self.image
    }
}

/// A job that is begun again and again and killed.
struct Job<'a> {
    place: &'a Place,
    line: &'a str,
    from_pipe: bool,
    stdout_name: Option<&'a str>,
}

impl Job<'_> {
    fn start(&self) -> Child {
        let mut command = self.place.command(self.line);
        if let Some(name) = self.stdout_name {
            command.stdout(File::create(self.place.path(name)).unwrap());
        }
        if !self.from_pipe {
            return command.spawn().unwrap();
        }
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let archive = self.place.archive.clone();
        // Ends with the child, whose end of the pipe closes.
        std::thread::spawn(move || stdin.write_all(&archive));
        child
    }

    fn finish(&self) -> Duration {
        let begun = Instant::now();
        let status = self.start().wait().unwrap();
        assert!(status.success(), "{}: {status}", self.line);
        begun.elapsed()
    }

    /// Kills it at a random moment of its `usual` time; whether it was still there to be killed.
    fn kill(&self, chance: &mut Chance, usual: &mut Duration) -> bool {
        let mut child = self.start();
        let most = usual.as_micros() as u64 * 11 / 10;
        // The end is where names and first bytes appear: half of the kills go into the last third.
        let moment = if chance.below(2) == 0 { chance.below(most) } else { most - chance.below(most / 3 + 1) };
        std::thread::sleep(Duration::from_micros(moment));
        child.kill().unwrap();
        let killed = child.wait().unwrap().code().is_none();
        // What is usual changes with what else the machine does.
        *usual = *usual * if killed { 102 } else { 96 } / 100;
        killed
    }
}

/// What the kills have found: by name, how often.
#[derive(Default, Debug)]
struct Tally {
    runs: usize,
    found: std::collections::BTreeMap<&'static str, usize>,
}

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.found.entry(what).or_default() += 1;
    }

    /// Whether there must be another run for so many kills of a running process.
    fn wants(&mut self, kills: usize) -> bool {
        let killed = self.found.get("killed").copied().unwrap_or(0);
        assert!(self.runs < 5 * kills, "only {killed} of {} were still running when they were killed", self.runs);
        self.runs += 1;
        killed < kills
    }

    fn report(&self, title: &str) {
        // Past the test harness: the counts are the result.
        let _ = writeln!(std::io::stderr(), "{title}: {:?}", self.found);
    }
}

/// One job at a time: its usual time is what the moment of its death is taken from.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All kills share one printed seed, whatever the order of the tests.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| Chance::new().next())
}

/// Kills a job that makes the file `result`: it is absent, or what it was before, or whole.
fn kill_what_makes_a_file(line: &str, result: &str, kills: usize, from_pipe: bool) {
    let _alone = alone();
    let mut chance = Chance::from_seed(seed() ^ kills as u64);
    let place = Place::new(&mut chance);
    let known = ["disk.img", "archive.tar"];
    let whole =
        |bytes: Vec<u8>| if result.ends_with(".tar") { place.is_whole_archive(bytes) } else { bytes == place.image };
    let new = Job { place: &place, line, from_pipe, stdout_name: None };
    let overwriting = format!("{line} --overwrite");
    let replacing = Job { line: &overwriting, ..Job { place: &place, line, from_pipe, stdout_name: None } };
    let mut usual = new.finish();
    let mut tally = Tally::default();
    while tally.wants(kills) {
        let kill = tally.runs - 1;
        if kill % 8 == 0 {
            // With all that was left behind.
            replacing.finish();
            assert!(whole(fs::read(place.path(result)).unwrap()), "a run beside what killed runs left");
            place.remove_all_but(&known);
        }
        let job = if kill % 2 == 0 { &new } else { &replacing };
        let _ = fs::remove_file(place.path(result));
        if kill % 2 == 1 {
            fs::write(place.path(result), "before").unwrap();
        }
        if job.kill(&mut chance, &mut usual) {
            tally.count("killed");
        }
        match fs::read(place.path(result)) {
            Err(_) if kill % 2 == 0 => tally.count("absent"),
            Err(error) => panic!("what was there before is gone: {error}"),
            Ok(bytes) if bytes == b"before" => tally.count("as before"),
            Ok(bytes) => {
                assert!(whole(bytes), "kill {kill}: {result} has its name and is not whole");
                tally.count("whole");
            }
        }
        for name in place.others(&[&known[..], &[result]].concat()) {
            assert!(name.starts_with(&format!(".{result}.blocktar-")) && name.ends_with(".partial"), "left: {name}");
            tally.count("partial files left, summed up");
        }
    }
    tally.report(line);
}

#[test]
fn killed_backups_leave_no_archive_that_is_not_whole() {
    kill_what_makes_a_file("backup disk.img --compression none -o result.tar", "result.tar", 48, false);
}

#[test]
fn killed_restores_from_a_file_leave_no_image_that_is_not_whole() {
    kill_what_makes_a_file("restore -i archive.tar result.img", "result.img", 40, false);
}

#[test]
fn killed_restores_from_a_pipe_leave_no_image_that_is_not_whole() {
    kill_what_makes_a_file("restore result.img", "result.img", 40, true);
}

#[test]
fn what_a_killed_backup_left_in_its_standard_output_is_incomplete() {
    let _alone = alone();
    let mut chance = Chance::from_seed(seed() ^ 1);
    let place = Place::new(&mut chance);
    let line = "backup disk.img --compression none";
    let job = Job { place: &place, line, from_pipe: false, stdout_name: Some("out.tar") };
    let mut usual = job.finish();
    let mut tally = Tally::default();
    while tally.wants(48) {
        let kill = tally.runs;
        if job.kill(&mut chance, &mut usual) {
            tally.count("killed");
        }
        let code = place.command("verify out.tar").status().unwrap().code();
        let bytes = fs::read(place.path("out.tar")).unwrap();
        if bytes.windows(20).any(|window| window == b"PaxHeaders/end.json\0") {
            // The end member and all zeros behind it go out in one call, which a kill may cut short.
            match code {
                Some(0) => assert!(place.is_whole_archive(bytes), "kill {kill}: sound, but other bytes"),
                other => assert!([Some(4), Some(5)].contains(&other), "kill {kill}: {other:?}"),
            }
            tally.count("with an end member");
        } else {
            assert_eq!(code, Some(4), "kill {kill}: {} bytes without an end member", bytes.len());
            tally.count("incomplete");
        }
    }
    job.finish();
    assert!(place.is_whole_archive(fs::read(place.path("out.tar")).unwrap()));
    assert_eq!(place.others(&["disk.img", "archive.tar", "out.tar"]), [""; 0]);
    tally.report(line);
}

/// What a device may look like after a kill, for one that was full of 0xFF.
fn judge_device(content: &[u8], image: &[u8]) -> &'static str {
    let (head, behind) = content.split_at(MIB);
    let tail = &content[image.len()..];
    assert!(tail.iter().all(|byte| *byte == 0xff), "bytes behind the device's end were written");
    let untouched = behind.iter().all(|byte| *byte == 0xff);
    if untouched && head.iter().all(|byte| *byte == 0xff) {
        return "untouched";
    }
    if content[..image.len()] == *image {
        return "whole";
    }
    assert!(head[..FIRST_BYTES].iter().all(|byte| *byte == 0), "its first bytes are there, but it is not whole");
    if head.iter().all(|byte| *byte == 0) {
        return "first MiB zeros";
    }
    // The moment at which the head is zeroed, or the one at which all of it but the first bytes is written.
    assert!(untouched || behind[..image.len() - MIB] == image[MIB..], "the head came before the rest");
    "first 4 KiB zeros"
}

#[test]
fn killed_restores_leave_no_device_that_looks_healthy() {
    if !is_root("restores onto a loop device that are killed") {
        return;
    }
    let _alone = alone();
    let mut chance = Chance::from_seed(seed() ^ 2);
    let place = Place::new(&mut chance);
    let device = LoopDevice::dirty_over(&place.path("backing"), IMAGE_BYTES + MIB, 512);
    let path = device.path.display();
    let (from_file, from_pipe) =
        (format!("restore -i archive.tar {path} --overwrite"), format!("restore {path} --overwrite"));
    let mut jobs = [(&from_file, false), (&from_pipe, true)].map(|(line, from_pipe)| {
        let job = Job { place: &place, line, from_pipe, stdout_name: None };
        let usual = job.finish();
        (job, usual)
    });
    let mut tally = Tally::default();
    while tally.wants(48) {
        let kill = tally.runs;
        fs::OpenOptions::new()
            .write(true)
            .open(&device.path)
            .unwrap()
            .write_all(&vec![0xff; IMAGE_BYTES + MIB])
            .unwrap();
        let (job, usual) = &mut jobs[kill % 2];
        if job.kill(&mut chance, usual) {
            tally.count("killed");
        }
        tally.count(judge_device(&device.content(), &place.image));
        if kill % 8 == 7 {
            job.finish();
            assert_eq!(judge_device(&device.content(), &place.image), "whole", "a run after a killed one");
        }
    }
    assert_eq!(place.others(&["disk.img", "archive.tar", "backing"]), [""; 0]);
    tally.report("restore onto a device");
}
