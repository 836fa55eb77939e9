//! Reads an archive once, front to back: what a pipe or a tape allows.

use super::super::digest::DigestKind;
use super::super::end::End;
use super::super::index::{Content, Landed};
use super::super::ledger::Ledger;
use super::super::member::MemberKind;
use super::super::{block::BLOCK, frame, limit};
use super::Reading;
use super::ending::Ending;
use super::head::{Head, check_digest, next_known, read_document, unusable};
use super::input::{ArchiveInput, Common, Member};
use super::onward::Course;
use super::parts::{Parts, end_fits};
use super::survey::Found;
use super::tail::no_end;
use super::unpack::{StoredBatch, StoredPiece};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::range_set::RangeSet;

/// A reader that goes forward only. Keeps the account that the writer kept, and compares.
pub struct Forward {
    pub(super) input: ArchiveInput,
    pub(super) common: Common,
    pub(super) ledger: Ledger<()>,
    pub(super) next_seq: u64,
    /// What the last index of the part says, once it was read.
    pub(super) closing: Option<Closing>,
    /// Where that index begins.
    closing_position: u64,
    /// A member whose headers were read when the batch was already full.
    pub(super) pending: Option<Member>,
    end: Option<Ending>,
    pub(super) reading: Reading,
    /// The ranges of the device whose bytes are read; of the rest only the structure is.
    wanted: RangeSet,
    /// Whether no bytes are read at all, and members are told without them.
    skims: bool,
    /// Whether members were lost, so that the account can no longer be held against indexes and end member.
    pub(super) lost_members: bool,
    /// From where on members were lost, and why, while it is not known up to where.
    pub(super) open_loss: Option<(u64, String)>,
    /// What was wrong in the head, to be told first.
    pub(super) head_faults: Vec<String>,
    /// What it knows of the archive's other parts.
    pub(super) course: Course,
}

/// Whether an index that is not full is the last of a part behind which another follows, or the last of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It lists nothing behind the last member, where zeros are.
    Part,
    /// It lists the zeros up to the end of the device.
    Archive,
    /// There are no zeros behind the last member: the end member tells.
    Either,
}

const INDEX_DIFFERS: &str = "an index does not say what the members before it say";

impl Forward {
    /// Goes on behind the head of an archive's first part, or of the part with which reading begins.
    pub fn new(input: ArchiveInput, head: Head, reading: Reading, parts: Parts) -> Self {
        let Head { common, info, info_digest, map, map_digest, map_position, next_seq, faults, .. } = head;
        let wanted = RangeSet::from_iter([Range { start: 0, length: info.device.size_bytes }]);
        let course = Course::begin(&info, parts);
        let ledger = Ledger::open(info, info_digest, map, map_digest, map_position, ());
        let mut forward = Self {
            input,
            common,
            ledger,
            next_seq,
            closing: None,
            closing_position: 0,
            pending: None,
            end: None,
            reading,
            wanted,
            skims: false,
            lost_members: false,
            open_loss: None,
            head_faults: faults,
            course,
        };
        forward.course.trail.begin(next_seq, forward.ledger.mark());
        forward
    }

    /// Takes the part with which reading begins for all that there is to read.
    pub fn of_single_part(mut self) -> Self {
        self.course.single = true;
        self
    }

    /// The archive as the user named it.
    pub fn name(&self) -> &str {
        self.input.name()
    }

    /// The archive's account: backup-info and map.
    pub fn ledger(&self) -> &Ledger<()> {
        &self.ledger
    }

    /// Reads only the bytes of members that touch these ranges, and tells only what does.
    ///
    /// All else is gone through all the same: every header, number, index and the end are held against each other, only the bytes are passed over.
    pub fn narrow(&mut self, wanted: RangeSet) {
        self.wanted = wanted;
    }

    /// How it ended, once [`fill`](Self::fill) has given `false`.
    pub fn ending(&self) -> Option<&Ending> {
        self.end.as_ref()
    }

