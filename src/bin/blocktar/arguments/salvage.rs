//! What `salvage` takes.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{FurtherArguments, ReportArguments, SelectionArguments};
use crate::values::Stream;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar salvage -i broken.tar new.img --lost lost.json
  blocktar restore -i copy.tar --only lost.json new.img
  ssh vault 'cat broken.tar' | blocktar salvage new.img --lost lost.json
  blocktar salvage -i 'backup-%03d.tar' new.img --lost lost.json
  blocktar salvage -i /dev/nst0 --file 3 new.img --lost lost.json

The image is named although it is incomplete: what the archive does not prove stands in lost.json, and was not written. Onto a \
device or an existing image, with --overwrite, it is written in place: what is lost keeps what it held. A part that is missing is lost, and the others are \
saved; --next-medium, or a prompt at a drive, asks for those that were not named, as long as something is lost. Of a file whose beginning is lost and \
that holds members of several archives, --id says which is meant.";

#[derive(Args, Debug)]
pub struct SalvageArguments {
    /// Write to this block device or image
    pub target: PathBuf,
    /// Read the archive from this file instead of standard input; of one in parts name all that there are, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(short, long, value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub input: Vec<Stream>,
    #[command(flatten)]
    pub further: FurtherArguments,
    /// Write the ranges of the device that are lost to this file
    #[arg(long, value_name = "FILE")]
    pub lost: PathBuf,
    /// Write into an existing image, or onto a device that holds something; replace the list of what is lost
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
