//! Without blocktar: stock tar programs unpack every sound archive without a word, and RESTORE.txt's script restores it.

mod archives;
mod support;
mod vector;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::Chance;
use tempfile::TempDir;
use vector::Vector;

/// Programs that these tests try, and the Debian packages that have them.
const TOOLS: [(&str, &str); 10] = [
    ("tar", "tar"),
    ("bsdtar", "libarchive-tools"),
    ("busybox", "busybox-static"),
    ("python3", "python3"),
    ("zstd", "zstd"),
    ("dash", "dash"),
    ("bash", "bash"),
    ("mawk", "mawk"),
    ("gawk", "gawk"),
    ("b3sum", "b3sum"),
];

/// Lists and unpacks with Python, every warning an error.
const PYTHON: &str = "import sys, tarfile
with tarfile.open(sys.argv[1]) as archive:
    assert archive.getnames()
    archive.extractall(sys.argv[2])";

fn tool(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&folders).map(|folder| folder.join(name)).filter(|path| path.is_file());
    let package = TOOLS.iter().find(|(tool, _)| *tool == name).unwrap().1;
    found.next().unwrap_or_else(|| panic!("{name} must be there for this test: apt-get install {package}"))
}

fn silent(what: &str, command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let spoken = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && spoken.is_empty(), "{what}: {:?}, {spoken}", output.status);
    output
}

/// The sound vectors that lie there as they are, and two archives as the program writes them today.
fn archives(folder: &Path) -> Vec<(String, PathBuf)> {
    let sound = vector::all().into_iter().filter(Vector::is_sound);
    let mut archives: Vec<_> = sound.map(|vector| (vector.name, vector.plain.expect("sound ones are plain"))).collect();
    let fresh = fresh(folder, "").0;
    archives.push(("anew".to_owned(), anew(&fresh)));
    archives.push(("fresh".to_owned(), fresh));
    archives
}

/// A new archive and what it was made of.
fn fresh(folder: &Path, options: &str) -> (PathBuf, Vec<u8>) {
    let (disk, archive) = (folder.join("disk.img"), folder.join("fresh.tar"));
    let mut bytes = Chance::new().bytes(900_001);
    bytes[100_000..500_000].fill(0);
    fs::write(&disk, &bytes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
    command.args(["backup", "-q", "--overwrite", "--extent-limit", "64K", "-o"]).arg(&archive).arg(&disk);
    silent("backup", command.args(options.split_whitespace()));
    (archive, bytes)
}

/// The same archive made anew, of larger members and without compression.
fn anew(archive: &Path) -> PathBuf {
    let new = archive.with_file_name("anew.tar");
    let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
    command.args(["recompress", "-q", "--overwrite", "--extent-limit", "1M", "--compression", "none", "-o"]);
    silent("recompress", command.arg(&new).arg(archive));
    new
}

/// Every file below a folder with its content.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn every_tar_lists_and_unpacks_the_same_without_a_word() {
    let place = tempfile::tempdir().unwrap();
    let archives = archives(place.path());
    for (name, archive) in &archives {
        let mut trees = Vec::new();
        for program in ["tar", "bsdtar", "busybox", "python3"] {
            let into = tempfile::tempdir().unwrap();
            let command = || {
                let mut command = Command::new(tool(program));
                command.current_dir(into.path()).args((program == "busybox").then_some("tar"));
                command
            };
            let what = format!("{program}, {name}");
            if program == "python3" {
                silent(&what, command().args(["-W", "error", "-c", PYTHON]).arg(archive).arg("."));
            } else {
                let listed = silent(&what, command().arg("-tvf").arg(archive)).stdout;
                silent(&what, command().arg("-xf").arg(archive));
                let lines = listed.iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(lines, tree(into.path()).len(), "{what}: what is listed and what is unpacked");
            }
            trees.push((program, tree(into.path())));
        }
        for (program, tree) in &trees[1..] {
            assert_eq!(tree, &trees[0].1, "{name}: {program} unpacks something else than tar");
        }
    }
    println!("{} archives unpacked by 4 programs", archives.len());
}

/// A folder to restore in, with a shell and an awk of its own.
struct Bench {
    folder: TempDir,
    shell: String,
}

