//! Archives made from archives.

use std::sync::Arc;

use blocktar::archive::RewriteRequest;
use blocktar::error::Result;
use blocktar::merge::{MergeSummary, merge};
use blocktar::progress::Progress;
use blocktar::recompress::{RecompressSummary, recompress};

use super::{MemoryInput, MemoryOutput, Way};

/// Makes another archive of this one. A failure must leave no end member.
pub fn try_recompress(
    archive: &Arc<Vec<u8>>,
    way: Way,
    request: &RewriteRequest,
) -> Result<(Arc<Vec<u8>>, RecompressSummary)> {
    let made =
        |output: &mut MemoryOutput| recompress(MemoryInput::boxed(archive, way), output, request, &Progress::default());
    let (bytes, summary) = complete_or_headless(made, holds_an_archive(archive))?;
    assert_eq!(bytes.len() as u64, summary.written.bytes);
    Ok((bytes, summary))
}

/// Makes one archive of a chain. A failure must leave no end member.
pub fn try_merge(archives: &[&Arc<Vec<u8>>], request: &RewriteRequest) -> Result<(Arc<Vec<u8>>, MergeSummary)> {
    let inputs = || archives.iter().map(|archive| MemoryInput::boxed(archive, Way::File).into()).collect();
    let made = |output: &mut MemoryOutput| merge(inputs(), output, request, &Progress::default());
    let (bytes, summary) = complete_or_headless(made, archives.iter().any(|archive| holds_an_archive(archive)))?;
    assert_eq!(bytes.len() as u64, summary.written.bytes);
    Ok((bytes, summary))
}

/// What was written, if it was finished; else it has no end member, unless its data may hold one.
fn complete_or_headless<T>(
    make: impl FnOnce(&mut MemoryOutput) -> Result<T>,
    may_hold_an_end: bool,
) -> Result<(Arc<Vec<u8>>, T)> {
    let mut output = MemoryOutput::default();
    let outcome = make(&mut output);
    let bytes = std::mem::take(&mut *output.bytes.lock().unwrap());
    let finished = *output.finished.lock().unwrap();
    assert_eq!(finished, outcome.is_ok());
    let has_end = bytes.windows(20).any(|window| window == b"/PaxHeaders/end.json");
    assert!(finished || !has_end || may_hold_an_end, "a failure that looks complete");
    outcome.map(|summary| (Arc::new(bytes), summary))
}

/// Whether its data are an archive's bytes themselves.
fn holds_an_archive(archive: &[u8]) -> bool {
    archive.windows(20).filter(|window| *window == b"/PaxHeaders/end.json").count() > 1
}

/// Makes one that must be made.
pub fn recompressed(archive: &Arc<Vec<u8>>, way: Way, request: &RewriteRequest) -> (Arc<Vec<u8>>, RecompressSummary) {
    try_recompress(archive, way, request).unwrap_or_else(|error| panic!("{way:?}, {request:?}: {error}"))
}
