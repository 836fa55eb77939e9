//! `extract`: raw bytes of any range of the device.

use std::time::Instant;

use blocktar::archive::{self, OpenArchive, OpenOptions};
use blocktar::error::Result;
use blocktar::extract::{ExtractRequest, ExtractSummary, extract};
use blocktar::media;
use blocktar::media::further_media::TapeReading;
use serde_json::json;

use super::{Wanted, parts, thread_count};
use crate::archive_output::Reading;
use crate::arguments::ExtractArguments;
use crate::exit_code::ExitCode;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::values::Stream;
use crate::{sizes, summary};

/// Runs the command.
pub fn run(arguments: &ExtractArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let named = parts::all_named(&arguments.archive)?;
    for path in named.iter().map(Stream::path).chain(named.is_empty().then_some(None)) {
        Reading::of_archive("extract", "extract from", path).refuse_unsafe_bytes()?;
    }
    let wanted = Wanted {
        command: "extract",
        archive: arguments.archive.first(),
        selection: &arguments.selection,
        takes_broken: false,
        talk,
    };
    let progress = stop.progress();
    let input = wanted.open_parts(&arguments.archive, arguments.further.whom_to_ask(&progress), TapeReading::Pieces)?;
    let name = input.name();
    let options = OpenOptions { reading: archive::Reading::PartByPart, ..OpenOptions::default() };
    let archive = OpenArchive::open(input, &options)?;
    let request = ExtractRequest {
        offset_bytes: arguments.offset,
        length_bytes: arguments.length,
        threads: thread_count(arguments.threads),
    };
    let mut output = media::create_raw_output(&progress)?;
    let line = ProgressLine::start(arguments.report.progress, talk, "extract", &progress);
    let result = extract(archive, &request, output.as_mut(), &progress);
    drop(line);
    let extracted = result?;
    extracted.warnings.iter().for_each(|warning| talk::warn(warning));
    talk.say(&text(&name, &extracted, begun));
    if arguments.report.json {
        let details = json!({
            "archive": name,
            "offset": extracted.range.start,
            "length": extracted.range.length,
            "warnings": extracted.warnings,
            "info": summary::value(&extracted.end.backup_info),
            "end": summary::end_value(&extracted.end),
        });
        talk::machine(&summary::for_programs("extract", ExitCode::Done, begun, details));
    }
    Ok(ExitCode::Done)
}

fn text(name: &str, extracted: &ExtractSummary, begun: Instant) -> String {
    let range = extracted.range;
    let lines = [
        format!("extracted {} {}", sizes::exact(range.length), summary::pace(begun, extracted.data_bytes)),
        summary::line("from byte", &range.start.to_string()),
        summary::line("archive", name),
        summary::line("id", &extracted.end.backup_info.id),
    ];
    lines.join("\n")
}
