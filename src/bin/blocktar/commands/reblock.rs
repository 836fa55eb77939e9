//! `reblock`: an archive elsewhere, as it is.

use std::time::Instant;

use blocktar::error::{Error, Result};
use blocktar::reblock::{ReblockRequest, ReblockSummary, Reblocking};
use serde_json::json;

use super::{open_old, thread_count};
use crate::archive_output::{Written, closing_lines, verify_again, warn_of_copy};
use crate::arguments::ReblockArguments;
use crate::exit_code::ExitCode;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::Talk;
use crate::{buffer, output_media, summary};

/// Runs the command.
pub fn run(arguments: &ReblockArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let progress = stop.progress();
    output_media::longest_member(&arguments.output, None, None)?;
    let input = open_old("reblock", &arguments.archive, &arguments.output, &progress)?;
    let mut media = output_media::open(&arguments.output, arguments.record_size, &progress)?;
    let has_records = media.output.spanning().is_some_and(|output| output.record_bytes().is_some());
    if arguments.record_size.is_some() && !has_records {
        let request = format!("write records to {}", media.output.name());
        let why = "only a tape has any: elsewhere a copy is as long as its archive says";
        return Err(Error::refused(request, why, Some("leave --record-size out".to_owned())));
    }
    let archive = input.name();
    let reblocking = Reblocking::open(input)?;
    media.warn(reblocking.info().compression);
    let buffer_bytes = buffer::size(arguments.buffer, media.output.as_ref())?;
    let request = ReblockRequest { threads: thread_count(arguments.threads), buffer_bytes };
    talk.detail(&format!("reading {archive}; writing {}, {} threads", media.output.name(), request.threads));

    let line = ProgressLine::start(arguments.report.progress, talk, "reblock", &progress);
    let result = reblocking.run(media.output.as_mut(), &request, &progress);
    drop(line);
    let written = result?;
    let warnings = warn_of_copy(&media, &written.warnings, &written.bad);
    talk.say(&text(&archive, &written, begun));
    // The verification opens the file again.
    drop(media);
    let (output, report, threads) = (&arguments.output, arguments.report, request.threads);
    let verified = verify_again(&written.written, output, threads, report, talk, stop)?;

    let written = Written {
        command: "reblock",
        begun,
        made_of: json!({"archive": archive}),
        archive: &written.written,
        bad: &written.bad,
        flow: written.flow.as_ref(),
        warnings: &warnings,
        verified,
    };
    written.conclude(output, report)
}

fn text(archive: &str, written: &ReblockSummary, begun: Instant) -> String {
    let (info, end) = (&written.written.end.backup_info, &written.written.whole);
    let mut lines = vec![format!("reblocked {archive} {}", summary::pace(begun, end.data_bytes))];
    lines.extend(summary::amounts(info, end));
    lines.extend(closing_lines(&written.written, written.flow.as_ref()));
    lines.join("\n")
}
