//! Archives made from archives.

use std::sync::Arc;

use blocktar::error::Result;
use blocktar::progress::Progress;
use blocktar::recompress::{RecompressRequest, RecompressSummary, recompress};

use super::{MemoryInput, MemoryOutput, Way};

/// Makes another archive of this one. A failure must leave no end member.
pub fn try_recompress(
    archive: &Arc<Vec<u8>>,
    way: Way,
    request: &RecompressRequest,
) -> Result<(Arc<Vec<u8>>, RecompressSummary)> {
    let mut output = MemoryOutput::default();
    let outcome = recompress(MemoryInput::boxed(archive, way), &mut output, request, &Progress::default());
    let bytes = std::mem::take(&mut *output.bytes.lock().unwrap());
    let finished = *output.finished.lock().unwrap();
    assert_eq!(finished, outcome.is_ok());
    let has_end = bytes.windows(20).any(|window| window == b"/PaxHeaders/end.json");
    assert!(finished || !has_end || holds_an_archive(archive), "a failure that looks complete");
    outcome.map(|summary| {
        assert_eq!(bytes.len() as u64, summary.written.bytes);
        (Arc::new(bytes), summary)
    })
}

/// Whether its data are an archive's bytes themselves.
fn holds_an_archive(archive: &[u8]) -> bool {
    archive.windows(20).filter(|window| *window == b"/PaxHeaders/end.json").count() > 1
}

/// Makes one that must be made.
pub fn recompressed(
    archive: &Arc<Vec<u8>>,
    way: Way,
    request: &RecompressRequest,
) -> (Arc<Vec<u8>>, RecompressSummary) {
    try_recompress(archive, way, request).unwrap_or_else(|error| panic!("{way:?}, {request:?}: {error}"))
}
