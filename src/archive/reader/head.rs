//! Everything before the data: backup-info, RESTORE.txt, attached files and the map.

use super::super::canonical::ParseFailure;
use super::super::digest::{Digest, DigestKind};
use super::super::info::{BackupInfo, check_requires};
use super::super::label::{self, Label};
use super::super::member::{MemberKind, Record};
use super::super::{limit, map};
use super::input::{ArchiveInput, Common, Member};
use super::{Documents, Reading};
use crate::error::{Error, Result};
use crate::extent::ExtentMap;

/// What stands before the data.
pub struct Head {
    /// What all headers have in common.
    pub common: Common,
    /// The backup-info.
    pub info: BackupInfo,
    /// Its digest.
    pub info_digest: Digest,
    /// The map.
    pub map: ExtentMap,
    /// Its digest.
    pub map_digest: Digest,
    /// Where its `x` header begins.
    pub map_position: u64,
    /// The number of the next member.
    pub next_seq: u64,
    /// The text of RESTORE.txt; empty where it was damaged and passed over.
    pub restore_text: Vec<u8>,
    /// The contents of the attached files that were asked for.
    pub attached: Vec<Vec<u8>>,
    /// What is wrong with members on which no data depends.
    pub faults: Vec<String>,
}

impl Head {
    /// Takes out what only some readers keep.
    pub fn take_documents(&mut self) -> Documents {
        Documents { restore_text: std::mem::take(&mut self.restore_text), attached: std::mem::take(&mut self.attached) }
    }
}

/// Which attached files' contents to keep.
#[derive(Clone, Copy)]
pub enum Attachments<'a> {
    /// Those of all files.
    All,
    /// That of the file of this name, if there is one.
    Named(Option<&'a str>),
}

impl Attachments<'_> {
    fn is(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(wanted) => wanted == Some(name),
        }
    }
}

/// The first member of an archive or part.
pub struct First {
    /// The backup-info.
    pub info: BackupInfo,
    /// Its digest.
    pub info_digest: Digest,
    /// What all headers have in common.
    pub common: Common,
    seq: u64,
    position: u64,
}

/// Reads only the first member.
pub fn read_info(input: &mut ArchiveInput) -> Result<First> {
    let member = input.next_member(None)?;
    if is_label(&member) {
        return Err(label_instead(input, &member));
    }
    let digest_kind = member.record.digest.map(|(kind, _)| kind);
    let (MemberKind::BackupInfo, Some(digest_kind)) = (&member.kind, digest_kind) else {
        return Err(input.damaged(member.position, "the first member is not backup-info.json"));
    };
    let (text, info_digest) = read_document(input, &member, digest_kind, limit::BACKUP_INFO)?;
    let info = BackupInfo::parse(&text).map_err(|failure| unusable(input, member.position, failure))?;
    let common = Common { id: info.id.clone(), mtime: info.mtime() };
    if info.digest != digest_kind || member.common != common {
        return Err(input.damaged(member.position, "backup-info.json does not fit its own headers"));
    }
    Ok(First { info, info_digest, common, seq: member.record.seq, position: member.position })
}

/// Reads a label: its only member, and zeros up to the end of the input.
pub fn read_label(input: &mut ArchiveInput) -> Result<Label> {
    let member = input.next_member(None)?;
    if !is_label(&member) {
        return Err(input.damaged(member.position, "the first member is not medium.json"));
    }
    let label = read_label_member(input, &member)?;
    input.read_zeros_to_the_end()?;
    Ok(label)
}

fn is_label(member: &Member) -> bool {
    matches!(&member.kind, MemberKind::Unknown(path) if path == label::PATH)
}

fn read_label_member(input: &mut ArchiveInput, member: &Member) -> Result<Label> {
    check_known(input, member)?;
    let (text, _) = read_document(input, member, DigestKind::Sha256, limit::LABEL)?;
    let label = Label::parse(&text).map_err(|failure| unusable(input, member.position, failure))?;
    let mtime = u64::try_from(label.created.as_second()).unwrap_or(0);
    if member.record.seq != 0 || member.common != (Common { id: label.id.clone(), mtime }) {
        return Err(input.damaged(member.position, "medium.json does not fit its own headers"));
    }
    Ok(label)
}

