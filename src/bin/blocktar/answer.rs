//! What is printed on standard output: the answer to a question.

use std::io::{self, Write};

use blocktar::error::{Error, Result};
use blocktar::sys::closed_streams;
use serde_json::Value;

/// Prints an answer as it is.
///
/// A reader that has seen enough (`blocktar list | head`) is no failure.
pub fn print(bytes: &[u8]) -> Result<()> {
    print_pieces([bytes])
}

/// The same of an answer too long to stand in memory; where nobody reads on, the rest is not made.
pub fn print_pieces(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<()> {
    to_standard_output(|| {
        let mut stdout = io::stdout().lock();
        pieces.into_iter().try_for_each(|piece| stdout.write_all(piece.as_ref()))
    })
}

/// Prints what `--help` or `--version` asked for, in the terminal's colours.
pub fn print_help(help: &clap::Error) -> Result<()> {
    to_standard_output(|| help.print())
}

fn to_standard_output(print: impl FnOnce() -> io::Result<()>) -> Result<()> {
    if closed_streams::standard_output() {
        return Err(Error::io("writing", "standard output", io::Error::other("it was closed from the start")));
    }
    match print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Error::io("writing", "standard output", error)),
    }
}

/// Prints an answer for programs: one object on one line.
pub fn print_json(value: &Value) -> Result<()> {
    print(format!("{value}\n").as_bytes())
}
