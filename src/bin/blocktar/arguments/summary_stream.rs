//! Where a command leaves its summary for programs.

use super::Command;

/// Where a command leaves its summary for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryStream {
    /// Standard output.
    Output,
    /// Standard error: standard output carries an archive, or the bytes of a device.
    Error,
}

impl Command {
    /// Where programs want to be told how it ended, if they do.
    pub fn summary_stream(&self) -> Option<SummaryStream> {
        let (json, stream) = match self {
            Self::Backup(backup) => (backup.report.json, backup.output.summary_stream()),
            Self::Recompress(recompress) => (recompress.report.json, recompress.output.summary_stream()),
            Self::Merge(merge) => (merge.report.json, merge.output.summary_stream()),
            Self::Reblock(reblock) => (reblock.report.json, reblock.output.summary_stream()),
            Self::Restore(restore) => (restore.report.json, SummaryStream::Output),
            Self::Salvage(salvage) => (salvage.report.json, SummaryStream::Output),
            Self::List(list) => (list.json, SummaryStream::Output),
            Self::Info(info) => (info.json, SummaryStream::Output),
            Self::Verify(verify) => (verify.report.json, SummaryStream::Output),
            Self::Compare(compare) => (compare.report.json, SummaryStream::Output),
            Self::Extract(extract) => (extract.report.json, SummaryStream::Error),
            Self::Tape(tape) => (tape.json, SummaryStream::Output),
            Self::Completions(_) | Self::Man(_) => (false, SummaryStream::Output),
        };
        json.then_some(stream)
    }
}
