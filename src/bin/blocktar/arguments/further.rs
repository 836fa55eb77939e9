//! Where parts of an archive come from that were not named.

use std::sync::Arc;

use blocktar::media::next_medium::NextMedium;
use blocktar::progress::Progress;
use clap::Args;

#[derive(Args, Debug)]
pub struct FurtherArguments {
    /// Run this command for each part that was not named: it changes the medium, or prints the path of the part
    #[arg(long, value_name = "COMMAND")]
    next_medium: Option<String>,
}

impl FurtherArguments {
    /// Whom to ask for them.
    pub fn whom_to_ask(&self, progress: &Arc<Progress>) -> NextMedium {
        NextMedium::new(self.next_medium.clone(), progress)
    }
}
