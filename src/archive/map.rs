//! `extents.json`, both directions (format-spec, section 6).

use std::io::BufRead;

use super::digest::{Digest, DigestKind};
use super::frame::{TableEncoder, read_piece, table_reader};
use super::info::{BackupInfo, Kind, MapKind};
use super::limit;
use super::text::{Scanner, push_number};
use crate::extent::{Extent, ExtentKind, ExtentMap, MAP_EXTENTS_MAX};

/// A map as it is stored.
pub struct StoredMap {
    /// The stored bytes.
    pub bytes: Vec<u8>,
    /// Whether they are a Zstandard frame.
    pub compressed: bool,
    /// Length of the text.
    pub length: u64,
    /// Digest of the text.
    pub digest: Digest,
}

/// Makes the map's text; `dirty` in increments and undos.
pub fn store(map: &ExtentMap, dirty: bool, kind: DigestKind) -> StoredMap {
    let length = text_pieces(map, dirty).map(|piece| piece.len() as u64).sum();
    let mut hasher = kind.hasher();
    let compressed = length > limit::MAP_PLAIN;
    let bytes = if compressed {
        let mut encoder = TableEncoder::new();
        for piece in text_pieces(map, dirty) {
            hasher.update(&piece);
            encoder.push(&piece);
        }
        encoder.finish()
    } else {
        let text: Vec<u8> = text_pieces(map, dirty).flatten().collect();
        hasher.update(&text);
        text
    };
    StoredMap { bytes, compressed, length, digest: hasher.finish() }
}

/// The map's text, with `dirty` in increments and undos; in pieces of some thousand extents, so that a map of a million never stands in memory as text.
pub fn text_pieces(map: &ExtentMap, dirty: bool) -> impl Iterator<Item = Vec<u8>> + '_ {
    const EXTENTS_PER_PIECE: usize = 4096;
    let pieces = map.len().div_ceil(EXTENTS_PER_PIECE).max(1);
    (0..pieces).map(move |piece| {
        let mut text = Vec::with_capacity(EXTENTS_PER_PIECE * 80);
        let first = piece * EXTENTS_PER_PIECE;
        for position in first..map.len().min(first + EXTENTS_PER_PIECE) {
            text.push(if position == 0 { b'[' } else { b',' });
            push_extent(&mut text, &map.get(position).expect("a position within the map"), dirty);
        }
        text.extend_from_slice(if map.is_empty() { b"[" } else { b"" });
        text.extend_from_slice(if piece + 1 == pieces { b"]" } else { b"" });
        text
    })
}

fn push_extent(text: &mut Vec<u8>, extent: &Extent, dirty: bool) {
    text.extend_from_slice(b"{\"start\":");
    push_number(text, extent.start);
    text.extend_from_slice(b",\"length\":");
    push_number(text, extent.length);
    text.extend_from_slice(match extent.kind {
        ExtentKind::Data => b",\"zero\":false,\"hole\":false",
        ExtentKind::Zero { hole: false } => b",\"zero\":true,\"hole\":false",
        ExtentKind::Zero { hole: true } => b",\"zero\":true,\"hole\":true",
    });
    text.extend_from_slice(if dirty { b",\"dirty\":true}" } else { b"}" });
}

/// What a map must fit.
pub struct Frame {
    /// The device's size in bytes.
    pub size_bytes: u64,
    /// From here on extents cover the device without a gap: 0 in fulls.
    pub covered_from: u64,
    /// Whether extents are marked dirty: in increments and undos.
    pub dirty: bool,
    /// Whether the map must be empty.
    pub inline: bool,
}

impl Frame {
    /// What the map of an archive with this backup-info must fit.
    pub fn of(info: &BackupInfo) -> Self {
        Self {
            size_bytes: info.device.size_bytes,
            covered_from: info.told_from(),
            dirty: info.kind != Kind::Full,
            inline: info.map == MapKind::Inline,
        }
    }

    /// What every map fits of an archive whose backup-info is lost, of a full or of others.
    pub fn of_unknown(dirty: bool) -> Self {
        Self { size_bytes: limit::NUMBER, covered_from: limit::NUMBER, dirty, inline: false }
    }
}

