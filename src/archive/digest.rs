//! Digests: SHA-256 (FIPS 180-4) and BLAKE3 with 32 bytes of output.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;

/// Which digest an archive's members carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestKind {
    /// SHA-256.
    #[default]
    Sha256,
    /// BLAKE3, unkeyed.
    Blake3,
}

impl DigestKind {
    /// Its name, as archives spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake3 => "blake3",
        }
    }

    /// How many bytes of members a worker gets at once, where members have at most `extent_limit` bytes.
    ///
    /// SHA-256 is about twice as fast over four members side by side, and up to three times over sixteen and more, where the processor has AVX-512. BLAKE3 is not,
    /// and there less is more: what stays in the processor's cache between reading, hashing and writing saves a quarter of the time.
    pub(crate) fn batch_bytes(self, extent_limit: u64) -> u64 {
        match self {
            Self::Sha256 if extent_limit <= 512 << 10 => 8 << 20,
            Self::Sha256 => 4 << 20,
            Self::Blake3 => 1 << 20,
        }
    }

    /// The digest of these bytes.
    pub fn of(self, bytes: &[u8]) -> Digest {
        match self {
            Self::Sha256 => Digest(sha2::Sha256::digest(bytes).into()),
            Self::Blake3 => Digest(*blake3::hash(bytes).as_bytes()),
        }
    }

    /// The digests of many independent texts, in order; several times as fast as one by one where the processor can do it.
    ///
    /// One SHA-256 waits most of the time for its own last round; side by side, several fill those gaps.
    pub(crate) fn of_each(self, texts: &[&[u8]]) -> Vec<Digest> {
        if self == Self::Sha256 && texts.len() > 1 && side_by_side_is_right() {
            let mut digests = vec![[0; 32]; texts.len()];
            tape_sha256::hash_many(texts, &mut digests);
            return digests.into_iter().map(Digest).collect();
        }
        texts.iter().map(|text| self.of(text)).collect()
    }

    /// A hasher for bytes that come in pieces.
    pub(crate) fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Self::Blake3 => Hasher::Blake3(Box::new(blake3::Hasher::new())),
        }
    }
}

impl fmt::Display for DigestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DigestKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "sha256" => Ok(Self::Sha256),
            "blake3" => Ok(Self::Blake3),
            _ => Err("expected sha256 or blake3".to_owned()),
        }
    }
}

/// Whether SHA-256 side by side gives what it gives one by one on this processor: tried once, since what is chosen depends on the
/// processor, and archives made with wrong digests would be lost.
fn side_by_side_is_right() -> bool {
    static RIGHT: OnceLock<bool> = OnceLock::new();
    *RIGHT.get_or_init(|| {
        let bytes: Vec<u8> = (0..4096u32).map(|place| (place * 7 + place / 251) as u8).collect();
        // More texts than any implementation takes at once, with every length around the padding's edges.
        let texts: Vec<&[u8]> = (0..160).map(|length| &bytes[length..2 * length]).chain([&bytes[..]]).collect();
        let mut digests = vec![[0; 32]; texts.len()];
        tape_sha256::hash_many(&texts, &mut digests);
        texts.iter().zip(digests).all(|(text, digest)| DigestKind::Sha256.of(text) == Digest(digest))
    })
}

/// A digest of bytes that come in pieces.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(sha2::Sha256),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    pub fn finish(&self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest(hasher.clone().finalize().into()),
            Self::Blake3(hasher) => Digest(*hasher.finalize().as_bytes()),
        }
    }
}

/// A digest of 32 bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The 64 digits.
    pub fn hex(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        Self::from_hex(digits.as_bytes()).ok_or_else(|| de::Error::custom("not 64 lower-case hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_by_side_is_as_one_by_one() {
        assert!(side_by_side_is_right(), "{}", tape_sha256::backend());
        let bytes: Vec<u8> = (0..300_000u32).map(|place| (place / 7) as u8).collect();
        for count in [0, 1, 2, 3, 4, 5, 15, 16, 17, 33, 70] {
            let texts: Vec<&[u8]> = (0..count).map(|text| &bytes[text * 11..][..(text * 4099) % 200_000]).collect();
            for kind in [DigestKind::Sha256, DigestKind::Blake3] {
                let expected: Vec<Digest> = texts.iter().map(|text| kind.of(text)).collect();
                assert_eq!(kind.of_each(&texts), expected);
            }
        }
    }

    /// FIPS 180-4's example "abc", and the first test vector of the BLAKE3 paper's repository (empty input).
    #[test]
    fn known_answers() {
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(DigestKind::Sha256.of(b"abc").to_string(), sha256);
        let blake3 = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(DigestKind::Blake3.of(b"").to_string(), blake3);
        assert_eq!(Digest::from_hex(sha256.as_bytes()).map(|digest| digest.hex().to_vec()), Some(sha256.into()));
        // In messages too a digest is its digits.
        assert_eq!(format!("{:?}", DigestKind::Sha256.of(b"abc")), sha256);
        assert_eq!(Digest::from_hex(sha256.to_uppercase().as_bytes()), None);
    }

    #[test]
    fn names_read_back_as_archives_spell_them() {
        for (kind, name) in [(DigestKind::Sha256, "sha256"), (DigestKind::Blake3, "blake3")] {
            assert_eq!((name.parse(), kind.to_string().as_str()), (Ok(kind), name));
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
        assert!("SHA256".parse::<DigestKind>().is_err());
    }
}
