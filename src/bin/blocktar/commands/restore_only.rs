//! `restore --only`: some ranges of the device from another copy, put where a salvage could not.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::time::Instant;

use blocktar::error::{Error, Result};
use blocktar::media::further_media::TapeReading;
use blocktar::range_set::RangeSet;
use blocktar::salvage::only::{OnlyRequest, OnlySummary, restore_only};
use blocktar::sys::partial_file::IfExists;
use blocktar::target;
use serde_json::json;

use super::{Wanted, thread_count};
use crate::arguments::RestoreArguments;
use crate::exit_code::ExitCode;
use crate::landing::Landing;
use crate::lost_file::{self, LostFile};
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::values::Stream;
use crate::{answer, sizes, summary};

/// Brings the ranges of this list.
pub fn run(arguments: &RestoreArguments, list: &Path, named: &[Stream], talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let target_path = arguments.target.as_path();
    let landing = Landing { verb: "restore", target: target_path };
    let missing = "it does not exist, and --only mends what is there";
    let size_bytes = size_of(landing, missing, "name the image or device into which `blocktar salvage` wrote")?;
    let wanted = lost_file::read(list)?;
    let progress = stop.progress();
    let (archive, selection) = (named.first(), &arguments.selection);
    let wanted_archive = Wanted { command: "restore", archive, selection, takes_broken: true, talk };
    let inputs = wanted_archive.open_parts(named, arguments.further.whom_to_ask(&progress), TapeReading::Pieces)?;
    let name = inputs.name();
    let mut others = vec![list, target_path];
    others.extend(named.iter().filter_map(Stream::path));
    let begin = |path: &std::path::PathBuf| LostFile::begin(path, IfExists::Refuse, &others, &progress);
    let still_lost = arguments.lost.as_ref().map(begin).transpose()?;

    let mut target = target::open_in_place(target_path, None, &progress)?;
    let request = OnlyRequest { wanted, threads: thread_count(arguments.threads) };
    let line = ProgressLine::start(arguments.report.progress, talk, "restore", &progress);
    let result = restore_only(inputs, &request, target.as_mut(), &progress, |summary| {
        still_lost.as_ref().map_or(Ok(()), |list| list.write(&summary.lacking))
    });
    drop(line);
    let brought = result.map_err(|failure| {
        if let Some(range) = failure.overwritten {
            let range = talk::range_text(&range);
            talk::warn(&format!("of {}, some of {range} was written: run it again", target_path.display()));
        }
        failure.error
    })?;
    still_lost.map_or(Ok(()), LostFile::commit)?;
    report(arguments, &name, &request.wanted, &brought, size_bytes, talk, begun)
}

/// The size of a target that must exist already, and be in nobody's use.
pub fn size_of(landing: Landing<'_>, missing: &str, remedy: &str) -> Result<u64> {
    let name = landing.target.display().to_string();
    let found = match fs::metadata(landing.target) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(landing.refused(missing, remedy.to_owned()));
        }
        Err(error) => return Err(Error::io("looking at", name, error)),
    };
    if found.is_file() {
        landing.refuse_used_image()?;
        return Ok(found.len());
    }
    let end = File::open(landing.target).and_then(|mut device| device.seek(SeekFrom::End(0)));
    end.map_err(|error| Error::io("asking for the size of", name, error))
}

fn report(
    arguments: &RestoreArguments,
    archive: &str,
    wanted: &RangeSet,
    brought: &OnlySummary,
    size_bytes: u64,
    talk: Talk,
    begun: Instant,
) -> Result<ExitCode> {
    let target = arguments.target.display();
    brought.faults.iter().take(20).for_each(|fault| talk::warn(fault));
    let is_file = arguments.target.is_file();
    if let Some(device_bytes) =
        brought.device_bytes.filter(|bytes| *bytes > size_bytes || (is_file && *bytes != size_bytes))
    {
        talk::warn(&format!(
            "{archive} is of a device of {device_bytes} bytes, and {target} has {size_bytes}: look whether it is a copy of the same backup"
        ));
    }
    let lines = [
        format!("restored some of {target} {}", summary::pace(begun, brought.data_bytes)),
        summary::line(
            "wanted",
            &format!("{} in {}", sizes::exact(wanted.bytes()), summary::count(wanted.len() as u64, "range")),
        ),
        summary::line("data", &format!("{} written", sizes::short(brought.data_bytes))),
        summary::line("zeros", &format!("{} made zero", sizes::short(brought.zero_bytes))),
        summary::line("archive", archive),
        summary::line("id", &brought.id),
    ];
    talk.say(&lines.join("\n"));
    for range in talk::range_lines(&brought.lacking.iter().collect::<Vec<_>>()) {
        talk::warn(&format!("left as it was, because {archive} does not hold it either: {range}"));
    }
    let code = if brought.lacking.is_empty() { ExitCode::Done } else { ExitCode::BadRanges };
    if arguments.report.json {
        let details = json!({
            "archive": archive,
            "target": arguments.target.to_string_lossy(),
            "id": brought.id,
            "wanted_bytes": wanted.bytes(),
            "restored": {"data_bytes": brought.data_bytes, "zero_bytes": brought.zero_bytes},
            "lacking_bytes": brought.lacking.bytes(),
            "lacking_ranges": brought.lacking.len(),
            "faults": brought.faults,
        });
        answer::print_json(&summary::for_programs("restore", code, begun, details))?;
    }
    Ok(code)
}
