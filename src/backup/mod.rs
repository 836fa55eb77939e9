//! Source to archive: what changed is read by its map, or everything is, and held against a baseline.

mod against;
mod audit;
mod reading;

use std::collections::BTreeMap;

use self::against::Against;
use self::reading::Reading;
use crate::archive::restore_text::RESTORE_TEXT;
use crate::archive::writer::{ArchiveWriter, WrittenArchive, WrittenThrough};
use crate::archive::{Attached, BackupInfo, Compression, DigestKind, FORMAT, Kind, MapKind, Parent, Sample, limit};
use crate::baseline::Baseline;
use crate::error::Result;
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::{Output, Source};
use crate::water::Flow;

pub use audit::{Audit, audit};

/// What an increment builds on, and how it is found what changed since.
#[derive(Clone, Debug)]
pub struct Since {
    /// The archive whose state a target must hold.
    pub parent: Parent,
    /// How it is found what changed.
    pub changes: Changes,
    /// Ranges that are unchanged: what a target must hold (format-spec, section 4), at most 256.
    pub samples: Vec<Sample>,
}

/// How it is found what changed.
#[derive(Clone, Debug)]
pub enum Changes {
    /// The source knows: its map has what changed and nothing else. The word for how it knows, such as `thin`.
    Mapped(&'static str),
    /// Everything is read, and what has the digest that it had is left out. The source's extents cover the device.
    ByDigest(Baseline),
}

impl Changes {
    /// The word for it in an archive.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mapped(word) => word,
            Self::ByDigest(_) => "digest",
        }
    }
}

/// How to make a backup.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// How data members are compressed.
    pub compression: Compression,
    /// Which digest members carry.
    pub digest: DigestKind,
    /// The longest data member in bytes: 64 KiB to 64 MiB, a multiple of 4 KiB.
    pub extent_limit_bytes: u64,
    /// The archive's length is a multiple of this in bytes: 512 to 16 MiB, a multiple of 512.
    pub record_bytes: u64,
    /// How many threads hash and compress.
    pub threads: usize,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user noted.
    pub meta: BTreeMap<String, String>,
    /// Files to keep in the archive: name and content.
    pub attached: Vec<(String, Vec<u8>)>,
    /// What an increment builds on; `None` for a full.
    pub since: Option<Since>,
    /// Leave out what cannot be read, and say so, instead of failing.
    pub keep_going: bool,
    /// Hold back so many bytes at most, so that an output that must not run dry does not; `None` for one that may.
    pub buffer_bytes: Option<u64>,
}

impl Default for BackupRequest {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            digest: DigestKind::default(),
            extent_limit_bytes: limit::EXTENT_DEFAULT,
            record_bytes: 512 << 10,
            threads: 1,
            name: None,
            meta: BTreeMap::new(),
            attached: Vec::new(),
            since: None,
            keep_going: false,
            buffer_bytes: None,
        }
    }
}

/// What a finished backup has to say.
#[derive(Clone, Debug)]
pub struct BackupSummary {
    /// The archive, its parts, and the end member with its backup-info.
    pub written: WrittenArchive,
    /// The ranges that could not be read.
    pub bad: RangeList,
    /// What came of the buffer, if there was one.
    pub flow: Option<Flow>,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// Reads the source once and writes the archive; the output is finished, so that it is complete and on stable storage.
///
/// # Errors
/// Any failed or short read, unless [`BackupRequest::keep_going`]; any failed write; an interruption. Then the output has no end member.
pub fn backup(
    source: &mut dyn Source,
    output: &mut dyn Output,
    request: &BackupRequest,
    progress: &Progress,
) -> Result<BackupSummary> {
    let known_map = source.map()?;
    let changes = request.since.as_ref().map(|since| &since.changes);
    let by_digest = match changes {
        Some(Changes::ByDigest(baseline)) => Some(baseline),
        _ => None,
    };
    let inline = known_map.is_none() || by_digest.is_some();
    let info = describe(source, request, inline);
    progress.set_total(info.device.size_bytes);
    let batch_bytes = info.batch_bytes();
    let attached: Vec<_> = request.attached.iter().map(|(_, content)| content.as_slice()).collect();
    let map = known_map.filter(|_| !inline).unwrap_or_default();
    let mut writer = ArchiveWriter::begin(output, info, RESTORE_TEXT, &attached, map)?;
    let (threads, buffer_bytes) = (request.threads, request.buffer_bytes);
    let reading = Reading::new(source, request, batch_bytes, inline, progress);
    let WrittenThrough { bad, flow } = match by_digest {
        Some(baseline) => {
            let mut against = Against::new(reading, baseline);
            writer.write_through(threads, buffer_bytes, progress, |batch| against.fill(batch))?
        }
        None => {
            let mut reading = reading;
            writer.write_through(threads, buffer_bytes, progress, |batch| reading.fill(batch))?
        }
    };
    let warnings = source.finish()?;
    progress.check()?;
    let written = writer.finish(BackupInfo::now())?;
    Ok(BackupSummary { written, bad, flow, warnings })
}

fn describe(source: &dyn Source, request: &BackupRequest, inline: bool) -> BackupInfo {
    let attached: Vec<_> =
        request.attached.iter().map(|(name, content)| Attached::of(name, content, request.digest)).collect();
    let since = request.since.as_ref();
    BackupInfo {
        format: FORMAT,
        requires: Vec::new(),
        id: BackupInfo::new_id(),
        created: BackupInfo::now(),
        program: BackupInfo::PROGRAM.to_owned(),
        name: request.name.clone(),
        kind: if since.is_some() { Kind::Increment } else { Kind::Full },
        parent: since.map(|since| since.parent.clone()),
        samples: since.map(|since| since.samples.clone()).filter(|samples| !samples.is_empty()),
        device: source.device().clone(),
        map: if inline { MapKind::Inline } else { MapKind::First },
        digest: request.digest,
        compression: request.compression,
        extent_limit: request.extent_limit_bytes,
        record_size: request.record_bytes,
        part: None,
        medium: None,
        set: None,
        meta: (!request.meta.is_empty()).then(|| request.meta.clone()),
        attached: (!attached.is_empty()).then_some(attached),
        changes: since.map(|since| since.changes.word().to_owned()),
        state: None,
        unknown: serde_json::Map::new(),
    }
}
