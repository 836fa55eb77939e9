//! `verify`: reads an archive through and says what is wrong with it.

use std::time::Instant;

use blocktar::archive::{Inputs, part_words};
use blocktar::error::{Error, Result};
use blocktar::media::further_media::TapeReading;
use blocktar::verify::{Fault, PartSeen, Report, verify};
use serde_json::{Value, json};

use super::{Wanted, thread_count, verify_cartridge};
use crate::answer;
use crate::arguments::{ProgressChoice, VerifyArguments};
use crate::exit_code::ExitCode;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::{failure, sizes, summary};

/// Runs the command.
pub fn run(arguments: &VerifyArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let (archive, selection) = (arguments.archive.first(), &arguments.selection);
    let wanted = Wanted { command: "verify", archive, selection, takes_broken: true, talk };
    if let Some(device) = wanted.cartridge()?.filter(|_| arguments.archive.len() < 2) {
        return verify_cartridge::run(&device, arguments, talk, stop);
    }
    let input =
        wanted.open_parts(&arguments.archive, arguments.further.whom_to_ask(&stop.progress()), TapeReading::Forward)?;
    let threads = thread_count(arguments.threads);
    let name = input.name();
    let report = read_through(input, threads, arguments.report.progress, talk, stop)?;
    let code = outcome(&report);
    if arguments.report.json {
        let details = report_value(&name, &report);
        answer::print_json(&summary::for_programs("verify", code, begun, details))?;
    } else {
        answer::print(report_text(&name, &report, talk, begun).as_bytes())?;
    }
    Ok(code)
}

/// Verifies an archive that was just written, and says on standard error what was found.
pub fn verify_written(
    input: Inputs,
    threads: usize,
    choice: ProgressChoice,
    talk: Talk,
    stop: &Stop,
) -> Result<(ExitCode, Value)> {
    let begun = Instant::now();
    let name = input.name();
    let report = read_through(input, threads, choice, talk, stop)?;
    let text = report_text(&name, &report, talk, begun);
    match report.faults.is_empty() {
        true => talk.say(text.trim_end()),
        false => talk::warn(text.trim_end()),
    }
    Ok((outcome(&report), report_value(&name, &report)))
}

pub(super) fn read_through(
    inputs: impl Into<Inputs>,
    threads: usize,
    choice: ProgressChoice,
    talk: Talk,
    stop: &Stop,
) -> Result<Report> {
    let progress = stop.progress();
    let _line = ProgressLine::start(choice, talk, "verify", &progress);
    verify(inputs, threads, &progress)
}

pub(super) fn outcome(report: &Report) -> ExitCode {
    let bad = if report.bad.is_empty() { ExitCode::Done } else { ExitCode::BadRanges };
    report.faults.iter().map(|fault| ExitCode::from(&fault.error)).fold(bad, ExitCode::worse)
}

/// Which kind of fault it is, for people.
fn fault_word(fault: &Fault) -> &'static str {
    match fault.error {
        Error::Incomplete { .. } => "incomplete",
        Error::Damaged { .. } => "damaged",
        Error::Refused(_) => "not understood",
        Error::WrongChain(_) => "wrong chain",
        Error::Io(_) | Error::Interrupted { .. } => "not read",
    }
}

/// What is wrong, without the name of the archive, which stands above.
fn fault_text(fault: &Fault) -> String {
    match &fault.error {
        Error::Incomplete { why, .. } | Error::Damaged { why, .. } => why.clone(),
        Error::Refused(refusal) | Error::WrongChain(refusal) => refusal.why.clone(),
        error => error.to_string(),
    }
}

/// Whether nothing is wrong but that some parts were not there.
fn only_missing(report: &Report) -> bool {
    let is_incomplete = matches!(report.faults[..], [Fault { error: Error::Incomplete { .. } }]);
    is_incomplete && report.parts.iter().all(|part| part.sound) && !report.parts_not_seen().is_empty()
}

