//! Which tape drive a command means: the one that was named, that a standard stream is, or that the variable TAPE names.

use std::env;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use blocktar::error::{Error, Result};
use blocktar::media;
use blocktar::media::tape::{self, Access, StDrive};

/// The variable that other programs for tapes use too.
pub const VARIABLE: &str = "TAPE";

/// The drive that the environment names.
pub fn of_environment() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from)
}

/// The drive that was named, else that of the environment; `request` says what for.
pub fn named_or_of_environment(named: Option<&Path>, request: &str, example: &str) -> Result<PathBuf> {
    named.map(Path::to_path_buf).or_else(of_environment).ok_or_else(|| {
        let remedy = format!("name it: `{example}`; or set {VARIABLE}: `export {VARIABLE}=/dev/nst0`");
        Error::refused(request, "no tape drive was named", Some(remedy))
    })
}

/// Whether this is a tape drive.
pub fn is_drive(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| tape::is_tape(&metadata))
}

/// Whether this, or else standard input, is a tape drive.
pub fn is_meant(path: Option<&Path>) -> bool {
    match path {
        Some(path) => is_drive(path),
        None => standard_input().is_some_and(|file| is_tape(&file)),
    }
}

fn standard_input() -> Option<File> {
    io::stdin().as_fd().try_clone_to_owned().ok().map(File::from)
}

fn is_tape(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| tape::is_tape(&metadata))
}

/// The drive of the environment, where no archive can come from standard input.
pub fn in_place_of_standard_input() -> Option<PathBuf> {
    if gives_nothing() { of_environment() } else { None }
}

/// Whether standard input is a terminal, or what a program without one gets in its place.
fn gives_nothing() -> bool {
    let number = |metadata: &fs::Metadata| (metadata.file_type().is_char_device(), metadata.rdev());
    let null = fs::metadata("/dev/null").ok().map(|metadata| number(&metadata));
    let is_null = |file: File| file.metadata().is_ok_and(|metadata| Some(number(&metadata)) == null);
    io::stdin().is_terminal() || standard_input().is_some_and(is_null)
}

/// The same of what a command writes.
pub fn in_place_of_terminal_output() -> Option<PathBuf> {
    if io::stdout().is_terminal() { of_environment() } else { None }
}

/// A drive whose archives are looked at: by name, or as standard input.
pub fn open_to_read(path: Option<&Path>) -> Result<Option<StDrive>> {
    match path {
        Some(path) if is_drive(path) => tape::open(path, Access::Read).map(Some),
        Some(_) => Ok(None),
        None => match standard_input().filter(is_tape) {
            Some(file) => {
                let name = media::tape_name(&file, "standard input".to_owned());
                tape::inherited(file, name).map(Some)
            }
            None => Ok(None),
        },
    }
}