    /// Fills a batch with the next pieces, at most the extent limit of bytes; `false` when the archive is at its end, all of it checked.
    ///
    /// # Errors
    /// The pieces that came before the failure are in the batch.
    pub fn fill(&mut self, batch: &mut StoredBatch) -> Result<bool> {
        let before = self.ledger.at();
        let size_bytes = self.ledger.info().device.size_bytes;
        for why in self.head_faults.drain(..) {
            batch.pieces.push(StoredPiece::Lost { range: Range { start: before, length: 0 }, why });
        }
        loop {
            let Err(error) = self.fill_inner(batch) else {
                return Ok(self.end.is_none() || !batch.pieces.is_empty());
            };
            let told = batch.end().unwrap_or(before);
            if let Err(other) = self.recover(error, told, batch) {
                // A loss before it whose end is not known yet would go untold.
                self.close_loss(size_bytes, batch);
                let told = batch.end().unwrap_or(before);
                return Err(other.with_affected(Range::rest(told, size_bytes)));
            }
        }
    }

    /// Goes on behind a failure, if there is a way: behind damage with what is sound, behind a part that lost its end with the next.
    fn recover(&mut self, error: Error, told: u64, batch: &mut StoredBatch) -> Result<()> {
        let error = match error {
            Error::Damaged { why, .. } if self.reading == Reading::Through && !self.course.given_up => {
                match self.resync(why, told, batch) {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                }
            }
            other => other,
        };
        self.go_on_behind(error, told, batch)
    }

    /// Like [`fill`](Self::fill), but passes over the stored bytes: for what can be learned of an archive without them.
    pub fn skim(mut self, tell: &mut dyn FnMut(Found)) -> Result<Ending> {
        self.skims = true;
        let mut batch = StoredBatch::default();
        while self.end.is_none() {
            let before = self.ledger.at();
            let filled = self.fill_inner(&mut batch);
            let told = batch.end().unwrap_or(before);
            let filled = filled.or_else(|error| self.go_on_behind(error, told, &mut batch));
            batch.pieces.iter().filter_map(Found::of_piece).for_each(&mut *tell);
            batch.clear();
            filled.map_err(|error| error.with_affected(Range::rest(told, self.ledger.info().device.size_bytes)))?;
        }
        self.end.ok_or_else(|| no_end(&self.input))
    }

    /// Goes on until the batch is full or the archive at its end.
    fn fill_inner(&mut self, batch: &mut StoredBatch) -> Result<()> {
        while self.end.is_none() {
            let member = match self.pending.take() {
                Some(member) => member,
                None => next_known(&mut self.input, &self.common, self.ledger.digest_kind(), &mut self.next_seq)?,
            };
            match member.kind {
                MemberKind::Data { .. } | MemberKind::Bad { .. } | MemberKind::Zero { .. } => {
                    if !batch.has_room_for(&member, self.ledger.info().batch_bytes()) {
                        self.pending = Some(member);
                        return Ok(());
                    }
                    self.land(&member, batch)?;
                }
                MemberKind::Index(number) => self.read_index(&member, number, batch)?,
                MemberKind::End => self.read_end(&member, batch)?,
                _ => {
                    return Err(self
                        .input
                        .damaged(member.position, format!("there is a second {}", member.kind.path())));
                }
            }
        }
        Ok(())
    }

