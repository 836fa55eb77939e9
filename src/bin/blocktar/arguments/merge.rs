//! What `merge` takes.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{OutputArguments, ReportArguments, RewriteArguments};
use crate::values::Stream;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar merge full.tar inc1.tar inc2.tar -o full2.tar --verify
  blocktar merge inc1.tar inc2.tar inc3.tar -o week.tar
  blocktar merge full.tar inc*.tar -o /dev/nst0

The new archive leaves the state of the newest one: increments on that one, made before or after, fit both. The archives stay \
where they are, and no device is read.";

#[derive(Args, Debug)]
pub struct MergeArguments {
    /// A full and increments on it, or increments that follow each other, in any order; of one in parts all, or as they were written: 'full-%03d.tar'
    #[arg(value_name = "ARCHIVE", required = true, value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Vec<Stream>,
    #[command(flatten)]
    pub output: OutputArguments,
    #[command(flatten)]
    pub rewrite: RewriteArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
