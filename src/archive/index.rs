//! `index/<number>.jsonl.zst`, both directions (format-spec, section 8).

use super::FORMAT;
use super::digest::{Digest, DigestKind, Hasher};
use super::frame::TableEncoder;
use super::member::{MemberKind, parse_digest, push_digest};
use super::text::{Scanner, push_number};
use crate::extent::Range;

/// What an `extent/` member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes, with their digest.
    Data { compressed: bool, digest: Digest },
    /// Nothing: the range could not be read.
    Bad,
    /// Nothing: the range reads as zero.
    Zero,
}

/// One `extent/` member, as an index lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Its range on the device.
    pub range: Range,
    /// What it holds.
    pub content: Content,
    /// Where its `x` header begins in this part.
    pub position: u64,
    /// Size of its stored bytes without padding.
    pub stored: u64,
    /// Its number.
    pub seq: u64,
}

impl Landed {
    /// The member's name and record, without `seq`.
    pub fn kind(&self) -> MemberKind {
        let Range { start: offset, length } = self.range;
        match self.content {
            Content::Data { compressed, .. } => MemberKind::Data { offset, compressed },
            Content::Bad => MemberKind::Bad { offset, length },
            Content::Zero => MemberKind::Zero { offset, length },
        }
    }

    /// How many bytes it has before compression.
    pub fn plain_bytes(&self) -> u64 {
        if self.stored > 0 { self.range.length } else { 0 }
    }

    /// Whether its stored bytes are a frame.
    pub fn is_compressed(&self) -> bool {
        matches!(self.content, Content::Data { compressed: true, .. })
    }

    /// The word for what it holds.
    pub fn word(&self) -> &'static str {
        match self.content {
            Content::Data { .. } => "data",
            Content::Bad => "bad",
            Content::Zero => "zero",
        }
    }
}

/// One line of an index behind its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A member.
    Member(Landed),
    /// A range that reads as zero without a member of its own.
    Zeros(Range),
}

impl Line {
    /// The range of the device that it is about.
    pub fn range(&self) -> Range {
        match self {
            Self::Member(landed) => landed.range,
            Self::Zeros(range) => *range,
        }
    }
}

/// The text of one index, made line by line: hashed, and compressed where it will be written.
#[derive(Clone)]
pub struct IndexText<E> {
    encoder: E,
    hasher: Hasher,
    kind: DigestKind,
    length: u64,
    line: Vec<u8>,
}

/// Where the text goes: into a frame, or, for a reader that only compares, nowhere.
pub trait Sink {
    /// Takes a piece of the text.
    fn push(&mut self, text: &[u8]);
}

impl Sink for TableEncoder {
    fn push(&mut self, text: &[u8]) {
        TableEncoder::push(self, text);
    }
}

impl Sink for () {
    fn push(&mut self, _text: &[u8]) {}
}

impl<E: Sink> IndexText<E> {
    /// Begins an index with its first line.
    pub fn begin(encoder: E, kind: DigestKind, from: u64, previous: Option<u64>) -> Self {
        let mut text = Self { encoder, hasher: kind.hasher(), kind, length: 0, line: Vec::with_capacity(256) };
        push_first_line(&mut text.line, from, previous);
        text.flush();
        text
    }

    /// Adds a member's line.
    pub fn push_member(&mut self, landed: &Landed) {
        let line = &mut self.line;
        line.extend_from_slice(b"{\"name\":\"");
        landed.kind().push_path(line);
        push_key(line, "\",\"offset\":", landed.range.start);
        push_key(line, ",\"length\":", landed.range.length);
        line.extend_from_slice(b",\"kind\":\"");
        line.extend_from_slice(landed.word().as_bytes());
        line.push(b'"');
        if let Content::Data { digest, .. } = &landed.content {
            push_digest(line, self.kind.name(), digest);
        }
        push_key(line, ",\"position\":", landed.position);
        push_key(line, ",\"stored\":", landed.stored);
        push_key(line, ",\"seq\":", landed.seq);
        line.extend_from_slice(b"}\n");
        self.flush();
    }

    /// Adds the line of a range that reads as zero.
    pub fn push_zeros(&mut self, range: Range) {
        push_key(&mut self.line, "{\"offset\":", range.start);
        push_key(&mut self.line, ",\"length\":", range.length);
        self.line.extend_from_slice(b",\"kind\":\"zero\"}\n");
        self.flush();
    }

    /// Length of the text so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The text's length and digest, and where it went.
    pub fn finish(self) -> (u64, Digest, E) {
        (self.length, self.hasher.finish(), self.encoder)
    }

    fn flush(&mut self) {
        self.hasher.update(&self.line);
        self.encoder.push(&self.line);
        self.length += self.line.len() as u64;
        self.line.clear();
    }
}

