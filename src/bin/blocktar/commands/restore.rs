//! `restore`: an archive onto a device or into a new image.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::Instant;

use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::error::{Error, Result};
use blocktar::media::further_media::TapeReading;
use blocktar::plan::{Plan, TargetFacts, plan};
use blocktar::restore::{RestoreFailure, RestoreRequest, RestoreSummary, restore};
use blocktar::sys::partial_file::IfExists;
use blocktar::target::{self, Head, Request};
use serde_json::json;

use super::{Wanted, parts, thread_count};
use crate::arguments::RestoreArguments;
use crate::exit_code::ExitCode;
use crate::landing::Landing;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::values::{Stream, shell_word};
use crate::{answer, sizes, summary, tape_device};

/// Runs the command.
pub fn run(arguments: &RestoreArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let progress = stop.progress();
    let environment = arguments.input.is_empty().then(tape_device::in_place_of_standard_input).flatten();
    let mut named = parts::all_named(&arguments.input)?;
    named.extend(environment.map(|device| device.into_os_string().into()));
    for path in named.iter().map(Stream::path).chain(named.is_empty().then_some(None)) {
        refuse_mix_ups(arguments, path)?;
    }
    if let Some(list) = &arguments.only {
        return super::restore_only::run(arguments, list, &named, talk, stop);
    }
    let landing = Landing { verb: "restore", target: &arguments.target };
    let facts = match arguments.single_part {
        true => facts_of_existing(landing)?,
        false => landing.facts(arguments.overwrite)?,
    };

    let (archive, selection) = (named.first(), &arguments.selection);
    let wanted = Wanted { command: "restore", archive, selection, takes_broken: false, talk };
    let input = wanted.open_parts(&named, arguments.further.whom_to_ask(&progress), TapeReading::Forward)?;
    let input_name = input.name();
    let options = OpenOptions { single_part: arguments.single_part, ..OpenOptions::default() };
    let archive = OpenArchive::open(input, &options)?;
    let plan = plan(archive.info(), archive.map(), archive.end(), &facts, arguments.truncate)?;
    if arguments.dry_run {
        return print_plan(&plan, arguments.report.json, begun);
    }
    talk.detail(&plan_text(&plan));

    let mut target = match arguments.single_part {
        true => target::open_in_place(&arguments.target, &progress)?,
        false => target::open(&arguments.target, &target_request(arguments, &archive, &facts), &progress)?,
    };
    let request = RestoreRequest {
        threads: thread_count(arguments.threads),
        read_back: arguments.read_back,
        truncate: arguments.truncate,
    };
    if facts.capacity.is_some() {
        let what = "may have been overwritten in part, and is not whole then";
        progress.set_parting_words(format!("{} {what}: run the restore again", facts.name));
    }
    let line = ProgressLine::start(arguments.report.progress, talk, "restore", &progress);
    let result = restore(archive, target.as_mut(), &request, &progress);
    drop(line);
    progress.take_parting_words();
    let restored = result.map_err(|failure| failed(failure, &facts))?;
    report(arguments, &input_name, &restored, &facts, talk, begun)
}

/// Says what a restore that failed has overwritten, beside why it failed.
fn failed(failure: RestoreFailure, facts: &TargetFacts) -> Error {
    // A new image has overwritten nothing, and is gone again.
    if let (Some(range), Some(_)) = (failure.overwritten, facts.capacity) {
        let range = talk::range_text(&range);
        talk::warn(&format!("{} has been overwritten within {range}, and is not whole: restore it again", facts.name));
    }
    failure.error
}

/// A target that is there already, and stays as it is where a part tells nothing of it.
fn facts_of_existing(landing: Landing<'_>) -> Result<TargetFacts> {
    let missing = "it does not exist, and --single-part writes into what is there";
    let remedy = "make an image of the device's size: `blocktar info` tells it, `truncate -s SIZE` makes it";
    let capacity = super::restore_only::size_of(landing, missing, remedy)?;
    Ok(TargetFacts { name: landing.target.display().to_string(), capacity: Some(capacity) })
}

fn target_request(arguments: &RestoreArguments, archive: &OpenArchive, facts: &TargetFacts) -> Request {
    let info = archive.info();
    let capacity = facts.capacity.unwrap_or(u64::MAX);
    Request {
        // Less than the archive's only with --truncate: else the plan has refused it.
        size_bytes: Some(info.device.size_bytes.min(capacity)),
        if_exists: if arguments.overwrite { IfExists::Replace } else { IfExists::Refuse },
        target_is_zero: arguments.target_is_zero,
        head: if info.parent.is_none() { Head::Last } else { Head::InOrder },
    }
}

