//! Where archives go and come from.

pub mod file;
pub mod next_medium;
pub mod numbered;
pub mod pipe;
pub mod tape;
mod whole_writes;

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::drive::Drive;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::{Input, Output};
use crate::sys::closed_streams;
use crate::sys::device_folder;
use crate::sys::partial_file::IfExists;
use tape::{SeekableTapeInput, StDrive, TapeInput};

/// Opens what an archive is read from, front to back as a rule; nothing or `-` means standard input.
///
/// What it is decides how it is read: regular files and block devices can seek, all else is read forward.
pub fn open_input(location: Option<&Path>) -> Result<Box<dyn Input>> {
    open_input_or(location, |drive| Ok(Box::new(TapeInput::new(Box::new(drive)))))
}

/// The same for whoever wants pieces here and there: then a tape drive, too, is sent to them, which costs it a minute or so each.
pub fn open_input_for_pieces(location: Option<&Path>) -> Result<Box<dyn Input>> {
    open_input_or(location, |drive| {
        let name = drive.name().to_owned();
        let input = SeekableTapeInput::open(Box::new(drive)).map_err(|cause| Error::io("reading", name, cause))?;
        Ok(Box::new(input))
    })
}

/// Opens an input; what a tape drive is to become says the caller.
fn open_input_or(
    location: Option<&Path>,
    on_tape: impl FnOnce(StDrive) -> Result<Box<dyn Input>>,
) -> Result<Box<dyn Input>> {
    let (file, name) = match named(location) {
        Some(path) => {
            let name = path.display().to_string();
            // Before it is opened: a tape drive is opened in its own way.
            let metadata = fs::metadata(path).map_err(|cause| Error::io("opening", &name, cause))?;
            if tape::is_tape(&metadata) {
                return on_tape(tape::open(path, tape::Access::Read)?);
            }
            refuse_folder(&metadata, &name)?;
            (File::open(path).map_err(|cause| Error::io("opening", &name, cause))?, name)
        }
        None => standard_input()?,
    };
    let metadata = file.metadata().map_err(|cause| Error::io("looking at", &name, cause))?;
    if tape::is_tape(&metadata) {
        let name = tape_name(&file, name);
        return on_tape(tape::inherited(file, name)?);
    }
    refuse_folder(&metadata, &name)?;
    if can_seek(metadata.file_type()) {
        return Ok(Box::new(file::FileInput::new(file, name)?));
    }
    Ok(Box::new(pipe::PipeInput::new(file, name)))
}

/// The node behind an inherited descriptor, by which a user can tell other programs of the drive.
fn tape_name(file: &File, name: String) -> String {
    fs::read_link(descriptor_path(file)).map_or(name, |path| path.display().to_string())
}

fn standard_input() -> Result<(File, String)> {
    let stdin = io::stdin();
    if closed_streams::standard_input() {
        return Err(closed("reading", "standard input"));
    }
    if stdin.is_terminal() {
        let remedy = "name an archive, or redirect standard input from one".to_owned();
        return Err(Error::refused("read an archive from the terminal", "it has none", Some(remedy)));
    }
    let name = "standard input".to_owned();
    Ok((duplicate(stdin.as_fd(), &name)?, name))
}

fn refuse_folder(metadata: &Metadata, name: &str) -> Result<()> {
    if metadata.is_dir() {
        let remedy = format!("name an archive; `blocktar list {name}` shows those in it");
        return Err(Error::refused(format!("read {name}"), "it is a folder, not an archive", Some(remedy)));
    }
    Ok(())
}

/// Opens what an archive is written to; nothing or `-` means standard output.
///
/// A path that is new, or a regular file to be replaced, becomes a file that gets its name when it is complete.
pub fn create_output(
    location: Option<&Path>,
    if_exists: IfExists,
    progress: &Arc<Progress>,
) -> Result<Box<dyn Output>> {
    let Some(path) = named(location) else {
        return standard_output(progress);
    };
    let name = path.display().to_string();
    match fs::metadata(path) {
        Ok(found) if found.file_type().is_block_device() => {
            let remedy = format!("if that is meant, redirect standard output: `blocktar backup … > {name}`");
            Err(Error::refused(format!("write an archive onto {name}"), "it is a block device", Some(remedy)))
        }
        Ok(found) if found.file_type().is_fifo() || found.file_type().is_char_device() => {
            refuse_tape(&found, &name)?;
            let file = File::options().write(true).open(path).map_err(|cause| Error::io("opening", &name, cause))?;
            Ok(Box::new(pipe::PipeOutput::new(file, name, progress)))
        }
        _ => Ok(Box::new(file::FileOutput::create(path, if_exists, progress)?)),
    }
}