/// Reads the stored bytes of a map and checks all rules but the digest, which it gives beside the text's length.
pub fn load(
    stored: &[u8],
    compressed: bool,
    frame: &Frame,
    kind: DigestKind,
) -> Result<(ExtentMap, Digest, u64), String> {
    let mut text = table_reader(stored, compressed)?;
    let mut hasher = kind.hasher();
    let mut length = 0;
    let mut map = ExtentMap::new();
    let mut piece = Vec::new();
    // Each extent ends with a brace; what follows the last one is the closing bracket.
    while read_piece(&mut *text, b'}', 256, &mut piece)? {
        hasher.update(&piece);
        length += piece.len() as u64;
        if piece.last() == Some(&b'}') {
            map.push(
                parse_extent(&piece, &map, frame).ok_or_else(|| format!("the map's extent {} is wrong", map.len()))?,
            );
        } else if piece != if map.is_empty() { &b"[]"[..] } else { b"]" } {
            return Err("the map does not end as it should".to_owned());
        } else {
            break;
        }
    }
    if piece.last() != Some(&b']') || !text.fill_buf().map_err(|error| error.to_string())?.is_empty() {
        return Err("the map does not end as it should".to_owned());
    }
    if frame.inline && !map.is_empty() {
        return Err("the map of an archive with an inline map is not empty".to_owned());
    }
    if !frame.inline && !map.covers(frame.covered_from, frame.size_bytes) {
        return Err("the map does not cover the device".to_owned());
    }
    // A text of as many extents as there may be is never as long as 160 MiB, in the one spelling that an extent has.
    if compressed != (length > limit::MAP_PLAIN) {
        return Err("the map is compressed where it should not be, or the other way round".to_owned());
    }
    Ok((map, hasher.finish(), length))
}