    fn land(&mut self, member: &Member, batch: &mut StoredBatch) -> Result<()> {
        if self.closing.is_some() {
            return Err(self.input.damaged(member.position, "there is data behind the last index"));
        }
        let landed =
            landed_of(member, self.ledger.digest_kind()).map_err(|why| self.input.damaged(member.position, why))?;
        self.close_loss(landed.range.start, batch);
        let (pieces, wanted, told_to) = (&mut batch.pieces, &self.wanted, &mut self.course.told_to);
        let result = self.ledger.land(&landed, |range| push_new_zeros(pieces, range, wanted, told_to));
        result.map_err(|why| {
            self.input.damaged(member.position, format!("there is a member {}: {why}", member.kind.path()))
        })?;
        let again = self.course.is_again(&landed).map_err(|why| self.input.damaged(member.position, why))?;
        let is_wanted = self.wanted.touches(landed.range);
        if is_wanted && !self.skims {
            read_piece(&mut self.input, &landed, again, batch)?;
        } else {
            self.input.skip_stored(landed.stored)?;
            if is_wanted {
                batch.pieces.push(StoredPiece::Member { landed, at: 0, again });
            }
        }
        if again {
            self.course.repeats.pop_front();
        }
        self.course.told_to = self.course.told_to.max(landed.range.end());
        self.note_step(Some(landed));
        Ok(())
    }

    /// Notes where the account stands, if another part may go back there.
    fn note_step(&mut self, landed: Option<Landed>) {
        if self.course.parts.can_go_on() && !self.lost_members {
            self.course.trail.push(self.next_seq, self.ledger.mark(), landed);
        }
    }

    /// An index must say what the account says. One that is not full is the last of its part.
    fn read_index(&mut self, member: &Member, number: u64, batch: &mut StoredBatch) -> Result<()> {
        if self.closing.is_some() {
            return Err(self.input.damaged(member.position, "there is an index behind the last one"));
        }
        if member.stored > limit::TABLE_STORED {
            return Err(self.input.damaged(member.position, "an index is longer than any may be"));
        }
        let stored = self.input.read_stored(member)?;
        if self.lost_members {
            self.ledger.close_index(member.position, ());
            return Ok(());
        }
        let is_full = self.ledger.index_is_full();
        let so_far = self.ledger.index_so_far();
        let to_the_end = if is_full { so_far } else { self.ledger.index_to_the_end() };
        let table = digest_table(&stored, self.ledger.digest_kind(), to_the_end.0);
        let found = table.as_ref().ok().map(|(digest, length)| (*length, *digest));
        let closing = match (found == Some(so_far), found == Some(to_the_end)) {
            (true, true) => Some(Closing::Either),
            (true, false) => Some(Closing::Part),
            (false, true) => Some(Closing::Archive),
            (false, false) => None,
        };
        let is_bad_last = closing.is_none() && !is_full && !self.course.is_in_parts();
        if closing == Some(Closing::Archive) || is_bad_last {
            self.close_device(member.position, batch)?;
        }
        let (digest, length) = table.map_err(|why| self.input.damaged(member.position, why))?;
        check_digest(&self.input, member, self.ledger.digest_kind(), digest)?;
        let expected = self.ledger.close_index(member.position, ()).number;
        if closing.is_none() || length != member.record.length || !self.course.index_fits(number, expected) {
            return Err(self.input.damaged(member.position, INDEX_DIFFERS));
        }
        self.closing = closing.filter(|_| !is_full);
        self.closing_position = member.position;
        self.note_step(None);
        Ok(())
    }

    /// Enters and tells the zeros up to the end of the device.
    fn close_device(&mut self, position: u64, batch: &mut StoredBatch) -> Result<()> {
        let (pieces, wanted, told_to) = (&mut batch.pieces, &self.wanted, &mut self.course.told_to);
        let closed = self.ledger.close_device(|range| push_new_zeros(pieces, range, wanted, told_to));
        closed.map_err(|why| self.input.damaged(position, why))
    }

    fn read_end(&mut self, member: &Member, batch: &mut StoredBatch) -> Result<()> {
        let (text, _) = read_document(&mut self.input, member, self.ledger.digest_kind(), limit::END)?;
        let end = End::parse(&text).map_err(|failure| unusable(&self.input, member.position, failure))?;
        if self.lost_members {
            self.note_end_of_lost(&end)?;
        } else {
            self.check_end(member, &end, batch)?;
        }
        let zeros = self.input.read_zeros_to_the_end()?;
        let end_blocks = zeros >= 2 * BLOCK as u64;
        self.close_loss(end.to, batch);
        self.end = self.end_part(end, member.position, end_blocks, batch)?;
        Ok(())
    }

