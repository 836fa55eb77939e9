//! What `list` takes.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use crate::values::Stream;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar list backup.tar
  blocktar list /srv/backups
  blocktar list /dev/nst0

Of a tape drive the whole cartridge is listed. Where nothing is named and standard input is a terminal, it is the drive \
in the variable TAPE.";

#[derive(Args, Debug)]
pub struct ListArguments {
    /// Look at these files, folders and tape drives instead of standard input
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub places: Vec<Stream>,
    /// Print a summary for programs when done
    #[arg(long)]
    pub json: bool,
}
