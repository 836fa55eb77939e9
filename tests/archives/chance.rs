//! Images and settings at random.

use blocktar::archive::{Compression, DigestKind};
use blocktar::backup::BackupRequest;
use blocktar::extent::{Extent, ExtentMap};
use proptest::prelude::*;

/// Bytes none of which is zero.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 + place / 251) as u8 | 1).collect()
}

/// An image and its extents, one for each span: holes, zeros that must be found, bytes that compress and such that do not.
pub fn an_image() -> impl Strategy<Value = (Vec<u8>, ExtentMap)> {
    proptest::collection::vec((0u8..4, 1u64..150_000), 0..12).prop_map(image_of)
}

/// An image of spans, each with its length: 0 is a hole, 1 are zeros that must be found, 2 are bytes that compress, 3 such that do not.
pub fn image_of(spans: impl IntoIterator<Item = (u8, u64)>) -> (Vec<u8>, ExtentMap) {
    let (mut image, mut extents) = (Vec::new(), ExtentMap::new());
    for (kind, length) in spans {
        let start = image.len() as u64;
        extents.push(if kind == 0 { Extent::hole(start, length) } else { Extent::data(start, length) });
        match kind {
            0 | 1 => image.resize(image.len() + length as usize, 0),
            2 => image.extend(pattern(length as usize)),
            _ => {
                let noise = blake3::hash(&length.to_le_bytes());
                image.extend(noise.as_bytes().iter().cycle().take(length as usize));
            }
        }
    }
    (image, extents)
}

/// Any compression.
pub fn a_compression() -> impl Strategy<Value = Compression> {
    prop_oneof![Just(Compression::None), (1i32..4).prop_map(Compression::Zstd)]
}

/// Any digest.
pub fn a_digest() -> impl Strategy<Value = DigestKind> {
    prop_oneof![Just(DigestKind::Sha256), Just(DigestKind::Blake3)]
}

/// No buffer before the output, or one of any size.
pub fn a_buffer() -> impl Strategy<Value = Option<u64>> {
    proptest::option::of(0u64..1_000_000)
}

/// Any settings of a backup.
pub fn a_request() -> impl Strategy<Value = BackupRequest> {
    (a_compression(), a_digest(), 16u64..20, 1u64..40, 1usize..5, a_buffer()).prop_map(
        |(compression, digest, limit_log, record, threads, buffer_bytes)| BackupRequest {
            compression,
            digest,
            extent_limit_bytes: 1 << limit_log,
            record_bytes: record * 512,
            threads,
            buffer_bytes,
            ..BackupRequest::default()
        },
    )
}
