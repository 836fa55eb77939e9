//! `RESTORE.txt`, the recipe that every archive carries (format-spec, section 5).

/// The text; the same in every archive.
pub const RESTORE_TEXT: &str = include_str!("RESTORE.txt");
