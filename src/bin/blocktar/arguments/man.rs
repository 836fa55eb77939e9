//! What `man` takes.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::Arguments;

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar man backup | man -l -
  blocktar man --folder ~/.local/share/man/man1

The pages bear today's date, or the one that SOURCE_DATE_EPOCH gives in seconds since 1970.";

#[derive(Args, Debug)]
pub struct ManArguments {
    /// Print the page of this command instead of the one of blocktar itself
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    /// Write all pages into this folder, in place of older ones
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub folder: Option<PathBuf>,
}

impl ManArguments {
    /// Checks what no single option shows.
    pub(super) fn check(&self) -> Result<(), String> {
        let definition = Arguments::command();
        let Some(asked) = &self.command else { return Ok(()) };
        if definition.get_subcommands().any(|command| command.get_name() == asked) {
            return Ok(());
        }
        let names: Vec<_> = definition.get_subcommands().map(|command| command.get_name()).collect();
        Err(format!("there is no command {asked}; there are {}", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};

    fn check(line: &str) -> Result<(), String> {
        let Command::Man(man) = parse(line).unwrap().command else { panic!() };
        man.check()
    }

    #[test]
    fn only_commands_have_pages() {
        assert_eq!(check("blocktar man"), Ok(()));
        assert_eq!(check("blocktar man backup"), Ok(()));
        let why = check("blocktar man back").unwrap_err();
        assert!(why.contains("no command back") && why.contains("backup, restore"), "{why}");
        assert!(parse("blocktar man backup --folder x").is_err());
    }
}
