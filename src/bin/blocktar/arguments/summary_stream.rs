//! Where a command leaves its summary for programs.

use super::Command;
use crate::values::Stream;

/// Where a command leaves its summary for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryStream {
    /// Standard output.
    Output,
    /// Standard error: standard output carries an archive, or the bytes of a device.
    Error,
}

impl SummaryStream {
    /// Not where the archive goes: into this file, or else to standard output.
    pub fn beside(output: Option<&Stream>) -> Self {
        match output.and_then(Stream::path) {
            Some(_) => Self::Output,
            None => Self::Error,
        }
    }
}

impl Command {
    /// Where programs want to be told how it ended, if they do.
    pub fn summary_stream(&self) -> Option<SummaryStream> {
        let (json, stream) = match self {
            Self::Backup(backup) => (backup.report.json, SummaryStream::beside(backup.output.as_ref())),
            Self::Recompress(recompress) => (recompress.report.json, SummaryStream::beside(recompress.output.as_ref())),
            Self::Restore(restore) => (restore.report.json, SummaryStream::Output),
            Self::List(list) => (list.json, SummaryStream::Output),
            Self::Info(info) => (info.json, SummaryStream::Output),
            Self::Verify(verify) => (verify.report.json, SummaryStream::Output),
            Self::Compare(compare) => (compare.report.json, SummaryStream::Output),
            Self::Extract(extract) => (extract.report.json, SummaryStream::Error),
            Self::Completions(_) | Self::Man(_) => (false, SummaryStream::Output),
        };
        json.then_some(stream)
    }
}
