//! Zstandard frames (RFC 8878): one per member, bounded, without dictionary.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zstd::zstd_safe::{self, CParameter, DParameter};

/// How an archive's data members are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard at this level, 1 to 22.
    Zstd(i32),
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(1)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    /// Reads `none`, `zstd` (level 1) or `zstd:LEVEL`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "zstd" => Ok(Self::default()),
            Some(("zstd", level)) => match level.parse() {
                Ok(level @ 1..=22) => Ok(Self::Zstd(level)),
                _ => Err("zstd has the levels 1 to 22".to_owned()),
            },
            _ => Err("expected none, zstd or zstd:LEVEL".to_owned()),
        }
    }
}

impl Serialize for Compression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Compression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let compression: Self = text.parse().map_err(de::Error::custom)?;
        if compression.to_string() == text {
            Ok(compression)
        } else {
            Err(de::Error::custom("not in its one spelling"))
        }
    }
}

/// The largest window, as a power of two: 8 MiB. Larger ones would let an archive choose how much memory its reader takes.
const WINDOW_LOG_MAX: u32 = 23;
const WINDOW_MAX: u64 = 1 << WINDOW_LOG_MAX;
/// The level of the map and the indexes.
const TABLE_LEVEL: i32 = 1;

/// Compresses data members, one frame each; kept by a worker because setting a context up is dear.
pub struct Compressor {
    zstd: zstd::bulk::Compressor<'static>,
}

impl Compressor {
    /// A compressor of this level.
    pub fn new(level: i32) -> io::Result<Self> {
        let mut zstd = zstd::bulk::Compressor::new(level)?;
        if level > 19 {
            // Only the highest levels choose windows beyond the limit.
            zstd.set_parameter(CParameter::WindowLog(WINDOW_LOG_MAX))?;
        }
        Ok(Self { zstd })
    }

    /// Puts one frame of `plain` at the start of `stored` and gives its length, or `None` if it would not be shorter than `plain`.
    pub fn compress(&mut self, plain: &[u8], stored: &mut [u8]) -> Option<usize> {
        let room = stored.len().min(plain.len().saturating_sub(1));
        self.zstd.compress_to_buffer(plain, &mut stored[..room]).ok()
    }
}

/// Decompresses data members.
pub struct Decompressor {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl Decompressor {
    /// A decompressor.
    pub fn new() -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()? })
    }

    /// Fills `plain` from the one frame that `stored` is; says what is wrong otherwise.
    pub fn decompress(&mut self, stored: &[u8], plain: &mut [u8]) -> Result<(), String> {
        check_frame(stored)?;
        match self.zstd.decompress_to_buffer(stored, plain) {
            Ok(length) if length == plain.len() => Ok(()),
            Ok(length) => Err(format!("its frame holds {length} bytes where {} are due", plain.len())),
            Err(error) => Err(format!("its frame cannot be decompressed: {error}")),
        }
    }
}

/// Whether `stored` is exactly one Zstandard frame, without dictionary, of a window within the limit.
pub fn check_frame(stored: &[u8]) -> Result<(), String> {
    if !stored.starts_with(&zstd_safe::MAGICNUMBER.to_le_bytes()) {
        return Err("it does not begin with a Zstandard frame".to_owned());
    }
    let length = zstd_safe::find_frame_compressed_size(stored).map_err(|_| "its frame is broken".to_owned())?;
    if length != stored.len() {
        return Err(format!("its frame has {length} bytes, but {} are stored", stored.len()));
    }
    if zstd_safe::get_dict_id_from_frame(stored).is_some() {
        return Err("its frame needs a dictionary".to_owned());
    }
    match window_bytes(stored) {
        Some(window) if window <= WINDOW_MAX => Ok(()),
        _ => Err("its frame needs a window of more than 8 MiB".to_owned()),
    }
}

/// The window's size (RFC 8878, section 3.1.1.1.2): that of the content, in a frame of a single segment.
fn window_bytes(frame: &[u8]) -> Option<u64> {
    let descriptor = *frame.get(4)?;
    let single_segment = descriptor & 1 << 5 != 0;
    if single_segment {
        return zstd_safe::get_frame_content_size(frame).ok()?;
    }
    let window = *frame.get(5)?;
    let (exponent, mantissa) = (u32::from(window >> 3), u64::from(window & 7));
    Some((8 + mantissa) << (7 + exponent))
}

/// Compresses a text that comes in pieces into one frame.
pub struct TableEncoder {
    zstd: zstd::stream::write::Encoder<'static, Vec<u8>>,
}

impl TableEncoder {
    /// An encoder for a map or an index.
    pub fn new() -> Self {
        let zstd = zstd::stream::write::Encoder::new(Vec::new(), TABLE_LEVEL).expect("a context for a valid level");
        Self { zstd }
    }

    /// Adds text.
    pub fn push(&mut self, text: &[u8]) {
        io::Write::write_all(&mut self.zstd, text).expect("writing to memory");
    }

    /// The frame.
    pub fn finish(self) -> Vec<u8> {
        self.zstd.finish().expect("writing to memory")
    }
}