fn standard_output(progress: &Arc<Progress>) -> Result<Box<dyn Output>> {
    let (file, name, kind) = open_standard_output("an archive", "redirect it to a file or a pipe, or name an archive")?;
    if can_seek(kind) {
        return Ok(Box::new(file::InheritedOutput::new(file, name, progress)));
    }
    Ok(Box::new(pipe::PipeOutput::new(file, name, progress)))
}

/// Opens standard output for raw bytes of a device rather than an archive: what lies behind them there is none of their business.
pub fn create_raw_output(progress: &Arc<Progress>) -> Result<Box<dyn Output>> {
    let (file, name, kind) = open_standard_output("raw bytes", "redirect it to a file or a pipe")?;
    if can_seek(kind) {
        return Ok(Box::new(file::RawOutput::new(file, name, progress)));
    }
    Ok(Box::new(pipe::PipeOutput::new(file, name, progress)))
}

/// Standard output, its name and what it is; refuses what `what` must not be written to.
fn open_standard_output(what: &str, remedy: &str) -> Result<(File, String, FileType)> {
    let name = "standard output".to_owned();
    let stdout = io::stdout();
    if closed_streams::standard_output() {
        return Err(closed("writing", &name));
    }
    if stdout.is_terminal() {
        let request = format!("write {what} to the terminal");
        return Err(Error::refused(request, "it is not text", Some(remedy.to_owned())));
    }
    let file = duplicate(stdout.as_fd(), &name)?;
    let metadata = file.metadata().map_err(|cause| Error::io("looking at", &name, cause))?;
    refuse_tape(&metadata, &name)?;
    if metadata.is_file() {
        refuse_device_folder(&file, &name)?;
    }
    Ok((file, name, metadata.file_type()))
}

/// A shell's `> /dev/nst0` makes a file where the tape drive is missing.
fn refuse_device_folder(file: &File, name: &str) -> Result<()> {
    let path = fs::read_link(descriptor_path(file)).unwrap_or_default();
    path.parent().map_or(Ok(()), |folder| device_folder::refuse_file_in(folder, &format!("{name}, {}", path.display())))
}

/// Where Linux shows what an open file is, and lets it be opened once more (proc_pid_fd(5)).
fn descriptor_path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// The failure of a stream that the caller has closed; what stands in its place now would swallow all, and hold nothing.
fn closed(doing: &'static str, name: &str) -> Error {
    Error::io(doing, name, io::Error::other("it was closed from the start"))
}

fn named(location: Option<&Path>) -> Option<&Path> {
    location.filter(|path| *path != Path::new("-"))
}

/// A descriptor of our own, past the standard library's buffers.
fn duplicate(descriptor: std::os::fd::BorrowedFd<'_>, name: &str) -> Result<File> {
    descriptor.try_clone_to_owned().map(File::from).map_err(|cause| Error::io("opening", name, cause))
}

fn can_seek(kind: FileType) -> bool {
    kind.is_file() || kind.is_block_device()
}

/// Without a file mark and whole records an archive on tape would be unreadable for most programs.
fn refuse_tape(metadata: &Metadata, name: &str) -> Result<()> {
    if !tape::is_tape(metadata) {
        return Ok(());
    }
    let remedy = "let dd write it: `blocktar backup … | dd bs=512k iflag=fullblock of=/dev/nst0`".to_owned();
    Err(Error::refused(format!("write to {name}"), "tape drives are not supported yet", Some(remedy)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open_input(Some(folder.path())), Err(Error::Refused(_))));
        assert!(matches!(open_input(Some(&folder.path().join("none"))), Err(Error::Io(_))));
        assert!(create_output(Some(folder.path()), IfExists::Replace, &Arc::default()).is_err());
    }
}
