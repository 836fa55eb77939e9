//! What `extract` takes.

use std::num::NonZeroUsize;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{FurtherArguments, ReportArguments, SelectionArguments};
use crate::sizes;
use crate::values::{self, Stream};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar extract backup.tar --offset 2G --length 64K > piece
  blocktar extract backup.tar | sha256sum
  ssh vault 'cat backup.tar' | blocktar extract --length 512 > boot-sector

A file is read only where the range lies; what comes through a pipe is read to its end, and is refused if that is missing. \
Zeros are written as zeros: to make a sparse image of the whole device, use `blocktar restore`.

Of a tape it is the archive before which the tape stands, unless --id, --name or --file chooses one. Where none is named and \
standard input is a terminal, it is on the drive in the variable TAPE.";

#[derive(Args, Debug)]
pub struct ExtractArguments {
    /// Read this archive instead of standard input; of one in parts name all, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Vec<Stream>,
    #[command(flatten)]
    pub further: FurtherArguments,
    /// Begin at this byte of the device
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = sizes::parse)]
    pub offset: u64,
    /// Write this many bytes [default: all up to the end of the device]
    #[arg(long, value_name = "SIZE", value_parser = sizes::parse)]
    pub length: Option<u64>,
    /// Decompress and check with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
