//! What a worker does with stored bytes: decompresses them and holds them against their digests.

use super::super::digest::{Digest, DigestKind};
use super::super::frame::Decompressor;
use super::super::index::{Content, Landed};
use super::super::member::MemberKind;
use super::super::pack::PackedBatch;
use super::input::Member;
use crate::error::{Error, Result};
use crate::extent::Range;

/// The most pieces of a batch, so that empty members do not make it grow without end.
const PIECES_MAX: usize = 4096;

/// Something that was read from an archive.
#[derive(Clone, Debug)]
pub enum StoredPiece {
    /// A member; its stored bytes stand in the batch's buffer from here on. One that a later part holds `again` is checked and not told.
    Member { landed: Landed, at: usize, again: bool },
    /// A range that reads as zero.
    Zeros(Range),
    /// A range of which nothing sound was found, and why.
    Lost { range: Range, why: String },
    /// Here a part begins or ends.
    Part(PartNews),
}

/// A part of an archive that lies in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartNews {
    /// Its number, from 1.
    pub number: u64,
    /// The input that holds it, as the user named it.
    pub input: String,
    /// Whether it has ended, in the way in which a part must; else it begins.
    pub ended: bool,
    /// Of one that has ended: whether another follows it.
    pub goes_on: bool,
}

/// Some pieces in ascending order and their stored bytes.
#[derive(Debug, Default)]
pub struct StoredBatch {
    /// The bytes; longer than what is used of it.
    pub buffer: Vec<u8>,
    /// How much of it is used.
    pub used: usize,
    /// What it will be when decompressed.
    pub plain_bytes: u64,
    /// The pieces.
    pub pieces: Vec<StoredPiece>,
}

impl StoredBatch {
    /// Empties it, but keeps its memory.
    pub fn clear(&mut self) {
        self.used = 0;
        self.plain_bytes = 0;
        self.pieces.clear();
    }

    /// Where the last piece ends.
    pub fn end(&self) -> Option<u64> {
        self.pieces.iter().rev().find_map(|piece| match piece {
            StoredPiece::Member { landed, again: false, .. } => Some(landed.range.end()),
            StoredPiece::Zeros(range) | StoredPiece::Lost { range, .. } => Some(range.end()),
            StoredPiece::Member { .. } | StoredPiece::Part(_) => None,
        })
    }

    /// Whether this member still fits: a batch holds one member, or several that together are no longer than `batch_bytes`.
    pub fn has_room_for(&self, member: &Member, batch_bytes: u64) -> bool {
        let length = if matches!(member.kind, MemberKind::Data { .. }) { member.record.length } else { 0 };
        self.fits(length, batch_bytes)
    }

    /// The same for a member of this length.
    pub fn fits(&self, length: u64, batch_bytes: u64) -> bool {
        self.pieces.len() < PIECES_MAX && (self.used == 0 || self.plain_bytes.saturating_add(length) <= batch_bytes)
    }
}

/// What an archive says of the next range of the device.
#[derive(Debug)]
pub enum Told<'a> {
    /// It holds these bytes; their digest has been checked.
    Data {
        /// Offset on the device.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
        /// Their digest.
        digest: Digest,
        /// How many bytes they take in the archive.
        stored: u64,
    },
    /// It reads as zero.
    Zeros(Range),
    /// It could not be read when the backup was made.
    Bad(Range),
    /// The archive's bytes for it are damaged.
    Damaged {
        /// The range; empty if no data is affected.
        range: Range,
        /// What is wrong, and at which position.
        why: String,
    },
    /// A part begins or ends here; not told of an archive in one part, nor of the beginning of the part with which reading begins.
    Part(&'a PartNews),
}

/// A batch after a worker has been through it.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// What was read.
    pub batch: StoredBatch,
    /// The decompressed bytes of the compressed members.
    plain: Vec<u8>,
    /// For each piece, where its bytes begin in `plain`, or what is wrong with it.
    outcomes: Vec<std::result::Result<usize, String>>,
}

/// A worker's tools.
pub struct Unpacker {
    decompressor: Decompressor,
}

impl Unpacker {
    /// Tools for archives of any kind.
    pub fn new() -> Result<Self> {
        let decompressor =
            Decompressor::new().map_err(|cause| Error::io("setting up", "the zstd decompressor", cause))?;
        Ok(Self { decompressor })
    }

    /// Decompresses a batch, and checks it by digests of this kind; `unpacked` lends its memory.
    pub fn unpack(&mut self, digest: DigestKind, batch: StoredBatch, mut unpacked: Unpacked) -> Unpacked {
        unpacked.batch = batch;
        unpacked.outcomes.clear();
        self.decompress(&mut unpacked);
        check(digest, &mut unpacked);
        unpacked
    }

    /// Puts the compressed members' bytes one behind another.
    fn decompress(&mut self, unpacked: &mut Unpacked) {
        let Unpacked { batch, plain, outcomes } = unpacked;
        let mut plain_used = 0;
        for piece in &batch.pieces {
            outcomes.push(match piece {
                StoredPiece::Member { landed, at, .. } if landed.is_compressed() => {
                    let (begin, end) = (plain_used, plain_used + landed.range.length as usize);
                    if plain.len() < end {
                        plain.resize(end, 0);
                    }
                    plain_used = end;
                    let stored = &batch.buffer[*at..*at + landed.stored as usize];
                    self.decompressor.decompress(stored, &mut plain[begin..end]).map(|()| begin)
                }
                _ => Ok(0),
            });
        }
    }
}

