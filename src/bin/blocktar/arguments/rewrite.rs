//! How an archive that is made of others is written.

use std::num::NonZeroUsize;

use blocktar::archive::{Compression, DigestKind};
use clap::Args;

use super::BufferArguments;
use crate::values;

#[derive(Args, Debug)]
pub struct RewriteArguments {
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
}
