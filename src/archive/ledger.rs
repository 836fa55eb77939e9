//! Keeps the account of an archive: which ranges have landed, what lies between them, the indexes, the identity, the counts.
//!
//! The writer and both readers keep the same account, so that what a reader expects is by construction what the writer wrote.

mod counts;

use sha2::Digest as _;

use self::counts::Counts;
use super::digest::{Digest, DigestKind};
use super::end::End;
use super::index::{Content, IndexText, LINE_MAX, Landed, Sink};
use super::info::{BackupInfo, Kind, MapKind};
use super::text::push_number;
use super::{FORMAT, limit};
use crate::extent::{ExtentMap, MapCursor, Range};

/// The account; `E` is where the text of the indexes goes.
pub struct Ledger<E> {
    info: BackupInfo,
    map: ExtentMap,
    cursor: MapCursor,
    /// Everything of the device before this has been told.
    at: u64,
    identity: sha2::Sha256,
    index: IndexText<E>,
    index_number: u64,
    index_members: u64,
    /// Where the part began.
    from: u64,
    backup_info_digest: Digest,
    map_digest: Digest,
    map_position: u64,
    indexes: Vec<u64>,
    /// Of all parts.
    counts: Counts,
    /// Of the parts before this one.
    counts_before: Counts,
}

/// Where an account stands behind a member: all that another part needs to go on from there.
///
/// It is small, so that one can be kept for each of some thousand members.
#[derive(Clone)]
pub struct Mark {
    cursor: MapCursor,
    at: u64,
    identity: sha2::Sha256,
    index_number: u64,
    counts: Counts,
}

impl Mark {
    /// Everything of the device before this has been told.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The digest of the identity text so far.
    pub fn running(&self) -> Digest {
        Digest(self.identity.clone().finalize().into())
    }

    /// How many indexes the archive has up to here.
    pub fn indexes(&self) -> u64 {
        self.index_number
    }
}

/// One finished index.
pub struct IndexClosed<E> {
    /// Its number.
    pub number: u64,
    /// Length of its text.
    pub length: u64,
    /// Digest of its text.
    pub digest: Digest,
    /// Where the text went.
    pub encoder: E,
}

impl<E: Sink> Ledger<E> {
    /// Opens the account of an archive whose map has been written, or read, at `map_position`.
    ///
    /// That of a part after the first goes on where it says; what only the parts before it can tell, the identity and the numbers of
    /// indexes, is then that of an archive that begins there.
    pub fn open(
        info: BackupInfo,
        info_digest: Digest,
        map: ExtentMap,
        map_digest: Digest,
        map_position: u64,
        encoder: E,
    ) -> Self {
        let mut identity = sha2::Sha256::new();
        identity.update(format!("backup-info {info_digest}\nmap {map_digest}\n"));
        let from = info.part.as_ref().map_or(0, |part| part.from);
        let index = IndexText::begin(encoder, info.digest, from, None);
        Self {
            info,
            map,
            cursor: MapCursor::default(),
            at: from,
            identity,
            index,
            index_number: 0,
            index_members: 0,
            from,
            backup_info_digest: info_digest,
            map_digest,
            map_position,
            indexes: Vec::new(),
            counts: Counts::default(),
            counts_before: Counts::default(),
        }
    }

    /// Where the account stands.
    pub fn mark(&self) -> Mark {
        Mark {
            cursor: self.cursor.clone(),
            at: self.at,
            identity: self.identity.clone(),
            index_number: self.index_number,
            counts: self.counts,
        }
    }

    /// Begins the account anew with the first part that `info` describes, on whatever medium that lies in the end.
    pub fn begin_archive(&mut self, info: BackupInfo, map_position: u64, encoder: E) {
        let (digest, map) = (info.digest.of(&info.text()), std::mem::take(&mut self.map));
        *self = Self::open(info, digest, map, self.map_digest, map_position, encoder);
    }

    /// Goes on from the mark in the part that `info` describes, whose map has been written, or read, at `map_position`.
    ///
    /// Indexes, positions and counts begin anew there; the identity, the numbers of indexes and what has been told go on.
    pub fn begin_part(&mut self, mark: Mark, info: BackupInfo, map_position: u64, encoder: E) {
        self.index = IndexText::begin(encoder, info.digest, mark.at, None);
        let Mark { cursor, at, identity, index_number, counts } = mark;
        (self.cursor, self.at, self.identity, self.index_number) = (cursor, at, identity, index_number);
        (self.info, self.from, self.map_position) = (info, at, map_position);
        self.index_members = 0;
        self.indexes.clear();
        (self.counts, self.counts_before) = (counts, counts);
    }

