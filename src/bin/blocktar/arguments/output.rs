//! Where `backup`, `recompress` and `reblock` write their archive.

use std::path::{Path, PathBuf};

use blocktar::sys::partial_file::IfExists;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::SummaryStream;
use crate::values::Stream;
use crate::{sizes, tape_device};

#[derive(Args, Debug)]
pub struct OutputArguments {
    /// Write the archive to this file or tape instead of standard output
    #[arg(short, long, value_name = "FILE", value_parser = OsStringValueParser::new().map(Stream::from))]
    output: Option<Stream>,
    /// The drive that the variable TAPE names, in place of a terminal
    #[arg(skip = tape_device::in_place_of_terminal_output())]
    tape: Option<PathBuf>,
    /// Replace the output file if it exists, but no parts; cut off what a tape holds
    #[arg(long)]
    overwrite: bool,
    /// Write files of at most this size, each a part of the archive, numbered as in `-o backup-%03d.tar`
    #[arg(long, value_name = "SIZE", requires = "output", value_parser = sizes::parse)]
    pub part_size: Option<u64>,
    /// Run this command for each further medium, written or read: it changes the medium, or prints the path of another
    #[arg(long, value_name = "COMMAND")]
    pub next_medium: Option<String>,
    /// Read what was written again, all parts of it, and verify it
    #[arg(long)]
    verify: bool,
}

impl OutputArguments {
    /// The output file; `None` for standard output.
    pub fn path(&self) -> Option<&Path> {
        self.output.as_ref().map_or(self.tape.as_deref(), Stream::path)
    }

    /// What to do if that file exists.
    pub fn if_exists(&self) -> IfExists {
        if self.overwrite { IfExists::Replace } else { IfExists::Refuse }
    }

    /// The file that is to be read again, if one is.
    pub fn path_to_verify(&self) -> Option<&Path> {
        self.path().filter(|_| self.verify)
    }

    /// Not where the archive goes: into a file, or else to standard output.
    pub fn summary_stream(&self) -> SummaryStream {
        match self.path() {
            Some(_) => SummaryStream::Output,
            None => SummaryStream::Error,
        }
    }

    /// What went to standard output cannot be read again, and has no name for the number of a part.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.part_size.is_some() && self.path().is_none() {
            return Err("--part-size makes files: it needs a name for them, as in `-o backup-%03d.tar`".to_owned());
        }
        if self.verify && self.path().is_none() {
            let why = "--verify reads the archive again, and what is redirected to can only be written";
            return Err(format!("{why}: name it, `-o FILE` or `-o /dev/nst0`"));
        }
        Ok(())
    }
}