fn parse_extent(piece: &[u8], map: &ExtentMap, frame: &Frame) -> Option<Extent> {
    let mut scanner = Scanner::new(piece);
    scanner.literal(if map.is_empty() { "[{\"start\":" } else { ",{\"start\":" })?;
    let start = scanner.number()?;
    scanner.literal(",\"length\":")?;
    let length = scanner.number()?;
    scanner.literal(",\"zero\":")?;
    let zero = scanner.boolean()?;
    scanner.literal(",\"hole\":")?;
    let kind = match (zero, scanner.boolean()?) {
        (false, false) => ExtentKind::Data,
        (false, true) => return None,
        (true, hole) => ExtentKind::Zero { hole },
    };
    scanner.literal(if frame.dirty { ",\"dirty\":true}" } else { "}" })?;
    scanner.end()?;
    let fits = length > 0 && start >= map.end() && start + length <= frame.size_bytes && map.len() < MAP_EXTENTS_MAX;
    fits.then_some(Extent { start, length, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reload(map: &ExtentMap, dirty: bool) -> Result<ExtentMap, String> {
        let stored = store(map, dirty, DigestKind::Sha256);
        let frame =
            Frame { size_bytes: map.end(), covered_from: if dirty { map.end() } else { 0 }, dirty, inline: false };
        let (loaded, digest, length) = load(&stored.bytes, stored.compressed, &frame, DigestKind::Sha256)?;
        assert_eq!((digest, length), (stored.digest, stored.length));
        Ok(loaded)
    }

    #[test]
    fn maps_of_all_sizes_read_back() {
        for count in [0, 1, 4095, 4096, 4097, 30_000] {
            let map: ExtentMap =
                (0..count)
                    .map(|position| {
                        if position % 2 == 0 {
                            Extent::data(position * 10, 10)
                        } else {
                            Extent::hole(position * 10, 10)
                        }
                    })
                    .collect();
            assert_eq!(reload(&map, false), Ok(map.clone()));
            assert_eq!(reload(&map, true), Ok(map));
        }
    }

    /// An increment's map whose text is exactly so long.
    fn map_of_text(length: usize) -> ExtentMap {
        let mut map: ExtentMap = (0..).map(|place| Extent::data((1 << 50) + (place << 32), 1)).take(12_800).collect();
        let text = |map: &ExtentMap| text_pieces(map, true).map(|piece| piece.len()).sum::<usize>();
        let mut missing = length - text(&map);
        map = map
            .iter()
            .map(|extent| {
                let digits = missing.min(8);
                missing -= digits;
                Extent::data(extent.start, 10u64.pow(digits as u32))
            })
            .collect();
        assert_eq!(text(&map), length);
        map
    }

    #[test]
    fn a_map_of_up_to_1_mib_is_plain_and_a_longer_one_is_not() {
        for (length, compressed) in [(1 << 20, false), ((1 << 20) + 1, true)] {
            let map = map_of_text(length);
            assert_eq!(store(&map, true, DigestKind::Sha256).compressed, compressed);
            assert_eq!(reload(&map, true), Ok(map.clone()));
            let text: Vec<u8> = text_pieces(&map, true).flatten().collect();
            let mut encoder = TableEncoder::new();
            encoder.push(&text);
            let frame = Frame { size_bytes: map.end(), covered_from: map.end(), dirty: true, inline: false };
            let other_way = if compressed { text } else { encoder.finish() };
            assert!(load(&other_way, !compressed, &frame, DigestKind::Sha256).is_err(), "{length}");
        }
    }

    #[test]
    fn a_map_holds_1048576_extents_and_no_more() {
        let mut map: ExtentMap = (0..(1 << 20) - 1).map(|place| Extent::data(place * 2, 1)).collect();
        let frame = Frame { size_bytes: 1 << 30, covered_from: 1 << 30, dirty: true, inline: false };
        let next = |map: &ExtentMap| {
            let text =
                format!(",{{\"start\":{},\"length\":1,\"zero\":false,\"hole\":false,\"dirty\":true}}", map.end());
            parse_extent(text.as_bytes(), map, &frame)
        };
        map.push(next(&map).expect("room for one more"));
        assert_eq!((map.len(), next(&map)), (1 << 20, None));
    }

    #[test]
    fn the_text_is_what_the_specification_shows() {
        let map: ExtentMap = [Extent::data(0, 4096), Extent::hole(4096, 10)].into_iter().collect();
        let text = br#"[{"start":0,"length":4096,"zero":false,"hole":false},{"start":4096,"length":10,"zero":true,"hole":true}]"#;
        assert_eq!(store(&map, false, DigestKind::Sha256).bytes, text);
    }

    #[test]
    fn anything_else_is_refused() {
        let full = Frame { size_bytes: 20, covered_from: 0, dirty: false, inline: false };
        let check = |text: &str, frame: &Frame| {
            load(text.as_bytes(), false, frame, DigestKind::Sha256).map(|(map, ..)| map.len())
        };
        let extent =
            |start: u64, length: u64| format!(r#"{{"start":{start},"length":{length},"zero":false,"hole":false}}"#);
        assert_eq!(check(&format!("[{},{}]", extent(0, 10), extent(10, 10)), &full), Ok(2));
        for wrong in [
            String::new(),
            "[]".to_owned(),
            "[".to_owned(),
            format!("[{}]", extent(0, 10)),
            format!("[{},{}", extent(0, 10), extent(10, 10)),
            format!("[{},{}]]", extent(0, 10), extent(10, 10)),
            format!("[{},{}]\n", extent(0, 10), extent(10, 10)),
            format!("[{}{}]", extent(0, 10), extent(10, 10)),
            format!("[{},{}]", extent(0, 11), extent(10, 10)),
            format!("[{},{}]", extent(0, 10), extent(10, 11)),
            format!("[{},{}]", extent(0, 10), extent(10, (1 << 53) - 1)),
            format!("[{},{},{}]", extent(0, 10), extent(10, 10), extent(20, 0)),
            format!("[{},{}]", extent(10, 10), extent(0, 10)),
            r#"[{"start":0,"length":20,"zero":false,"hole":true}]"#.to_owned(),
            r#"[{"start":0,"length":20,"zero":false,"hole":false,"dirty":false}]"#.to_owned(),
            r#"[{"start":0,"length":20,"zero":false,"hole":false,"dirty":true}]"#.to_owned(),
        ] {
            assert!(check(&wrong, &full).is_err(), "{wrong}");
        }
    }
}