/// Holds the data members' bytes against their digests, side by side.
fn check(kind: DigestKind, unpacked: &mut Unpacked) {
    let mut checked = Vec::new();
    let mut texts = Vec::new();
    for (place, piece) in unpacked.batch.pieces.iter().enumerate() {
        if let (StoredPiece::Member { landed, at, .. }, Ok(begin)) = (piece, &unpacked.outcomes[place])
            && let Content::Data { digest, .. } = landed.content
        {
            checked.push((place, digest));
            texts.push(unpacked.bytes(landed, *at, *begin));
        }
    }
    let found = kind.of_each(&texts);
    for ((place, digest), found) in checked.into_iter().zip(found) {
        if found != digest {
            unpacked.outcomes[place] = Err("its bytes do not have the digest in its record".to_owned());
        }
    }
}

impl Unpacked {
    /// A data member's bytes before compression.
    fn bytes(&self, landed: &Landed, at: usize, begin: usize) -> &[u8] {
        let length = landed.range.length as usize;
        if landed.is_compressed() { &self.plain[begin..begin + length] } else { &self.batch.buffer[at..at + length] }
    }

    /// The members as they are stored, for a copy of the archive; a piece that is damaged is an error.
    pub fn packed(&self, archive: &str) -> Result<PackedBatch> {
        let mut packed = PackedBatch::default();
        let bytes = |compressed| self.stored_bytes(|landed| landed.is_compressed() == compressed);
        packed.reserve(bytes(false), bytes(true), self.batch.pieces.len())?;
        for (piece, outcome) in self.batch.pieces.iter().zip(&self.outcomes) {
            match (piece, outcome) {
                (StoredPiece::Zeros(range), _) => packed.zero_bytes += range.length,
                (StoredPiece::Lost { range, why }, _) => return Err(Error::damaged(archive, why).with_affected(*range)),
                (StoredPiece::Member { landed, .. }, Err(why)) => {
                    return Err(Error::damaged(archive, fault_of(landed, why)).with_affected(landed.range));
                }
                // A copy that is one archive holds it once.
                (StoredPiece::Member { again: true, .. } | StoredPiece::Part(_), Ok(_)) => {}
                (StoredPiece::Part(_), Err(why)) => return Err(Error::damaged(archive, why)),
                (StoredPiece::Member { landed, at, .. }, Ok(_)) => {
                    packed.push_stored(landed, &self.batch.buffer[*at..*at + landed.stored as usize]);
                }
            }
        }
        Ok(packed)
    }

    /// Gives each member in order, as it is stored and as it was before compression; one that is damaged is an error.
    pub fn each_member(&self, archive: &str, mut each: impl FnMut(&Landed, &[u8], &[u8]) -> Result<()>) -> Result<()> {
        for (piece, outcome) in self.batch.pieces.iter().zip(&self.outcomes) {
            let StoredPiece::Member { landed, at, .. } = piece else { continue };
            match (landed.content, outcome) {
                (_, Err(why)) => {
                    return Err(Error::damaged(archive, fault_of(landed, why)).with_affected(landed.range));
                }
                (Content::Data { .. }, Ok(begin)) => {
                    let stored = &self.batch.buffer[*at..*at + landed.stored as usize];
                    each(landed, stored, self.bytes(landed, *at, *begin))?;
                }
                (Content::Bad | Content::Zero, Ok(_)) => each(landed, &[], &[])?,
            }
        }
        Ok(())
    }

    fn stored_bytes(&self, of: impl Fn(&Landed) -> bool) -> usize {
        let stored = |piece: &StoredPiece| match piece {
            StoredPiece::Member { landed, .. } if of(landed) => landed.stored as usize,
            _ => 0,
        };
        self.batch.pieces.iter().map(stored).sum()
    }

    /// Tells all pieces in order.
    pub fn tell(&self, mut tell: impl FnMut(Told<'_>) -> Result<()>) -> Result<()> {
        for (piece, outcome) in self.batch.pieces.iter().zip(&self.outcomes) {
            tell(match piece {
                StoredPiece::Zeros(range) => Told::Zeros(*range),
                StoredPiece::Lost { range, why } => Told::Damaged { range: *range, why: why.clone() },
                StoredPiece::Part(news) => Told::Part(news),
                StoredPiece::Member { again: true, .. } if outcome.is_ok() => continue,
                StoredPiece::Member { landed, at, again } => match (landed.content, outcome) {
                    (Content::Data { digest, .. }, Ok(begin)) => {
                        let bytes = self.bytes(landed, *at, *begin);
                        Told::Data { offset: landed.range.start, bytes, digest, stored: landed.stored }
                    }
                    (Content::Data { .. }, Err(why)) => {
                        // What was told of it before was sound.
                        let length = if *again { 0 } else { landed.range.length };
                        Told::Damaged { range: Range { length, ..landed.range }, why: fault_of(landed, why) }
                    }
                    (Content::Bad, _) => Told::Bad(landed.range),
                    (Content::Zero, _) => Told::Zeros(landed.range),
                },
            })?;
        }
        Ok(())
    }
}

/// What is wrong with a member's bytes, and where they are.
fn fault_of(landed: &Landed, why: &str) -> String {
    format!("at byte {}, member {}: {why}", landed.position, landed.kind().path())
}