/// The error of a reader of archives that meets a label.
fn label_instead(input: &mut ArchiveInput, member: &Member) -> Error {
    let label = match read_label_member(input, member) {
        Ok(label) => label,
        Err(error) => return error,
    };
    let why = format!("it is the label of medium {}, not a backup", label.name);
    let remedy = "go on to the tape file behind it, or choose a backup with --file, --name or --id".to_owned();
    Error::refused(format!("read {}", input.name()), why, Some(remedy))
}

/// Reads what is left of the head of an archive, or of any part of one, behind its first member, with the contents of the attached files that are wanted.
///
/// [`Reading::Through`] goes on behind a RESTORE.txt or attached file that is damaged: no data depends on it.
pub fn read_behind_info(
    input: &mut ArchiveInput,
    first: First,
    wanted: Attachments<'_>,
    reading: Reading,
) -> Result<Head> {
    let mut faults = Vec::new();
    let read = read_noting(input, first, wanted, reading, &mut faults);
    read.map_err(|failure| behind(input.name(), faults, failure))
}

/// The failure that ends a head in which faults were passed over: these came first, and make it damaged.
fn behind(archive: &str, mut faults: Vec<String>, failure: Error) -> Error {
    if faults.is_empty() {
        return failure;
    }
    match failure {
        Error::Damaged { why, .. } | Error::Incomplete { why, .. } => faults.push(why),
        Error::Refused(refusal) => faults.push(refusal.why),
        other => return other,
    }
    Error::damaged(archive, faults.join("; then, "))
}

fn read_noting(
    input: &mut ArchiveInput,
    first: First,
    wanted: Attachments<'_>,
    reading: Reading,
    faults: &mut Vec<String>,
) -> Result<Head> {
    let First { info, info_digest, common, seq, position } = first;
    let first_seq = info.part.as_ref().map_or(0, |part| part.first_seq);
    if seq != first_seq {
        return Err(input.damaged(position, format!("the first member's number is not {first_seq}")));
    }
    let mut next_seq = seq + 1;
    let mut expected = vec![MemberKind::RestoreText];
    expected.extend(info.attached.iter().flatten().map(|file| MemberKind::Attached(file.name.clone())));
    let (mut restore_text, mut attached) = (Vec::new(), Vec::new());
    for (place, kind) in expected.iter().enumerate() {
        let member = next_known(input, &common, info.digest, &mut next_seq)?;
        if member.kind != *kind {
            let why = format!("there is {} where {} must be", member.kind.path(), kind.path());
            return Err(input.damaged(member.position, why));
        }
        let most = if place == 0 { limit::RESTORE_TEXT } else { limit::ATTACHED };
        // One whose size is wrong does not tell where the next member begins.
        let can_go_on = reading == Reading::Through && member.stored <= most && member.stored == member.record.length;
        let (text, digest) = match read_document(input, &member, info.digest, most) {
            Err(Error::Damaged { why, .. }) if can_go_on => {
                faults.push(why);
                continue;
            }
            outcome => outcome?,
        };
        let file = place.checked_sub(1).and_then(|place| info.attached.as_ref()?.get(place));
        if file.is_some_and(|file| file.digest() != Some(digest) || file.length != text.len() as u64) {
            return Err(input.damaged(member.position, "an attached file is not the one that backup-info.json lists"));
        }
        match file {
            None => restore_text = text,
            Some(file) if wanted.is(&file.name) => attached.push(text),
            Some(_) => {}
        }
    }
    let member = next_known(input, &common, info.digest, &mut next_seq)?;
    let (map, map_digest) = read_map(input, &member, &info)?;
    let (map_position, faults) = (member.position, std::mem::take(faults));
    Ok(Head { common, info, info_digest, map, map_digest, map_position, next_seq, restore_text, attached, faults })
}

/// The next member of a kind that this version knows; checks its number.
pub fn next_known(input: &mut ArchiveInput, common: &Common, digest: DigestKind, next_seq: &mut u64) -> Result<Member> {
    loop {
        let member = input.next_member(Some(common))?;
        if member.record.seq != *next_seq {
            let why = format!(
                "there is member number {} where number {next_seq} must be: something is missing, doubled or in another order",
                member.record.seq
            );
            return Err(input.damaged(member.position, why));
        }
        *next_seq += 1;
        if let MemberKind::Unknown(path) = &member.kind {
            let misspelt = ["attached/", "extent/", "index/"].iter().any(|folder| path.starts_with(folder));
            if member.record.optional && !misspelt {
                skip_optional(input, &member, digest)?;
                continue;
            }
            check_requires(&member.record.requires).map_err(|failure| unusable(input, member.position, failure))?;
            if misspelt {
                return Err(input.damaged(
                    member.position,
                    format!("there is {path}, which is not spelt as a member's name must be"),
                ));
            }
            let why = format!("it has a member {path}, which this version does not know");
            return Err(unusable(input, member.position, ParseFailure::NotUnderstood(why)));
        }
        check_known(input, &member)?;
        return Ok(member);
    }
}

