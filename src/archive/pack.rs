//! What a worker does with bytes that were read: leaves out what is unchanged, finds the zeros, hashes and compresses the rest.

mod unchanged;

use super::digest::{Digest, DigestKind};
use super::frame::{Compression, Compressor};
use super::index::{Content, Landed};
use super::info::{BackupInfo, MapKind};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::water::{Held, no_memory};
use crate::zeros::is_zero;

/// Zeros are looked for in blocks of this size, aligned to it on the device.
pub const ZERO_BLOCK: usize = 4096;
/// Shorter runs of zeros do not cut a member: a member costs about 1.8 KiB.
pub const ZERO_RUN_MIN: usize = 64 << 10;
/// No member of data holds so many bytes that are all zero: they would be stored as zeros, but for what lies in the blocks at both ends.
pub const ZEROS_AS_DATA_MAX: usize = ZERO_RUN_MIN + 2 * ZERO_BLOCK;
/// The most pieces of a batch: many small extents share one, but not so many that its bookkeeping outweighs its bytes.
pub const PIECES_MAX: usize = 2048;

/// A range of the device as the read loop found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that stand in the batch's buffer from here on, and what is known of them before.
    Data { range: Range, at: usize, before: Before },
    /// A range that could not be read.
    Bad(Range),
    /// A range that the source says is zero; only told with an inline map.
    Zero(Range),
    /// A data member of another archive, which becomes one of this as it is: so many stored bytes stand in the batch's buffer from here on.
    Stored { range: Range, content: Content, at: usize, stored: usize },
    /// So many bytes that need not be read to know that they are unchanged.
    Unchanged(u64),
}

/// What a range held in the state on which an increment builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nobody knows, or there is no such state: it is written whatever it holds.
    Unknown,
    /// Zeros: what of it still is zero is not written.
    Zero,
    /// Bytes with this digest: if they have it still, nothing of it is written, else all.
    Data(DigestKind, Digest),
}

/// Some pieces in ascending order and the bytes of their data, one piece's behind another's.
#[derive(Debug, Default)]
pub struct Batch {
    /// The bytes; longer than what is used of it.
    pub buffer: Vec<u8>,
    /// The pieces.
    pub pieces: Vec<Piece>,
}

/// One member that is ready but for its number and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its range on the device.
    pub range: Range,
    /// What it holds.
    pub content: Content,
    /// Where its stored bytes begin: in the frames if it was compressed here, else in the batch's buffer.
    pub at: usize,
    /// Size of its stored bytes.
    pub stored: usize,
    /// It came as it is stored.
    as_it_came: bool,
}

impl Packed {
    fn is_compressed(&self) -> bool {
        matches!(self.content, Content::Data { compressed: true, .. })
    }

    fn is_in_frames(&self) -> bool {
        self.is_compressed() && !self.as_it_came
    }
}

/// A batch whose members are ready to be written.
#[derive(Debug, Default)]
pub struct PackedBatch {
    /// What was read.
    pub batch: Batch,
    /// The compressed members' frames, one behind another.
    pub frames: Vec<u8>,
    /// The members in order.
    pub members: Vec<Packed>,
    /// Bytes of the pieces that are stored as zeros.
    pub zero_bytes: u64,
    /// Bytes of the pieces that are not written, as they are what they were.
    pub unchanged_bytes: u64,
}

impl PackedBatch {
    /// A member's stored bytes.
    pub fn stored(&self, member: &Packed) -> &[u8] {
        let bytes = if member.is_in_frames() { &self.frames } else { &self.batch.buffer };
        &bytes[member.at..member.at + member.stored]
    }

    /// A copy without anything that is not stored, in memory of just that size: for a batch that waits.
    pub fn kept(&self) -> Result<Self> {
        let mut kept = Self { zero_bytes: self.zero_bytes, unchanged_bytes: self.unchanged_bytes, ..Self::default() };
        let of = |compressed| self.members.iter().filter(move |member| member.is_compressed() == compressed);
        let bytes = |compressed| of(compressed).map(|member| member.stored).sum();
        kept.reserve(bytes(false), bytes(true), self.members.len())?;
        self.members.iter().for_each(|member| kept.push(*member, self.stored(member)));
        Ok(kept)
    }