    /// The backup-info of the part being written or read.
    pub fn info(&self) -> &BackupInfo {
        &self.info
    }

    /// The archive's map.
    pub fn map(&self) -> &ExtentMap {
        &self.map
    }

    /// Everything of the device before this offset has been told.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether the index holds as many members as it may, so that it must be written before the next.
    pub fn index_is_full(&self) -> bool {
        self.index_members == limit::INDEX_MEMBERS
    }

    /// Enters an `extent/` member, and gives the ranges that it closes as zero. What is wrong with it, otherwise.
    pub fn land(&mut self, landed: &Landed, mut zeros: impl FnMut(Range)) -> Result<(), String> {
        self.check(landed)?;
        self.close_gap(landed.range.start, &mut zeros);
        self.index.push_member(landed);
        self.index_members += 1;
        self.at = landed.range.end();
        self.identify(landed);
        self.counts.add(landed);
        Ok(())
    }

    fn check(&mut self, landed: &Landed) -> Result<(), String> {
        let demand = |sound: bool, what: &str| if sound { Ok(()) } else { Err(what.to_owned()) };
        let range = landed.range;
        let inline = self.info.map == MapKind::Inline;
        demand(!self.index_is_full(), "an index is missing before it")?;
        demand(range.length > 0, "it is empty")?;
        demand(range.start >= self.at, "it overlaps the member before it, or is out of order")?;
        demand(
            range.start.checked_add(range.length).is_some_and(|end| end <= self.info.device.size_bytes),
            "it lies beyond the device",
        )?;
        self.check_sizes(landed)?;
        if !inline {
            return demand(
                self.cursor.within_data(&self.map, range),
                "it does not lie within one data extent of the map",
            );
        }
        let gapless = range.start == self.at || range.start <= self.info.told_from();
        demand(gapless, "there is a gap before it, where nothing can be unchanged")
    }

    /// Whether a member's sizes are such that room may be made for it. What is wrong with them, otherwise.
    pub fn check_sizes(&self, landed: &Landed) -> Result<(), String> {
        let demand = |sound: bool, what: &str| if sound { Ok(()) } else { Err(what.to_owned()) };
        let length = landed.range.length;
        match landed.content {
            Content::Data { compressed, .. } => {
                demand(length <= self.info.extent_limit, "it is longer than the extent limit")?;
                let sound = if compressed { landed.stored < length } else { landed.stored == length };
                demand(sound, "its stored size does not fit its length")
            }
            Content::Bad => demand(landed.stored == 0, "it stores bytes"),
            Content::Zero => {
                let inline = self.info.map == MapKind::Inline;
                demand(inline && landed.stored == 0, "a map makes members of zeros needless, and they store no bytes")
            }
        }
    }

    /// Gives and enters what reads as zero between what has been told and `up_to`.
    fn close_gap(&mut self, up_to: u64, zeros: &mut impl FnMut(Range)) {
        if self.info.map == MapKind::Inline {
            return;
        }
        let (index, counts) = (&mut self.index, &mut self.counts);
        self.cursor.covered(&self.map, self.at, up_to, |range| {
            index.push_zeros(range);
            counts.zero_bytes += range.length;
            zeros(range);
        });
    }

    fn identify(&mut self, landed: &Landed) {
        let mut line = Vec::with_capacity(128);
        push_number(&mut line, landed.range.start);
        line.push(b' ');
        push_number(&mut line, landed.range.length);
        line.push(b' ');
        line.extend_from_slice(landed.word().as_bytes());
        line.push(b' ');
        match &landed.content {
            Content::Data { digest, .. } => line.extend_from_slice(&digest.hex()),
            _ => line.push(b'-'),
        }
        line.push(b'\n');
        self.identity.update(&line);
    }

    /// Closes the index that begins at `position` in the part, and begins the next one, whose text goes to `next`.
    pub fn close_index(&mut self, position: u64, next: E) -> IndexClosed<E> {
        self.indexes.push(position);
        self.index_number += 1;
        self.index_members = 0;
        let begun = IndexText::begin(next, self.info.digest, self.at, Some(position));
        let (length, digest, encoder) = std::mem::replace(&mut self.index, begun).finish();
        IndexClosed { number: self.index_number - 1, length, digest, encoder }
    }