impl Bench {
    fn new(shell: &str, awk: &str) -> Self {
        TOOLS.iter().for_each(|(name, _)| drop(tool(name)));
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        symlink(tool(shell), programs.join("sh")).unwrap();
        symlink(tool(awk), programs.join("awk")).unwrap();
        if shell == "busybox" {
            for name in ["sed", "tr", "cat", "grep", "printf", "truncate", "sync", "rm"] {
                symlink(tool(shell), programs.join(name)).unwrap();
            }
        }
        Self { folder, shell: format!("{shell} and {awk}") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a line of RESTORE.txt with this bench's shell. Busybox would take its own tar, which has not GNU's options: RESTORE.txt asks for GNU's.
    fn run(&self, line: &str) -> Output {
        let line = line.replace("tar -x", &format!("{} -x", tool("tar").display()));
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(self.path("bin/sh"));
        command.args(["-c", &line]).current_dir(self.folder.path()).env("PATH", path).output().unwrap()
    }

    /// Takes the script out of an archive, as its text says.
    fn take_script(&self, archive: &Path) {
        let archive = archive.display();
        let line = format!(
            "tar -x -O -f {archive} --occurrence=1 --wildcards '*/RESTORE.txt' | sed -n 's/^    //p' > restore.sh"
        );
        let output = self.run(&line);
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", self.shell);
        assert!(fs::read_to_string(self.path("restore.sh")).unwrap().starts_with("#!/bin/sh\n"));
    }

    /// Unpacks an archive alone into `d`; gives the directory's name.
    fn unpack(&self, archive: &Path) -> String {
        let _ = fs::remove_dir_all(self.path("d"));
        fs::create_dir(self.path("d")).unwrap();
        let output = self.run(&format!("tar -x -C d -f {}", archive.display()));
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", self.shell);
        format!("d/{}", support::names(&self.path("d"))[0])
    }

    /// Restores to `target` in one pass, or unpacked; gives the exit code of whoever was called.
    fn restore(&self, archive: &Path, one_pass: bool) -> (Option<i32>, String) {
        let output = if one_pass {
            self.run(&format!("tar -x -f {} --to-command='sh restore.sh target'", archive.display()))
        } else {
            let directory = self.unpack(archive);
            self.run(&format!("sh restore.sh {directory} target"))
        };
        let spoken = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&spoken).into_owned())
    }

    fn check(&self, archive: &Path, target: &str) -> bool {
        let directory = self.unpack(archive);
        self.run(&format!("sh restore.sh --check {directory} {target}")).status.success()
    }

    /// Removes the target, or leaves one that is 0xFF all over and longer than the image.
    fn prepare(&self, dirty_bytes: Option<usize>) {
        let _ = fs::remove_file(self.path("target"));
        if let Some(length) = dirty_bytes {
            fs::write(self.path("target"), vec![0xff; length]).unwrap();
        }
    }

    fn restored(&self, what: &str, archive: &Path, one_pass: bool, bad_ranges: bool) -> Vec<u8> {
        let (code, spoken) = self.restore(archive, one_pass);
        let what = format!("{}: {what}, one pass {one_pass}: {spoken}", self.shell);
        // tar passes its commands' failures on in its own way, with 2.
        let expected = if !bad_ranges {
            0
        } else if one_pass {
            2
        } else {
            8
        };
        assert_eq!(code, Some(expected), "{what}");
        assert!(spoken.contains("restored") && spoken.contains("bad range") == bad_ranges, "{what}");
        assert!(!self.path("target.incomplete").exists(), "{what}");
        fs::read(self.path("target")).unwrap()
    }
}

fn restores_all(shell: &str, awk: &str) {
    let bench = Bench::new(shell, awk);
    for (options, one_pass) in [("", true), ("--digest blake3 --compression none", false)] {
        let (archive, bytes) = fresh(bench.folder.path(), options);
        bench.take_script(&archive);
        for dirty in [None, Some(bytes.len() + 5000), Some(1000)] {
            bench.prepare(dirty);
            assert!(bench.restored("fresh", &archive, one_pass, false) == bytes, "{shell}: other bytes came back");
        }
        assert!(bench.check(&archive, "") && bench.check(&archive, "target"), "{shell}: --check");
        let anew = anew(&archive);
        bench.take_script(&anew);
        bench.prepare(None);
        assert!(bench.restored("anew", &anew, one_pass, false) == bytes, "{shell}: other bytes came back");
        assert!(bench.check(&anew, "target") && bench.check(&archive, "target"), "{shell}: --check of both");
        let mut spoilt = bytes.clone();
        spoilt[0] ^= 1;
        spoilt[899_000..].fill(0x11);
        fs::write(bench.path("target"), spoilt).unwrap();
        assert!(!bench.check(&archive, "target"), "{shell}: --check does not see a changed image");
    }
    let vectors: BTreeMap<_, _> = vector::all().into_iter().map(|vector| (vector.name.clone(), vector)).collect();
    let mut counted = 0;
    for vector in vectors.values().filter(|vector| vector.is_sound() && vector.outcome["sha256"].is_string()) {
        for one_pass in [true, false] {
            for dirty in [false, true] {
                restores_vector(&bench, &vectors, vector, one_pass, dirty);
                counted += 1;
            }
        }
    }
    println!("{shell} and {awk}: {counted} restores of vectors");
}

