//! `salvage`: everything that is certain of a broken archive.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use blocktar::archive::{Inputs, SalvageOptions, Salvager};
use blocktar::error::{Error, Result};
use blocktar::media::further_media::TapeReading;
use blocktar::progress::Progress;
use blocktar::salvage::{SalvageFailure, SalvageSummary, salvage};
use blocktar::stream::Target;
use blocktar::sys::partial_file::IfExists;
use blocktar::target::{self, Head, Request};
use serde_json::json;

use super::{Wanted, parts};
use crate::arguments::SalvageArguments;
use crate::exit_code::ExitCode;
use crate::landing::Landing;
use crate::lost_file::LostFile;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::values::Stream;
use crate::{answer, sizes, summary, tape_device};

/// How many sentences on what was wrong are printed before they are only counted.
const FAULTS_SHOWN: usize = 20;

/// Runs the command.
pub fn run(arguments: &SalvageArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let landing = Landing { verb: "salvage", target: &arguments.target };
    let named = parts::all_named(&arguments.input)?;
    let in_place = refuse_unsafe(arguments, &named, landing)?;
    let progress = stop.progress();
    let inputs = open_inputs(arguments, &named, talk, &progress)?;
    let input_name = inputs.name();
    let options = SalvageOptions { id: arguments.selection.id().map(str::to_owned), wanted: None };
    let if_exists = if arguments.overwrite { IfExists::Replace } else { IfExists::Refuse };
    let mut others: Vec<&Path> = named.iter().filter_map(Stream::path).collect();
    others.push(&arguments.target);
    // Before anything is read: to find out after hours that the list cannot be written would be late.
    let list = LostFile::begin(&arguments.lost, if_exists, &others, &progress)?;

    let line = ProgressLine::start(arguments.report.progress, talk, "salvage", &progress);
    let salvager = Salvager::open(inputs, &options, &progress)?;
    let mut target = open_target(arguments, &salvager, in_place, stop)?;
    if in_place {
        let what = "may have been overwritten in part: run the salvage again";
        progress.set_parting_words(format!("{} {what}", arguments.target.display()));
    }
    let result = salvage(salvager, target.as_mut(), &progress, |salvaged| list.write(&salvaged.lost));
    drop(line);
    progress.take_parting_words();
    let saved = result.map_err(|failure| failed(failure, in_place, &arguments.target))?;
    list.commit()?;
    report(arguments, &input_name, &saved, in_place, talk, begun)
}

/// Opens all parts that were named, and what brings others. On a tape the choice of an archive says where it begins; in a file, its id says which members are meant.
fn open_inputs(arguments: &SalvageArguments, named: &[Stream], talk: Talk, progress: &Arc<Progress>) -> Result<Inputs> {
    let of_environment = named.is_empty() && tape_device::in_place_of_standard_input().is_some();
    let on_tape = of_environment || tape_device::is_meant(named.first().and_then(Stream::path));
    let selection = if on_tape { arguments.selection.clone() } else { arguments.selection.without_id() };
    let archive = named.first();
    let wanted = Wanted { command: "salvage", archive, selection: &selection, takes_broken: true, talk };
    wanted.open_parts(named, arguments.further.whom_to_ask(progress).may_lack(), TapeReading::Forward)
}

/// Refuses what is unsafe; tells whether the target exists, so that it is written in place.
fn refuse_unsafe(arguments: &SalvageArguments, named: &[Stream], landing: Landing<'_>) -> Result<bool> {
    match named.is_empty() {
        true => landing.refuse_input(None)?,
        false => named.iter().try_for_each(|input| landing.refuse_input(input.path()))?,
    }
    if arguments.target.is_file() && !arguments.overwrite {
        let remedy = "name a new image, or write into this one with --overwrite".to_owned();
        return Err(landing.refused("an image of this name exists", remedy));
    }
    let facts = landing.facts(arguments.overwrite)?;
    Ok(facts.capacity.is_some() || arguments.target.is_file())
}

fn open_target(
    arguments: &SalvageArguments,
    salvager: &Salvager,
    in_place: bool,
    stop: &Stop,
) -> Result<Box<dyn Target>> {
    let progress = stop.progress();
    let info = salvager.info();
    if in_place && arguments.target.is_file() {
        return target::open_in_place(&arguments.target, None, &progress);
    }
    let is_full = info.is_some_and(|info| info.parent.is_none());
    let request = Request {
        size_bytes: info.map(|info| info.device.size_bytes),
        if_exists: IfExists::Refuse,
        target_is_zero: false,
        head: if is_full { Head::Last } else { Head::InOrder },
    };
    target::open(&arguments.target, &request, &progress)
}

/// Says what a salvage that failed has overwritten, beside why it failed.
fn failed(failure: SalvageFailure, in_place: bool, target: &Path) -> Error {
    if let (Some(range), true) = (failure.overwritten, in_place) {
        let range = talk::range_text(&range);
        talk::warn(&format!("{} has been overwritten within {range}", target.display()));
    }
    failure.error
}

