//! Reads back what was written, and holds it against what it should be.

use crate::archive::{Digest, DigestKind};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::stream::Target;
use crate::zeros::is_zero;

/// How much is written before it is read back: enough that syncing in between costs little, few enough digests to keep.
const READ_BACK_BYTES: u64 = 256 << 20;

/// What was written and not yet read back: a digest, or zeros.
#[derive(Default)]
pub(super) struct ReadBack {
    ranges: Vec<(Range, Option<Digest>)>,
    bytes: u64,
}

impl ReadBack {
    /// Notes a range that was written; whether it is time to read back.
    pub fn remember(&mut self, range: Range, digest: Option<Digest>) -> bool {
        if range.length > 0 {
            self.ranges.push((range, digest));
            self.bytes += range.length;
        }
        self.bytes >= READ_BACK_BYTES
    }

    /// Reads back what was written since the last time, if anything was.
    pub fn check(&mut self, target: &mut dyn Target, kind: DigestKind, progress: &Progress) -> Result<()> {
        let Self { ranges, .. } = std::mem::take(self);
        if ranges.is_empty() {
            return Ok(());
        }
        target.sync()?;
        let mut buffer = Vec::new();
        for (range, digest) in ranges {
            let sound = match digest {
                Some(digest) => has_digest(target, range, digest, kind, &mut buffer)?,
                None => reads_zero(target, range, &mut buffer, progress)?,
            };
            if !sound {
                let (start, end) = (range.start, range.end());
                let cause =
                    std::io::Error::other(format!("bytes {start} to {end} do not read back as they were written"));
                return Err(Error::io("reading back", target.name(), cause)
                    .with_remedy("the target does not keep what is written to it: use another"));
            }
        }
        Ok(())
    }
}

/// Whether the bytes of a range of the target have this digest.
pub(super) fn has_digest(
    target: &dyn Target,
    range: Range,
    digest: Digest,
    kind: DigestKind,
    buffer: &mut Vec<u8>,
) -> Result<bool> {
    buffer.resize(range.length as usize, 0);
    target.read_at(buffer, range.start)?;
    Ok(kind.of(buffer) == digest)
}

/// Whether a range of the target reads as zero.
pub(super) fn reads_zero(target: &dyn Target, range: Range, buffer: &mut Vec<u8>, progress: &Progress) -> Result<bool> {
    const STEP: u64 = 1 << 20;
    let mut start = range.start;
    while start < range.end() {
        progress.check()?;
        buffer.resize(STEP.min(range.end() - start) as usize, 0);
        target.read_at(buffer, start)?;
        if !is_zero(buffer) {
            return Ok(false);
        }
        start += buffer.len() as u64;
    }
    Ok(true)
}
