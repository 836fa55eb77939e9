//! A member's name and record, both directions (format-spec, section 2).

use super::digest::{Digest, DigestKind};
use super::text::{Scanner, push_number, push_padded};
use super::{FORMAT, limit};

/// What a member is, as its name below the archive's id tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// `backup-info.json`.
    BackupInfo,
    /// `RESTORE.txt`.
    RestoreText,
    /// `attached/<name>`.
    Attached(String),
    /// `extents.json`, or `extents.json.zst`.
    Map { compressed: bool },
    /// `extent/<offset>`, or `extent/<offset>.zst`.
    Data { offset: u64, compressed: bool },
    /// `extent/<offset>.<length>.bad`.
    Bad { offset: u64, length: u64 },
    /// `extent/<offset>.<length>.zero`.
    Zero { offset: u64, length: u64 },
    /// `index/<number>.jsonl.zst`.
    Index(u64),
    /// `end.json`.
    End,
    /// A name that version 1 does not have.
    Unknown(String),
}

const OFFSET_DIGITS: usize = 20;
const INDEX_DIGITS: usize = 8;
/// The longest last component of a name, in bytes: it must fit into the `x` header's name too.
const LAST_COMPONENT_MAX: usize = limit::ATTACHED_NAME;

/// Whether a byte may stand in a component of a name.
pub fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+=@-".contains(&byte)
}

/// Whether this may be one component of a name.
pub fn is_name_component(component: &str) -> bool {
    !component.is_empty() && !component.starts_with('.') && component.bytes().all(is_name_byte)
}

impl MemberKind {
    /// Reads a path below the id; `None` if it is not spelled like a name at all.
    pub fn parse(path: &str) -> Option<Self> {
        let last = path.rsplit('/').next().unwrap_or(path);
        if !path.split('/').all(is_name_component) || last.len() > LAST_COMPONENT_MAX {
            return None;
        }
        let known = match path {
            "backup-info.json" => Some(Self::BackupInfo),
            "RESTORE.txt" => Some(Self::RestoreText),
            "extents.json" => Some(Self::Map { compressed: false }),
            "extents.json.zst" => Some(Self::Map { compressed: true }),
            "end.json" => Some(Self::End),
            _ => Self::parse_folder(path),
        };
        Some(known.unwrap_or_else(|| Self::Unknown(path.to_owned())))
    }

    fn parse_folder(path: &str) -> Option<Self> {
        let (folder, name) = path.split_once('/')?;
        let mut scanner = Scanner::new(name.as_bytes());
        match folder {
            "attached" if name.len() <= limit::ATTACHED_NAME && !name.contains('/') => {
                Some(Self::Attached(name.to_owned()))
            }
            "extent" => Self::parse_extent(scanner),
            "index" => {
                let number = scanner.padded(INDEX_DIGITS)?;
                scanner.literal(".jsonl.zst")?;
                scanner.end().map(|()| Self::Index(number))
            }
            _ => None,
        }
    }

    fn parse_extent(mut scanner: Scanner<'_>) -> Option<Self> {
        let offset = scanner.padded(OFFSET_DIGITS)?;
        if scanner.end().is_some() {
            return Some(Self::Data { offset, compressed: false });
        }
        scanner.literal(".")?;
        if scanner.literal("zst").is_some() {
            return scanner.end().map(|()| Self::Data { offset, compressed: true });
        }
        let length = scanner.number()?;
        let kind = match scanner.literal(".bad") {
            Some(()) => Self::Bad { offset, length },
            None => scanner.literal(".zero").map(|()| Self::Zero { offset, length })?,
        };
        scanner.end().map(|()| kind)
    }

