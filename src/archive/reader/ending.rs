//! How an archive ended, whichever way it was read.

use super::super::end::End;
use super::super::ledger::Ledger;
use super::parts::Sum;
use crate::error::Error;

/// How an archive ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The end member; of an archive in parts the last one's, with the counts of all parts.
    pub end: End,
    /// Where its `x` header begins.
    pub position: u64,
    /// Whether both zero blocks follow it, and those of all parts before.
    pub end_blocks: bool,
    /// How many parts were read.
    pub parts: u64,
    /// How many members tell of the archive itself, in all parts: heads, maps, indexes, end members.
    pub(crate) documents: u64,
}

impl Ending {
    /// Of one part.
    pub(super) fn of_part(end: End, position: u64, end_blocks: bool) -> Self {
        let mut sum = Sum::default();
        sum.add(&end);
        Self { end, position, end_blocks, parts: sum.parts, documents: sum.documents }
    }

    /// Of all parts, whose counts are in the account.
    pub(super) fn of_parts(end: End, ledger: &Ledger<()>, sum: &Sum, position: u64, end_blocks: bool) -> Self {
        if sum.parts == 1 {
            return Self::of_part(end, position, end_blocks);
        }
        let end = End { members: sum.members, ..ledger.of_all_parts(&end) };
        Self { end, position, end_blocks, parts: sum.parts, documents: sum.documents }
    }

    /// Whether this is how a single part of several ends.
    pub(crate) fn is_of_part(&self) -> bool {
        self.end.continues == Some(true) || self.end.backup_info.part.is_some()
    }

    /// What is wrong with how a complete archive ends.
    pub(crate) fn fault(&self, archive: &str) -> Option<Error> {
        (!self.end_blocks).then(|| Error::damaged(archive, "its end blocks are missing; no data is affected"))
    }

    /// A sentence on members of unknown kinds, which do not go into an archive made from this one; so many had zeros in them.
    pub(crate) fn left_out_members(&self, zero_members: u64) -> Option<String> {
        let end = &self.end;
        let optional = end.members.saturating_sub(self.documents + end.data_members + end.bad_members + zero_members);
        (optional > 0).then(|| format!("left out members of kinds that this version does not know: {optional}"))
    }

    /// The same as a sentence for whoever got all that was asked for.
    pub(crate) fn warning(&self) -> Option<String> {
        (!self.end_blocks).then(|| "the archive's end blocks are missing; all data was there".to_owned())
    }
}
