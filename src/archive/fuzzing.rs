//! The door for the fuzzers in `fuzz/`: each function reads one text and gives what the writer spells for what was read. Only they see it.

use super::block::HeaderMaker;
use super::digest::DigestKind;
use super::end::End;
use super::index::{IndexText, Line, Sink, parse_line};
use super::info::BackupInfo;
use super::map::{self, Frame};
use super::member::Record;
use super::reader::ArchiveInput;
use crate::extent::ExtentMap;
use crate::stream::Input;

/// Reads a member's record.
pub fn record(text: &[u8]) -> Option<Vec<u8>> {
    let mut spelled = Vec::new();
    Record::parse(text)?.push(&mut spelled);
    Some(spelled)
}

/// Reads the headers of members that store nothing, as many as there are up to `most`, all of one archive.
pub fn headers(input: Box<dyn Input>, most: usize) -> Vec<u8> {
    let mut input = ArchiveInput::new(input);
    let mut spelled = Vec::new();
    let mut common = None;
    for _ in 0..most {
        let Ok(member) = input.next_member(common.as_ref()) else { break };
        HeaderMaker::new(&member.common.id, member.common.mtime).push(
            &mut spelled,
            &member.kind,
            &member.record,
            member.stored,
        );
        common = Some(member.common);
    }
    spelled
}

/// Reads a `backup-info.json`.
pub fn backup_info(text: &[u8]) -> Option<Vec<u8>> {
    BackupInfo::parse(text).ok().map(|info| info.text())
}

/// Reads an `end.json`.
pub fn end(text: &[u8]) -> Option<Vec<u8>> {
    End::parse(text).ok().map(|end| end.text())
}

/// Reads the stored bytes of a map of a device of this size: of an increment, whose map covers nothing in particular, if extents are `dirty`.
///
/// Gives the map, its digest, and what would be stored for it.
pub fn map(stored: &[u8], compressed: bool, size_bytes: u64, dirty: bool) -> Option<(ExtentMap, bool, Vec<u8>)> {
    let covered_from = if dirty { size_bytes } else { 0 };
    let frame = Frame { size_bytes, covered_from, dirty, inline: false };
    let (map, digest, length) = map::load(stored, compressed, &frame, DigestKind::Blake3).ok()?;
    let again = map::store(&map, dirty, DigestKind::Blake3);
    let same = (again.compressed, again.length, again.digest) == (compressed, length, digest);
    Some((map, same, again.bytes))
}

/// Reads any line of an index but the first, its newline included.
pub fn index_line(line: &[u8], kind: DigestKind) -> Option<Vec<u8>> {
    let mut text = IndexText::begin(Kept::default(), kind, 0, None);
    match parse_line(line, kind)? {
        Line::Member(landed) => text.push_member(&landed),
        Line::Zeros(range) => text.push_zeros(range),
    }
    let lines = text.finish().2.0;
    let first = lines.iter().position(|byte| *byte == b'\n')?;
    Some(lines[first + 1..].to_vec())
}

#[derive(Default)]
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn push(&mut self, text: &[u8]) {
        self.0.extend_from_slice(text);
    }
}