/// Whether a member of a known kind asks for nothing that this version does not know, and is what its name says.
pub fn check_known(input: &ArchiveInput, member: &Member) -> Result<()> {
    check_requires(&member.record.requires).map_err(|failure| unusable(input, member.position, failure))?;
    check_shape(member).map_err(|why| input.damaged(member.position, why))
}

/// Passes over a member of an unknown kind: its headers and size are checked, its bytes are not.
fn skip_optional(input: &mut ArchiveInput, member: &Member, kind: DigestKind) -> Result<()> {
    if member.stored > limit::OPTIONAL_STORED {
        return Err(input.damaged(member.position, "an optional member is longer than any may be"));
    }
    let Record { offset, digest, bad, zero, .. } = &member.record;
    if offset.is_some() || digest.is_none_or(|(found, _)| found != kind) || *bad || *zero {
        return Err(input.damaged(member.position, "an optional member's record is not that of one"));
    }
    input.skip_stored(member.stored)
}

/// Whether a record has the keys that a member of its kind must have, and says the same as the name.
pub fn check_shape(member: &Member) -> std::result::Result<(), &'static str> {
    let Record { offset, length, bad, zero, .. } = member.record;
    let digest = member.record.digest.is_some();
    let sound = match member.kind {
        MemberKind::Data { offset: named, .. } => offset == Some(named) && digest && !bad && !zero,
        MemberKind::Bad { offset: named, length: long } => {
            offset == Some(named) && length == long && !digest && bad && !zero
        }
        MemberKind::Zero { offset: named, length: long } => {
            offset == Some(named) && length == long && !digest && !bad && zero
        }
        _ => offset.is_none() && digest && !bad && !zero,
    };
    let plain = !member.record.optional && member.record.stored_sha256.is_none();
    if sound && plain { Ok(()) } else { Err("a member's record does not fit its name") }
}

/// Reads a member that is stored plain and checks its digest.
pub fn read_document(
    input: &mut ArchiveInput,
    member: &Member,
    kind: DigestKind,
    most: u64,
) -> Result<(Vec<u8>, Digest)> {
    if member.stored > most || member.stored != member.record.length {
        return Err(input.damaged(member.position, format!("{} is longer than it may be or says", member.kind.path())));
    }
    let text = input.read_stored(member)?;
    let digest = kind.of(&text);
    check_digest(input, member, kind, digest)?;
    Ok((text, digest))
}

/// Holds a computed digest against the member's record.
pub fn check_digest(input: &ArchiveInput, member: &Member, kind: DigestKind, digest: Digest) -> Result<()> {
    if member.record.digest == Some((kind, digest)) {
        return Ok(());
    }
    Err(input.damaged(member.position, format!("{} does not have the digest in its record", member.kind.path())))
}

fn read_map(input: &mut ArchiveInput, member: &Member, info: &BackupInfo) -> Result<(ExtentMap, Digest)> {
    let MemberKind::Map { compressed } = member.kind else {
        return Err(input.damaged(member.position, format!("there is {} where the map must be", member.kind.path())));
    };
    let most = if compressed { limit::TABLE_STORED } else { limit::MAP_PLAIN };
    if member.stored > most {
        return Err(input.damaged(member.position, "the map is longer than any may be"));
    }
    let stored = input.read_stored(member)?;
    let (map, digest, length) = map::load(&stored, compressed, &map::Frame::of(info), info.digest)
        .map_err(|why| input.damaged(member.position, why))?;
    check_digest(input, member, info.digest, digest)?;
    if length != member.record.length {
        return Err(input.damaged(member.position, "the map's length is not the one in its record"));
    }
    Ok((map, digest))
}

/// The error for a JSON member that cannot be used.
pub fn unusable(input: &ArchiveInput, position: u64, failure: ParseFailure) -> Error {
    match failure {
        ParseFailure::Damaged(why) => input.damaged(position, why),
        ParseFailure::NotUnderstood(why) => {
            Error::refused(format!("read {}", input.name()), why, Some("use a newer blocktar".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
