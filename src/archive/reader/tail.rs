//! Finds how an archive ends, in an input that can seek.

use super::super::digest::{Digest, DigestKind};
use super::super::end::End;
use super::super::member::MemberKind;
use super::super::{block::BLOCK, limit};
use super::ending::Ending;
use super::head::{next_known, read_document, unusable};
use super::input::{ArchiveInput, Common, Member};
use super::parts::PartInput;
use crate::error::{Error, Result};

/// An archive whose end is there was not cut: where reading ran into its end, it was sent there by a wrong position or size.
pub fn not_cut(error: Error) -> Error {
    match error {
        Error::Incomplete { archive, .. } => {
            Error::damaged(archive, "it has its end, but a position or a size in it leads beyond")
        }
        other => other,
    }
}

/// The error of an archive without an end member.
pub fn no_end(input: &ArchiveInput) -> Error {
    Error::incomplete(input.name(), "it has no end member")
}

/// Finds the end member by going back over the zeros at the end. Where there is none: what is wrong with the best candidate, if there is one.
pub fn find_end(
    input: &mut ArchiveInput,
    common: &Common,
    digest: DigestKind,
) -> Result<std::result::Result<Ending, Option<Error>>> {
    let length = input.length().unwrap_or(0);
    let Some(content_end) = last_nonzero(input, length)? else { return Ok(Err(None)) };
    let window_start = content_end.saturating_sub(limit::CLOSING) / BLOCK as u64 * BLOCK as u64;
    input.seek_to(window_start)?;
    let mut window = vec![0; (content_end - window_start) as usize];
    input.read_exact(&mut window)?;
    let name = format!("{}/PaxHeaders/end.json\0", common.id);
    let mut failure = None;
    for (place, _) in window.chunks(BLOCK).enumerate().rev().filter(|(_, block)| block.starts_with(name.as_bytes())) {
        let position = window_start + (place * BLOCK) as u64;
        match read_end(input, common, digest, position, length) {
            Ok(ending) => return Ok(Ok(ending)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Ok(Err(failure))
}

/// The state that the end of this part names, if an end can be reached now: for whoever goes on front to back and reads it when its turn comes. The input
/// stands then where it stood.
///
/// # Errors
/// Failed reads only.
pub fn foretell_state(part: &mut PartInput) -> Result<Option<Digest>> {
    let PartInput { input, first } = part;
    if input.length().is_none() {
        return Ok(None);
    }
    let here = input.position();
    let state = match find_end(input, &first.common, first.info.digest) {
        Err(error @ (Error::Io(_) | Error::Interrupted { .. })) => return Err(error),
        found => found.ok().and_then(std::result::Result::ok).and_then(|ending| ending.end.state),
    };
    input.seek_to(here)?;
    Ok(state)
}

/// Whether the end member stands where the last index says that it must: else it ends something else that was appended.
pub fn check_last_index(input: &mut ArchiveInput, common: &Common, digest: DigestKind, ending: &Ending) -> Result<()> {
    let found = behind_last_index(input, common, digest, ending).map_err(not_cut)?;
    if found.kind == MemberKind::End && found.position == ending.position {
        return Ok(());
    }
    let why = "the end member does not follow the last index: there are two archives in one, or something was put in";
    Err(input.damaged(ending.position, why))
}

/// The member behind the last index.
fn behind_last_index(input: &mut ArchiveInput, common: &Common, digest: DigestKind, ending: &Ending) -> Result<Member> {
    let Some(last) = ending.end.indexes.last() else {
        return Err(input.damaged(ending.position, "the end member names no index"));
    };
    input.seek_to(*last)?;
    let index = input.next_member(Some(common))?;
    input.skip_stored(index.stored)?;
    let mut next_seq = index.record.seq.saturating_add(1);
    next_known(input, common, digest, &mut next_seq)
}

fn read_end(
    input: &mut ArchiveInput,
    common: &Common,
    digest: DigestKind,
    position: u64,
    length: u64,
) -> Result<Ending> {
    input.seek_to(position)?;
    let member = input.next_member(Some(common))?;
    if member.kind != MemberKind::End {
        return Err(input.damaged(position, "there is no end member"));
    }
    let (text, _) = read_document(input, &member, digest, limit::END)?;
    let end = End::parse(&text).map_err(|failure| unusable(input, position, failure))?;
    let behind = input.position();
    let first_seq = end.backup_info.part.as_ref().map_or(0, |part| part.first_seq);
    if member.record.seq.checked_add(1) != first_seq.checked_add(end.members) || end.id != common.id {
        return Err(input.damaged(position, "the end member does not fit"));
    }
    input.read_zeros_to_the_end()?;
    Ok(Ending::of_part(end, position, length.saturating_sub(behind) >= 2 * BLOCK as u64))
}

/// The position behind the last byte that is not zero.
fn last_nonzero(input: &mut ArchiveInput, length: u64) -> Result<Option<u64>> {
    const STEP: u64 = 1 << 20;
    let mut end = length.min(input.told_length().unwrap_or(length));
    while end > 0 {
        let start = end.saturating_sub(STEP);
        input.seek_to(start)?;
        let mut bytes = vec![0; (end - start) as usize];
        input.read_exact(&mut bytes)?;
        if let Some(place) = bytes.iter().rposition(|byte| *byte != 0) {
            return Ok(Some(start + place as u64 + 1));
        }
        end = start;
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
