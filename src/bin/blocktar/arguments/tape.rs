//! What `tape` takes.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar tape status /dev/nst0
  blocktar tape label /dev/nst0 WEEK-07
  TAPE=/dev/nst0 blocktar tape label WEEK-07 --overwrite

Where no drive is named, it is the one in the variable TAPE.";

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TapeAction {
    /// Say what the drive and its cartridge are, and leave the tape where it is
    Status,
    /// Write a label as the cartridge's first tape file
    Label,
}

#[derive(Args, Debug)]
pub struct TapeArguments {
    /// What to do
    #[arg(value_enum)]
    pub action: TapeAction,
    /// The drive, and for `label` the name behind it
    #[arg(value_name = "DEVICE|NAME", num_args = 0..=2)]
    words: Vec<PathBuf>,
    /// Label a cartridge that holds something; all of it is lost
    #[arg(long)]
    pub overwrite: bool,
    /// Print a summary for programs when done
    #[arg(long)]
    pub json: bool,
}

impl TapeArguments {
    /// The drive, if it was named.
    pub fn device(&self) -> Option<&Path> {
        let named = match self.action {
            TapeAction::Status => 1,
            TapeAction::Label => 2,
        };
        self.words.first().filter(|_| self.words.len() == named).map(PathBuf::as_path)
    }

    /// The label's name; empty where none was given.
    pub fn name(&self) -> String {
        let name = self.words.last().filter(|_| self.action == TapeAction::Label);
        name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Whether there are as many words as the action takes.
    pub(super) fn check(&self) -> Result<(), String> {
        match (self.action, self.words.as_slice()) {
            (TapeAction::Status, [_, _]) => Err("`tape status` takes one drive".to_owned()),
            (TapeAction::Status, _) if self.overwrite => Err("`tape status` overwrites nothing".to_owned()),
            (TapeAction::Label, []) => Err("give the label's name: `blocktar tape label /dev/nst0 WEEK-07`".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;

    fn tape(line: &str) -> TapeArguments {
        match parse(line).unwrap().command {
            Command::Tape(tape) => tape,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_drive_comes_before_the_name_and_may_be_left_out() {
        let (both, name_only) = (tape("blocktar tape label /dev/nst0 A"), tape("blocktar tape label A"));
        assert_eq!((both.device(), both.name().as_str()), (Some(Path::new("/dev/nst0")), "A"));
        assert_eq!((name_only.device(), name_only.name().as_str()), (None, "A"));
        assert_eq!(tape("blocktar tape status /dev/nst0").device(), Some(Path::new("/dev/nst0")));
        assert_eq!(tape("blocktar tape status").device(), None);
    }

    #[test]
    fn words_too_few_or_too_many_are_wrong_usage() {
        for line in ["status a b", "label", "status --overwrite"] {
            assert!(tape(&format!("blocktar tape {line}")).check().is_err(), "{line}");
        }
        assert!(parse("blocktar tape label a b c").is_err() && parse("blocktar tape wipe").is_err());
        assert!(tape("blocktar tape label a").check().is_ok());
    }
}
