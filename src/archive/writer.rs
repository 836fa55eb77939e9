//! Writes one archive, member by member, front to back.

mod close;
mod parts;
mod regroup;
mod room;
mod through;

use std::io::IoSlice;

use self::parts::{Extent, Parts};
pub use self::regroup::Regrouping;
use self::room::demand_room;
pub use self::room::{extent_limit_within, part_bytes_min};
pub use self::through::WrittenThrough;
use super::block::{BLOCK, HeaderMaker, padded, padding};
use super::end::End;
use super::frame::TableEncoder;
use super::index::{Content, Landed};
use super::info::BackupInfo;
use super::ledger::Ledger;
use super::map::StoredMap;
use super::member::{MemberKind, Record};
use super::pack::PackedBatch;
use super::{info::Kind, limit, map};
use crate::error::{Error, Result};
use crate::extent::{ExtentMap, Range};
use crate::stream::{Medium, Output};

/// An archive in the making. Dropping it leaves an archive without end member, which no reader takes for complete; only [`finish`](Self::finish) completes it.
pub struct ArchiveWriter<'o> {
    out: MemberOutput<'o>,
    ledger: Ledger<TableEncoder>,
    /// The batch's headers, one member's behind another's.
    headers: Vec<u8>,
    /// Length of the part's backup-info.
    info_bytes: u64,
    /// What an output needs on which the archive may go on from medium to medium.
    parts: Option<Parts>,
}

/// The longest headers of a member that a writer makes: three blocks.
const HEADERS_MAX: u64 = 3 * BLOCK as u64;

/// What was written, when all of it is certainly there.
#[derive(Clone, Debug)]
pub struct WrittenArchive {
    /// The end member of the final part.
    pub end: End,
    /// The same with the counts of all parts.
    pub whole: End,
    /// Length of all parts.
    pub bytes: u64,
    /// The parts in order; one, of an archive that lies in one place.
    pub parts: Vec<WrittenPart>,
}

/// One part of an archive that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenPart {
    /// Its number, from 1.
    pub number: u64,
    /// Where it was written, as the user named it.
    pub output: String,
    /// The medium, as far as it is known.
    pub medium: Option<Medium>,
    /// Its length.
    pub bytes: u64,
    /// Offset on the device at which it begins.
    pub from: u64,
    /// Offset on the device at which it ends.
    pub to: u64,
    /// Whether it has its end member: a medium that ended too early has none, and its part is made good by the next.
    pub closed: bool,
}

/// Where an archive comes from that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It is made here, and its head says where its first part lies.
    New,
    /// It is a copy: its head says what it always said.
    Copy,
}

/// What a part begins with.
struct PartHead<'a> {
    info: &'a BackupInfo,
    /// The text of `info`.
    text: &'a [u8],
    restore_text: &'a [u8],
    attached: &'a [&'a [u8]],
    map: &'a StoredMap,
}

/// Numbers the members, gives them their headers and counts the position.
struct MemberOutput<'o> {
    output: &'o mut dyn Output,
    headers: HeaderMaker,
    seq: u64,
    position: u64,
}

impl<'o> ArchiveWriter<'o> {
    /// Writes everything before the data: backup-info, RESTORE.txt, attached files (in backup-info's order) and the map.
    pub fn begin(
        output: &'o mut dyn Output,
        info: BackupInfo,
        restore_text: &str,
        attached: &[&[u8]],
        extents: ExtentMap,
    ) -> Result<Self> {
        Self::begin_as(Origin::New, output, info, restore_text.as_bytes(), attached, extents)
    }

    /// The same for a copy of an archive, which is the same archive: its head is as it was, whatever the medium.
    pub fn begin_copy(
        output: &'o mut dyn Output,
        info: BackupInfo,
        restore_text: &[u8],
        attached: &[&[u8]],
        extents: ExtentMap,
    ) -> Result<Self> {
        Self::begin_as(Origin::Copy, output, info, restore_text, attached, extents)
    }