/// The text of a map or index whose stored bytes are in memory; decompressed as it is read.
pub fn table_reader<'a>(stored: &'a [u8], compressed: bool) -> Result<Box<dyn BufRead + Send + 'a>, String> {
    if !compressed {
        return Ok(Box::new(stored));
    }
    check_frame(stored)?;
    frame_reader(stored)
}

/// The same for an index, whose bytes the reader keeps.
pub fn owned_table_reader(stored: Vec<u8>) -> Result<Box<dyn BufRead + Send>, String> {
    check_frame(&stored)?;
    frame_reader(io::Cursor::new(stored))
}

fn frame_reader<'a>(stored: impl BufRead + Send + 'a) -> Result<Box<dyn BufRead + Send + 'a>, String> {
    let broken = |error: io::Error| format!("its frame cannot be decompressed: {error}");
    let mut decoder = zstd::stream::read::Decoder::with_buffer(stored).map_err(broken)?.single_frame();
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(broken)?;
    Ok(Box::new(BufReader::with_capacity(64 << 10, decoder)))
}

/// Reads up to and with `end`, but no more than `most` bytes, into the emptied `piece`; `false` at the end of the text.
pub fn read_piece(text: &mut dyn BufRead, end: u8, most: u64, piece: &mut Vec<u8>) -> Result<bool, String> {
    piece.clear();
    let length =
        Read::take(text, most).read_until(end, piece).map_err(|error| format!("it cannot be decompressed: {error}"))?;
    Ok(length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(plain: &[u8]) -> Vec<u8> {
        let mut stored = vec![0; plain.len()];
        let length = Compressor::new(1).unwrap().compress(plain, &mut stored).unwrap();
        stored.truncate(length);
        stored
    }

    #[test]
    fn a_member_is_exactly_one_frame() {
        let plain = vec![7u8; 100_000];
        let stored = frame(&plain);
        let decompress =
            |stored: &[u8], length: usize| Decompressor::new().unwrap().decompress(stored, &mut vec![0; length]);
        assert_eq!(decompress(&stored, plain.len()), Ok(()));
        assert!(decompress(&stored, plain.len() + 1).is_err());
        assert!(decompress(&stored, plain.len() - 1).is_err());
        assert!(decompress(&stored[..stored.len() - 1], plain.len()).is_err());
        assert!(decompress(&[&stored[..], &stored[..]].concat(), plain.len()).is_err());
        assert!(decompress(&[&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], &stored[..]].concat(), plain.len()).is_err());
        assert!(decompress(&plain, plain.len()).is_err());
    }

    #[test]
    fn what_does_not_shrink_is_not_compressed() {
        let plain = blake3::Hasher::new().finalize_xof().position().to_le_bytes();
        assert_eq!(Compressor::new(1).unwrap().compress(&plain, &mut [0; 64]), None);
        assert_eq!(Compressor::new(1).unwrap().compress(b"", &mut [0; 64]), None);
    }

    #[test]
    fn large_windows_are_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_parameter(CParameter::WindowLog(27)).unwrap();
        io::Write::write_all(&mut encoder, b"small").unwrap();
        let stored = encoder.finish().unwrap();
        assert!(check_frame(&stored).unwrap_err().contains("window"));
        let mut encoder = TableEncoder::new();
        encoder.push(b"small");
        assert_eq!(check_frame(&encoder.finish()), Ok(()));
    }

    /// RFC 8878, section 3.1.1.1.2: five bits of exponent, three of mantissa.
    #[test]
    fn a_window_beyond_the_limit_by_an_eighth_is_refused() {
        let mut encoder = TableEncoder::new();
        encoder.push(b"small");
        let mut stored = encoder.finish();
        for (window, fits) in [(12 << 3 | 7, true), (13 << 3, true), (13 << 3 | 1, false), (13 << 3 | 7, false)] {
            stored[5] = window;
            assert_eq!(check_frame(&stored).is_ok(), fits, "{window:#b}");
        }
    }

    #[test]
    fn compressions_read_back_in_one_spelling() {
        for (text, compression) in
            [("none", Compression::None), ("zstd:1", Compression::Zstd(1)), ("zstd:22", Compression::Zstd(22))]
        {
            assert_eq!((text.parse(), compression.to_string().as_str()), (Ok(compression), text));
        }
        assert_eq!("zstd".parse(), Ok(Compression::default()));
        for wrong in ["", "zstd:", "zstd:0", "zstd:23", "zstd:-1", "gzip", "none:1", "gzip:1"] {
            assert!(wrong.parse::<Compression>().is_err(), "{wrong}");
        }
        // Only the user may leave the level out.
        assert!(serde_json::from_str::<Compression>("\"zstd\"").is_err());
    }

    #[test]
    fn the_highest_levels_stay_within_the_window() {
        let plain: Vec<u8> = (0..9 << 20).map(|byte: u32| (byte / 1000) as u8).collect();
        let mut stored = vec![0; plain.len()];
        let length = Compressor::new(22).unwrap().compress(&plain, &mut stored).unwrap();
        assert_eq!(check_frame(&stored[..length]), Ok(()));
    }
}
