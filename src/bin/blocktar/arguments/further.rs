//! Where parts of an archive come from that were not named.

use clap::Args;

#[derive(Args, Debug, Default)]
pub struct FurtherArguments {
    /// Run this command for each part that was not named: it changes the medium, or prints the path of the part
    #[arg(long, value_name = "COMMAND")]
    pub next_medium: Option<String>,
}
