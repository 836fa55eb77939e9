//! Where archives go and come from.

pub mod file;
pub mod further_media;
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

use self::further_media::{Further, FurtherMedia};
use self::next_medium::NextMedium;
use self::numbered::{NumberedOutput, NumberedPath};
use self::tape::{AsItStands, TapeOutput, TapeOutputOptions, Tell, told_of};
use crate::drive::{Drive, LentDrive, Place};
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
    open_input_at(location, |_| Ok(()))
}

/// The same, but a tape drive is first sent to where the archive begins, which `position` knows.
pub fn open_input_at(
    location: Option<&Path>,
    position: impl FnOnce(&mut dyn Drive) -> Result<()>,
) -> Result<Box<dyn Input>> {
    open_input_or(location, |mut drive| {
        position(&mut drive)?;
        Ok(Box::new(TapeInput::new(Box::new(drive))))
    })
}

/// The same for whoever wants pieces here and there: then a tape drive, too, is sent to them, which costs it a minute or so each.
pub fn open_input_for_pieces_at(
    location: Option<&Path>,
    position: impl FnOnce(&mut dyn Drive) -> Result<()>,
) -> Result<Box<dyn Input>> {
    open_input_or(location, |mut drive| {
        position(&mut drive)?;
        let name = drive.name().to_owned();
        let input = SeekableTapeInput::open(Box::new(drive)).map_err(|cause| Error::io("reading", name, cause))?;
        Ok(Box::new(input))
    })
}

/// The same, and what gives the media on which the archive goes on. Both share a drive, which only one can have open.
pub fn open_input_and_further(
    location: Option<&Path>,
    position: impl FnOnce(&mut dyn Drive) -> Result<()>,
    further: Further,
) -> Result<(Box<dyn Input>, FurtherMedia)> {
    let mut shared = None;
    let input = open_input_or(location, |mut drive| {
        position(&mut drive)?;
        let drive = LentDrive::new(Box::new(drive));
        shared = Some(drive.clone());
        further.reading.input(drive)
    })?;
    let name = input.name().to_owned();
    Ok((input, FurtherMedia::new(shared, name, further)))
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
            refuse_what_holds_none(&metadata, &name)?;
            (File::open(path).map_err(|cause| Error::io("opening", &name, cause))?, name)
        }
        None => standard_input()?,
    };
    let metadata = file.metadata().map_err(|cause| Error::io("looking at", &name, cause))?;
    if tape::is_tape(&metadata) {
        let name = tape_name(&file, name);
        return on_tape(tape::inherited(file, name)?);
    }
    refuse_what_holds_none(&metadata, &name)?;
    if can_seek(metadata.file_type()) {
        return Ok(Box::new(file::FileInput::new(file, name)?));
    }
    Ok(Box::new(pipe::PipeInput::new(file, name)))
}