    /// Appends the path below the id.
    pub fn push_path(&self, path: &mut Vec<u8>) {
        match self {
            Self::BackupInfo => path.extend_from_slice(b"backup-info.json"),
            Self::RestoreText => path.extend_from_slice(b"RESTORE.txt"),
            Self::Attached(name) => {
                path.extend_from_slice(b"attached/");
                path.extend_from_slice(name.as_bytes());
            }
            Self::Map { compressed: false } => path.extend_from_slice(b"extents.json"),
            Self::Map { compressed: true } => path.extend_from_slice(b"extents.json.zst"),
            Self::Data { offset, compressed } => {
                push_extent(path, *offset);
                path.extend_from_slice(if *compressed { b".zst" } else { b"" });
            }
            Self::Bad { offset, length } => push_marked(path, *offset, *length, b".bad"),
            Self::Zero { offset, length } => push_marked(path, *offset, *length, b".zero"),
            Self::Index(number) => {
                path.extend_from_slice(b"index/");
                push_padded(path, *number, INDEX_DIGITS);
                path.extend_from_slice(b".jsonl.zst");
            }
            Self::End => path.extend_from_slice(b"end.json"),
            Self::Unknown(name) => path.extend_from_slice(name.as_bytes()),
        }
    }

    /// Whether what it stores is a frame.
    pub fn is_compressed(&self) -> bool {
        matches!(self, Self::Map { compressed: true } | Self::Data { compressed: true, .. } | Self::Index(_))
    }

    /// The path below the id, for messages.
    pub fn path(&self) -> String {
        let mut path = Vec::new();
        self.push_path(&mut path);
        String::from_utf8_lossy(&path).into_owned()
    }
}

fn push_extent(path: &mut Vec<u8>, offset: u64) {
    path.extend_from_slice(b"extent/");
    push_padded(path, offset, OFFSET_DIGITS);
}

fn push_marked(path: &mut Vec<u8>, offset: u64, length: u64, suffix: &[u8]) {
    push_extent(path, offset);
    path.push(b'.');
    push_number(path, length);
    path.extend_from_slice(suffix);
}

/// What a member's record says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The member's number.
    pub seq: u64,
    /// Offset on the device, of `extent/` members.
    pub offset: Option<u64>,
    /// Bytes before compression, or of the range.
    pub length: u64,
    /// Digest of these bytes and its kind.
    pub digest: Option<(DigestKind, Digest)>,
    /// A range that could not be read.
    pub bad: bool,
    /// A range of zeros.
    pub zero: bool,
    /// What a reader must know.
    pub requires: Vec<String>,
    /// Whether a reader that does not know this kind of member may skip it.
    pub optional: bool,
    /// Reserved: digest of the stored bytes.
    pub stored_sha256: Option<Digest>,
}

impl Record {
    /// Appends the record as JSON in its one spelling.
    pub fn push(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(b"{\"blocktar\":");
        push_number(text, FORMAT);
        text.extend_from_slice(b",\"seq\":");
        push_number(text, self.seq);
        if let Some(offset) = self.offset {
            text.extend_from_slice(b",\"offset\":");
            push_number(text, offset);
        }
        text.extend_from_slice(b",\"length\":");
        push_number(text, self.length);
        if let Some((kind, digest)) = &self.digest {
            push_digest(text, kind.name(), digest);
        }
        text.extend_from_slice(if self.bad { b",\"bad\":true" } else { b"" });
        text.extend_from_slice(if self.zero { b",\"zero\":true" } else { b"" });
        if !self.requires.is_empty() {
            text.extend_from_slice(b",\"requires\":[\"");
            text.extend_from_slice(self.requires.join("\",\"").as_bytes());
            text.extend_from_slice(b"\"]");
        }
        text.extend_from_slice(if self.optional { b",\"optional\":true" } else { b"" });
        if let Some(digest) = &self.stored_sha256 {
            push_digest(text, "stored_sha256", digest);
        }
        text.push(b'}');
    }

    /// Reads a record; `None` if it is not exactly in the one spelling.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let mut record = Self::default();
        scanner.literal("{\"blocktar\":1,\"seq\":")?;
        record.seq = scanner.number()?;
        if scanner.literal(",\"offset\":").is_some() {
            record.offset = Some(scanner.number()?);
        }
        scanner.literal(",\"length\":")?;
        record.length = scanner.number()?;
        for kind in [DigestKind::Sha256, DigestKind::Blake3] {
            if record.digest.is_none() {
                record.digest = parse_digest(&mut scanner, kind.name())?.map(|digest| (kind, digest));
            }
        }
        record.bad = scanner.literal(",\"bad\":true").is_some();
        record.zero = scanner.literal(",\"zero\":true").is_some();
        if scanner.literal(",\"requires\":[").is_some() {
            record.requires = parse_requires(&mut scanner)?;
        }
        record.optional = scanner.literal(",\"optional\":true").is_some();
        record.stored_sha256 = parse_digest(&mut scanner, "stored_sha256")?;
        scanner.literal("}")?;
        scanner.end().map(|()| record)
    }
}