fn push_key(line: &mut Vec<u8>, key: &str, number: u64) {
    line.extend_from_slice(key.as_bytes());
    push_number(line, number);
}

fn push_first_line(line: &mut Vec<u8>, from: u64, previous: Option<u64>) {
    push_key(line, "{\"index\":", FORMAT);
    push_key(line, ",\"from\":", from);
    if let Some(previous) = previous {
        push_key(line, ",\"previous\":", previous);
    }
    line.extend_from_slice(b"}\n");
}

/// The longest line of an index.
pub const LINE_MAX: u64 = 512;

/// Whether this is the first line of the index with this beginning and predecessor.
pub fn is_first_line(line: &[u8], from: u64, previous: Option<u64>) -> bool {
    let mut expected = Vec::new();
    push_first_line(&mut expected, from, previous);
    line == expected
}

/// Reads the first line of any index: where the one before it ended.
pub fn parse_first_line(line: &[u8]) -> Option<u64> {
    let mut scanner = Scanner::new(line);
    scanner.literal("{\"index\":1,\"from\":")?;
    let from = scanner.number()?;
    let previous = match scanner.literal(",\"previous\":") {
        Some(()) => Some(scanner.number()?),
        None => None,
    };
    is_first_line(line, from, previous).then_some(from)
}

/// Reads any line but the first, the newline included.
pub fn parse_line(line: &[u8], kind: DigestKind) -> Option<Line> {
    let mut scanner = Scanner::new(line);
    let path = match scanner.literal("{\"name\":\"") {
        None => {
            scanner.literal("{")?;
            None
        }
        Some(()) => {
            let path = scanner.plain(100)?;
            scanner.literal("\",")?;
            Some(path)
        }
    };
    scanner.literal("\"offset\":")?;
    let start = scanner.number()?;
    scanner.literal(",\"length\":")?;
    let range = Range { start, length: scanner.number()? };
    scanner.literal(",\"kind\":\"")?;
    let Some(path) = path else {
        scanner.literal("zero\"}\n")?;
        return scanner.end().map(|()| Line::Zeros(range));
    };
    let content = parse_content(&mut scanner, path, kind)?;
    scanner.literal(",\"position\":")?;
    let position = scanner.number()?;
    scanner.literal(",\"stored\":")?;
    let stored = scanner.number()?;
    scanner.literal(",\"seq\":")?;
    let landed = Landed { range, content, position, stored, seq: scanner.number()? };
    scanner.literal("}\n")?;
    scanner.end()?;
    (MemberKind::parse(path)? == landed.kind()).then_some(Line::Member(landed))
}

fn parse_content(scanner: &mut Scanner<'_>, path: &str, kind: DigestKind) -> Option<Content> {
    if scanner.literal("data\"").is_some() {
        let digest = parse_digest(scanner, kind.name())??;
        return Some(Content::Data { compressed: path.ends_with(".zst"), digest });
    }
    if scanner.literal("bad\"").is_some() {
        return Some(Content::Bad);
    }
    scanner.literal("zero\"").map(|()| Content::Zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Vec<u8>);

    impl Sink for Kept {
        fn push(&mut self, text: &[u8]) {
            self.0.extend_from_slice(text);
        }
    }

    #[test]
    fn lines_read_back() {
        let range = Range { start: 5_242_880, length: 4096 };
        let digest = DigestKind::Blake3.of(b"");
        let landed = |content| Landed { range, content, position: 1536, stored: 77, seq: 9 };
        let contents = [
            Content::Data { compressed: true, digest },
            Content::Data { compressed: false, digest },
            Content::Bad,
            Content::Zero,
        ];
        let mut text = IndexText::begin(Kept::default(), DigestKind::Blake3, 11, Some(22));
        contents.iter().for_each(|content| text.push_member(&landed(*content)));
        text.push_zeros(range);
        let (length, digest, Kept(bytes)) = text.finish();
        assert_eq!((length, digest), (bytes.len() as u64, DigestKind::Blake3.of(&bytes)));
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        assert!(is_first_line(lines[0], 11, Some(22)) && !is_first_line(lines[0], 11, None));
        assert_eq!((parse_first_line(lines[0]), parse_first_line(lines[1])), (Some(11), None));
        for (line, content) in lines[1..].iter().zip(contents) {
            assert_eq!(parse_line(line, DigestKind::Blake3), Some(Line::Member(landed(content))));
            assert_eq!(parse_line(&line[..line.len() - 1], DigestKind::Blake3), None);
        }
        assert_eq!(parse_line(lines[5], DigestKind::Blake3), Some(Line::Zeros(range)));
        assert_eq!(parse_line(lines[1], DigestKind::Sha256), None);
    }
}