/// The node behind an inherited descriptor, by which a user can tell other programs of the drive; `name` if it cannot be found.
pub fn tape_name(file: &File, name: String) -> String {
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

/// Refuses a folder, and devices that never end or wait for somebody to type: `/dev/zero`, a terminal.
fn refuse_what_holds_none(metadata: &Metadata, name: &str) -> Result<()> {
    if metadata.is_dir() {
        let remedy = format!("name an archive; `blocktar list {name}` shows those in it");
        return Err(Error::refused(format!("read {name}"), "it is a folder, not an archive", Some(remedy)));
    }
    if metadata.file_type().is_char_device() {
        let remedy = "name a file, a disk, a tape drive such as /dev/nst0 or a pipe".to_owned();
        let why = "it is a device that holds no archive";
        return Err(Error::refused(format!("read an archive from {name}"), why, Some(remedy)));
    }
    Ok(())
}

/// How to open what an archive is written to.
pub struct OutputOptions {
    /// What to do if a file exists, or the tape holds something where the archive would begin; files of a size never replace any.
    pub if_exists: IfExists,
    /// Write files of at most so many bytes; the location then has a place for their numbers.
    pub part_bytes: Option<u64>,
    /// The size of a tape's records in bytes, if a certain one is wanted.
    pub record_bytes: Option<u64>,
    /// Whom to ask for the next medium.
    pub next_medium: NextMedium,
    /// Where an archive begins on a cartridge whose drive is named; without it, where the tape stands.
    pub place: Option<Box<dyn Place>>,
    /// Who is told of each further cartridge when its part begins.
    pub tell: Option<Tell>,
}

impl From<IfExists> for OutputOptions {
    fn from(if_exists: IfExists) -> Self {
        Self {
            if_exists,
            part_bytes: None,
            record_bytes: None,
            next_medium: NextMedium::default(),
            place: None,
            tell: None,
        }
    }
}

/// Opens what an archive is written to; nothing or `-` means standard output.
///
/// A path that is new, or a regular file to be replaced, becomes a file that gets its name when it is complete; or several, if they are to be of a size.
pub fn create_output(
    location: Option<&Path>,
    options: impl Into<OutputOptions>,
    progress: &Arc<Progress>,
) -> Result<Box<dyn Output>> {
    let options = options.into();
    let Some(path) = named(location) else {
        return standard_output(options, progress);
    };
    let name = path.display().to_string();
    if let Some(part_bytes) = options.part_bytes {
        let paths = NumberedPath::parse(path).ok_or_else(|| without_number(&name))?;
        return Ok(Box::new(NumberedOutput::create(paths, part_bytes, options.next_medium, progress)?));
    }
    match fs::metadata(path) {
        Ok(found) if found.file_type().is_block_device() => {
            let remedy = format!("if that is meant, redirect standard output: `blocktar backup … > {name}`");
            Err(Error::refused(format!("write an archive onto {name}"), "it is a block device", Some(remedy)))
        }
        Ok(found) if tape::is_tape(&found) => tape_output(Box::new(tape::open(path, tape::Access::Both)?), options),
        Ok(found) if found.file_type().is_fifo() || found.file_type().is_char_device() => {
            let file = File::options().write(true).open(path).map_err(|cause| Error::io("opening", &name, cause))?;
            Ok(Box::new(pipe::PipeOutput::new(file, name, progress)))
        }
        _ => Ok(Box::new(file::FileOutput::create(path, options.if_exists, progress)?)),
    }
}

fn without_number(name: &str) -> Error {
    let why = "files of a size need exactly one place for their number in their name";
    Error::refused(format!("write {name}"), why, Some("name it with `%d` or `%03d`: `-o backup-%03d.tar`".to_owned()))
}

/// An archive onto the cartridge in this drive.
fn tape_output(drive: Box<dyn Drive>, options: OutputOptions) -> Result<Box<dyn Output>> {
    let overwrite = options.if_exists == IfExists::Replace;
    let options = TapeOutputOptions {
        record_bytes: options.record_bytes,
        place: told_of(options.place.unwrap_or_else(|| Box::new(AsItStands { overwrite })), options.tell),
        next_medium: options.next_medium,
        open: Box::new(|path| Ok(Box::new(tape::open(path, tape::Access::Both)?))),
    };
    Ok(Box::new(TapeOutput::begin(drive, options)?))
}

fn standard_output(options: OutputOptions, progress: &Arc<Progress>) -> Result<Box<dyn Output>> {
    let (file, name, metadata) =
        open_standard_output("an archive", "redirect it to a file or a pipe, or name an archive")?;
    if tape::is_tape(&metadata) {
        // It stands where the user put it, and cannot be read as a rule.
        let options = OutputOptions { place: None, ..options };
        let name = tape_name(&file, name);
        return tape_output(Box::new(tape::inherited(file, name)?), options);
    }
    if can_seek(metadata.file_type()) {
        return Ok(Box::new(file::InheritedOutput::new(file, name, progress)));
    }
    Ok(Box::new(pipe::PipeOutput::new(file, name, progress)))
}

/// Opens standard output for raw bytes of a device rather than an archive: what lies behind them there is none of their business.
pub fn create_raw_output(progress: &Arc<Progress>) -> Result<Box<dyn Output>> {
    let (file, name, metadata) = open_standard_output("raw bytes", "redirect it to a file or a pipe")?;
    refuse_tape(&metadata, &name)?;
    if can_seek(metadata.file_type()) {
        return Ok(Box::new(file::RawOutput::new(file, name, progress)));
    }
    Ok(Box::new(pipe::PipeOutput::new(file, name, progress)))
}

/// Standard output, its name and what it is; refuses what `what` must not be written to.
fn open_standard_output(what: &str, remedy: &str) -> Result<(File, String, Metadata)> {
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
    if metadata.is_file() {
        refuse_device_folder(&file, &name)?;
    }
    Ok((file, name, metadata))
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

/// The bytes of a disk have neither an end nor a size of records, without which a tape gives nothing back.
fn refuse_tape(metadata: &Metadata, name: &str) -> Result<()> {
    if !tape::is_tape(metadata) {
        return Ok(());
    }
    let remedy = "write them to a file; `blocktar backup` writes archives onto tape".to_owned();
    Err(Error::refused(format!("write raw bytes to {name}"), "it is a tape drive", Some(remedy)))
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
