//! `info`: all that is known of one archive.

mod contents;
mod extents;
mod text;

use blocktar::archive::{BackupInfo, Inputs, OpenArchive, OpenOptions, Reading};
use blocktar::catalog;
use blocktar::error::{Error, Result};
use blocktar::media::further_media::TapeReading;
use serde_json::json;

use super::Wanted;
use crate::answer;
use crate::arguments::InfoArguments;
use crate::entry::{entry_value, state_code};
use crate::exit_code::ExitCode;
use crate::map_statistics::MapStatistics;
use crate::signals::Stop;
use crate::summary;
use crate::talk::Talk;
use contents::Contents;

/// Runs the command.
pub fn run(arguments: &InfoArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let (archive, selection) = (arguments.archive.first(), &arguments.selection);
    let wanted = Wanted { command: "info", archive, selection, takes_broken: true, talk };
    let next_medium = arguments.further.whom_to_ask(&stop.progress());
    // Of a cartridge that is at hand nobody is asked for others, unless he said who brings them.
    let alone = !next_medium.has_command() && wanted.is_on_tape()? && arguments.archive.len() < 2;
    let input = match alone {
        true => wanted.open_for_pieces()?.into(),
        false => wanted.open_parts(&arguments.archive, next_medium, TapeReading::Pieces)?,
    };
    if let Some(name) = &arguments.attached {
        return print_attached(input, name);
    }
    if arguments.extents {
        return extents::print(input, arguments.json);
    }
    let (known, survey) = catalog::survey(input);
    let mut contents = known.info.as_ref().map(Contents::new);
    let entry = survey.finish(&known, &mut |found| {
        if let Some(contents) = &mut contents {
            contents.enter(found);
        }
    })?;
    if let Some(contents) = &mut contents {
        contents.fill_rest(&entry, known.map.as_ref());
    }
    let statistics = known.info.as_ref().zip(known.map.as_ref()).and_then(|(info, map)| MapStatistics::of(info, map));

    let code = state_code(&entry.state);
    if arguments.json {
        let zeros_found = statistics.as_ref().zip(entry.end.as_ref()).map(|(map, end)| map.zeros_found(end));
        let details = json!({
            "map": statistics.as_ref().map(summary::value),
            "zeros_found_bytes": zeros_found,
        });
        let nothing_known = || json!({"bad": null, "bad_left_out": null, "bad_bytes": null});
        let bad = contents.as_ref().map_or_else(nothing_known, |contents| summary::list_value("bad", contents.bad()));
        let heading = json!({"command": "info", "exit_code": code.number()});
        answer::print_json(&summary::joined([heading, entry_value(&entry), details, bad]))?;
    } else {
        answer::print(text::text(&entry, statistics.as_ref(), contents.as_ref(), talk).as_bytes())?;
    }
    Ok(code)
}

fn print_attached(input: Inputs, name: &str) -> Result<ExitCode> {
    let options = OpenOptions { attached: Some(name.to_owned()), reading: Reading::Ranges, ..OpenOptions::default() };
    let archive = OpenArchive::open(input, &options)?;
    answer::print(archive.attached().ok_or_else(|| no_such_file(name, archive.info()))?)?;
    Ok(ExitCode::Done)
}

fn no_such_file(name: &str, info: &BackupInfo) -> Error {
    let names: Vec<_> = info.attached.iter().flatten().map(|attached| attached.name.as_str()).collect();
    let remedy = match names.is_empty() {
        true => "nothing was attached to this backup".to_owned(),
        false => format!("attached are: {}", names.join(", ")),
    };
    Error::refused(format!("extract {name}"), "the archive has no attached file of this name", Some(remedy))
}
