//! What `salvage` takes.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{ReportArguments, SelectionArguments};
use crate::values::Stream;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar salvage -i broken.tar new.img --lost lost.json
  blocktar restore -i copy.tar --only lost.json new.img
  ssh vault 'cat broken.tar' | blocktar salvage new.img --lost lost.json
  blocktar salvage -i part-1.tar -i part-2.tar new.img --lost lost.json
  blocktar salvage -i /dev/nst0 --file 3 new.img --lost lost.json

The image is named although it is incomplete: what the archive does not prove stands in lost.json, and was not written. Onto a \
device or an existing image, with --overwrite, it is written in place: what is lost keeps what it held. Of a file whose beginning is lost and \
that holds members of several archives, --id says which is meant.";

#[derive(Args, Debug)]
pub struct SalvageArguments {
    /// Write to this block device or image
    pub target: PathBuf,
    /// Read the archive from this file instead of standard input; once for each part, in order
    #[arg(short, long, value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub input: Vec<Stream>,
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
