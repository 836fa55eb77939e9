//! Where a command writes an archive: what is unsafe there, and which stream is left for the summary.

use std::io::{self, IsTerminal};
use std::path::Path;

use blocktar::error::{Error, Result};
use blocktar::sys::block::Identity;
use serde_json::Value;

use crate::arguments::SummaryStream;
use crate::talk;
use crate::values::shell_word;
use crate::{answer, identity};

/// What the archive is made of, which must not be overwritten by it.
pub struct Reading {
    /// What was asked, as a phrase: `back up disk.img`.
    pub request: String,
    /// The command line up to the output: `blocktar backup disk.img`.
    pub command: String,
    /// What it is to the command: `the source`.
    pub what: &'static str,
    /// Which file or device it is, if that can be told.
    pub identity: Option<Identity>,
}

/// Refuses an output that is a terminal, a folder, or what is being read; nothing means standard output.
pub fn refuse_unsafe(reading: Reading, output_path: Option<&Path>) -> Result<()> {
    let Reading { request, command, what, identity } = reading;
    let remedy = format!("`{command} -o FILE`, or `{command} > FILE`");
    let output = match output_path {
        None if io::stdout().is_terminal() => {
            let why = "standard output is a terminal, and an archive is not for reading";
            return Err(Error::refused(request, why, Some(remedy)));
        }
        None => identity::of_stream(io::stdout()),
        Some(path) if path.is_dir() => {
            let why = format!("the output {} is a folder", path.display());
            let file = shell_word(&path.join("backup.tar"));
            return Err(Error::refused(request, why, Some(format!("`{command} -o {file}`"))));
        }
        Some(path) => identity::of_path(path),
    };
    if output.is_some() && output == identity {
        return Err(Error::refused(request, format!("the output is {what} itself"), Some(remedy)));
    }
    Ok(())
}

/// Prints the summary for programs.
pub fn print_summary(summary: &Value, stream: SummaryStream) -> Result<()> {
    match stream {
        SummaryStream::Output => answer::print_json(summary),
        SummaryStream::Error => {
            talk::machine(summary);
            Ok(())
        }
    }
}
