//! What `recompress` takes.

use std::num::NonZeroUsize;

use blocktar::archive::{Compression, DigestKind};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{BufferArguments, OutputArguments, ReportArguments};
use crate::values::{self, Stream};

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
    /// Compress the data: none, zstd or zstd:LEVEL [default: as it is]
    #[arg(long, value_name = "METHOD", value_parser = values::compression)]
    pub compression: Option<Compression>,
    /// Prove each range with this digest: sha256 or blake3 [default: as it is]
    #[arg(long, value_name = "KIND", value_parser = values::digest)]
    pub digest: Option<DigestKind>,
    /// Cut data into members of at most this size, 64K to 64M [default: as it is]
    #[arg(long, value_name = "SIZE", value_parser = values::extent_limit)]
    pub extent_limit: Option<u64>,
    /// Write records of this size, 512 bytes to 16M [default: as it is]
    #[arg(long, value_name = "SIZE", value_parser = values::record_size)]
    pub record_size: Option<u64>,
    /// Read and write with this many threads each [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub buffer: BufferArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