    /// Makes room for so many bytes of members that are stored plain, of frames, and for so many members; no more than that.
    pub fn reserve(&mut self, plain_bytes: usize, frame_bytes: usize, members: usize) -> Result<()> {
        let reserved = self.batch.buffer.try_reserve_exact(plain_bytes);
        let reserved = reserved.and_then(|()| self.frames.try_reserve_exact(frame_bytes));
        let reserved = reserved.and_then(|()| self.members.try_reserve_exact(members));
        reserved.map_err(|_| no_memory((plain_bytes + frame_bytes) as u64))
    }

    /// Adds a member of an archive as it is stored there.
    pub fn push_stored(&mut self, landed: &Landed, stored: &[u8]) {
        if landed.content == Content::Zero {
            self.zero_bytes += landed.range.length;
        }
        let member =
            Packed { range: landed.range, content: landed.content, at: 0, stored: stored.len(), as_it_came: false };
        self.push(member, stored);
    }

    fn push(&mut self, member: Packed, stored: &[u8]) {
        let bytes = if member.is_compressed() { &mut self.frames } else { &mut self.batch.buffer };
        self.members.push(Packed { at: bytes.len(), as_it_came: false, ..member });
        bytes.extend_from_slice(stored);
    }

    /// Counts what it holds, and adds its bad ranges to those found so far.
    pub fn count(&self, progress: &Progress, bad: &mut RangeList) {
        progress.add_zero(self.zero_bytes);
        progress.add_unchanged(self.unchanged_bytes);
        for member in &self.members {
            match member.content {
                Content::Data { .. } => progress.add_data(member.range.length, member.stored as u64),
                Content::Bad => {
                    progress.add_bad(member.range.length);
                    bad.push(member.range);
                }
                Content::Zero => {}
            }
        }
    }
}

impl Held for PackedBatch {
    fn held_bytes(&self) -> u64 {
        let lists = self.members.capacity() * size_of::<Packed>() + self.batch.pieces.capacity() * size_of::<Piece>();
        (size_of::<Self>() + self.batch.buffer.capacity() + self.frames.capacity() + lists) as u64
    }
}

/// A worker's tools.
pub struct Packer {
    digest: DigestKind,
    compressor: Option<Compressor>,
    inline: bool,
    extent_limit: u64,
    /// Digests of changed ranges that were made to find that they are changed, ascending.
    known: Vec<(Range, Digest)>,
}

impl Packer {
    /// Tools for this archive.
    pub fn new(info: &BackupInfo) -> Result<Self> {
        let compressor = match info.compression {
            Compression::None => None,
            Compression::Zstd(level) => {
                Some(Compressor::new(level).map_err(|cause| Error::io("setting up", "the zstd compressor", cause))?)
            }
        };
        let (digest, inline, extent_limit) = (info.digest, info.map == MapKind::Inline, info.extent_limit);
        Ok(Self { digest, compressor, inline, extent_limit, known: Vec::new() })
    }

    /// Makes the members of a batch; `packed` lends its memory.
    pub fn pack(&mut self, batch: Batch, mut packed: PackedBatch) -> PackedBatch {
        packed.members.clear();
        (packed.zero_bytes, packed.unchanged_bytes) = (0, 0);
        packed.batch = batch;
        self.leave_out_unchanged(&mut packed);
        for position in 0..packed.batch.pieces.len() {
            match packed.batch.pieces[position] {
                Piece::Data { range, at, before } => self.cut(range, at, before == Before::Zero, &mut packed),
                Piece::Bad(range) => packed.members.push(empty(range, Content::Bad)),
                Piece::Zero(range) => self.pack_zeros(range, &mut packed),
                Piece::Unchanged(bytes) => packed.unchanged_bytes += bytes,
                Piece::Stored { range, content, at, stored } => {
                    packed.members.push(Packed { range, content, at, stored, as_it_came: true });
                }
            }
        }
        self.hash(&mut packed);
        self.compress(&mut packed);
        packed
    }

    /// Zeros are members only where no map tells them; those that touch are one.
    fn pack_zeros(&self, range: Range, packed: &mut PackedBatch) {
        packed.zero_bytes += range.length;
        match packed.members.last_mut() {
            _ if !self.inline => {}
            Some(last) if last.content == Content::Zero && last.range.end() == range.start => {
                last.range.length += range.length;
            }
            _ => packed.members.push(empty(range, Content::Zero)),
        }
    }

