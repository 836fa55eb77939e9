//! Writes one archive, member by member, front to back.

use std::io::IoSlice;

use super::block::{BLOCK, HeaderMaker, padded, padding};
use super::digest::Digest;
use super::end::End;
use super::frame::TableEncoder;
use super::index::{Content, Landed};
use super::info::{BackupInfo, MapKind};
use super::ledger::Ledger;
use super::member::{MemberKind, Record};
use super::pack::{Batch, PackedBatch, Packer};
use super::{info::Kind, limit, map};
use crate::error::{Error, Result};
use crate::extent::ExtentMap;
use crate::pipeline::{self, Pool};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Output;

/// An archive in the making. Dropping it leaves an archive without end member, which no reader takes for complete; only [`finish`](Self::finish) completes it.
pub struct ArchiveWriter<'o> {
    out: MemberOutput<'o>,
    ledger: Ledger<TableEncoder>,
    /// The batch's headers, one member's behind another's.
    headers: Vec<u8>,
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
        info.check().map_err(|why| Error::refused("begin an archive", why, None))?;
        let mut out = MemberOutput { output, headers: HeaderMaker::new(&info.id, info.mtime()), seq: 0, position: 0 };
        let text = info.text();
        if text.len() as u64 > limit::BACKUP_INFO {
            return Err(Error::refused(
                "begin an archive",
                "what is noted about the backup is longer than 256 KiB",
                None,
            ));
        }
        let info_digest = info.digest.of(&text);
        out.document(&MemberKind::BackupInfo, &text, &info)?;
        out.document(&MemberKind::RestoreText, restore_text.as_bytes(), &info)?;
        for (file, content) in info.attached.iter().flatten().zip(attached) {
            out.document(&MemberKind::Attached(file.name.clone()), content, &info)?;
        }
        let stored = map::store(&extents, info.kind != Kind::Full, info.digest);
        let map_position = out.position;
        let record = Record { length: stored.length, digest: Some((info.digest, stored.digest)), ..Record::default() };
        out.member(&MemberKind::Map { compressed: stored.compressed }, record, &stored.bytes)?;
        let ledger = Ledger::open(info, info_digest, extents, stored.digest, map_position, TableEncoder::new());
        Ok(Self { out, ledger, headers: Vec::new() })
    }

    /// The archive's backup-info.
    pub fn info(&self) -> &BackupInfo {
        self.ledger.info()
    }

    /// Packs with so many threads what `fill` puts into batches, until it gives none, and writes it in order. Gives the ranges that
    /// could not be read, at most a thousand of them.
    ///
    /// # Errors
    /// The first failed write or interruption; or that of `fill`, after everything before it has been written.
    pub fn write_through(
        &mut self,
        threads: usize,
        progress: &Progress,
        mut fill: impl FnMut(Batch) -> Result<Option<Batch>> + Send,
    ) -> Result<RangeList> {
        let info = self.ledger.info();
        let workers = (0..threads.max(1))
            .map(|_| Packer::new(info.digest, info.compression, info.map == MapKind::Inline))
            .collect::<Result<Vec<_>>>()?;
        let mut bad = RangeList::default();
        let (batches, results) = (Pool::<Batch>::default(), Pool::<PackedBatch>::default());
        let produce = || fill(batches.take());
        let work = |packer: &mut Packer, batch| packer.pack(batch, results.take());
        pipeline::in_order(workers, produce, work, |mut packed| {
            progress.check()?;
            self.write(&packed)?;
            packed.count(progress, &mut bad);
            batches.give(std::mem::take(&mut packed.batch));
            results.give(packed);
            Ok(())
        })?;
        Ok(bad)
    }

    /// Writes the members of a batch, in order.
    fn write(&mut self, packed: &PackedBatch) -> Result<()> {
        for member in &packed.members {
            if self.ledger.index_is_full() {
                self.write_index()?;
            }
            let landed = Landed {
                range: member.range,
                content: member.content,
                position: self.out.position,
                stored: member.stored as u64,
                seq: self.out.seq,
            };
            self.ledger.land(&landed, |_| ()).map_err(|why| {
                Error::refused("write a member", format!("the source gave {:?}, but {why}", member.range), None)
            })?;
            let record = record_of(&landed, self.ledger.digest_kind());
            self.headers.clear();
            self.out.headers.push(&mut self.headers, &landed.kind(), &record, landed.stored);
            self.out.put(&self.headers, packed.stored(member))?;
        }
        Ok(())
    }

    fn write_index(&mut self) -> Result<()> {
        let closed = self.ledger.close_index(self.out.position, TableEncoder::new());
        let digest = Some((self.ledger.digest_kind(), closed.digest));
        let record = Record { length: closed.length, digest, ..Record::default() };
        self.out.member(&MemberKind::Index(closed.number), record, &closed.encoder.finish())
    }

    /// Writes the last index, the end member, the zero blocks and the padding; the archive's length is given beside its end. For a
    /// backup, whose state is its own digest.
    pub fn finish(self, finished: jiff::Timestamp) -> Result<(End, u64)> {
        self.finish_with(finished, None)
    }

    /// The same for an archive made from another, whose state it carries over.
    pub fn finish_with_state(self, finished: jiff::Timestamp, state: Digest) -> Result<(End, u64)> {
        self.finish_with(finished, Some(state))
    }

    fn finish_with(mut self, finished: jiff::Timestamp, state: Option<Digest>) -> Result<(End, u64)> {
        if self.ledger.index_is_full() {
            self.write_index()?;
        }
        self.ledger.close_device(|_| ()).map_err(|why| Error::refused("end an archive", why, None))?;
        self.write_index()?;
        let own = self.ledger.end(self.out.seq, finished);
        let end = End { state: state.or(own.state), ..own };
        let text = end.text();
        check_end(text.len() as u64)?;
        let info = self.ledger.info();
        let record = document_record(&text, info);
        let mut headers = Vec::with_capacity(3 * BLOCK);
        self.out.headers.push(
            &mut headers,
            &MemberKind::End,
            &Record { seq: self.out.seq, ..record },
            text.len() as u64,
        );
        let unpadded = self.out.position + headers.len() as u64 + padded(text.len() as u64) + 2 * BLOCK as u64;
        let total = unpadded.next_multiple_of(info.record_size);
        self.out.close(&headers, &text, total - unpadded)?;
        Ok((end, total))
    }
}

/// Whether an end member may be so long: else it could not be found from the end.
fn check_end(length: u64) -> Result<()> {
    if length > limit::END {
        let remedy = Some("use a larger --extent-limit".to_owned());
        return Err(Error::refused("end an archive", "it has more indexes than an end member can name", remedy));
    }
    Ok(())
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
    fn document(&mut self, kind: &MemberKind, text: &[u8], info: &BackupInfo) -> Result<()> {
        self.member(kind, document_record(text, info), text)
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
