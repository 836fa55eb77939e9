//! The terminal at which somebody is asked, and told.

use std::fs::File;
use std::io;

use nix::sys::termios::{FlushArg, tcflush};

/// Forgets what was typed before anybody was asked.
pub fn forget_typed(terminal: &File) -> io::Result<()> {
    Ok(tcflush(terminal, FlushArg::TCIFLUSH)?)
}

/// Text from an archive or a medium that cannot play tricks on a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2Jb\nc ü"), "a\\u{1b}[2Jb\\nc ü");
    }
}