pub(super) fn report_text(name: &str, report: &Report, talk: Talk, begun: Instant) -> String {
    let mut lines = Vec::new();
    match report.faults.len() {
        0 if !report.bad.is_empty() => {
            let missing = sizes::exact(report.bad.bytes());
            lines.push(format!("{name}: sound, but {missing} could not be read when it was backed up"));
        }
        0 if talk > Talk::Quiet => lines.push(format!("{name}: sound")),
        0 => {}
        1 if only_missing(report) => {
            let sound: Vec<_> = report.parts.iter().map(|part| (part.number, part.number)).collect();
            let (sound, not_seen) = (part_words(&sound), part_words(&report.parts_not_seen()));
            lines.push(format!("{name}: {sound} sound, {not_seen} not seen"));
        }
        count => {
            let all = count as u64 + report.faults_left_out;
            lines.push(format!("{name}: {}", summary::count(all, "fault")));
        }
    }
    for part in &report.parts {
        let found = if part.sound { "sound" } else { "not sound" };
        lines.push(format!("  part {}: {found}, {}", part.number, summary::printable(&part.input)));
    }
    for fault in &report.faults {
        lines.push(format!("  {}: {}", fault_word(fault), summary::printable(&fault_text(fault))));
        lines.extend(talk::range_lines(fault.affected()).into_iter().map(|range| format!("    affected: {range}")));
    }
    if report.faults_left_out > 0 {
        lines.push(format!("  and {} like these", summary::count(report.faults_left_out, "more fault")));
    }
    lines
        .extend(talk::list_lines(&report.bad).into_iter().map(|range| format!("  bad when it was backed up: {range}")));
    if talk > Talk::Quiet {
        if let (Some(info), Some(end)) = (&report.info, &report.end) {
            lines.extend(summary::amounts(info, end));
            lines.push(summary::line("id", &info.id));
            lines.extend(end.digest.as_ref().map(|digest| summary::line("digest", &digest.to_string())));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (checked, rate) = (sizes::exact(report.checked_bytes), sizes::rate(report.checked_bytes, seconds));
        lines.push(summary::line("checked", &format!("{checked} of data in {}, {rate}", sizes::duration(seconds))));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(super) fn report_value(name: &str, report: &Report) -> Value {
    let faults: Vec<_> = report.faults.iter().map(|fault| failure::value(&fault.error)).collect();
    let found = json!({
        "archive": name,
        "checked_bytes": report.checked_bytes,
        "parts": report.parts.iter().map(part_value).collect::<Vec<_>>(),
        "faults": faults,
        "faults_left_out": report.faults_left_out,
    });
    let members = json!({
        "info": report.info.as_ref().map(summary::value),
        "end": report.end.as_ref().map(summary::end_value),
    });
    summary::joined([found, summary::list_value("bad", &report.bad), members])
}

fn part_value(part: &PartSeen) -> Value {
    json!({"number": part.number, "archive": part.input, "sound": part.sound})
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::extent::Range;
    use blocktar::ranges::RangeList;

    fn report(errors: Vec<Error>) -> Report {
        let faults = errors.into_iter().map(|error| Fault { error }).collect();
        let mut bad = RangeList::default();
        bad.push(RANGE);
        Report { faults, bad, ..Report::default() }
    }

    const RANGE: Range = Range { start: 4096, length: 512 };

    fn damage() -> Error {
        Error::Damaged { archive: "a.tar".to_owned(), why: "digest differs".to_owned(), affected: vec![RANGE] }
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst_fault() {
        assert_eq!(outcome(&report(vec![])), ExitCode::BadRanges);
        assert_eq!(outcome(&report(vec![Error::incomplete("a.tar", "it ends"), damage()])), ExitCode::Damaged);
    }

    #[test]
    fn programs_are_told_of_a_fault_as_of_a_failure() {
        let error = || Error::refused("read a.tar", "it needs `dedup`", None);
        let told = &report_value("a.tar", &report(vec![error(), damage()]))["faults"];
        assert_eq!(told[0], failure::value(&error()));
        assert_eq!((&told[0]["class"], &told[0]["why"]), (&"refused".into(), &"it needs `dedup`".into()));
        assert_eq!(told[1]["affected"], json!([{"offset": 4096, "length": 512}]));
    }

    #[test]
    fn what_was_never_read_stands_in_the_first_line() {
        let text = report_text("a.tar", &report(vec![]), Talk::Quiet, Instant::now());
        assert!(text.starts_with("a.tar: sound, but 512 bytes could not be read when it was backed up\n"), "{text}");
    }

    #[test]
    fn faults_are_told_with_their_ranges_even_when_quiet() {
        let text = report_text("a.tar", &report(vec![damage()]), Talk::Quiet, Instant::now());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "a.tar: 1 fault",
                "  damaged: digest differs",
                "    affected: bytes 4096 to 4607 (512 bytes)",
                "  bad when it was backed up: bytes 4096 to 4607 (512 bytes)"
            ]
        );
    }
}
