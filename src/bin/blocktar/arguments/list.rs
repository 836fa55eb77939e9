//! What `list` takes.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use crate::values::Stream;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar list backup.tar
  blocktar list /srv/backups
  dd if=/dev/nst0 bs=512k | blocktar list";

#[derive(Args, Debug)]
pub struct ListArguments {
    /// Look at these files and folders instead of standard input
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub places: Vec<Stream>,
    /// Print a summary for programs when done
    #[arg(long)]
    pub json: bool,
}