    fn begin_as(
        origin: Origin,
        output: &'o mut dyn Output,
        info: BackupInfo,
        restore_text: &[u8],
        attached: &[&[u8]],
        extents: ExtentMap,
    ) -> Result<Self> {
        check_member_length(output, &info, origin)?;
        info.check().map_err(|why| Error::refused("begin an archive", why, None))?;
        let stored = map::store(&extents, info.kind != Kind::Full, info.digest);
        let headers = HeaderMaker::new(&info.id, info.mtime());
        let spans = output.spanning().is_some();
        let mut out = MemberOutput { output, headers, seq: 0, position: 0 };
        let text = info_text(&info)?;
        let info_digest = info.digest.of(&text);
        if !spans {
            let head = PartHead { info: &info, text: &text, restore_text, attached, map: &stored };
            let position = out.head(&head)?;
            let ledger = Ledger::open(info, info_digest, extents, stored.digest, position, TableEncoder::new());
            return Ok(Self { out, ledger, headers: Vec::new(), info_bytes: text.len() as u64, parts: None });
        }
        // What the first medium is writes itself into the head, like that of any other part.
        let ledger = Ledger::open(info, info_digest, extents, stored.digest, 0, TableEncoder::new());
        let parts = Parts::new(origin, restore_text, attached, stored, ledger.mark());
        let mut writer = Self { out, ledger, headers: Vec::new(), info_bytes: text.len() as u64, parts: Some(parts) };
        writer.write_waiting()?;
        Ok(writer)
    }

    /// The archive's backup-info.
    pub fn info(&self) -> &BackupInfo {
        self.ledger.info()
    }

    /// Writes the members of a batch, in order.
    fn write(&mut self, packed: &PackedBatch) -> Result<()> {
        for member in &packed.members {
            let (range, content, stored) = (member.range, member.content, packed.stored(member));
            if self.parts.is_some() {
                self.write_in_parts(Extent { range, content, stored: stored.to_vec() })?;
                continue;
            }
            if self.ledger.index_is_full() {
                self.write_index()?;
            }
            self.write_extent(range, content, stored)?;
        }
        Ok(())
    }

    fn write_extent(&mut self, range: Range, content: Content, bytes: &[u8]) -> Result<()> {
        let (position, stored, seq) = (self.out.position, bytes.len() as u64, self.out.seq);
        let landed = Landed { range, content, position, stored, seq };
        self.ledger
            .land(&landed, |_| ())
            .map_err(|why| Error::refused("write a member", format!("the source gave {range:?}, but {why}"), None))?;
        let record = record_of(&landed, self.ledger.digest_kind());
        self.headers.clear();
        self.out.headers.push(&mut self.headers, &landed.kind(), &record, landed.stored);
        self.out.put(&self.headers, bytes)
    }

    fn write_index(&mut self) -> Result<()> {
        let closed = self.ledger.close_index(self.out.position, TableEncoder::new());
        let digest = Some((self.ledger.digest_kind(), closed.digest));
        let record = Record { length: closed.length, digest, ..Record::default() };
        self.out.member(&MemberKind::Index(closed.number), record, &closed.encoder.finish())
    }
}

/// A part's length is a multiple of this: the medium's records, or else what backup-info says.
fn record_bytes(output: &mut dyn Output, info: &BackupInfo) -> u64 {
    output.spanning().and_then(|output| output.record_bytes()).unwrap_or(info.record_size)
}

/// The text of a backup-info that is no longer than it may be.
fn info_text(info: &BackupInfo) -> Result<Vec<u8>> {
    let text = info.text();
    if text.len() as u64 > limit::BACKUP_INFO {
        return Err(Error::refused("begin an archive", "what is noted about the backup is longer than 256 KiB", None));
    }
    Ok(text)
}

/// Refuses members that are longer than an output takes.
fn check_member_length(output: &mut dyn Output, info: &BackupInfo, origin: Origin) -> Result<()> {
    let most = output.spanning().and_then(|output| output.member_bytes_max());
    match most {
        Some(most) if info.extent_limit > most => {
            let (name, limit) = (output.name(), info.extent_limit);
            let why =
                format!("members of {limit} bytes are longer than the {most} that may follow a tape's early warning");
            let remedy = match origin {
                Origin::New => format!("give `--extent-limit {most}`, or a smaller one"),
                Origin::Copy => format!("make another archive of it: `blocktar recompress --extent-limit {most}`"),
            };
            Err(Error::refused(format!("write an archive onto {name}"), why, Some(remedy)))
        }
        _ => Ok(()),
    }
}

fn record_of(landed: &Landed, kind: super::DigestKind) -> Record {
    let record =
        Record { seq: landed.seq, offset: Some(landed.range.start), length: landed.range.length, ..Record::default() };
    match landed.content {
        Content::Data { digest, .. } => Record { digest: Some((kind, digest)), ..record },
        Content::Bad => Record { bad: true, ..record },
        Content::Zero => Record { zero: true, ..record },
    }
}

fn document_record(text: &[u8], info: &BackupInfo) -> Record {
    let digest = Some((info.digest, info.digest.of(text)));
    Record { length: text.len() as u64, digest, ..Record::default() }
}

