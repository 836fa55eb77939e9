//! What a member holds, once its digest has proved it.

use super::super::super::block::{BLOCK, PAX_MAX, padded, parse_header, parse_pax};
use super::super::super::canonical::ParseFailure;
use super::super::super::digest::{Digest, DigestKind};
use super::super::super::end::End;
use super::super::super::frame::Decompressor;
use super::super::super::info::{BackupInfo, check_requires, is_id};
use super::super::super::limit;
use super::super::super::member::{MemberKind, Record};
use super::super::forward::digest_table;
use super::super::head::check_shape;
use super::super::input::{Member, check_names};

/// The longest headers of a member: both blocks and the record between them.
pub const HEADERS_MAX: usize = 2 * BLOCK + (PAX_MAX as usize).next_multiple_of(BLOCK);

/// The longest table's text (format-spec, section 11).
const TABLE_PLAIN: u64 = 160 << 20;

/// What a sound member holds.
pub enum Content {
    /// The backup-info.
    Info(Box<BackupInfo>),
    /// The stored bytes of the map, whose text has its digest.
    Map(Vec<u8>),
    /// The bytes of a data member.
    Data(Vec<u8>),
    /// Nothing: the name says all.
    Named,
    /// The stored bytes of an index, whose text has its digest.
    Index(Vec<u8>),
    /// The end member.
    End(Box<End>),
    /// Something of which the device's bytes do not depend.
    Other,
}

/// Whether these bytes begin as a member does.
pub fn begins_as_member(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|block| parse_header(block, tar::EntryType::XHeader).is_some())
}

/// The member whose sound headers these bytes begin with, and the length of its headers.
pub fn sound_headers(bytes: &[u8], position: u64) -> Option<(Member, usize)> {
    let extended = parse_header(bytes.first_chunk()?, tar::EntryType::XHeader)?;
    if extended.size > PAX_MAX {
        return None;
    }
    let header_at = BLOCK + padded(extended.size) as usize;
    let record = parse_pax(bytes.get(BLOCK..BLOCK + extended.size as usize)?).and_then(Record::parse)?;
    let header = parse_header(bytes.get(header_at..)?.first_chunk()?, tar::EntryType::Regular)?;
    let (common, kind) = check_names(&extended, &header, None).ok()?;
    let member = Member { common, kind, record, stored: header.size, position };
    let usable = is_id(&member.common.id) && (matches!(member.kind, MemberKind::Unknown(_)) || is_known(&member));
    usable.then_some((member, header_at + BLOCK))
}

fn is_known(member: &Member) -> bool {
    check_shape(member).is_ok() && check_requires(&member.record.requires).is_ok()
}

/// The most bytes that a member of this kind may store, in an archive whose backup-info may be known.
pub fn stored_max(kind: &MemberKind, info: Option<&BackupInfo>) -> u64 {
    match kind {
        MemberKind::BackupInfo => limit::BACKUP_INFO,
        MemberKind::RestoreText => limit::RESTORE_TEXT,
        MemberKind::Attached(_) => limit::ATTACHED,
        MemberKind::Map { compressed: false } => limit::MAP_PLAIN,
        MemberKind::Map { compressed: true } | MemberKind::Index(_) => limit::TABLE_STORED,
        MemberKind::Data { .. } => info.map_or(*limit::EXTENT.end(), |info| info.extent_limit),
        MemberKind::End => limit::END,
        MemberKind::Bad { .. } | MemberKind::Zero { .. } => 0,
        // Its bytes are not read.
        MemberKind::Unknown(_) => limit::OPTIONAL_STORED,
    }
}

/// What a member's stored bytes are, held against its digest. Why they are of no use, otherwise.
pub fn prove(member: &Member, stored: &[u8], unpack: &mut Decompressor) -> Result<Content, ParseFailure> {
    let Some((kind, digest)) = member.record.digest else { return Ok(Content::Named) };
    let (content, found) = match &member.kind {
        MemberKind::Data { compressed, .. } => {
            let plain = data_bytes(member, *compressed, stored, unpack).map_err(ParseFailure::Damaged)?;
            let found = kind.of(&plain);
            (Content::Data(plain), found)
        }
        MemberKind::Map { compressed: true } => (Content::Map(stored.to_vec()), table_digest(member, kind, stored)?),
        MemberKind::Index(_) => (Content::Index(stored.to_vec()), table_digest(member, kind, stored)?),
        MemberKind::Map { compressed: false } => (Content::Map(stored.to_vec()), kind.of(stored)),
        _ => (Content::Other, kind.of(stored)),
    };
    if found != digest || (!member.kind.is_compressed() && stored.len() as u64 != member.record.length) {
        return Err(ParseFailure::Damaged("its bytes do not have the digest in its record".to_owned()));
    }
    match member.kind {
        MemberKind::BackupInfo => parse_info(member, stored),
        MemberKind::End => parse_end(member, stored),
        _ => Ok(content),
    }
}

fn parse_info(member: &Member, text: &[u8]) -> Result<Content, ParseFailure> {
    let info = BackupInfo::parse(text)?;
    if info.id != member.common.id || info.mtime() != member.common.mtime {
        return Err(ParseFailure::Damaged("it does not fit its own headers".to_owned()));
    }
    Ok(Content::Info(Box::new(info)))
}

fn parse_end(member: &Member, text: &[u8]) -> Result<Content, ParseFailure> {
    let end = End::parse(text)?;
    let first_seq = end.backup_info.part.as_ref().map_or(0, |part| part.first_seq);
    let numbered = member.record.seq.checked_add(1) == first_seq.checked_add(end.members);
    if end.id != member.common.id || end.backup_info.id != end.id || !numbered {
        return Err(ParseFailure::Damaged("it is not the end of this archive".to_owned()));
    }
    Ok(Content::End(Box::new(end)))
}

fn data_bytes(member: &Member, compressed: bool, stored: &[u8], unpack: &mut Decompressor) -> Result<Vec<u8>, String> {
    let length = member.record.length;
    if length == 0 || length > *limit::EXTENT.end() {
        return Err("its length is none that a member may have".to_owned());
    }
    if compressed {
        let mut plain = vec![0; length as usize];
        return unpack.decompress(stored, &mut plain).map(|()| plain);
    }
    Ok(stored.to_vec())
}

/// The digest of a compressed table's text, which is as long as the record says.
fn table_digest(member: &Member, kind: DigestKind, stored: &[u8]) -> Result<Digest, ParseFailure> {
    let length = member.record.length;
    let sound = length <= TABLE_PLAIN;
    let table = if sound { digest_table(stored, kind, length) } else { Err("its text is too long".to_owned()) };
    match table.map_err(ParseFailure::Damaged)? {
        (digest, found) if found == length => Ok(digest),
        _ => Err(ParseFailure::Damaged("its text has another length than its record says".to_owned())),
    }
}
