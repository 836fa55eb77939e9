//! Where a command writes an archive: what is unsafe there, and what is said and done when it is written.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Instant;

use blocktar::archive::{WrittenArchive, WrittenPart};
use blocktar::error::{Error, Result};
use blocktar::extent::Range;
use blocktar::media::numbered::NumberedPath;
use blocktar::ranges::RangeList;
use blocktar::water::Flow;
use serde_json::{Value, json};

use crate::arguments::{OutputArguments, ReportArguments, SummaryStream};
use crate::commands::{verify, verify_written};
use crate::exit_code::ExitCode;
use crate::identity::Place;
use crate::output_media::OutputMedia;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::values::shell_word;
use crate::{answer, buffer, identity, sizes, summary};

/// What the archive is made of, which must not be overwritten by it.
pub struct Reading {
    /// What was asked, as a phrase: `back up disk.img`.
    pub request: String,
    /// The command line up to the output: `blocktar backup disk.img`.
    pub command: String,
    /// What it is to the command: `the source`.
    pub what: &'static str,
    /// Which file or device it is, if that can be told.
    pub place: Option<Place>,
}

impl Reading {
    /// An archive, or standard input, that is read for this: the command's name and the request as a phrase before the archive's name.
    pub fn of_archive(command: &str, phrase: &str, path: Option<&Path>) -> Self {
        let name = path.map_or("standard input".to_owned(), |path| path.display().to_string());
        Self {
            request: format!("{phrase} {name}"),
            command: format!("blocktar {command} {}", path.map_or("-".to_owned(), shell_word)),
            what: "the archive",
            place: path.map_or_else(|| identity::of_stream(io::stdin()), identity::of_path),
        }
    }

    /// The same of all files that the output would write, those of its parts that are there already included.
    pub fn refuse_unsafe_output(self, output: &OutputArguments) -> Result<()> {
        let paths = output.path().filter(|_| output.part_size.is_some()).and_then(NumberedPath::parse);
        let existing = paths.map_or(Ok(Vec::new()), |paths| paths.existing())?;
        let place = self.place.as_ref();
        match existing.iter().find(|path| identity::of_path(path).as_ref() == place && place.is_some()) {
            Some(itself) => self.refuse_unsafe(Some(itself)),
            None => self.refuse_unsafe(output.path()),
        }
    }

    /// Refuses an output that is a terminal, a folder, or what is being read; nothing means standard output.
    pub fn refuse_unsafe(self, output_path: Option<&Path>) -> Result<()> {
        let command = &self.command;
        let remedy = format!("`{command} -o FILE`, or `{command} > FILE`");
        let Some(path) = output_path else { return self.refuse_standard_output("an archive is", remedy) };
        if path.is_dir() {
            let why = format!("the output {} is a folder", path.display());
            let file = shell_word(&path.join("backup.tar"));
            let remedy = format!("`{command} -o {file}`");
            return Err(Error::refused(self.request, why, Some(remedy)));
        }
        self.refuse_itself(identity::of_path(path), remedy)
    }

    /// The same of the raw bytes of a disk, which go nowhere but to standard output.
    pub fn refuse_unsafe_bytes(self) -> Result<()> {
        let remedy = format!("`{0} > FILE`, or `{0} | PROGRAM`", self.command);
        self.refuse_standard_output("a disk's bytes are", remedy)
    }

    fn refuse_standard_output(self, carried: &str, remedy: String) -> Result<()> {
        if io::stdout().is_terminal() {
            let why = format!("standard output is a terminal, and {carried} not for reading");
            return Err(Error::refused(self.request, why, Some(remedy)));
        }
        self.refuse_itself(identity::of_stream(io::stdout()), remedy)
    }

    fn refuse_itself(self, output: Option<Place>, remedy: String) -> Result<()> {
        if output.is_some() && output == self.place {
            return Err(Error::refused(self.request, format!("the output is {} itself", self.what), Some(remedy)));
        }
        if identity::meet(output.as_ref(), self.place.as_ref()) {
            let why = format!("the output lies on the same device as {0}, or {0} on the output", self.what);
            return Err(Error::refused(self.request, why, Some(remedy)));
        }
        Ok(())
    }
}

/// An archive that was just written, and what has to be said of it.
pub struct Written<'a> {
    /// The command's name.
    pub command: &'static str,
    /// When it began.
    pub begun: Instant,
    /// What programs are told before the rest.
    pub made_of: Value,
    /// Its parts and its end member.
    pub archive: &'a WrittenArchive,
    /// What it does not hold, as it could not be read.
    pub bad: &'a RangeList,
    /// What came of the buffer in front of it, if there was one.
    pub flow: Option<&'a Flow>,
    /// What the user was warned of.
    pub warnings: &'a [String],
    /// What came of reading it again, if that was asked for.
    pub verified: Verified,
}

/// What came of reading again what was written.
pub struct Verified {
    code: ExitCode,
    /// For programs; nothing if it was not asked for.
    value: Value,
}

