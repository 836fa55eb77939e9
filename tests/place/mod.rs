//! A folder in which the program is run as its users run it.
#![allow(dead_code)] // No test program uses all of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::Chance;

/// One MiB.
pub const MIB: usize = 1 << 20;

/// A folder with `disk.img`, 3 MiB that do not compress, and its archive `backup.tar`.
pub struct Place {
    /// The folder.
    pub folder: TempDir,
    /// The image.
    pub image: Vec<u8>,
}

impl Place {
    /// The usual one.
    pub fn new() -> Self {
        Self::of_size(3 * MIB)
    }

    /// One with an image of this size.
    pub fn of_size(size_bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut image = Chance::from_seed(3).bytes(size_bytes);
        image[..512].fill(0x5a);
        fs::write(folder.path().join("disk.img"), &image).unwrap();
        let place = Self { folder, image };
        assert_eq!(place.run("backup disk.img -o backup.tar -q").status.code(), Some(0));
        place
    }

    /// The path of this name in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with the words of this line, in the folder.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        command.args(line.split_whitespace()).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// What came of that.
    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs what must be refused with exit code 6, nothing on stdout, and these texts on stderr.
    pub fn refuses(&self, line: &str, texts: &[&str]) {
        failed(&self.run(line), line, 6, texts);
    }

    /// Runs a line in bash with `blocktar` on the path.
    pub fn shell(&self, line: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_blocktar"));
        let path = format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", program.parent().unwrap().display());
        let mut bash = Command::new("bash");
        bash.args(["-c", line]).current_dir(self.folder.path()).env("PATH", path).stdin(Stdio::null());
        bash.output().unwrap()
    }

    /// What a terminal shows of a line that is run in one, and its exit code.
    pub fn terminal(&self, line: &str) -> Output {
        self.shell(&format!("script -qec '{line}' /dev/null"))
    }
}

/// What was said.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails unless it ended with this code, nothing on stdout, and these texts on stderr.
pub fn failed(output: &Output, line: &str, code: i32, texts: &[&str]) {
    assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
    assert!(output.stdout.is_empty(), "{line}: {output:?}");
    says(&output.stderr, line, texts);
}

/// Fails unless these texts were said.
pub fn says(said: &[u8], line: &str, texts: &[&str]) {
    for wanted in texts {
        assert!(text(said).contains(wanted), "{line}: `{wanted}` is not in:\n{}", text(said));
    }
}
