//! What `reblock` takes.

use std::num::NonZeroUsize;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{BufferArguments, OutputArguments, ReportArguments};
use crate::values::{self, Stream};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  ssh host 'blocktar backup /dev/vg/snap' | blocktar reblock -o /dev/nst0
  ssh host 'blocktar backup /dev/vg/snap' | blocktar reblock --buffer 4G -o /dev/nst0
  blocktar reblock backup.tar -o copy.tar --verify
  blocktar reblock < /dev/nst0 -o /dev/nst1

It stays the same archive: id, digest, state and the stored bytes of each member are as they were, only where the archive lies and in which records changes. All of it \
is checked on the way, and an archive in which anything is wrong never becomes complete there. The record size in its head is the one \
with which it was made; the records of a tape have the tape's own.";

#[derive(Args, Debug)]
pub struct ReblockArguments {
    /// Read this archive instead of standard input; of one in parts name all, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Vec<Stream>,
    #[command(flatten)]
    pub output: OutputArguments,
    /// Write records of this size onto a tape, 512 bytes to 16M [default: 512K]
    #[arg(long, value_name = "SIZE", value_parser = values::record_size)]
    pub record_size: Option<u64>,
    /// Check with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub buffer: BufferArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