fn report(
    arguments: &SalvageArguments,
    input_name: &str,
    saved: &SalvageSummary,
    in_place: bool,
    talk: Talk,
    begun: Instant,
) -> Result<ExitCode> {
    let salvaged = &saved.salvaged;
    let whole = salvaged.lost.is_empty() && salvaged.size.certain;
    let code = if whole { ExitCode::Done } else { ExitCode::BadRanges };
    talk.say(&text(arguments, input_name, saved, begun));
    say_what_is_wrong(saved);
    say_what_is_lost(arguments, saved, in_place);
    if arguments.report.json {
        let details = json!({
            "archive": input_name,
            "target": arguments.target.to_string_lossy(),
            "id": salvaged.id,
            "device_bytes": salvaged.size.bytes,
            "device_bytes_certain": salvaged.size.certain,
            "end_found": salvaged.end_found,
            "saved": {"data_bytes": saved.data_bytes, "zero_bytes": saved.zero_bytes},
            "lost": arguments.lost.to_string_lossy(),
            "lost_bytes": salvaged.lost.bytes(),
            "lost_ranges": salvaged.lost.len(),
            "bad_bytes": salvaged.bad.bytes(),
            "unreadable_bytes": salvaged.unreadable_bytes,
            "faults": salvaged.faults.kept(),
            "faults_left_out": salvaged.faults.left_out(),
            "others": salvaged.others.iter().map(|(id, count)| json!({"id": id, "members": count})).collect::<Vec<_>>(),
            "info": salvaged.info.as_ref().map(summary::value),
        });
        answer::print_json(&summary::for_programs("salvage", code, begun, details))?;
    }
    Ok(code)
}

fn text(arguments: &SalvageArguments, input_name: &str, saved: &SalvageSummary, begun: Instant) -> String {
    let salvaged = &saved.salvaged;
    let mut lines = vec![
        format!("salvaged {} {}", arguments.target.display(), summary::pace(begun, saved.data_bytes)),
        summary::line("device", &sizes::exact(salvaged.size.bytes)),
        summary::line("data", &format!("{} written", sizes::short(saved.data_bytes))),
        summary::line("zeros", &format!("{} made zero, or left as holes", sizes::short(saved.zero_bytes))),
    ];
    let lost = match salvaged.lost.is_empty() {
        true => "nothing".to_owned(),
        false => {
            let ranges = summary::count(salvaged.lost.len() as u64, "range");
            format!("{} in {ranges}, listed in {}", sizes::exact(salvaged.lost.bytes()), arguments.lost.display())
        }
    };
    lines.push(summary::line("lost", &lost));
    lines.push(summary::line("archive", input_name));
    lines.push(summary::line("id", &salvaged.id));
    lines.join("\n")
}

fn say_what_is_wrong(saved: &SalvageSummary) {
    let salvaged = &saved.salvaged;
    let faults = salvaged.faults.kept();
    faults.iter().take(FAULTS_SHOWN).for_each(|fault| talk::warn(fault));
    let more = faults.len().saturating_sub(FAULTS_SHOWN) as u64 + salvaged.faults.left_out();
    if more > 0 {
        talk::warn(&format!("and {} like these", summary::count(more, "more fault")));
    }
    if salvaged.unreadable_bytes > 0 {
        talk::warn(&format!("{} of the archive could not be read", sizes::exact(salvaged.unreadable_bytes)));
    }
    for (id, count) in &salvaged.others {
        let members = summary::count(*count, "member");
        talk::warn(&format!(
            "{members} of another archive, {id}, passed over: stored in this one as data, or beside it"
        ));
    }
    if !salvaged.size.certain {
        let what = "nothing says how large the device was: it had at least as much as was found, and perhaps more, which is lost too";
        talk::warn(what);
    }
}

fn say_what_is_lost(arguments: &SalvageArguments, saved: &SalvageSummary, in_place: bool) {
    let salvaged = &saved.salvaged;
    let now = if in_place { "keeps what it held" } else { "reads as zero" };
    let lines = |ranges: Vec<_>| talk::range_lines(&ranges);
    for range in lines(salvaged.lost.iter().flat_map(|range| salvaged.bad.missing_in(range)).collect()) {
        talk::warn(&format!("lost, {now}: {range}"));
    }
    for range in lines(salvaged.bad.iter().collect()) {
        talk::warn(&format!("could not be read when it was backed up, {now}: {range}"));
    }
    if !salvaged.lost.is_empty() {
        let (list, target) = (arguments.lost.display(), arguments.target.display());
        talk::warn(&format!(
            "{target} is not whole; from another copy: `blocktar restore -i COPY --only {list} {target}`"
        ));
    }
}