/// Appends `,"<key>":"<digest>"`.
pub fn push_digest(text: &mut Vec<u8>, key: &str, digest: &Digest) {
    text.extend_from_slice(b",\"");
    text.extend_from_slice(key.as_bytes());
    text.extend_from_slice(b"\":\"");
    text.extend_from_slice(&digest.hex());
    text.push(b'"');
}

/// Takes `,"<key>":"<digest>"` if it is there; `None` if it begins so and then goes wrong.
pub fn parse_digest(scanner: &mut Scanner<'_>, key: &str) -> Option<Option<Digest>> {
    let mut ahead = *scanner;
    if ahead.literal(",\"").and_then(|()| ahead.literal(key)).and_then(|()| ahead.literal("\":\"")).is_none() {
        return Some(None);
    }
    let digest = ahead.digest()?;
    ahead.literal("\"")?;
    *scanner = ahead;
    Some(Some(digest))
}

fn parse_requires(scanner: &mut Scanner<'_>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    loop {
        scanner.literal("\"")?;
        names.push(scanner.plain(limit::RECORD)?.to_owned());
        scanner.literal("\"")?;
        if !scanner.byte(b',') {
            return scanner.literal("]").map(|()| names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for path in [
            "backup-info.json",
            "RESTORE.txt",
            "attached/vm-7.xml",
            "extents.json",
            "extents.json.zst",
            "extent/00000000001073741824",
            "extent/00000000001073741824.zst",
            "extent/00000000000000000000.4096.bad",
            "extent/00009007199254740991.1.zero",
            "index/00000012.jsonl.zst",
            "end.json",
        ] {
            let kind = MemberKind::parse(path).expect(path);
            assert!(!matches!(kind, MemberKind::Unknown(_)), "{path}");
            assert_eq!(kind.path(), path);
        }
    }

    #[test]
    fn odd_names_are_not_taken_for_known_ones() {
        for path in [
            "extent/1",
            "extent/00009007199254740992",
            "extent/00000000000000000000.gz",
            "extent/00000000000000000000.04.bad",
            "index/1.jsonl.zst",
            "attached/a/b",
        ] {
            assert!(matches!(MemberKind::parse(path), Some(MemberKind::Unknown(_))), "{path}");
        }
        for path in ["", "..", "/etc/passwd", "extent/../x", "a//b", "attached/", "extent/.hidden", "a b", "ä"] {
            assert_eq!(MemberKind::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_last_component_has_at_most_50_bytes() {
        for length in [50, 51, 52, 90] {
            let path = format!("parity/{}", "x".repeat(length));
            assert_eq!(MemberKind::parse(&path).is_some(), length <= 50, "{length}");
        }
        assert!(MemberKind::parse(&format!("{}/x", "x".repeat(60))).is_some());
    }

    #[test]
    fn records_read_back_and_nothing_else_does() {
        let digest = DigestKind::Sha256.of(b"");
        let full = Record {
            seq: 7,
            offset: Some(4096),
            length: 512,
            digest: Some((DigestKind::Blake3, digest)),
            bad: true,
            zero: true,
            requires: vec!["age".into(), "x.y".into()],
            optional: true,
            stored_sha256: Some(digest),
        };
        for record in [full, Record { seq: 1, length: 3, ..Record::default() }] {
            let mut text = Vec::new();
            record.push(&mut text);
            assert_eq!(Record::parse(&text), Some(record));
            for length in 0..text.len() {
                assert_eq!(Record::parse(&text[..length]), None);
            }
            assert_eq!(Record::parse(&[&text[..], b" "].concat()), None);
        }
        assert_eq!(Record::parse(br#"{"blocktar":1,"length":3,"seq":1}"#), None);
        assert_eq!(Record::parse(br#"{"blocktar":2,"seq":1,"length":3}"#), None);
    }
}
