//! What a worker does with bytes that were read: finds the zeros, hashes and compresses the rest.

use super::digest::{Digest, DigestKind};
use super::frame::{Compression, Compressor};
use super::index::{Content, Landed};
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
/// The most pieces of a batch: many small extents share one, but not so many that its bookkeeping outweighs its bytes.
pub const PIECES_MAX: usize = 2048;

/// A range of the device as the read loop found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that stand in the batch's buffer from here on.
    Data { range: Range, at: usize },
    /// A range that could not be read.
    Bad(Range),
    /// A range that the source says is zero; only told with an inline map.
    Zero(Range),
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
    /// Where its stored bytes begin: in the frames if it is compressed, else in the batch's buffer.
    pub at: usize,
    /// Size of its stored bytes.
    pub stored: usize,
}

impl Packed {
    fn is_compressed(&self) -> bool {
        matches!(self.content, Content::Data { compressed: true, .. })
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
}

impl PackedBatch {
    /// A member's stored bytes.
    pub fn stored(&self, member: &Packed) -> &[u8] {
        let bytes = if member.is_compressed() { &self.frames } else { &self.batch.buffer };
        &bytes[member.at..member.at + member.stored]
    }

    /// A copy without anything that is not stored, in memory of just that size: for a batch that waits.
    pub fn kept(&self) -> Result<Self> {
        let mut kept = Self { zero_bytes: self.zero_bytes, ..Self::default() };
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
        self.push(Packed { range: landed.range, content: landed.content, at: 0, stored: stored.len() }, stored);
    }

    fn push(&mut self, member: Packed, stored: &[u8]) {
        let bytes = if member.is_compressed() { &mut self.frames } else { &mut self.batch.buffer };
        self.members.push(Packed { at: bytes.len(), ..member });
        bytes.extend_from_slice(stored);
    }

    /// Counts what it holds, and adds its bad ranges to those found so far.
    pub fn count(&self, progress: &Progress, bad: &mut RangeList) {
        progress.add_zero(self.zero_bytes);
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
}

impl Packer {
    /// Tools for an archive of this kind; `inline` makes members of zeros.
    pub fn new(digest: DigestKind, compression: Compression, inline: bool) -> Result<Self> {
        let compressor = match compression {
            Compression::None => None,
            Compression::Zstd(level) => {
                Some(Compressor::new(level).map_err(|cause| Error::io("setting up", "the zstd compressor", cause))?)
            }
        };
        Ok(Self { digest, compressor, inline })
    }

    /// Makes the members of a batch; `packed` lends its memory.
    pub fn pack(&mut self, batch: Batch, mut packed: PackedBatch) -> PackedBatch {
        packed.members.clear();
        packed.zero_bytes = 0;
        packed.batch = batch;
        for position in 0..packed.batch.pieces.len() {
            match packed.batch.pieces[position] {
                Piece::Data { range, at } => self.cut(range, at, &mut packed),
                Piece::Bad(range) => packed.members.push(empty(range, Content::Bad)),
                Piece::Zero(range) => self.pack_zeros(range, &mut packed),
            }
        }
        self.hash(&mut packed);
        self.compress(&mut packed);
        packed
    }

    fn pack_zeros(&self, range: Range, packed: &mut PackedBatch) {
        packed.zero_bytes += range.length;
        if self.inline {
            packed.members.push(empty(range, Content::Zero));
        }
    }

    /// Cuts the zeros out of a piece.
    fn cut(&self, range: Range, at: usize, packed: &mut PackedBatch) {
        let mut done = range.start;
        let push_data = |packed: &mut PackedBatch, data: Range| {
            if data.length > 0 {
                let content = Content::Data { compressed: false, digest: Digest([0; 32]) };
                let at = at + (data.start - range.start) as usize;
                packed.members.push(Packed { range: data, content, at, stored: data.length as usize });
            }
        };
        for zeros in zero_runs(&packed.batch.buffer[at..at + range.length as usize], range.start) {
            push_data(packed, Range::between(done, zeros.start));
            self.pack_zeros(zeros, packed);
            done = zeros.end();
        }
        push_data(packed, Range::between(done, range.end()));
    }

