//! How much is held back in front of a drive that must not run dry.

use clap::Args;

use crate::sizes;

#[derive(Args, Clone, Copy, Debug)]
pub struct BufferArguments {
    /// Hold back this much in memory, so that a drive that starts does not run dry, 0 for nothing [default: for a tape a quarter of the free memory, at most 4G; else 0]
    #[arg(long, value_name = "SIZE", value_parser = sizes::parse)]
    pub buffer: Option<u64>,
}
