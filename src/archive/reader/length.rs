//! Learns how long an input is that can seek but does not know its length: a tape drive without addresses. The end member gives it away.

use super::super::block::BLOCK;
use super::super::digest::DigestKind;
use super::super::member::MemberKind;
use super::super::{block::padded, limit};
use super::glance::end_in;
use super::head::next_known;
use super::input::{ArchiveInput, Common};
use crate::error::{Error, Result};

/// Looks for the end member in the last bytes, goes to the last index, which it names, and reads from there to the end. Where that does not lead to an
/// end the input stays without a length, and is read front to back. It stands then where it stood.
///
/// # Errors
/// Failed reads only.
pub fn learn(input: &mut ArchiveInput, common: &Common, digest: DigestKind) -> Result<()> {
    if input.length().is_some() {
        return Ok(());
    }
    let here = input.position();
    let Some(tail) = input.tail() else { return Ok(()) };
    let length = match length_by(input, &tail?, common, digest) {
        Err(error @ (Error::Io(_) | Error::Interrupted { .. })) => return Err(error),
        found => found.ok().flatten(),
    };
    input.go_anew(here)?;
    if let Some(length) = length {
        input.set_length(length);
    }
    Ok(())
}

fn length_by(input: &mut ArchiveInput, tail: &[u8], common: &Common, digest: DigestKind) -> Result<Option<u64>> {
    let Some(end) = end_in(input.name(), tail).filter(|end| end.id == common.id) else { return Ok(None) };
    let Some(last) = end.indexes.last() else { return Ok(None) };
    input.go_anew(*last)?;
    let index = input.next_member(Some(common))?;
    if index.stored > limit::TABLE_STORED {
        return Ok(None);
    }
    input.skip_stored(index.stored)?;
    let mut next_seq = index.record.seq.saturating_add(1);
    let found = next_known(input, common, digest, &mut next_seq)?;
    if found.kind != MemberKind::End {
        return Ok(None);
    }
    let closed = input.position().saturating_add(padded(found.stored) + 2 * BLOCK as u64);
    Ok(closed.checked_next_multiple_of(end.backup_info.record_size))
}
