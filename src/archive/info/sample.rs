//! Samples of what an increment leaves unchanged.

use serde::{Deserialize, Serialize};

use super::super::digest::{Digest, DigestKind};
use crate::extent::Range;

/// The digest of a range that did not change since the parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Offset on the device.
    pub offset: u64,
    /// Length in bytes, at most 4 MiB.
    pub length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blake3: Option<Digest>,
}

impl Sample {
    /// The sample of a range with this digest.
    pub fn of(range: Range, digest: Digest, kind: DigestKind) -> Self {
        let of_kind = |wanted| (kind == wanted).then_some(digest);
        let (sha256, blake3) = (of_kind(DigestKind::Sha256), of_kind(DigestKind::Blake3));
        Self { offset: range.start, length: range.length, sha256, blake3 }
    }

    /// Where it lies.
    pub fn range(&self) -> Range {
        Range { start: self.offset, length: self.length }
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Option<Digest> {
        self.sha256.or(self.blake3)
    }

    /// Whether it has a digest of this kind, and no other.
    pub(super) fn is_of(&self, kind: DigestKind) -> bool {
        match kind {
            DigestKind::Sha256 => self.sha256.is_some() && self.blake3.is_none(),
            DigestKind::Blake3 => self.blake3.is_some() && self.sha256.is_none(),
        }
    }
}
