//! Where `backup` and `recompress` write their archive.

use std::path::Path;

use blocktar::sys::partial_file::IfExists;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::SummaryStream;
use crate::values::Stream;

#[derive(Args, Debug)]
pub struct OutputArguments {
    /// Write the archive to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_parser = OsStringValueParser::new().map(Stream::from))]
    output: Option<Stream>,
    /// Replace the output file if it exists
    #[arg(long, requires = "output")]
    overwrite: bool,
    /// Read the output file again and verify it
    #[arg(long, requires = "output")]
    verify: bool,
}

impl OutputArguments {
    /// The output file; `None` for standard output.
    pub fn path(&self) -> Option<&Path> {
        self.output.as_ref().and_then(Stream::path)
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

    /// What went to standard output cannot be read again.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.verify && self.path().is_none() {
            return Err("--verify reads the archive again: it needs `-o FILE`".to_owned());
        }
        Ok(())
    }
}
