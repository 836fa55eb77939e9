//! One file for each command, and what reads an archive has in common.

pub mod backup;
pub mod compare;
pub mod completions;
pub mod extract;
pub mod info;
pub mod list;
pub mod man;
pub mod recompress;
pub mod restore;
pub mod tape;
pub mod verify;

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use blocktar::error::{Error, Result};
use blocktar::media;
use blocktar::stream::Input;

use crate::values::Stream;

/// Opens the archive that a command reads from front to back.
fn open_archive(command: &str, archive: Option<&Stream>) -> Result<Box<dyn Input>> {
    media::open_input(archive_path(command, archive)?)
}

/// Opens the archive of which a command reads pieces here and there.
fn open_archive_for_pieces(command: &str, archive: Option<&Stream>) -> Result<Box<dyn Input>> {
    media::open_input_for_pieces(archive_path(command, archive)?)
}

/// The archive's path, if it has one; an archive does not come from a keyboard.
fn archive_path<'a>(command: &str, archive: Option<&'a Stream>) -> Result<Option<&'a Path>> {
    let path = archive.and_then(Stream::path);
    if path.is_none() && io::stdin().is_terminal() {
        let remedy = format!("`blocktar {command} ARCHIVE`, or `blocktar {command} < ARCHIVE`");
        return Err(Error::refused(format!("{command} an archive"), "standard input is a terminal", Some(remedy)));
    }
    Ok(path)
}

/// How many threads to use: as many as the user said, or one for each processor.
fn thread_count(chosen: Option<NonZeroUsize>) -> usize {
    chosen.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}
