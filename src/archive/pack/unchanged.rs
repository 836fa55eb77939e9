//! Finds what an increment need not hold: ranges that have the digest that they had in the state on which it builds.

use super::super::digest::{Digest, DigestKind};
use super::{Before, PackedBatch, Packer, Piece, ZEROS_AS_DATA_MAX};
use crate::extent::Range;
use crate::zeros::is_zero;

impl Packer {
    /// Takes the pieces out that have the digest that they had; digests of the others are kept for their members.
    pub(super) fn leave_out_unchanged(&mut self, packed: &mut PackedBatch) {
        self.known.clear();
        for kind in [DigestKind::Sha256, DigestKind::Blake3] {
            let wanted = comparable(packed, kind);
            let buffer = &packed.batch.buffer;
            let plain: Vec<&[u8]> =
                wanted.iter().map(|&(_, range, at, _)| &buffer[at..at + range.length as usize]).collect();
            let digests = kind.of_each(&plain);
            for ((place, range, _, before), now) in wanted.into_iter().zip(digests) {
                if now == before {
                    packed.batch.pieces[place] = Piece::Unchanged(range.length);
                } else if kind == self.digest {
                    self.known.push((range, now));
                }
            }
        }
    }
}

/// The pieces with a digest of this kind from before: place, range, where their bytes stand, and that digest. What is all zeros now, and was not, needs no digest.
fn comparable(packed: &PackedBatch, kind: DigestKind) -> Vec<(usize, Range, usize, Digest)> {
    let of_piece = |(place, piece): (usize, &Piece)| match *piece {
        Piece::Data { range, at, before: Before::Data(own, digest) } if own == kind => {
            let bytes = &packed.batch.buffer[at..at + range.length as usize];
            (bytes.len() < ZEROS_AS_DATA_MAX || !is_zero(bytes)).then_some((place, range, at, digest))
        }
        _ => None,
    };
    packed.batch.pieces.iter().enumerate().filter_map(of_piece).collect()
}
