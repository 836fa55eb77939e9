//! What is said on standard error: talk, warnings, errors.

use std::error::Error as _;
use std::io::{IsTerminal, Write};

use blocktar::error::Error;
use blocktar::extent::Range;
use blocktar::ranges::RangeList;

use crate::summary::{self, printable};
use crate::{remedy, sizes};

/// How many affected ranges an error lists before it only counts them.
const RANGES_SHOWN: usize = 20;

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Talk {
    /// Warnings and errors.
    Quiet,
    /// A short summary too.
    Normal,
    /// What is about to be done, and details.
    Verbose,
}

impl Talk {
    /// Says what most users want to know.
    pub fn say(self, text: &str) {
        if self >= Self::Normal {
            print(text);
        }
    }

    /// Says what only curious users want to know.
    pub fn detail(self, text: &str) {
        if self >= Self::Verbose {
            print(text);
        }
    }
}

/// Says what the user should not miss, however quiet things are to be.
pub fn warn(text: &str) {
    print(&format!("blocktar: warning: {text}"));
}

/// The same in the middle of an operation, whose progress may stand in the line.
pub fn warn_amid(text: &str) {
    if std::io::stderr().is_terminal() {
        // To the line's beginning, and clear it (ECMA-48, EL).
        let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
    }
    warn(text);
}

/// Prints a summary for programs where standard output carries the archive.
pub fn machine(summary: &serde_json::Value) {
    let _ = writeln!(std::io::stderr().lock(), "{summary}");
}

/// Reports the error that ended the program.
pub fn report(error: &Error) {
    print(&error_text(error));
}

fn error_text(error: &Error) -> String {
    let mut text = format!("blocktar: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Most errors quote their cause already.
        if !text.contains(&inner_text) {
            text += &format!(": {inner_text}");
        }
        cause = inner.source();
    }
    for line in range_lines(error.affected()) {
        text += &format!("\n  affected: {line}");
    }
    if let Some(remedy) = remedy::of(error) {
        text += &format!("\n  help: {remedy}");
    }
    text
}

/// A byte range for people.
pub fn range_text(range: &Range) -> String {
    format!("bytes {} to {} ({})", range.start, range.end() - u64::from(range.length > 0), sizes::short(range.length))
}

/// Byte ranges for people, one a line; of very many, the first and how many more there are.
pub fn range_lines(ranges: &[Range]) -> Vec<String> {
    lines_of(ranges, ranges.len() as u64)
}

/// The same of a list that counts more ranges than it holds.
pub fn list_lines(list: &RangeList) -> Vec<String> {
    lines_of(list.kept(), list.count())
}

fn lines_of(ranges: &[Range], count: u64) -> Vec<String> {
    let mut lines: Vec<_> = ranges.iter().take(RANGES_SHOWN).map(range_text).collect();
    let more = count - lines.len() as u64;
    if more > 0 {
        lines.push(format!("and {}", summary::count(more, "more range")));
    }
    lines
}

fn print(text: &str) {
    let text: Vec<_> = text.split('\n').map(printable).collect();
    // Nobody is left to be told that standard error cannot be written.
    let _ = writeln!(std::io::stderr().lock(), "{}", text.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_cause_once_and_its_remedy() {
        let cause = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let text = error_text(&Error::io("opening", "/dev/vg/lv", cause));
        assert_eq!(text.matches("permission denied").count(), 1, "{text}");
        assert!(text.starts_with("blocktar: opening /dev/vg/lv: "), "{text}");
        assert!(text.contains("\n  help: run it as"), "{text}");
    }

    #[test]
    fn damage_names_the_affected_ranges() {
        let affected = (0..25).map(|number| Range { start: number * 8192, length: 4096 }).collect();
        let error = Error::Damaged { archive: "a.tar".to_owned(), why: "digest".to_owned(), affected };
        let text = error_text(&error);
        assert!(text.contains("\n  affected: bytes 8192 to 12287 (4 KiB)\n"), "{text}");
        assert!(text.contains("and 5 more ranges"), "{text}");
    }
}
