//! What `compare` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{FurtherArguments, ReportArguments, SelectionArguments};
use crate::values::{self, Stream};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar compare backup.tar /dev/vg/lv
  blocktar compare backup.tar /dev/vg/larger --larger
  ssh vault 'cat backup.tar' | blocktar compare - disk.img --json

Differences are told in blocks of 4096 bytes. What only one of both has differs too, if their sizes do. \
Ranges that could not be read when the backup was made are not compared, nor what an increment leaves to its parent.";

#[derive(Args, Debug)]
pub struct CompareArguments {
    /// Read this archive; `-` is standard input; of one in parts name all, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(value_name = "ARCHIVE", required = true, num_args = 1.., value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Vec<Stream>,
    #[command(flatten)]
    pub further: FurtherArguments,
    /// Compare it with this block device or disk image
    #[arg(value_name = "DEVICE")]
    pub device: PathBuf,
    /// Take no offence at a device that is larger than what was backed up
    #[arg(long)]
    pub larger: bool,
    /// Decompress and check with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
