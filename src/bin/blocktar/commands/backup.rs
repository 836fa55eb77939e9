//! `backup`: a device or image into an archive.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use blocktar::archive::limit;
use blocktar::backup::{BackupRequest, BackupSummary, backup};
use blocktar::error::Result;
use blocktar::extent::ExtentMap;
use blocktar::location::Location;
use blocktar::progress::Progress;
use blocktar::source::Tracking;
use blocktar::stream::{Device, Source};
use serde_json::Value;

use super::thread_count;
use crate::archive_output::{Reading, Written, closing_lines, verify_again};
use crate::arguments::BackupArguments;
use crate::exit_code::ExitCode;
use crate::identity;
use crate::opened::{self, Found, Opened};
use crate::output_media::{OutputMedia, RECORD_BYTES_IN_FILES};
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::since::{self, Checking, Parents, Untracked};
use crate::summary;
use crate::talk::{self, Talk};
use crate::values::shell_word;
use crate::{attachment, buffer, output_media, sizes};

/// Records for tapes and pipes to them.
const RECORD_BYTES: u64 = 512 << 10;

/// Runs the command.
pub fn run(arguments: &BackupArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let progress = stop.progress();
    let longest = output_media::longest_member(&arguments.output, arguments.extent_limit, arguments.record_size)?;
    let refuse_unsafe_output = || reading(&arguments.source).refuse_unsafe_output(&arguments.output);
    if let Location::Volume(_) = arguments.source {
        // LVM need not be asked for that.
        refuse_unsafe_output()?;
    }
    // What is wrong with a device is told first: it is named first.
    let found = Found::find(arguments)?;
    refuse_unsafe_output()?;
    // No application is brought to rest for an archive that has no place, or nothing to build on.
    let Prepared { mut request, parents, mut media } = prepare(arguments, longest, found.device(), &progress)?;
    let (opened, mut warnings) = found.open(arguments, &progress)?;
    let Building { value: made_of, changed } = build_on(parents, arguments, &opened, &mut request, talk, &progress)?;
    let (frozen, mut source) = opened.source(changed, arguments, &mut warnings, &progress)?;
    warnings.iter().for_each(|warning| talk::warn(warning));
    talk.detail(&plan_text(source.as_ref(), media.output.name(), &request));

    let line = ProgressLine::start(arguments.report.progress, talk, "backup", &progress);
    let result = backup(source.as_mut(), media.output.as_mut(), &request, &progress);
    drop(line);
    let mut written = result?;
    drop(source);
    let (kept, passing) = match arguments.snapshot.keep_snapshot {
        true => (frozen, None),
        false => (None, frozen),
    };
    written.warnings.extend(opened::conclude(passing, None));
    warnings.extend(media.warnings());
    written.warnings.iter().for_each(|warning| talk::warn(warning));
    warnings.extend_from_slice(&written.warnings);
    for range in talk::list_lines(&written.bad) {
        talk::warn(&format!("could not be read, and is missing in the archive: {range}"));
    }
    talk.say(&text(&arguments.source, &written, begun));
    // The verification opens the file again.
    drop(media);
    let (output, report, threads) = (&arguments.output, arguments.report, request.threads);
    let verified = verify_again(&written.written, output, threads, report, talk, stop)?;
    // Only what is known to be sound takes the place of what the next increment could build on until now.
    let state = written.written.end.state.filter(|_| verified.is_sound());
    let notes = opened::conclude(kept, state.map(|state| state.to_string()));
    notes.iter().for_each(|note| talk::warn(note));
    warnings.extend(notes);

    let written = Written {
        command: "backup",
        begun,
        made_of,
        archive: &written.written,
        bad: &written.bad,
        flow: written.flow.as_ref(),
        warnings: &warnings,
        verified,
    };
    written.conclude(output, report)
}

/// All that can be refused without a snapshot.
struct Prepared {
    request: BackupRequest,
    parents: Option<Parents>,
    media: OutputMedia,
}

/// Reads what comes beside the source, and opens what is written; `longest` is the longest member that it has room for.
fn prepare(
    arguments: &BackupArguments,
    longest: Option<u64>,
    device: &Device,
    progress: &Arc<Progress>,
) -> Result<Prepared> {
    let mut request = request(arguments, longest)?;
    let parents = find_parents(arguments, device)?;
    let mut media = output_media::open_alone(&arguments.output, arguments.record_size, progress)?;
    media.warn(arguments.compression);
    request.buffer_bytes = buffer::size(arguments.buffer, media.output.as_ref())?;
    Ok(Prepared { request, parents, media })
}

