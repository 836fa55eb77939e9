//! `compare`: whether a device or image still holds what an archive does.

use std::time::Instant;

use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::compare::{CompareRequest, Comparison, compare};
use blocktar::error::Result;
use blocktar::media::further_media::TapeReading;
use blocktar::source;
use serde_json::{Value, json};

use super::{Wanted, thread_count};
use crate::arguments::CompareArguments;
use crate::exit_code::ExitCode;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::{answer, sizes, summary};

/// What is compared, as the user named it.
struct Names {
    archive: String,
    device: String,
}

/// Runs the command.
pub fn run(arguments: &CompareArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let (archive, selection) = (arguments.archive.first(), &arguments.selection);
    let progress = stop.progress();
    let wanted = Wanted { command: "compare", archive, selection, takes_broken: false, talk };
    let input =
        wanted.open_parts(&arguments.archive, arguments.further.whom_to_ask(&progress), TapeReading::Forward)?;
    let names = Names { archive: input.name(), device: arguments.device.display().to_string() };
    let mut image = source::open_image(&arguments.device)?;
    let mut warnings = source::warnings_before(&arguments.device)?;
    warnings.iter().for_each(|warning| talk::warn(warning));
    let archive = OpenArchive::open(input, &OpenOptions::default())?;
    let line = ProgressLine::start(arguments.report.progress, talk, "compare", &progress);
    let request = CompareRequest { threads: thread_count(arguments.threads), may_be_larger: arguments.larger };
    let result = compare(archive, image.as_mut(), &request, &progress);
    drop(line);
    let found = result?;
    found.warnings.iter().for_each(|warning| talk::warn(warning));
    warnings.extend_from_slice(&found.warnings);
    let code = outcome(&found);
    if arguments.report.json {
        let details = value(&names, &found, &warnings);
        answer::print_json(&summary::for_programs("compare", code, begun, details))?;
    } else {
        answer::print(text(&names, &found, talk, begun).as_bytes())?;
    }
    Ok(code)
}

fn outcome(found: &Comparison) -> ExitCode {
    let bad = if found.bad.is_empty() { ExitCode::Done } else { ExitCode::BadRanges };
    if found.differing.is_empty() { bad } else { bad.worse(ExitCode::Differs) }
}

fn text(names: &Names, found: &Comparison, talk: Talk, begun: Instant) -> String {
    let mut lines = Vec::new();
    let (archive, device) = (&names.archive, &names.device);
    let as_far = if is_whole(found) { "" } else { ", as far as it was compared" };
    match found.differing.count() {
        0 if talk > Talk::Quiet => lines.push(format!("{device} equals {archive}{as_far}")),
        0 => {}
        count => lines.push(format!("{device} differs from {archive} in {}", summary::count(count, "range"))),
    }
    lines.extend(talk::list_lines(&found.differing).into_iter().map(|range| format!("  differs: {range}")));
    let bad = talk::list_lines(&found.bad).into_iter();
    lines.extend(bad.map(|range| format!("  not compared, as it could not be read when it was backed up: {range}")));
    let archive_bytes = found.end.backup_info.device.size_bytes;
    if archive_bytes != found.device_bytes {
        let (now, then) = (sizes::exact(found.device_bytes), sizes::exact(archive_bytes));
        lines.push(summary::line("size", &format!("{now}; when it was backed up, {then}")));
    }
    if talk > Talk::Quiet {
        if found.unchanged_bytes > 0 {
            let unchanged = sizes::exact(found.unchanged_bytes);
            lines.push(summary::line("unchanged", &format!("{unchanged} since the parent, and not compared")));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (bytes, rate) = (sizes::exact(found.compared_bytes), sizes::rate(found.compared_bytes, seconds));
        lines.push(summary::line("compared", &format!("{bytes} in {}, {rate}", sizes::duration(seconds))));
        lines.push(summary::line("id", &found.end.backup_info.id));
    }
    lines.iter().map(|line| format!("{}\n", summary::printable(line))).collect()
}

/// Whether they are the same; nothing if no difference was found, but not everything was compared.
fn equal(found: &Comparison) -> Option<bool> {
    let differs = !found.differing.is_empty();
    (differs || is_whole(found)).then_some(!differs)
}

/// Whether everything was compared.
fn is_whole(found: &Comparison) -> bool {
    found.bad.is_empty() && found.unchanged_bytes == 0
}

fn value(names: &Names, found: &Comparison, warnings: &[String]) -> Value {
    let compared = json!({
        "archive": names.archive,
        "device": names.device,
        "equal": equal(found),
        "compared_bytes": found.compared_bytes,
        "unchanged_bytes": found.unchanged_bytes,
        "device_bytes": found.device_bytes,
    });
    let lists = [("differing", &found.differing), ("bad", &found.bad)];
    let [differing, bad] = lists.map(|(name, list)| summary::list_value(name, list));
    let members = json!({
        "warnings": warnings,
        "info": summary::value(&found.end.backup_info),
        "end": summary::end_value(&found.end),
    });
    summary::joined([compared, differing, bad, members])
}