    /// Gives all data members their digests, side by side.
    fn hash(&self, packed: &mut PackedBatch) {
        let buffer = &packed.batch.buffer;
        let is_data = |member: &&Packed| matches!(member.content, Content::Data { .. });
        let plain: Vec<&[u8]> =
            packed.members.iter().filter(is_data).map(|member| &buffer[member.at..member.at + member.stored]).collect();
        let mut digests = self.digest.of_each(&plain).into_iter();
        for member in &mut packed.members {
            if let Content::Data { digest, .. } = &mut member.content {
                *digest = digests.next().expect("a digest for each data member");
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
        for member in members {
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
    Packed { range, content, at: 0, stored: 0 }
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_long_runs_cut_a_member() {
        let mut bytes = vec![1u8; 1 << 20];
        bytes[4096..4096 + ZERO_RUN_MIN].fill(0);
        bytes[200_000..200_000 + ZERO_RUN_MIN - 4096].fill(0);
        assert_eq!(zero_runs(&bytes, 0), [Range { start: 4096, length: ZERO_RUN_MIN as u64 }]);
        assert_eq!(zero_runs(&[0; 512], 7), [Range { start: 7, length: 512 }]);
        assert_eq!(zero_runs(&[1; 512], 7), []);
    }

    #[test]
    fn what_shrinks_is_compressed_and_nothing_else_is() {
        // A digest's output does not shrink.
        let mut noise = vec![0; 70_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let text = b"as easy as can be ".repeat(4000);
        let range = |start: u64, bytes: &[u8]| Range { start, length: bytes.len() as u64 };
        let pieces = vec![
            Piece::Data { range: range(0, &text), at: 0 },
            Piece::Data { range: range(1 << 20, &noise), at: text.len() },
            Piece::Data { range: range(2 << 20, &text), at: text.len() + noise.len() },
        ];
        let buffer = [&text[..], &noise, &text].concat();
        let mut packer = Packer::new(DigestKind::Sha256, Compression::Zstd(1), false).unwrap();
        let mut packed = PackedBatch::default();
        // The second time in the memory of the first.
        for _ in 0..2 {
            packed = packer.pack(Batch { buffer: buffer.clone(), pieces: pieces.clone() }, packed);
            let compressed: Vec<bool> = packed
                .members
                .iter()
                .map(|member| {
                    let Content::Data { compressed, .. } = member.content else { panic!("only data was given") };
                    assert_eq!(packed.stored(member).len() < member.range.length as usize, compressed);
                    compressed
                })
                .collect();
            assert_eq!(compressed, [true, false, true]);
        }
    }

    proptest! {
        /// Against a model that looks at each block of the device on its own.
        #[test]
        fn runs_of_zeros_are_whole_blocks_of_the_device(
            spans in proptest::collection::vec((any::<bool>(), 1usize..120_000), 1..8), offset in 0u64..10_000
        ) {
            let bytes: Vec<u8> = spans.iter().flat_map(|(zero, length)| std::iter::repeat_n(u8::from(!zero), *length)).collect();
            let (end, step) = (offset + bytes.len() as u64, ZERO_BLOCK as u64);
            let mut expected: Vec<Range> = Vec::new();
            for block in offset / step..end.div_ceil(step) {
                let (from, to) = ((block * step).max(offset), ((block + 1) * step).min(end));
                if bytes[(from - offset) as usize..(to - offset) as usize].iter().any(|byte| *byte != 0) {
                    continue;
                }
                match expected.last_mut() {
                    Some(last) if last.end() == from => last.length += to - from,
                    _ => expected.push(Range::between(from, to)),
                }
            }
            expected.retain(|run| run.length >= 64 << 10 || *run == Range::between(offset, end));
            prop_assert_eq!(zero_runs(&bytes, offset), expected);
        }

        /// What is packed, put back together, is what was read.
        #[test]
        fn packed_members_hold_the_bytes(spans in proptest::collection::vec((any::<bool>(), 1usize..200_000), 1..12), offset in 0u64..10_000, level in 0i32..2) {
            let mut plain = Vec::new();
            for (zero, length) in spans {
                plain.extend((0..length).map(|byte| if zero { 0 } else { (byte % 251) as u8 + 1 }));
            }
            let compression = if level == 0 { Compression::None } else { Compression::Zstd(level) };
            let mut packer = Packer::new(DigestKind::Sha256, compression, false).unwrap();
            let piece = Piece::Data { range: Range { start: offset, length: plain.len() as u64 }, at: 3 };
            let batch = Batch { buffer: [&[9, 9, 9][..], &plain, &[9]].concat(), pieces: vec![piece] };
            let packed = packer.pack(batch, PackedBatch::default());
            let kept = packed.kept().unwrap();
            prop_assert_eq!(kept.batch.buffer.len() + kept.frames.len(), packed.members.iter().map(|member| member.stored).sum::<usize>());
            prop_assert!(kept.held_bytes() <= packed.held_bytes() && kept.zero_bytes == packed.zero_bytes);
            for (kept_member, member) in kept.members.iter().zip(&packed.members) {
                prop_assert_eq!(Packed { at: member.at, ..*kept_member }, *member);
                prop_assert_eq!(kept.stored(kept_member), packed.stored(member));
            }
            let mut image = vec![0u8; plain.len()];
            for member in &packed.members {
                let Content::Data { compressed, digest } = member.content else { panic!("only data was given") };
                let mut bytes = vec![0; member.range.length as usize];
                match compressed {
                    true => super::super::frame::Decompressor::new().unwrap().decompress(packed.stored(member), &mut bytes).unwrap(),
                    false => bytes.copy_from_slice(packed.stored(member)),
                }
                prop_assert_eq!(DigestKind::Sha256.of(&bytes), digest);
                let start = (member.range.start - offset) as usize;
                image[start..start + bytes.len()].copy_from_slice(&bytes);
            }
            prop_assert_eq!(packed.zero_bytes + packed.members.iter().map(|member| member.range.length).sum::<u64>(), plain.len() as u64);
            prop_assert!(image == plain);
        }
    }
}