    /// Cuts the zeros out of a piece, and the rest on multiples of the extent limit; zeros that were zero before are unchanged.
    fn cut(&self, range: Range, at: usize, was_zero: bool, packed: &mut PackedBatch) {
        let mut done = range.start;
        for zeros in zero_runs(&packed.batch.buffer[at..at + range.length as usize], range.start) {
            self.push_data(packed, Range::between(done, zeros.start), at + (done - range.start) as usize);
            match was_zero {
                true => packed.unchanged_bytes += zeros.length,
                false => self.pack_zeros(zeros, packed),
            }
            done = zeros.end();
        }
        self.push_data(packed, Range::between(done, range.end()), at + (done - range.start) as usize);
    }

    fn push_data(&self, packed: &mut PackedBatch, mut data: Range, mut at: usize) {
        while data.length > 0 {
            let cut = (data.start / self.extent_limit + 1) * self.extent_limit;
            let range = Range::between(data.start, data.end().min(cut));
            let (stored, content) =
                (range.length as usize, Content::Data { compressed: false, digest: Digest([0; 32]) });
            packed.members.push(Packed { range, content, at, stored, as_it_came: false });
            (data, at) = (Range::between(range.end(), data.end()), at + stored);
        }
    }

    /// Gives all data members their digests, side by side, but those that have theirs.
    fn hash(&self, packed: &mut PackedBatch) {
        let (buffer, members) = (&packed.batch.buffer, &mut packed.members);
        let known = |range: &Range| self.known.binary_search_by_key(range, |(range, _)| *range).ok();
        let is_new = |member: &&Packed| {
            !member.as_it_came && matches!(member.content, Content::Data { .. }) && known(&member.range).is_none()
        };
        let plain: Vec<&[u8]> =
            members.iter().filter(is_new).map(|member| &buffer[member.at..member.at + member.stored]).collect();
        let mut digests = self.digest.of_each(&plain).into_iter();
        for member in members.iter_mut().filter(|member| !member.as_it_came) {
            if let Content::Data { digest, .. } = &mut member.content {
                *digest = match known(&member.range) {
                    Some(place) => self.known[place].1,
                    None => digests.next().expect("a digest for each data member"),
                };
            }
        }
    }

    /// Compresses the data members that become shorter by it, into frames one behind another.
    fn compress(&mut self, packed: &mut PackedBatch) {
        let Some(compressor) = &mut self.compressor else { return };
        let PackedBatch { batch, frames, members, .. } = packed;
        // A frame is kept only if it is shorter than its member, so all of them are no longer than what was read.
        if frames.len() < batch.buffer.len() {
            frames.resize(batch.buffer.len(), 0);
        }
        let mut frames_used = 0;
        for member in members.iter_mut().filter(|member| !member.as_it_came) {
            let Content::Data { compressed, .. } = &mut member.content else { continue };
            let plain = &batch.buffer[member.at..member.at + member.stored];
            if let Some(stored) = compressor.compress(plain, &mut frames[frames_used..]) {
                *compressed = true;
                (member.at, member.stored) = (frames_used, stored);
                frames_used += stored;
            }
        }
    }
}

fn empty(range: Range, content: Content) -> Packed {
    Packed { range, content, at: 0, stored: 0, as_it_came: false }
}

/// The ranges of a piece that are stored as zeros: runs of at least [`ZERO_RUN_MIN`] of blocks aligned on the device, or the whole.
fn zero_runs(bytes: &[u8], offset: u64) -> Vec<Range> {
    let mut runs = Vec::new();
    let mut run: Option<Range> = None;
    let mut at = 0;
    while at < bytes.len() {
        let block_end = (at + ZERO_BLOCK - ((offset + at as u64) % ZERO_BLOCK as u64) as usize).min(bytes.len());
        if is_zero(&bytes[at..block_end]) {
            let start = run.map_or(offset + at as u64, |run| run.start);
            run = Some(Range::between(start, offset + block_end as u64));
        } else {
            runs.extend(run.take());
        }
        at = block_end;
    }
    runs.extend(run);
    let piece_bytes = bytes.len() as u64;
    runs.retain(|run| run.length >= ZERO_RUN_MIN as u64 || run.length == piece_bytes);
    runs
}

#[cfg(test)]
mod tests;