fn report(
    arguments: &RestoreArguments,
    input_name: &str,
    restored: &RestoreSummary,
    facts: &TargetFacts,
    talk: Talk,
    begun: Instant,
) -> Result<ExitCode> {
    let (target, info) = (arguments.target.display(), &restored.end.backup_info);
    restored.warnings.iter().for_each(|warning| talk::warn(warning));
    let mut lines = vec![format!("restored {target} {}", summary::pace(begun, restored.data_bytes))];
    lines.extend(amounts(arguments, restored, facts));
    lines.push(summary::line("archive", input_name));
    lines.push(summary::line("id", &info.id));
    lines.extend(restored.end.digest.as_ref().map(|digest| summary::line("digest", &digest.to_string())));
    talk.say(&lines.join("\n"));

    let code = if restored.bad.is_empty() { ExitCode::Done } else { ExitCode::BadRanges };
    for range in talk::list_lines(&restored.bad) {
        let now = if facts.capacity.is_some() { "left as it was" } else { "reads as zero" };
        talk::warn(&format!("{now}, because it could not be read when it was backed up: {range}"));
    }
    if arguments.report.json {
        let told = json!({
            "archive": input_name,
            "target": arguments.target.to_string_lossy(),
            "restored": {"data_bytes": restored.data_bytes, "zero_bytes": restored.zero_bytes},
            "read_back": arguments.read_back,
            "warnings": restored.warnings,
            "info": summary::value(info),
            "end": summary::end_value(&restored.end),
        });
        let details = summary::joined([told, summary::list_value("bad", &restored.bad)]);
        answer::print_json(&summary::for_programs("restore", code, begun, details))?;
    }
    Ok(code)
}

/// The lines that say what was done to the target.
fn amounts(arguments: &RestoreArguments, restored: &RestoreSummary, facts: &TargetFacts) -> Vec<String> {
    let device_bytes = restored.end.backup_info.device.size_bytes;
    let zeros = match facts.capacity {
        None => "left as holes",
        Some(_) if arguments.target_is_zero => "left as they were (--target-is-zero)",
        Some(_) => "made zero",
    };
    let mut lines = vec![
        summary::line("device", &sizes::exact(device_bytes)),
        summary::line("data", &format!("{} written", sizes::short(restored.data_bytes))),
        summary::line("zeros", &format!("{} {zeros}", sizes::short(restored.zero_bytes))),
    ];
    if let Some(capacity) = facts.capacity.filter(|capacity| *capacity < device_bytes) {
        let cut = format!("{} at the end of the device (--truncate)", sizes::exact(device_bytes - capacity));
        lines.push(summary::line("left out", &cut));
    }
    if arguments.read_back {
        lines.push(summary::line("read back", "all that was restored reads as it was written"));
    }
    lines
}

fn print_plan(plan: &Plan, as_json: bool, begun: Instant) -> Result<ExitCode> {
    if as_json {
        let details = json!({"dry_run": true, "plan": summary::value(plan)});
        answer::print_json(&summary::for_programs("restore", ExitCode::Done, begun, details))?;
    } else {
        answer::print(format!("{}\n", plan_text(plan)).as_bytes())?;
    }
    Ok(ExitCode::Done)
}

fn plan_text(plan: &Plan) -> String {
    let (what, zeros) = if plan.new_image {
        ("a new sparse image of", "leave as holes, at least")
    } else {
        ("its first", "make zero, at least")
    };
    let mut lines = vec![format!("would restore to {}: {what} {}", plan.target, sizes::exact(plan.restored_bytes))];
    let mut add = |name: &str, bytes: u64| lines.push(format!("  {name} {}", sizes::exact(bytes)));
    add("write, at most", plan.data_bytes);
    add(zeros, plan.zero_bytes);
    if plan.tail_bytes > 0 {
        add("leave as it is, at the end of the target,", plan.tail_bytes);
    }
    if plan.cut_bytes > 0 {
        add("leave out, at the end of the device (--truncate),", plan.cut_bytes);
    }
    match plan.bad_bytes {
        Some(0) => {}
        Some(bad) if plan.new_image => {
            add("leave as holes, which read as zero, as it could not be read when it was backed up,", bad)
        }
        Some(bad) => add("leave as it is, as it could not be read when it was backed up,", bad),
        None => {
            lines.push("  what could not be read when it was backed up is known only at the archive's end".to_owned())
        }
    }
    lines.join("\n")
}

/// Refuses what is more likely a slip than a wish.
fn refuse_mix_ups(arguments: &RestoreArguments, input_path: Option<&Path>) -> Result<()> {
    let target = &arguments.target;
    let landing = Landing { verb: "restore", target };
    let word = shell_word(target);
    if input_path.is_none() {
        if looks_like_archive(target) && (!arguments.overwrite || io::stdin().is_terminal()) {
            let why = "it is an archive, and no archive to restore from was named";
            let remedy = format!("`blocktar restore -i {word} TARGET`, or `blocktar restore TARGET < {word}`");
            return Err(landing.refused(why, remedy));
        }
        if io::stdin().is_terminal() {
            let remedy = format!("`blocktar restore -i ARCHIVE {word}`, or `blocktar restore {word} < ARCHIVE`");
            return Err(landing.refused("no archive was named, and standard input is a terminal", remedy));
        }
    }
    landing.refuse_input(input_path)
}

/// Whether this is a file that holds a tar, or is called one.
fn looks_like_archive(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut header = [0; 512];
    let begins_as_tar =
        File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok() && &header[257..262] == b"ustar";
    begins_as_tar || path.extension().is_some_and(|extension| extension == "tar")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_archive_is_known_by_its_header_or_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (named, plain, image) = (folder.path().join("a.tar"), folder.path().join("a"), folder.path().join("a.img"));
        fs::write(&named, "").unwrap();
        let mut header = [0; 512];
        header[257..262].copy_from_slice(b"ustar");
        fs::write(&plain, header).unwrap();
        fs::write(&image, [0; 1024]).unwrap();
        assert!(looks_like_archive(&named) && looks_like_archive(&plain));
        assert!(!looks_like_archive(&image) && !looks_like_archive(&folder.path().join("absent.tar")));
    }
}
