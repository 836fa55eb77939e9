//! Source to archive: the only read loop.

use std::collections::BTreeMap;

use crate::archive::pack::{Batch, PIECES_MAX, Piece};
use crate::archive::restore_text::RESTORE_TEXT;
use crate::archive::writer::{ArchiveWriter, WrittenArchive, WrittenThrough};
use crate::archive::{Attached, BackupInfo, Compression, DigestKind, FORMAT, Kind, MapKind, limit};
use crate::error::{Error, Result};
use crate::extent::{Extent, ExtentKind, Range};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::{Output, Piece as Read, Source};
use crate::water::Flow;

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
    let inline = known_map.is_none();
    let info = describe(source, request, inline);
    progress.set_total(info.device.size_bytes);
    let batch_bytes = info.batch_bytes();
    let attached: Vec<_> = request.attached.iter().map(|(_, content)| content.as_slice()).collect();
    let mut writer = ArchiveWriter::begin(output, info, RESTORE_TEXT, &attached, known_map.unwrap_or_default())?;
    let mut reading = Reading::new(source, request, batch_bytes, inline, progress);
    let fill = |batch| reading.fill(batch);
    let WrittenThrough { bad, flow } = writer.write_through(request.threads, request.buffer_bytes, progress, fill)?;
    let warnings = source.finish()?;
    progress.check()?;
    let written = writer.finish(BackupInfo::now())?;
    Ok(BackupSummary { written, bad, flow, warnings })
}

fn describe(source: &dyn Source, request: &BackupRequest, inline: bool) -> BackupInfo {
    let attached: Vec<_> =
        request.attached.iter().map(|(name, content)| Attached::of(name, content, request.digest)).collect();
    BackupInfo {
        format: FORMAT,
        requires: Vec::new(),
        id: BackupInfo::new_id(),
        created: BackupInfo::now(),
        program: BackupInfo::PROGRAM.to_owned(),
        name: request.name.clone(),
        kind: Kind::Full,
        parent: None,
        samples: None,
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
        unknown: serde_json::Map::new(),
    }
}

/// Where the read loop stands.
struct Reading<'a> {
    source: &'a mut dyn Source,
    progress: &'a Progress,
    extent_limit: u64,
    batch_bytes: u64,
    keep_going: bool,
    inline: bool,
    /// What is left of the current data extent.
    left: Range,
}

impl<'a> Reading<'a> {
    fn new(
        source: &'a mut dyn Source,
        request: &BackupRequest,
        batch_bytes: u64,
        inline: bool,
        progress: &'a Progress,
    ) -> Self {
        let left = Range { start: 0, length: 0 };
        Self {
            source,
            progress,
            extent_limit: request.extent_limit_bytes,
            batch_bytes,
            keep_going: request.keep_going,
            inline,
            left,
        }
    }

    /// Fills a batch with pieces, each within one data extent and cut on multiples of the extent limit; `None` at the end.
    fn fill(&mut self, mut batch: Batch) -> Result<Option<Batch>> {
        batch.pieces.clear();
        let batch_bytes = self.batch_bytes;
        batch.buffer.resize(batch_bytes as usize, 0);
        let mut used = 0;
        while batch.pieces.len() < PIECES_MAX {
            self.progress.check()?;
            if self.left.length == 0 && !self.next_extent(&mut batch)? {
                return Ok((!batch.pieces.is_empty()).then_some(batch));
            }
            if self.left.length == 0 {
                continue;
            }
            let cut = (self.left.start / self.extent_limit + 1) * self.extent_limit;
            let wanted = self.left.length.min(cut - self.left.start);
            if wanted > batch_bytes - used {
                break;
            }
            used += self.read_piece(&mut batch, used as usize, wanted)?;
        }
        Ok(Some(batch))
    }

    /// Goes to the next extent; `false` if there is none.
    fn next_extent(&mut self, batch: &mut Batch) -> Result<bool> {
        let Some(Extent { start, length, kind }) = self.source.next_extent()? else { return Ok(false) };
        match kind {
            ExtentKind::Data => self.left = Range { start, length },
            // A map has told the zeros already; without one they become members.
            ExtentKind::Zero { .. } if self.inline => batch.pieces.push(Piece::Zero(Range { start, length })),
            ExtentKind::Zero { .. } => self.progress.add_zero(length),
        }
        Ok(true)
    }

    /// Reads up to `wanted` bytes of the current extent into the buffer from `at` on; fewer where a range cannot be read.
    fn read_piece(&mut self, batch: &mut Batch, at: usize, wanted: u64) -> Result<u64> {
        let mut filled = 0;
        let start = self.left.start;
        while filled < wanted {
            match self.source.read(&mut batch.buffer[at + filled as usize..at + wanted as usize])? {
                Read::Data(length) => filled += length as u64,
                Read::Unreadable { length, .. } if self.keep_going => {
                    push_data(batch, Range { start, length: filled }, at);
                    let bad = Range { start: start + filled, length: length as u64 };
                    batch.pieces.push(Piece::Bad(bad));
                    self.left = Range::between(bad.end(), self.left.end());
                    return Ok(filled);
                }
                Read::Unreadable { cause, .. } => {
                    let what = format!("{} at byte {}", self.source.device().path, start + filled);
                    let failure = Error::io("reading", what, cause);
                    return Err(
                        failure.with_remedy("--keep-going backs up everything else and records what is missing")
                    );
                }
            }
        }
        push_data(batch, Range { start, length: filled }, at);
        self.left = Range::between(start + filled, self.left.end());
        Ok(filled)
    }
}

fn push_data(batch: &mut Batch, range: Range, at: usize) {
    if range.length > 0 {
        batch.pieces.push(Piece::Data { range, at });
    }
}
