//! Reads ranges that should be unchanged, and holds them against the digests that they had.

use crate::archive::{Digest, DigestKind, Sample};
use crate::error::Result;
use crate::extent::Range;
use crate::progress::Progress;
use crate::stream::Image;

/// What came of ranges that should be unchanged.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Those that are.
    pub samples: Vec<Sample>,
    /// Those that are not.
    pub differing: Vec<Range>,
    /// Those that cannot be read, so that nobody knows.
    pub unreadable: Vec<Range>,
}

/// Reads these ranges, and holds each against the digest that it had.
///
/// # Errors
/// An interruption.
pub fn audit(image: &dyn Image, ranges: &[(Range, Digest)], kind: DigestKind, progress: &Progress) -> Result<Audit> {
    let mut audit = Audit::default();
    let mut buffer = Vec::new();
    for &(range, digest) in ranges {
        progress.check()?;
        buffer.resize(range.length as usize, 0);
        image.prefetch(range.start, range.length);
        match image.read_at(&mut buffer, range.start) {
            Ok(()) if kind.of(&buffer) == digest => audit.samples.push(Sample::of(range, digest, kind)),
            Ok(()) => audit.differing.push(range),
            // Why is told by the read loop, where the backup needs these bytes.
            Err(_) => audit.unreadable.push(range),
        }
        image.release(range.start, range.length);
    }
    Ok(audit)
}
