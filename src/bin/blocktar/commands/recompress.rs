//! `recompress`: an archive into another of the same image.

use std::time::Instant;

use blocktar::error::Result;
use blocktar::recompress::{RecompressSummary, recompress};
use serde_json::json;

use super::{open_old, rewrite_request};
use crate::archive_output::{Written, closing_lines, verify_again, warn_of_copy};
use crate::arguments::RecompressArguments;
use crate::exit_code::ExitCode;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::Talk;
use crate::{buffer, output_media, sizes, summary};

/// Runs the command.
pub fn run(arguments: &RecompressArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let progress = stop.progress();
    let rewrite = &arguments.rewrite;
    let longest = output_media::longest_member(&arguments.output, rewrite.extent_limit, rewrite.record_size)?;
    let input = open_old("recompress", &arguments.archive, &arguments.output, &progress)?;
    let mut media = output_media::open(&arguments.output, rewrite.record_size, &progress)?;
    media.warn(rewrite.compression.unwrap_or_default());
    let request = rewrite_request(rewrite, longest, buffer::size(rewrite.buffer, media.output.as_ref())?);
    let archive = input.name();
    talk.detail(&format!("reading {archive}; writing {}, {} threads", media.output.name(), request.threads));

    let line = ProgressLine::start(arguments.report.progress, talk, "recompress", &progress);
    let result = recompress(input, media.output.as_mut(), &request, &progress);
    drop(line);
    let written = result?;
    let warnings = warn_of_copy(&media, &written.warnings, &written.bad);
    talk.say(&text(&archive, &written, begun));
    // The verification opens the file again.
    drop(media);
    let (output, report, threads) = (&arguments.output, arguments.report, request.threads);
    let verified = verify_again(&written.written, output, threads, report, talk, stop)?;

    let written = Written {
        command: "recompress",
        begun,
        made_of: json!({"archive": archive, "from": summary::end_value(&written.from)}),
        archive: &written.written,
        bad: &written.bad,
        flow: written.flow.as_ref(),
        warnings: &warnings,
        verified,
    };
    written.conclude(output, report)
}

fn text(archive: &str, written: &RecompressSummary, begun: Instant) -> String {
    let (info, end, from) = (&written.written.end.backup_info, &written.written.whole, &written.from);
    let mut lines = vec![format!("recompressed {archive} {}", summary::pace(begun, end.data_bytes))];
    lines.extend(summary::amounts(info, end));
    let (stored, members) = (sizes::short(from.stored_bytes), summary::count(from.data_members, "member"));
    lines.push(summary::line("before", &format!("{stored} in {members}, {}", from.backup_info.compression)));
    lines.extend(closing_lines(&written.written, written.flow.as_ref()));
    lines.join("\n")
}