impl Verified {
    /// Whether nothing speaks against it.
    pub fn is_sound(&self) -> bool {
        matches!(self.code, ExitCode::Done | ExitCode::BadRanges)
    }
}

/// Reads it again if that was asked for, with so many threads.
pub fn verify_again(
    archive: &WrittenArchive,
    output: &OutputArguments,
    threads: usize,
    report: ReportArguments,
    talk: Talk,
    stop: &Stop,
) -> Result<Verified> {
    let Some(path) = output.path_to_verify() else { return Ok(Verified { code: ExitCode::Done, value: Value::Null }) };
    let input = verify_written::open(path, archive, output.next_medium.as_ref(), &stop.progress())?;
    let (code, value) = verify::verify_written(input, threads, report.progress, talk, stop)?;
    Ok(Verified { code, value })
}

impl Written<'_> {
    /// Tells programs of it, and gives the exit code: by its bad ranges, and by what was found when it was read again.
    pub fn conclude(self, output: &OutputArguments, report: ReportArguments) -> Result<ExitCode> {
        let own = if self.archive.whole.bad_members > 0 { ExitCode::BadRanges } else { ExitCode::Done };
        let code = own.worse(self.verified.code);
        if report.json {
            let details = summary::joined([
                self.made_of,
                json!({
                    "output": output.path().map(Path::to_string_lossy),
                    "archive_bytes": self.archive.bytes,
                    "buffer": buffer::value(self.flow, self.archive.bytes),
                    "unchanged_bytes": summary::unchanged_bytes(&self.archive.end.backup_info, &self.archive.whole),
                    "info": summary::value(&self.archive.end.backup_info),
                    "end": summary::end_value(&self.archive.end),
                    "parts": self.archive.parts.iter().map(part_value).collect::<Vec<_>>(),
                    "warnings": self.warnings,
                    "verified": self.verified.value,
                }),
                summary::list_value("bad", self.bad),
            ]);
            print_summary(&summary::for_programs(self.command, code, self.begun, details), output.summary_stream())?;
        }
        Ok(code)
    }
}

/// Warns of what came of an archive made from others; all warnings, those of its media included.
pub fn warn_of_copy(media: &OutputMedia, warnings: &[String], bad: &RangeList) -> Vec<String> {
    warnings.iter().for_each(|warning| talk::warn(warning));
    for range in talk::list_lines(bad) {
        talk::warn(&format!("could not be read when it was backed up, and is missing here too: {range}"));
    }
    media.warnings().iter().chain(warnings).cloned().collect()
}

/// The last lines of a summary: where an archive lies, what came of the buffer, what names the archive and, if that is another, its image.
pub fn closing_lines(archive: &WrittenArchive, flow: Option<&Flow>) -> Vec<String> {
    let end = &archive.whole;
    let mut lines = place_lines(archive);
    lines.extend(flow.map(|flow| buffer::line(flow, archive.bytes)));
    lines.push(summary::line("id", &archive.end.backup_info.id));
    lines.extend(end.digest.map(|digest| summary::line("digest", &digest.to_string())));
    lines.extend(
        end.state.filter(|_| end.state != end.digest).map(|state| summary::line("image state", &state.to_string())),
    );
    lines
}

/// Where an archive lies, for people: one line, or one for each part.
fn place_lines(archive: &WrittenArchive) -> Vec<String> {
    let [only] = &archive.parts[..] else {
        let all = format!("{} in {}", sizes::exact(archive.bytes), summary::count(archive.parts.len() as u64, "part"));
        let parts = archive.parts.iter().map(part_line);
        return std::iter::once(summary::line("archive", &all)).chain(parts).collect();
    };
    vec![summary::line("archive", &format!("{}, {}", sizes::exact(only.bytes), only.output))]
}

fn part_line(part: &WrittenPart) -> String {
    let (bytes, range) = (sizes::short(part.bytes), talk::range_text(&Range::between(part.from, part.to)));
    let name = part.medium.as_ref().and_then(|medium| medium.name.as_ref());
    let medium = name.map_or(String::new(), |name| format!(" {name}"));
    let broken = if part.closed { "" } else { "; its end is missing, and the next part makes it good" };
    let text = format!("{}{medium}, {bytes}, {range} of the device{broken}", part.output);
    summary::line(&format!("part {}", part.number), &text)
}

/// A part for programs.
fn part_value(part: &WrittenPart) -> Value {
    let WrittenPart { number, output, medium, bytes, from, to, closed } = part;
    let medium = medium.as_ref().map(summary::value);
    json!({
        "number": number, "output": output, "medium": medium, "bytes": bytes, "from": from, "to": to, "closed": closed,
    })
}

/// Prints the summary for programs.
fn print_summary(summary: &Value, stream: SummaryStream) -> Result<()> {
    match stream {
        SummaryStream::Output => answer::print_json(summary),
        SummaryStream::Error => {
            talk::machine(summary);
            Ok(())
        }
    }
}
