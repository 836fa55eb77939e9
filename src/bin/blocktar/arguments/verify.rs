//! What `verify` takes.

use std::num::NonZeroUsize;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{FurtherArguments, ReportArguments, SelectionArguments};
use crate::values::{self, Stream};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar verify backup.tar
  blocktar verify backup-*.tar
  blocktar verify /dev/nst0
  ssh vault 'cat backup.tar' | blocktar verify

Of a tape drive that is named it is the whole cartridge, unless --id, --name or --file chooses an archive. Where none is \
named and standard input is a terminal, it is the drive in the variable TAPE.";

#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// Read this archive instead of standard input; of one in parts name all, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Vec<Stream>,
    #[command(flatten)]
    pub further: FurtherArguments,
    /// Decompress and check with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