    /// An end member must say what the account says, and the last index before it what it says of other parts.
    fn check_end(&mut self, member: &Member, end: &End, batch: &mut StoredBatch) -> Result<()> {
        let goes_on = end.goes_on();
        if matches!(self.closing, Some(Closing::Either | Closing::Part)) && !goes_on {
            self.close_device(member.position, batch)?;
        }
        if matches!((self.closing, goes_on), (Some(Closing::Part), false) | (Some(Closing::Archive), true)) {
            return Err(self.input.damaged(self.closing_position, INDEX_DIFFERS));
        }
        let fits =
            self.closing.is_some() && end_fits(end, &self.ledger, member.record.seq, self.course.unproven.as_mut());
        if fits && (goes_on || self.course.repeats.is_empty()) {
            return Ok(());
        }
        Err(self.input.damaged(member.position, "the end member does not say what the members before it say"))
    }
}

/// An `extent/` member as the account knows it.
pub fn landed_of(member: &Member, kind: DigestKind) -> std::result::Result<Landed, &'static str> {
    let content = match (&member.kind, member.record.digest) {
        (MemberKind::Data { compressed, .. }, Some((found, digest))) if found == kind => {
            Content::Data { compressed: *compressed, digest }
        }
        (MemberKind::Data { .. }, _) => return Err("a member has another kind of digest than the archive"),
        (MemberKind::Bad { .. }, _) => Content::Bad,
        _ => Content::Zero,
    };
    let range = Range { start: member.record.offset.unwrap_or(0), length: member.record.length };
    Ok(Landed { range, content, position: member.position, stored: member.stored, seq: member.record.seq })
}

/// Adds a range that reads as zero, if it touches what is wanted.
pub fn push_zeros(pieces: &mut Vec<StoredPiece>, range: Range, wanted: &RangeSet) {
    if wanted.touches(range) {
        pieces.push(StoredPiece::Zeros(range));
    }
}

/// The same of what was not told already, by a part that lost its end.
fn push_new_zeros(pieces: &mut Vec<StoredPiece>, range: Range, wanted: &RangeSet, told_to: &mut u64) {
    let new = Range::between(range.start.max(*told_to).min(range.end()), range.end());
    if new.length > 0 {
        push_zeros(pieces, new, wanted);
        *told_to = new.end();
    }
}

/// Reads the stored bytes of a member that the account has accepted, so that they are bounded by the extent limit.
pub fn read_piece(input: &mut ArchiveInput, landed: &Landed, again: bool, batch: &mut StoredBatch) -> Result<()> {
    let at = batch.used;
    let stored = landed.stored as usize;
    if batch.buffer.len() < at + stored {
        batch.buffer.resize(at + stored, 0);
    }
    input.read_exact(&mut batch.buffer[at..at + stored])?;
    input.read_padding(landed.stored)?;
    batch.used += stored;
    batch.plain_bytes += landed.range.length;
    batch.pieces.push(StoredPiece::Member { landed: *landed, at, again });
    Ok(())
}

/// Digest and length of a compressed table's text, which must not be longer than `most` bytes: a small frame can hold a text without end.
pub fn digest_table(
    stored: &[u8],
    kind: DigestKind,
    most: u64,
) -> std::result::Result<(super::super::Digest, u64), String> {
    let mut text = frame::table_reader(stored, true)?;
    let mut hasher = kind.hasher();
    let mut length = 0;
    loop {
        let piece = text.fill_buf().map_err(|error| format!("an index cannot be decompressed: {error}"))?;
        if piece.is_empty() {
            return Ok((hasher.finish(), length));
        }
        hasher.update(piece);
        let consumed = piece.len();
        length += consumed as u64;
        text.consume(consumed);
        if length > most {
            return Err("an index is longer than what it can say".to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
