//! What `info` takes.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{FurtherArguments, SelectionArguments};
use crate::values::Stream;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar info backup.tar
  blocktar info backup.tar --extents
  blocktar info backup.tar --attached web.xml > web.xml

Of a tape it is the archive before which the tape stands, unless --id, --name or --file chooses one; of one that goes on elsewhere the part in the drive, unless \
--next-medium brings the others. Where none is named and \
standard input is a terminal, it is on the drive in the variable TAPE.";

#[derive(Args, Debug)]
pub struct InfoArguments {
    /// Look at this archive instead of standard input; of one in parts name all, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Vec<Stream>,
    #[command(flatten)]
    pub further: FurtherArguments,
    /// Write this attached file to standard output
    #[arg(long, value_name = "NAME", conflicts_with_all = ["json", "extents"])]
    pub attached: Option<String>,
    /// Print the map: one line for each extent, with --json as it stands in the archive
    #[arg(long)]
    pub extents: bool,
    /// Print a summary for programs when done
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub selection: SelectionArguments,
}
