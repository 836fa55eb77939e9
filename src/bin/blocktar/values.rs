//! The values of options, held to the limits of the format, and how one is typed in a shell.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use blocktar::archive::{Compression, DigestKind, limit};

use crate::sizes;

/// More threads than this only take memory.
const THREADS_MAX: usize = 256;

/// A file, or `-` for the standard stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream(Option<PathBuf>);

impl Stream {
    /// The path of a file; `None` for the standard stream.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl From<OsString> for Stream {
    fn from(text: OsString) -> Self {
        Self((text != "-").then(|| text.into()))
    }
}

/// A path as a word of a command that can be copied into a shell.
pub fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+=@:-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Reads what `--compression` says.
pub fn compression(text: &str) -> Result<Compression, String> {
    text.parse().map_err(|_| "give none, zstd, or zstd:LEVEL with a level from 1 to 22".to_owned())
}

/// Reads what `--digest` says.
pub fn digest(text: &str) -> Result<DigestKind, String> {
    text.parse().map_err(|_| "give sha256 or blake3".to_owned())
}

/// Reads the length of the longest data member.
pub fn extent_limit(text: &str) -> Result<u64, String> {
    bounded_size(text, limit::EXTENT, limit::EXTENT_STEP)
}

/// Reads the length of a record.
pub fn record_size(text: &str) -> Result<u64, String> {
    bounded_size(text, limit::TAPE_RECORD, limit::TAPE_RECORD_STEP)
}

fn bounded_size(text: &str, bounds: RangeInclusive<u64>, multiple: u64) -> Result<u64, String> {
    let bytes = sizes::parse(text)?;
    if bounds.contains(&bytes) && bytes.is_multiple_of(multiple) {
        return Ok(bytes);
    }
    let (least, most) = (sizes::short(*bounds.start()), sizes::short(*bounds.end()));
    Err(format!("give {least} to {most}, a multiple of {multiple} bytes"))
}

/// Reads a number of threads.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= THREADS_MAX);
    threads.ok_or_else(|| format!("give a number from 1 to {THREADS_MAX}"))
}

/// Reads a backup's name.
pub fn name(text: &str) -> Result<String, String> {
    match text.len() {
        1..=limit::NAME => Ok(text.to_owned()),
        _ => Err(format!("give 1 to {} bytes", limit::NAME)),
    }
}

/// Reads one note of the user.
pub fn meta(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("give KEY=VALUE")?;
    if !(1..=limit::META_KEY).contains(&key.len()) {
        return Err(format!("the key has {} bytes; give 1 to {}", key.len(), limit::META_KEY));
    }
    if value.len() > limit::META_VALUE {
        return Err(format!("the value has {} bytes; give at most {}", value.len(), limit::META_VALUE));
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words_survive_a_shell() {
        let cases =
            [("/dev/vg/lv", "/dev/vg/lv"), ("my disk.img", "'my disk.img'"), ("it's", r"'it'\''s'"), ("", "''")];
        for (path, word) in cases {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }

    #[test]
    fn meta_is_held_to_the_limits_of_the_format() {
        assert_eq!(meta("vm=a=b"), Ok(("vm".to_owned(), "a=b".to_owned())));
        assert_eq!(meta("note="), Ok(("note".to_owned(), String::new())));
        let (long_key, long_value) = (format!("{}=1", "k".repeat(65)), format!("k={}", "v".repeat(1025)));
        for text in ["vm", "=1", &long_key, &long_value] {
            assert!(meta(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_held_to_the_limits_of_the_format() {
        assert!(name("web").is_ok() && name(&"n".repeat(255)).is_ok());
        assert!(name("").is_err() && name(&"n".repeat(256)).is_err());
    }

    #[test]
    fn threads_are_a_small_number() {
        assert!(threads("1").is_ok() && threads("256").is_ok());
        assert!(threads("0").is_err() && threads("257").is_err() && threads("all").is_err());
    }
}
