//! One file for each command, and what reads an archive has in common.

pub mod backup;
mod chain;
mod chain_on_tape;
pub mod compare;
pub mod completions;
pub mod extract;
pub mod info;
pub mod list;
pub mod man;
pub mod merge;
mod parts;
pub mod reblock;
pub mod recompress;
pub mod restore;
mod restore_only;
mod restore_report;
pub mod salvage;
pub mod tape;
pub mod verify;
mod verify_cartridge;
pub mod verify_written;

use std::fs;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use blocktar::archive::{Inputs, RewriteRequest};
use blocktar::cartridge;
use blocktar::drive::Drive;
use blocktar::error::{Error, Result};
use blocktar::media;
use blocktar::media::further_media::TapeReading;
use blocktar::media::next_medium::NextMedium;
use blocktar::progress::Progress;
use blocktar::stream::Input;

use crate::archive_output::Reading;
use crate::arguments::{OutputArguments, RewriteArguments, SelectionArguments};
use crate::summary::count;
use crate::talk::Talk;
use crate::tape_device;
use crate::values::Stream;

pub use parts::{all_named, open_each};

/// An archive that a command reads.
struct Wanted<'a> {
    /// The command's name.
    command: &'a str,
    /// Where it lies, if that was named.
    archive: Option<&'a Stream>,
    /// Which archive of a tape it is.
    selection: &'a SelectionArguments,
    /// Whether one that is known to be broken is of use.
    takes_broken: bool,
    talk: Talk,
}

impl Wanted<'_> {
    /// Opens it to be read from front to back.
    fn open(&self) -> Result<Box<dyn Input>> {
        let path = self.path()?;
        self.refuse_selection(path.as_deref())?;
        media::open_input_at(path.as_deref(), |drive| self.position(drive))
    }

    /// Opens it to be read here and there.
    fn open_for_pieces(&self) -> Result<Box<dyn Input>> {
        let path = self.path()?;
        self.refuse_selection(path.as_deref())?;
        media::open_input_for_pieces_at(path.as_deref(), |drive| self.position(drive))
    }

    fn open_in(&self, reading: TapeReading) -> Result<Box<dyn Input>> {
        match reading {
            TapeReading::Forward => self.open(),
            TapeReading::Pieces => self.open_for_pieces(),
        }
    }

    /// The drive all of whose cartridge is meant: one that was named, without a choice of an archive.
    fn cartridge(&self) -> Result<Option<PathBuf>> {
        let path = self.path()?.filter(|path| self.selection.selector().is_none() && tape_device::is_drive(path));
        Ok(path)
    }

    /// Whether it is on a tape: of a drive that was named, or that is standard input.
    fn is_on_tape(&self) -> Result<bool> {
        Ok(tape_device::is_meant(self.path()?.as_deref()))
    }

    /// Its path, if it has one; an archive does not come from a keyboard.
    fn path(&self) -> Result<Option<PathBuf>> {
        let path = self.archive.and_then(Stream::path).map(Path::to_path_buf);
        // A dash is a word, too: then it is standard input that is meant.
        let path = path.or_else(|| self.archive.is_none().then(tape_device::in_place_of_standard_input).flatten());
        if path.is_some() || !io::stdin().is_terminal() {
            return Ok(path);
        }
        let command = self.command;
        let remedy = format!("`blocktar {command} ARCHIVE`, or `blocktar {command} < ARCHIVE`");
        Err(Error::refused(format!("{command} an archive"), "standard input is a terminal", Some(remedy)))
    }

    /// A file holds one archive: whoever chooses among several means a tape.
    fn refuse_selection(&self, path: Option<&Path>) -> Result<()> {
        if self.selection.selector().is_none() || tape_device::is_meant(path) {
            return Ok(());
        }
        let name = path.map_or("standard input".to_owned(), |path| path.display().to_string());
        if let Some(path) = path {
            fs::metadata(path).map_err(|cause| Error::io("opening", &name, cause))?;
        }
        let remedy = "leave --id, --name and --file out; or name a tape drive".to_owned();
        let why = format!("{name} is no tape drive, and holds one archive at most");
        Err(Error::refused(format!("choose an archive of {name}"), why, Some(remedy)))
    }

    /// Sends a tape drive to the archive's head.
    fn position(&self, drive: &mut dyn Drive) -> Result<()> {
        let Some(selector) = self.selection.selector() else { return Ok(()) };
        let selected = cartridge::select(drive, &selector)?;
        let (name, file, effort) = (drive.name(), selected.file, count(selected.positionings, "positioning"));
        let Some(entry) = &selected.entry else {
            self.talk.detail(&format!("went to tape file {file} of {name} with {effort}"));
            return Ok(());
        };
        let id = entry.info.as_ref().map(|info| info.id.as_str()).unwrap_or_default();
        self.talk.say(&format!("found {id} in tape file {file} of {name} with {effort}"));
        if self.takes_broken { Ok(()) } else { selected.refuse_broken() }
    }
}

/// Opens the archive that a command reads from front to back.
fn open_archive(command: &str, archive: Option<&Stream>) -> Result<Box<dyn Input>> {
    let selection = &SelectionArguments::default();
    Wanted { command, archive, selection, takes_broken: true, talk: Talk::Normal }.open()
}

/// Opens an archive, which may lie in several parts, of which a command makes another. Refuses an output that would cost it.
fn open_old(command: &str, named: &[Stream], output: &OutputArguments, progress: &Arc<Progress>) -> Result<Inputs> {
    let selection = &SelectionArguments::default();
    let wanted = Wanted { command, archive: named.first(), selection, takes_broken: true, talk: Talk::Normal };
    // One command serves both sides: it is told which.
    let next_medium = NextMedium::new(output.next_medium.clone(), progress);
    let old = wanted.open_parts(named, next_medium, TapeReading::Forward)?;
    // Not even with `--overwrite`, which replaces a file when the new one is complete: the old archive is what proves the new one.
    let all = parts::all_named(named)?;
    for path in all.iter().map(Stream::path).chain(all.is_empty().then_some(None)) {
        Reading::of_archive(command, command, path).refuse_unsafe_output(output)?;
    }
    Ok(old)
}

/// What an archive that is made of others has otherwise than they; `longest` is the longest member for which its parts have room.
fn rewrite_request(arguments: &RewriteArguments, longest: Option<u64>, buffer_bytes: Option<u64>) -> RewriteRequest {
    RewriteRequest {
        compression: arguments.compression,
        digest: arguments.digest,
        extent_limit_bytes: arguments.extent_limit,
        extent_limit_max_bytes: longest,
        record_bytes: arguments.record_size,
        threads: thread_count(arguments.threads),
        buffer_bytes,
    }
}

/// How many threads to use: as many as the user said, or one for each processor.
fn thread_count(chosen: Option<NonZeroUsize>) -> usize {
    chosen.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}