fn request(arguments: &BackupArguments, longest: Option<u64>) -> Result<BackupRequest> {
    let output_path = arguments.output.path();
    Ok(BackupRequest {
        compression: arguments.compression,
        digest: arguments.digest.unwrap_or_default(),
        extent_limit_bytes: arguments.extent_limit.unwrap_or(limit::EXTENT_DEFAULT.min(longest.unwrap_or(u64::MAX))),
        record_bytes: arguments.record_size.unwrap_or_else(|| default_record_bytes(output_path)),
        threads: thread_count(arguments.threads),
        name: arguments.name.clone(),
        meta: arguments.meta.iter().cloned().collect(),
        attached: attachment::read_all(&arguments.attach)?,
        since: None,
        keep_going: arguments.keep_going,
        buffer_bytes: None,
    })
}

/// On what an increment builds.
struct Building {
    /// For programs; nothing of a full.
    value: Value,
    /// All that changed, if that is known.
    changed: Option<ExtentMap>,
}

/// Finds on what an increment builds; `None` for a full.
fn find_parents(arguments: &BackupArguments, device: &Device) -> Result<Option<Parents>> {
    let parents = since::open(&arguments.since, device, arguments.name.as_deref())?;
    for path in parents.iter().flat_map(|parents| &parents.paths) {
        let parent = Reading {
            what: "an archive on which it builds",
            place: identity::of_path(path),
            ..reading(&arguments.source)
        };
        parent.refuse_unsafe_output(&arguments.output)?;
    }
    Ok(parents)
}

/// Finds what changed since these, if there are any.
fn build_on(
    parents: Option<Parents>,
    arguments: &BackupArguments,
    opened: &Opened,
    request: &mut BackupRequest,
    talk: Talk,
    progress: &Arc<Progress>,
) -> Result<Building> {
    let full = Building { value: Value::Null, changed: None };
    let Some(parents) = parents else { return Ok(full) };
    let digest = arguments.digest.unwrap_or(parents.digest());
    let checking = Checking { samples: arguments.since.audit, digest, progress, talk };
    let (since, value, changed) = match opened.tracking(parents.parent(), progress)? {
        Tracking::Known { changed, word } => {
            let changed = parents.with_unread(changed, opened.device().size_bytes);
            let (since, value) = parents.tracked(opened.node(), &changed, word, &checking)?;
            (since, value, Some(changed))
        }
        Tracking::Lost(why) => {
            let instead = since::without_tracking(arguments.since.if_untracked, &arguments.source, &why)?;
            if matches!(opened, Opened::Frozen(_)) {
                let done = if instead == Untracked::Full { "writing a full" } else { "comparing everything" };
                talk::warn(&format!("it is not known what changed on {}: {why}; {done}", arguments.source));
            }
            if instead == Untracked::Full {
                return Ok(full);
            }
            let (since, value) = parents.compared(opened.node(), &checking)?;
            (since, value, None)
        }
    };
    request.digest = digest;
    request.since = Some(since);
    Ok(Building { value, changed })
}

fn default_record_bytes(output_path: Option<&Path>) -> u64 {
    let into_file = match output_path {
        // What does not exist yet becomes a regular file.
        Some(path) => path.metadata().map_or(true, |metadata| metadata.is_file()),
        None => identity::is_regular_file(io::stdout()),
    };
    if into_file { RECORD_BYTES_IN_FILES } else { RECORD_BYTES }
}

fn reading(source: &Location) -> Reading {
    Reading {
        request: format!("back up {source}"),
        command: format!("blocktar backup {}", shell_word(Path::new(&source.to_string()))),
        what: "the source",
        place: identity::of_path(&source.path()),
    }
}

fn plan_text(source: &dyn Source, output: &str, request: &BackupRequest) -> String {
    let device = source.device();
    format!(
        "reading {}, {}; writing {output} in records of {}, {}, {}, {} threads",
        device.path,
        sizes::exact(device.size_bytes),
        sizes::short(request.record_bytes),
        request.compression,
        request.digest,
        request.threads
    )
}

fn text(source: &Location, written: &BackupSummary, begun: Instant) -> String {
    let (info, end) = (&written.written.end.backup_info, &written.written.whole);
    let mut lines = vec![format!("backed up {source} {}", summary::pace(begun, end.data_bytes))];
    lines.extend(summary::amounts(info, end));
    lines.extend(closing_lines(&written.written, written.flow.as_ref()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::error::Error;

    #[test]
    fn records_are_small_only_in_files() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(default_record_bytes(Some(&folder.path().join("new.tar"))), RECORD_BYTES_IN_FILES);
        assert_eq!(default_record_bytes(Some(Path::new("/dev/null"))), RECORD_BYTES);
    }

    #[test]
    fn an_output_that_is_the_source_or_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (image, link) = (folder.path().join("disk.img"), folder.path().join("link.tar"));
        std::fs::write(&image, "x").unwrap();
        std::fs::hard_link(&image, &link).unwrap();
        for output in [link.as_path(), folder.path()] {
            let error = reading(&Location::Path(image.clone())).refuse_unsafe(Some(output)).unwrap_err();
            assert!(matches!(error, Error::Refused(_)) && error.remedy().is_some(), "{error}");
        }
        assert!(reading(&Location::Path(image.clone())).refuse_unsafe(Some(&folder.path().join("new.tar"))).is_ok());
    }
}
