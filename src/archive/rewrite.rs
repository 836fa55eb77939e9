//! What an archive that is made of others says of itself, and what it leaves out (format-spec, section 9).

use super::digest::DigestKind;
use super::end::End;
use super::frame::Compression;
use super::info::{Attached, BackupInfo};
use crate::error::{Error, Result};

/// What an archive that is made of others has otherwise than they; everything else stays.
#[derive(Clone, Debug, Default)]
pub struct RewriteRequest {
    /// How data members are compressed.
    pub compression: Option<Compression>,
    /// Which digest members carry.
    pub digest: Option<DigestKind>,
    /// The longest data member in bytes: 64 KiB to 64 MiB, a multiple of 4 KiB.
    pub extent_limit_bytes: Option<u64>,
    /// Where none is wanted: cut data members that are longer than this.
    pub extent_limit_max_bytes: Option<u64>,
    /// The new archive's length is a multiple of this in bytes: 512 to 16 MiB, a multiple of 512.
    pub record_bytes: Option<u64>,
    /// How many threads read and check, and how many hash and compress.
    pub threads: usize,
    /// Hold back so many bytes at most, so that an output that must not run dry does not; `None` for one that may.
    pub buffer_bytes: Option<u64>,
}

impl RewriteRequest {
    /// The longest data member of the new archive, of one of which it was so long.
    pub(crate) fn extent_limit(&self, from: u64) -> u64 {
        self.extent_limit_bytes.unwrap_or(from.min(self.extent_limit_max_bytes.unwrap_or(u64::MAX)))
    }

    /// The new archive's backup-info: what it says of the backup stays, keys of a later writer included; what it says of the archive is new.
    pub(crate) fn describe(&self, archive: &str, from: &BackupInfo, attached: &[Vec<u8>]) -> Result<BackupInfo> {
        let digest = self.digest.unwrap_or(from.digest);
        if digest != from.digest && from.samples.as_ref().is_some_and(|samples| !samples.is_empty()) {
            let why =
                format!("it has {} digests of ranges that did not change, and does not hold these ranges", from.digest);
            let remedy = format!("keep its digest, {}", from.digest);
            return Err(Error::refused(format!("give {archive} another digest"), why, Some(remedy)));
        }
        let of_files = |files: &Vec<Attached>| {
            files.iter().zip(attached).map(|(file, content)| Attached::of(&file.name, content, digest)).collect()
        };
        Ok(BackupInfo {
            id: BackupInfo::new_id(),
            program: BackupInfo::PROGRAM.to_owned(),
            digest,
            compression: self.compression.unwrap_or(from.compression),
            extent_limit: self.extent_limit(from.extent_limit),
            record_size: self.record_bytes.unwrap_or(from.record_size),
            part: None,
            medium: None,
            attached: from.attached.as_ref().map(of_files),
            ..from.clone()
        })
    }
}

/// What of an archive does not go into one made from it, because it says something of the old one's bytes: see format-spec, section 9.
pub(crate) fn left_out(from: &End, optional_members: Option<String>) -> Vec<String> {
    let mut sentences = Vec::from_iter(optional_members);
    if !from.unknown.is_empty() {
        let keys: Vec<_> = from.unknown.keys().map(|key| format!("{key:?}")).collect();
        sentences.push(format!("left out keys of the end member that this version does not know: {}", keys.join(", ")));
    }
    sentences
}
