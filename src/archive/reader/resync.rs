//! How a forward reader that is to see everything goes on behind damage: at the next sound member of the same archive.

use super::super::block::{BLOCK, parse_header};
use super::super::end::End;
use super::super::member::MemberKind;
use super::forward::Forward;
use super::head::check_shape;
use super::input::Member;
use super::unpack::{StoredBatch, StoredPiece};
use crate::error::{Error, Result};
use crate::extent::Range;

impl Forward {
    /// Finds the next sound member and notes everything of the device from `told` up to it as lost.
    ///
    /// # Errors
    /// The damage itself if nothing sound follows, with everything from `told` on as affected.
    pub(super) fn resync(&mut self, why: String, told: u64, batch: &mut StoredBatch) -> Result<()> {
        let size_bytes = self.ledger.info().device.size_bytes;
        let (told, why) = self.open_loss.take().unwrap_or((told, why));
        let Some(member) = self.next_sound_member()? else {
            return Err(Error::damaged(self.input.name(), why).with_affected(Range::rest(told, size_bytes)));
        };
        let lost = member.record.seq.saturating_sub(self.next_seq);
        self.next_seq = member.record.seq.saturating_add(1);
        self.lost_members = true;
        self.closing = None;
        // A member whose headers were sound was entered, though its bytes were not told.
        let entered = self.ledger.at().max(told);
        match member.kind {
            // What was lost may go on up to the next range that is told, whichever that is.
            MemberKind::Index(_) if lost > 0 => self.open_loss = Some((told, why)),
            // The one member before the end is an index.
            MemberKind::End if lost > 1 => self.open_loss = Some((told, why)),
            // An index and the end member have no offset.
            _ => self.note_loss(told, member.record.offset.unwrap_or(entered), why, batch),
        }
        self.pending = Some(member);
        Ok(())
    }

    /// Ends a loss whose end was not known, at the range that is told next.
    pub(super) fn close_loss(&mut self, up_to: u64, batch: &mut StoredBatch) {
        if let Some((from, why)) = self.open_loss.take() {
            self.note_loss(from, up_to, why, batch);
        }
    }

    fn note_loss(&mut self, from: u64, up_to: u64, why: String, batch: &mut StoredBatch) {
        let up_to = up_to.clamp(from, self.ledger.info().device.size_bytes.max(from));
        batch.pieces.push(StoredPiece::Lost { range: Range::between(from, up_to), why });
        self.ledger.resume(up_to);
    }

    /// Looks at every block for the header of an `extent/`, index or end member of this archive that comes later than what was seen.
    fn next_sound_member(&mut self) -> Result<Option<Member>> {
        let prefix = format!("{}/PaxHeaders/", self.common.id);
        let mut block = [0; BLOCK];
        loop {
            if !self.input.align(BLOCK as u64)? || !self.input.read_block(&mut block)? {
                return Ok(None);
            }
            let header = parse_header(&block, tar::EntryType::XHeader);
            if !header.is_some_and(|header| header.path.starts_with(&prefix)) {
                continue;
            }
            match self.input.member_from(&block, Some(&self.common)) {
                Ok(member) if self.is_later(&member) => return Ok(Some(member)),
                Ok(_) | Err(Error::Damaged { .. }) => {}
                Err(Error::Incomplete { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn is_later(&self, member: &Member) -> bool {
        let wanted = match member.kind {
            MemberKind::Data { .. } | MemberKind::Bad { .. } | MemberKind::Zero { .. } => {
                member.record.offset.is_some_and(|offset| offset >= self.ledger.at())
            }
            MemberKind::Index(_) | MemberKind::End => true,
            _ => false,
        };
        wanted && member.record.seq.saturating_add(1) >= self.next_seq && check_shape(member).is_ok()
    }

    /// Behind lost members the end can no longer be held against the account, but it must be this archive's.
    pub(super) fn note_end_of_lost(&self, end: &End) -> Result<()> {
        if end.id == self.common.id && end.backup_info == *self.ledger.info() {
            return Ok(());
        }
        Err(Error::damaged(self.input.name(), "the end member is not that of this archive"))
    }
}
