//! The command line: parse, run, report, exit.

mod answer;
mod archive_output;
mod arguments;
mod attachment;
mod commands;
mod entry;
mod exit_code;
mod failure;
mod identity;
mod inventory;
mod manual;
mod map_statistics;
mod picture;
mod progress_line;
mod remedy;
mod signals;
mod sizes;
mod slips;
mod summary;
mod talk;
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
            // This is help or a version as well; if it cannot be printed, nobody is there to be told.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage.into() } else { ExitCode::Done.into() };
        }
    };
    let code = run(&arguments).unwrap_or_else(|error| {
        talk::report(&error);
        failure::tell_programs(&arguments.command, &error);
        ExitCode::from(&error)
    });
    code.into()
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let stop = Stop::start()?;
    let talk = arguments.talk();
    match &arguments.command {
        Command::Backup(backup) => commands::backup::run(backup, talk, &stop),
        Command::Restore(restore) => commands::restore::run(restore, talk, &stop),
        Command::List(list) => commands::list::run(list, talk),
        Command::Info(info) => commands::info::run(info, talk),
        Command::Recompress(recompress) => commands::recompress::run(recompress, talk, &stop),
        Command::Verify(verify) => commands::verify::run(verify, talk, &stop),
        Command::Compare(compare) => commands::compare::run(compare, talk, &stop),
        Command::Extract(extract) => commands::extract::run(extract, talk, &stop),
        Command::Completions(completions) => commands::completions::run(completions),
        Command::Man(man) => commands::man::run(man),
    }
}
