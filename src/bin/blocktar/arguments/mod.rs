//! What was typed, parsed into types that cannot be wrong: what all commands share here, what each takes in a file of its own.

mod backup;
mod buffer;
mod compare;
mod completions;
mod extract;
mod further;
mod info;
mod list;
mod man;
mod merge;
mod output;
mod reblock;
mod recompress;
mod restore;
mod rewrite;
mod salvage;
mod selection;
mod since;
mod snapshot;
mod summary_stream;
mod tape;
mod verify;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::talk::Talk;
use crate::{exit_code, slips};

pub use backup::BackupArguments;
pub use buffer::BufferArguments;
pub use compare::CompareArguments;
pub use completions::{CompletionsArguments, Shell};
pub use extract::ExtractArguments;
pub use further::FurtherArguments;
pub use info::InfoArguments;
pub use list::ListArguments;
pub use man::ManArguments;
pub use merge::MergeArguments;
pub use output::OutputArguments;
pub use reblock::ReblockArguments;
pub use recompress::RecompressArguments;
pub use restore::RestoreArguments;
pub use rewrite::RewriteArguments;
pub use salvage::SalvageArguments;
pub use selection::SelectionArguments;
pub use since::{IfUntracked, SinceArguments};
pub use snapshot::SnapshotArguments;
pub use summary_stream::SummaryStream;
pub use tape::{TapeAction, TapeArguments};
pub use verify::VerifyArguments;

const EXAMPLES: &str = "\
Examples:
  blocktar backup /dev/vg/snap > backup.tar
  blocktar backup /dev/vg/snap | ssh vault 'cat > backup.tar'
  blocktar restore /dev/vg/lv < backup.tar
  blocktar restore -i backup.tar new.img
  blocktar list FOLDER
  blocktar verify backup.tar
  blocktar compare backup.tar /dev/vg/lv
  blocktar extract backup.tar --offset 1G --length 64K > piece

Where a command takes an archive, `-` is standard input, and `-o -` is standard output; both are what it takes when no \
archive is named. A file of that name is `./-`.";

/// Back up block devices and disk images as one sequential tar, and bring them back byte for byte
#[derive(Debug, Parser)]
#[command(name = "blocktar", version, after_help = help_end(EXAMPLES))]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 100)]
    quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true, display_order = 100)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an archive of a device or image
    #[command(after_help = help_end(backup::EXAMPLES))]
    Backup(BackupArguments),
    /// Bring an archive back onto a device or into a new image
    #[command(after_help = help_end(restore::EXAMPLES))]
    Restore(RestoreArguments),
    /// Print one line for each archive
    #[command(after_help = help_end(list::EXAMPLES))]
    List(ListArguments),
    /// Print all that is known of one archive
    #[command(after_help = help_end(info::EXAMPLES))]
    Info(InfoArguments),
    /// Read an archive through and say what is wrong with it
    #[command(after_help = help_end(verify::EXAMPLES))]
    Verify(VerifyArguments),
    /// Say whether a device or image still holds what the archive does, and where not
    #[command(after_help = help_end(compare::EXAMPLES))]
    Compare(CompareArguments),
    /// Write raw bytes of the device to standard output
    #[command(after_help = help_end(extract::EXAMPLES))]
    Extract(ExtractArguments),
    /// Write an archive anew, compressed or cut otherwise
    #[command(after_help = help_end(recompress::EXAMPLES))]
    Recompress(RecompressArguments),
    /// Make one archive of a full and its increments, without a device
    #[command(after_help = help_end(merge::EXAMPLES))]
    Merge(MergeArguments),
    /// Save what is certain of a damaged archive, and list what is lost
    #[command(after_help = help_end(salvage::EXAMPLES))]
    Salvage(SalvageArguments),
    /// Put an archive elsewhere as it is, on a tape as a rule
    #[command(after_help = help_end(reblock::EXAMPLES))]
    Reblock(ReblockArguments),
    /// Ask a tape drive, or label a cartridge
    #[command(after_help = help_end(tape::EXAMPLES))]
    Tape(TapeArguments),
    /// Print a script that completes command lines in a shell
    #[command(after_help = help_end(completions::EXAMPLES))]
    Completions(CompletionsArguments),
    /// Print a man page, or write all of them
    #[command(after_help = help_end(man::EXAMPLES))]
    Man(ManArguments),
}

impl Command {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::List(_) => "list",
            Self::Info(_) => "info",
            Self::Verify(_) => "verify",
            Self::Compare(_) => "compare",
            Self::Extract(_) => "extract",
            Self::Recompress(_) => "recompress",
            Self::Merge(_) => "merge",
            Self::Salvage(_) => "salvage",
            Self::Reblock(_) => "reblock",
            Self::Tape(_) => "tape",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

/// How programs and people learn what happens.
#[derive(Args, Clone, Copy, Debug)]
pub struct ReportArguments {
    /// Print a summary for programs when done
    #[arg(long)]
    pub json: bool,
    /// Show progress on standard error
    #[arg(long, value_enum, default_value = "auto", value_name = "HOW")]
    pub progress: ProgressChoice,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// A bar if standard error is a terminal
    Auto,
    /// A bar
    Bar,
    /// One JSON object each second
    Json,
    /// Nothing
    None,
}

impl Arguments {
    /// Parses the command line, or says why not, or what `--help` asked for.
    pub fn try_parse_all() -> Result<Self, clap::Error> {
        let hint = |error| slips::with_hint(error, Self::command(), std::env::args_os());
        let arguments = Self::try_parse().map_err(hint)?;
        let checked = match &arguments.command {
            Command::Backup(backup) => backup.check(),
            Command::Recompress(recompress) => recompress.output.check(),
            Command::Merge(merge) => merge.output.check(),
            Command::Reblock(reblock) => reblock.output.check(),
            Command::Man(man) => man.check(),
            Command::Tape(tape) => tape.check(),
            _ => Ok(()),
        };
        checked.map_err(|why| Self::command().error(ErrorKind::ValueValidation, why))?;
        Ok(arguments)
    }

    /// How much to say.
    pub fn talk(&self) -> Talk {
        match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (_, true) => Talk::Verbose,
            _ => Talk::Normal,
        }
    }
}

fn help_end(examples: &str) -> String {
    format!("{examples}\n\n{}", exit_code::help())
}

/// Parses a line as a shell would split it.
#[cfg(test)]
fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split(' '))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_lines_end_without_a_full_stop() {
        let command = Arguments::command();
        for subcommand in command.get_subcommands() {
            for argument in subcommand.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.ends_with('.'), "{}: {help}", argument.get_id());
            }
            let end = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(end.contains("Exit codes:"), "{}", subcommand.get_name());
        }
    }

    #[test]
    fn a_dash_is_the_standard_stream() {
        let Command::Verify(verify) = parse("blocktar verify -").unwrap().command else { panic!() };
        assert_eq!(verify.archive.first().and_then(crate::values::Stream::path), None);
        let Command::Verify(verify) = parse("blocktar verify a.tar").unwrap().command else { panic!() };
        assert_eq!(verify.archive.first().and_then(crate::values::Stream::path), Some(Path::new("a.tar")));
    }

    #[test]
    fn quiet_and_verbose_exclude_each_other_and_may_stand_anywhere() {
        assert_eq!(parse("blocktar -q list").unwrap().talk(), Talk::Quiet);
        assert_eq!(parse("blocktar list -v").unwrap().talk(), Talk::Verbose);
        assert_eq!(parse("blocktar list").unwrap().talk(), Talk::Normal);
        assert!(parse("blocktar list -q -v").is_err());
    }
}
