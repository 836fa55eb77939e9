//! What `backup` takes to write an increment.

use std::path::PathBuf;

use blocktar::archive::limit;
use clap::{Args, ValueEnum};

/// On what an increment builds.
#[derive(Args, Debug)]
pub struct SinceArguments {
    /// Hold only what changed since these archives, a full and increments on it, in any order; of a folder, since the newest of this device and --name
    #[arg(long, value_name = "ARCHIVE|FOLDER")]
    pub since: Vec<PathBuf>,
    /// Do this where nothing tells what changed
    #[arg(long, value_enum, value_name = "HOW", default_value = "digest", requires = "since")]
    pub if_untracked: IfUntracked,
    /// Hold so many ranges that should be unchanged against the archives, and note their digests, by which a restore onto the parent knows its target, 0 to 256
    #[arg(long, value_name = "N", default_value = "16", requires = "since", value_parser = samples)]
    pub audit: usize,
}

/// What is done where nothing tells what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IfUntracked {
    /// Write nothing
    Fail,
    /// Write a full where there is no archive to compare with, or of a volume no kept snapshot
    Full,
    /// Read everything, and write what differs from the archives
    Digest,
}

fn samples(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= limit::SAMPLES);
    count.ok_or_else(|| format!("give a number from 0 to {}", limit::SAMPLES))
}