fn restores_vector(bench: &Bench, vectors: &BTreeMap<String, Vector>, vector: &Vector, one_pass: bool, dirty: bool) {
    bench.prepare(dirty.then_some(vector.size() + 700));
    if let Some(before) = vector.outcome["after"].as_str() {
        let before = vectors[before].plain.as_ref().unwrap();
        let (code, _) = bench.restore(vector.plain.as_ref().unwrap(), one_pass);
        assert!(
            dirty || code != Some(0) && !bench.path("target").exists(),
            "{}: without what it builds on",
            vector.name
        );
        bench.prepare(dirty.then_some(vector.size() + 700));
        let _ = fs::remove_file(bench.path("target.incomplete"));
        bench.restored(&vector.name, before, one_pass, false);
    }
    let bad = vector.outcome["verify"].as_i64() == Some(8);
    let image = bench.restored(&vector.name, vector.plain.as_ref().unwrap(), one_pass, bad);
    if !bad {
        vector.check_image(&bench.shell, &image, 0);
    }
}

#[test]
fn restore_text_works_with_dash_and_mawk() {
    restores_all("dash", "mawk");
}

#[test]
fn restore_text_works_with_busybox() {
    restores_all("busybox", "busybox");
}

#[test]
fn restore_text_works_with_bash_and_gawk() {
    restores_all("bash", "gawk");
}

/// A full, then increments that make ranges zero, grow, shrink and grow again, each to the same target.
#[test]
fn restore_text_restores_chains() {
    let mut states = vec![Chance::new().bytes(300_000)];
    let mut next = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut state = states[states.len() - 1].clone();
        change(&mut state);
        states.push(state);
    };
    next(&|state| state[4096..200_000].fill(0));
    next(&|state| state.resize(400_000, 0));
    next(&|state| state.truncate(150_001));
    next(&|state| state.resize(250_000, 0x41));
    let links = archives::history::history(&states);
    for (shell, awk, one_pass) in [("dash", "mawk", true), ("busybox", "busybox", false), ("bash", "gawk", true)] {
        let bench = Bench::new(shell, awk);
        bench.take_script(&fresh(bench.folder.path(), "").0);
        bench.prepare((shell == "bash").then_some(500_000));
        for (link, state) in links.iter().zip(&states) {
            let archive = bench.path("link.tar");
            fs::write(&archive, &link.bytes[..]).unwrap();
            let image = bench.restored(&link.id, &archive, one_pass, false);
            assert!(image == *state, "{shell}: {}: other bytes came back", link.id);
        }
    }
}

#[test]
fn an_archive_without_its_end_leaves_the_marker() {
    let bench = Bench::new("dash", "mawk");
    let (archive, _) = fresh(bench.folder.path(), "");
    bench.take_script(&archive);
    let whole = fs::read(&archive).unwrap();
    let end = whole.windows(20).rposition(|bytes| bytes == b"/PaxHeaders/end.json").unwrap() / 512 * 512;
    let cut = bench.path("cut.tar");
    fs::write(&cut, &whole[..end]).unwrap();
    bench.restore(&cut, true);
    assert!(bench.path("target.incomplete").exists(), "one pass over a cut archive looks complete");
    fs::remove_file(bench.path("target.incomplete")).unwrap();
    let (code, spoken) = bench.restore(&cut, false);
    assert!(code == Some(1) && spoken.contains("incomplete"), "{spoken}");
}

#[test]
fn a_check_that_cannot_be_made_does_not_call_the_archive_damaged() {
    let bench = Bench::new("dash", "mawk");
    let (archive, _) = fresh(bench.folder.path(), "--digest blake3");
    bench.take_script(&archive);
    let unpacked = bench.unpack(&archive);
    let linked = bench.run("for tool in cat sed dd zstd; do ln -s \"$(command -v $tool)\" bin; done");
    assert!(linked.status.success(), "{linked:?}");
    let output = bench.run(&format!("PATH=$PWD/bin; sh restore.sh --check {unpacked}"));
    let spoken = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{spoken}");
    assert_eq!(spoken, "restore.sh: b3sum is needed to check this archive\n");
}

#[test]
fn the_readme_checks_a_restored_image_and_a_wrong_directory_is_not_called_incomplete() {
    let bench = Bench::new("dash", "mawk");
    let (archive, bytes) = fresh(bench.folder.path(), "");
    bench.take_script(&archive);
    let readme = include_str!("../README.md");
    let line = readme.lines().find(|line| line.starts_with("    mkdir FOLDER")).expect("README unpacks for --check");
    assert!(bench.run(&line.replace("backup.tar", &archive.display().to_string())).status.success());
    assert!(readme.contains("sh restore.sh --check FOLDER/ID new2.img"));
    fs::write(bench.path("target"), bytes).unwrap();
    let id = support::names(&bench.path("FOLDER"))[0].clone();
    let output = bench.run(&format!("sh restore.sh --check FOLDER/{id} target"));
    assert!(output.status.success(), "{output:?}");
    for line in ["--check FOLDER target", "--check FOLDER", "FOLDER target"] {
        let output = bench.run(&format!("sh restore.sh {line}"));
        let spoken = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(spoken.contains("named after the backup") && !spoken.contains("incomplete"), "{line}: {spoken}");
    }
}
