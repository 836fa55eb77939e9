//! What `recompress` takes.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{OutputArguments, ReportArguments, RewriteArguments};
use crate::values::Stream;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar recompress backup.tar -o small.tar --compression zstd:19
  blocktar recompress backup.tar -o big.tar --compression none --extent-limit 4M --verify
  ssh vault 'cat backup.tar' | blocktar recompress --record-size 512K | dd of=/dev/nst0 bs=512k iflag=fullblock

The new archive has an id and a digest of its own and the state of the old one, so increments fit both. An archive in which \
anything is wrong gives no new one: there is no --keep-going, as what is written afresh looks sound.";

#[derive(Args, Debug)]
pub struct RecompressArguments {
    /// Read this archive instead of standard input; of one in parts name all, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Vec<Stream>,
    #[command(flatten)]
    pub output: OutputArguments,
    #[command(flatten)]
    pub rewrite: RewriteArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
