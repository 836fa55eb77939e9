//! Members hold what was read, and nothing else cuts them but zeros and the limit.

use super::super::tests::sound_info;
use super::*;
use proptest::prelude::*;

/// An archive with a map.
fn info(compression: Compression) -> BackupInfo {
    BackupInfo { compression, map: MapKind::First, extent_limit: 64 << 20, ..sound_info() }
}

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
        Piece::Data { range: range(0, &text), at: 0, before: Before::Unknown },
        Piece::Data { range: range(1 << 20, &noise), at: text.len(), before: Before::Unknown },
        Piece::Data { range: range(2 << 20, &text), at: text.len() + noise.len(), before: Before::Unknown },
    ];
    let buffer = [&text[..], &noise, &text].concat();
    let mut packer = Packer::new(&info(Compression::Zstd(1))).unwrap();
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

/// A cut on a multiple of the limit may leave a member of zeros that are too few to be stored as such.
#[test]
fn few_zeros_that_were_data_before_are_unchanged() {
    let zeros = vec![0; ZERO_RUN_MIN];
    for (length, kind) in
        [(512, DigestKind::Sha256), (4096, DigestKind::Blake3), (ZERO_RUN_MIN - 1, DigestKind::Sha256)]
    {
        let before = Before::Data(kind, kind.of(&zeros[..length]));
        let range = Range { start: 1 << 20, length: length as u64 };
        let pieces = vec![Piece::Data { range, at: 0, before }];
        let mut packer = Packer::new(&info(Compression::None)).unwrap();
        let packed = packer.pack(Batch { buffer: zeros.clone(), pieces }, PackedBatch::default());
        assert_eq!((packed.unchanged_bytes, packed.zero_bytes), (range.length, 0));
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
        let mut packer = Packer::new(&info(compression)).unwrap();
        let piece = Piece::Data { range: Range { start: offset, length: plain.len() as u64 }, at: 3, before: Before::Unknown };
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