impl MemberOutput<'_> {
    /// Writes the head of a part, and gives the position of its map. A medium on which it has no place is refused.
    fn head(&mut self, head: &PartHead<'_>) -> Result<u64> {
        let documents = [head.text.len(), head.restore_text.len(), head.map.bytes.len()];
        let lengths = documents.into_iter().chain(head.attached.iter().map(|content| content.len()));
        let head_bytes = lengths.map(|length| HEADERS_MAX + padded(length as u64)).sum();
        demand_room(self.output, head_bytes, head.info, head.text.len() as u64)?;
        self.document(&MemberKind::BackupInfo, head.text, head.info)?;
        self.document(&MemberKind::RestoreText, head.restore_text, head.info)?;
        for (file, content) in head.info.attached.iter().flatten().zip(head.attached) {
            self.document(&MemberKind::Attached(file.name.clone()), content, head.info)?;
        }
        let map_position = self.position;
        self.map(head.map, head.info)?;
        Ok(map_position)
    }

    fn document(&mut self, kind: &MemberKind, text: &[u8], info: &BackupInfo) -> Result<()> {
        self.member(kind, document_record(text, info), text)
    }

    fn map(&mut self, map: &StoredMap, info: &BackupInfo) -> Result<()> {
        let record = Record { length: map.length, digest: Some((info.digest, map.digest)), ..Record::default() };
        self.member(&MemberKind::Map { compressed: map.compressed }, record, &map.bytes)
    }

    fn member(&mut self, kind: &MemberKind, record: Record, stored: &[u8]) -> Result<()> {
        let mut headers = Vec::with_capacity(3 * BLOCK);
        self.headers.push(&mut headers, kind, &Record { seq: self.seq, ..record }, stored.len() as u64);
        self.put(&headers, stored)
    }

    fn put(&mut self, headers: &[u8], stored: &[u8]) -> Result<()> {
        let padding = padding(stored.len() as u64);
        self.output.write_member(&[IoSlice::new(headers), IoSlice::new(stored), IoSlice::new(padding)])?;
        self.position += (headers.len() + stored.len() + padding.len()) as u64;
        self.seq += 1;
        Ok(())
    }

    /// The end member goes out with the zeros behind it in one call, so that an output sees the end as one thing.
    fn close(&mut self, headers: &[u8], text: &[u8], record_padding: u64) -> Result<()> {
        static ZERO_PAGE: [u8; 128 * BLOCK] = [0; 128 * BLOCK];
        let zero_bytes = 2 * BLOCK + record_padding as usize;
        let mut pieces = vec![IoSlice::new(headers), IoSlice::new(text), IoSlice::new(padding(text.len() as u64))];
        pieces.extend(std::iter::repeat_n(IoSlice::new(&ZERO_PAGE), zero_bytes / ZERO_PAGE.len()));
        pieces.push(IoSlice::new(&ZERO_PAGE[..zero_bytes % ZERO_PAGE.len()]));
        self.output.write_member(&pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sound_info;
    use super::super::{Digest, DigestKind};
    use super::close::check_end;
    use super::*;
    use crate::extent::{Extent, Range};

    /// Keeps what it gets.
    #[derive(Default)]
    struct Kept(Vec<u8>);

    impl Output for Kept {
        fn name(&self) -> &str {
            "memory"
        }

        fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
            pieces.iter().for_each(|piece| self.0.extend_from_slice(piece));
            Ok(())
        }

        fn finish(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn backup_info_and_end_member_are_no_longer_than_they_may_be() {
        let begin = |length: usize| {
            let mut info = sound_info();
            info.program = "x".repeat(length - info.text().len() + info.program.len());
            assert_eq!(info.text().len(), length);
            let map = [Extent::hole(0, info.device.size_bytes)].into_iter().collect();
            ArchiveWriter::begin(&mut Kept::default(), info, "", &[], map).is_ok()
        };
        assert!(begin(1000) && begin(256 << 10) && !begin((256 << 10) + 1) && !begin((256 << 10) + 100));
        let end = |length| check_end(length).is_ok();
        assert!(end(1000) && end(900 << 10) && !end((900 << 10) + 1) && !end((900 << 10) + 100));
    }

    #[test]
    fn a_record_says_what_its_member_holds() {
        let digest = Digest([7; 32]);
        let record = |content| {
            let landed = Landed { range: Range { start: 4096, length: 512 }, content, position: 0, stored: 0, seq: 3 };
            record_of(&landed, DigestKind::Blake3)
        };
        let sound = Record { seq: 3, offset: Some(4096), length: 512, ..Record::default() };
        let data = Record { digest: Some((DigestKind::Blake3, digest)), ..sound.clone() };
        assert_eq!(record(Content::Data { compressed: true, digest }), data);
        assert_eq!(record(Content::Bad), Record { bad: true, ..sound.clone() });
        assert_eq!(record(Content::Zero), Record { zero: true, ..sound });
    }
}