    /// Enters what reads as zero up to the end of the device: the last thing before the last index. What is missing, otherwise.
    pub fn close_device(&mut self, mut zeros: impl FnMut(Range)) -> Result<(), String> {
        let size_bytes = self.info.device.size_bytes;
        if self.info.map == MapKind::Inline && self.at != size_bytes && self.info.told_from() < size_bytes {
            return Err("its members do not cover the device".to_owned());
        }
        self.close_gap(size_bytes, &mut zeros);
        self.at = size_bytes;
        let told_bytes = self.counts.without(self.counts_before).told_bytes();
        let expected = size_bytes - self.from;
        if self.info.kind == Kind::Full && told_bytes != expected {
            return Err(format!("only {told_bytes} of the device's {expected} bytes have been told"));
        }
        Ok(())
    }

    /// The end member of the final part, which is the member number `seq`; for a backup, whose state is its own digest.
    pub fn end(&self, seq: u64, finished: jiff::Timestamp) -> End {
        let end = self.end_of_part(seq, finished);
        End { continues: None, digest: Some(end.running), state: Some(end.running), ..end }
    }

    /// The end member of a part behind which another follows.
    pub fn end_of_part(&self, seq: u64, finished: jiff::Timestamp) -> End {
        let counts = self.counts.without(self.counts_before);
        End {
            format: FORMAT,
            id: self.info.id.clone(),
            backup_info: self.info.clone(),
            backup_info_digest: self.backup_info_digest,
            map_digest: self.map_digest,
            map_position: self.map_position,
            indexes: self.indexes.clone(),
            members: (seq + 1).saturating_sub(self.info.first_seq()),
            to: self.at,
            continues: Some(true),
            data_members: counts.data_members,
            data_bytes: counts.data_bytes,
            stored_bytes: counts.stored_bytes,
            zero_bytes: counts.zero_bytes,
            bad_members: counts.bad_members,
            bad_bytes: counts.bad_bytes,
            running: self.mark().running(),
            digest: None,
            state: None,
            finished,
            medium: None,
            unknown: serde_json::Map::new(),
        }
    }

    /// This end member with the counts of all parts.
    pub fn of_all_parts(&self, end: &End) -> End {
        let Counts { data_members, data_bytes, stored_bytes, zero_bytes, bad_members, bad_bytes } = self.counts;
        End { data_members, data_bytes, stored_bytes, zero_bytes, bad_members, bad_bytes, ..end.clone() }
    }

    /// At most so many bytes are stored as the current index once a member that begins at `offset` has been entered.
    pub fn index_bound(&self, offset: u64) -> u64 {
        let mut gaps = 0;
        if self.info.map == MapKind::First {
            self.cursor.clone().covered(&self.map, self.at, offset, |_| gaps += 1);
        }
        let text = self.index.length() + (gaps + 1) * LINE_MAX;
        // What zstd makes of what it cannot compress: ZSTD_COMPRESSBOUND in zstd.h, and room for a frame's header and end.
        text + (text >> 8) + 1024
    }

    /// The positions of how many indexes the end member will name.
    pub fn index_count(&self) -> u64 {
        self.indexes.len() as u64
    }

    /// Goes on at this offset after members were lost: what lies before is not told. Never goes back.
    pub fn resume(&mut self, offset: u64) {
        self.at = self.at.max(offset);
        self.index_members = 0;
    }

    /// The digest kind of the archive's members.
    pub fn digest_kind(&self) -> DigestKind {
        self.info.digest
    }
}

/// What only readers ask: they see the last index of a part before they know whether another part follows.
impl Ledger<()> {
    /// Length and digest of the index as it stands: of the last one of a part behind which another follows.
    pub fn index_so_far(&self) -> (u64, Digest) {
        let (length, digest, ()) = self.index.clone().finish();
        (length, digest)
    }

    /// The same with what reads as zero up to the end of the device: of the last one of an archive.
    pub fn index_to_the_end(&self) -> (u64, Digest) {
        let (mut text, mut cursor) = (self.index.clone(), self.cursor.clone());
        if self.info.map == MapKind::First {
            cursor.covered(&self.map, self.at, self.info.device.size_bytes, |range| text.push_zeros(range));
        }
        let (length, digest, ()) = text.finish();
        (length, digest)
    }

    /// The digest of the map.
    pub fn map_digest(&self) -> Digest {
        self.map_digest
    }
}

#[cfg(test)]
mod tests;
