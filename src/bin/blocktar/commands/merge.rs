//! `merge`: a chain into one archive.

use std::time::Instant;

use blocktar::archive::Inputs;
use blocktar::error::{Error, Result};
use blocktar::media;
use blocktar::merge::{MergeSummary, Merging};
use serde_json::json;

use super::parts::all_named;
use super::rewrite_request;
use crate::archive_output::{Reading, Written, closing_lines, verify_again, warn_of_copy};
use crate::arguments::MergeArguments;
use crate::exit_code::ExitCode;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::summary::count;
use crate::talk::Talk;
use crate::values::{Stream, shell_word};
use crate::{buffer, output_media, sizes, summary};

/// Runs the command.
pub fn run(arguments: &MergeArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let progress = stop.progress();
    let rewrite = &arguments.rewrite;
    let longest = output_media::longest_member(&arguments.output, rewrite.extent_limit, rewrite.record_size)?;
    let merging = Merging::open(open_all(arguments)?)?;
    let mut media = output_media::open(&arguments.output, rewrite.record_size, &progress)?;
    media.warn(rewrite.compression.unwrap_or(merging.info().compression));
    let request = rewrite_request(rewrite, longest, buffer::size(rewrite.buffer, media.output.as_ref())?);
    let names = merging.names().join(", ");
    talk.detail(&format!("reading {names}; writing {}, {} threads", media.output.name(), request.threads));

    let line = ProgressLine::start(arguments.report.progress, talk, "merge", &progress);
    let result = merging.run(media.output.as_mut(), &request, &progress);
    drop(line);
    let merged = result?;
    let warnings = warn_of_copy(&media, &merged.warnings, &merged.bad);
    talk.say(&text(&merged, begun));
    // The verification opens the file again.
    drop(media);
    let (output, report, threads) = (&arguments.output, arguments.report, request.threads);
    let verified = verify_again(&merged.written, output, threads, report, talk, stop)?;

    let from =
        merged.from.iter().map(|(name, end)| json!({"archive": name, "id": end.id, "end": summary::end_value(end)}));
    let written = Written {
        command: "merge",
        begun,
        made_of: json!({
            "from": from.collect::<Vec<_>>(),
            "copied_members": merged.copied_members, "copied_bytes": merged.copied_bytes,
        }),
        archive: &merged.written,
        bad: &merged.bad,
        flow: merged.flow.as_ref(),
        warnings: &warnings,
        verified,
    };
    written.conclude(output, report)
}

/// Opens all archives, each with its parts; what is written must be none of them.
fn open_all(arguments: &MergeArguments) -> Result<Vec<Inputs>> {
    let words = arguments.archive.iter().filter_map(Stream::path).map(|path| format!(" {}", shell_word(path)));
    let command = format!("blocktar merge{}", words.collect::<String>());
    let mut inputs = Vec::new();
    for named in all_named(&arguments.archive)? {
        let Some(path) = named.path() else {
            let why = "archives are read at once, here and there, and a pipe comes from its beginning to its end";
            let remedy = "name the files: `blocktar merge full.tar inc1.tar -o full2.tar`".to_owned();
            return Err(Error::refused("merge standard input", why, Some(remedy)));
        };
        let reading = Reading { command: command.clone(), ..Reading::of_archive("merge", "merge", Some(path)) };
        reading.refuse_unsafe_output(&arguments.output)?;
        inputs.push(media::open_input(Some(path))?);
    }
    Inputs::by_archive(inputs)
}

fn text(merged: &MergeSummary, begun: Instant) -> String {
    let (info, end) = (&merged.written.end.backup_info, &merged.written.whole);
    let archives = count(merged.from.len() as u64, "archive");
    let mut lines = vec![format!("merged {archives} {}", summary::pace(begun, end.data_bytes))];
    lines.extend(merged.from.iter().map(|(name, _)| summary::line("of", name)));
    lines.extend(summary::amounts(info, end));
    let (copied, members) = (sizes::short(merged.copied_bytes), count(merged.copied_members, "member"));
    let as_it_was = match merged.copied_members == end.data_members {
        true => "all of it".to_owned(),
        false => format!("{copied} in {members}; the rest was packed anew"),
    };
    lines.push(summary::line("as it was", &as_it_was));
    lines.extend(closing_lines(&merged.written, merged.flow.as_ref()));
    lines.join("\n")
}
