//! The command line: parse, run, report, exit.

mod answer;
mod archive_output;
mod arguments;
mod attachment;
mod buffer;
mod cartridge_text;
mod commands;
mod entry;
mod exit_code;
mod failure;
mod identity;
mod inventory;
mod landing;
mod lost_file;
mod manual;
mod map_statistics;
mod opened;
mod output_media;
mod picture;
mod progress_line;
mod remedy;
mod signals;
mod since;
mod sizes;
mod slips;
mod summary;
mod talk;
mod tape_device;
mod terminal;
mod values;

use std::process;

use arguments::{Arguments, Command};
use blocktar::error::Result;
use exit_code::ExitCode;
use signals::Stop;

fn main() -> process::ExitCode {
    let arguments = match Arguments::try_parse_all() {
        Ok(arguments) => arguments,
        Err(error) => {
            return instead_of_a_command(&error).into();
        }
    };
    let code = run(&arguments).unwrap_or_else(|error| {
        talk::report(&error);
        failure::tell_programs(&arguments.command, &error);
        ExitCode::from(&error)
    });
    code.into()
}

/// A command line that is wrong, or asks for help or the version.
fn instead_of_a_command(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // If it cannot be printed, nobody is there to be told.
        let _ = error.print();
        return ExitCode::Usage;
    }
    match answer::print_help(error) {
        Ok(()) => ExitCode::Done,
        Err(error) => {
            talk::report(&error);
            ExitCode::from(&error)
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let stop = Stop::start()?;
    let talk = arguments.talk();
    match &arguments.command {
        Command::Backup(backup) => commands::backup::run(backup, talk, &stop),
        Command::Restore(restore) => commands::restore::run(restore, talk, &stop),
        Command::List(list) => commands::list::run(list, talk),
        Command::Info(info) => commands::info::run(info, talk, &stop),
        Command::Merge(merge) => commands::merge::run(merge, talk, &stop),
        Command::Recompress(recompress) => commands::recompress::run(recompress, talk, &stop),
        Command::Reblock(reblock) => commands::reblock::run(reblock, talk, &stop),
        Command::Verify(verify) => commands::verify::run(verify, talk, &stop),
        Command::Compare(compare) => commands::compare::run(compare, talk, &stop),
        Command::Extract(extract) => commands::extract::run(extract, talk, &stop),
        Command::Salvage(salvage) => commands::salvage::run(salvage, talk, &stop),
        Command::Tape(tape) => commands::tape::run(tape, talk),
        Command::Completions(completions) => commands::completions::run(completions),
        Command::Man(man) => commands::man::run(man),
    }
}
