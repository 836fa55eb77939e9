//! Reads an archive once, front to back: what a pipe or a tape allows.

use super::super::digest::DigestKind;
use super::super::end::End;
use super::super::index::{Content, Landed};
use super::super::ledger::Ledger;
use super::super::member::MemberKind;
use super::super::{block::BLOCK, frame, limit};
use super::Reading;
use super::head::{Head, check_digest, next_known, read_document, unusable};
use super::input::{ArchiveInput, Common, Member};
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
    pub(super) device_closed: bool,
    /// A member whose headers were read when the batch was already full.
    pub(super) pending: Option<Member>,
    end: Option<Ending>,
    reading: Reading,
    /// The ranges of the device whose bytes are read; of the rest only the structure is.
    wanted: RangeSet,
    /// Whether no bytes are read at all, and members are told without them.
    skims: bool,
    /// Whether members were lost, so that the account can no longer be held against indexes and end member.
    pub(super) lost_members: bool,
    /// From where on members were lost, and why, while it is not known up to where.
    pub(super) open_loss: Option<(u64, String)>,
    /// What was wrong in the head, to be told first.
    head_faults: Vec<String>,
}

/// How an archive ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The end member.
    pub end: End,
    /// Where its `x` header begins.
    pub position: u64,
    /// Whether both zero blocks follow it.
    pub end_blocks: bool,
}

impl Ending {
    /// What is wrong with how a complete archive ends.
    pub(crate) fn fault(&self, archive: &str) -> Option<Error> {
        (!self.end_blocks).then(|| Error::damaged(archive, "its end blocks are missing; no data is affected"))
    }

    /// A sentence on members of unknown kinds, which do not go into an archive made from this one; so many had zeros in them.
    pub(crate) fn left_out_members(&self, zero_members: u64) -> Option<String> {
        let (end, info) = (&self.end, &self.end.backup_info);
        // Backup-info, RESTORE.txt, the map and the end member.
        let documents = 4 + info.attached.as_ref().map_or(0, Vec::len) as u64 + end.indexes.len() as u64;
        let optional = end.members.saturating_sub(documents + end.data_members + end.bad_members + zero_members);
        (optional > 0).then(|| format!("left out members of kinds that this version does not know: {optional}"))
    }

    /// The same as a sentence for whoever got all that was asked for.
    pub(crate) fn warning(&self) -> Option<String> {
        (!self.end_blocks).then(|| "the archive's end blocks are missing; all data was there".to_owned())
    }
}

impl Forward {
    /// Goes on behind the head.
    pub fn new(input: ArchiveInput, head: Head, reading: Reading) -> Self {
        let Head { common, info, info_digest, map, map_digest, map_position, next_seq, faults, .. } = head;
        let wanted = RangeSet::from_iter([Range { start: 0, length: info.device.size_bytes }]);
        let ledger = Ledger::open(info, info_digest, map, map_digest, map_position, ());
        Self {
            input,
            common,
            ledger,
            next_seq,
            device_closed: false,
            pending: None,
            end: None,
            reading,
            wanted,
            skims: false,
            lost_members: false,
            open_loss: None,
            head_faults: faults,
        }
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
            match error {
                Error::Damaged { why, .. } if self.reading == Reading::Through => self.resync(why, told, batch)?,
                other => {
                    // A loss before it whose end is not known yet would go untold.
                    self.close_loss(size_bytes, batch);
                    let told = batch.end().unwrap_or(before);
                    return Err(other.with_affected(Range::rest(told, size_bytes)));
                }
            }
        }
    }

    /// Like [`fill`](Self::fill), but passes over the stored bytes: for what can be learned of an archive without them.
    pub fn skim(mut self, tell: &mut dyn FnMut(Found)) -> Result<Ending> {
        self.skims = true;
        let mut batch = StoredBatch::default();
        while self.end.is_none() {
            let before = self.ledger.at();
            let filled = self.fill_inner(&mut batch);
            let told = batch.end().unwrap_or(before);
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
                MemberKind::End => {
                    self.read_end(&member)?;
                    self.close_loss(self.ledger.info().device.size_bytes, batch);
                }
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
        if self.device_closed {
            return Err(self.input.damaged(member.position, "there is data behind the last index"));
        }
        let landed =
            landed_of(member, self.ledger.digest_kind()).map_err(|why| self.input.damaged(member.position, why))?;
        self.close_loss(landed.range.start, batch);
        let (pieces, wanted) = (&mut batch.pieces, &self.wanted);
        let result = self.ledger.land(&landed, |range| push_zeros(pieces, range, wanted));
        result.map_err(|why| {
            self.input.damaged(member.position, format!("there is a member {}: {why}", member.kind.path()))
        })?;
        let is_wanted = self.wanted.touches(landed.range);
        if is_wanted && !self.skims {
            return read_piece(&mut self.input, &landed, batch);
        }
        self.input.skip_stored(landed.stored)?;
        if is_wanted {
            batch.pieces.push(StoredPiece::Member { landed, at: 0 });
        }
        Ok(())
    }

    /// An index must say what the account says. One that is not full is the last: it also lists the zeros up to the end of the device.
    fn read_index(&mut self, member: &Member, number: u64, batch: &mut StoredBatch) -> Result<()> {
        if self.device_closed {
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
        let early = self.ledger.index_digest();
        if !self.ledger.index_is_full() {
            let (pieces, wanted) = (&mut batch.pieces, &self.wanted);
            let closed = self.ledger.close_device(|range| push_zeros(pieces, range, wanted));
            closed.map_err(|why| self.input.damaged(member.position, why))?;
            self.device_closed = true;
        }
        let expected = self.ledger.close_index(member.position, ());
        let table = digest_table(&stored, self.ledger.digest_kind(), expected.length);
        let (digest, length) = table.map_err(|why| self.input.damaged(member.position, why))?;
        check_digest(&self.input, member, self.ledger.digest_kind(), digest)?;
        if (expected.number, expected.digest, expected.length) == (number, digest, length)
            && length == member.record.length
        {
            return Ok(());
        }
        // Without the zeros up to the end of the device it is the last index of a part that is not the last.
        if early == digest && expected.digest != digest {
            self.pass_end_of_part()?;
        }
        Err(self.input.damaged(member.position, "an index does not say what the members before it say"))
    }

    /// Looks whether the end member says that another part follows: then that is why this one cannot be read.
    fn pass_end_of_part(&mut self) -> Result<()> {
        let member = next_known(&mut self.input, &self.common, self.ledger.digest_kind(), &mut self.next_seq)?;
        if member.kind != MemberKind::End {
            return Ok(());
        }
        let (text, _) = read_document(&mut self.input, &member, self.ledger.digest_kind(), limit::END)?;
        match End::parse(&text) {
            Ok(end) if end.goes_on() => Err(several_parts(&self.input)),
            _ => Ok(()),
        }
    }

    fn read_end(&mut self, member: &Member) -> Result<()> {
        let (text, _) = read_document(&mut self.input, member, self.ledger.digest_kind(), limit::END)?;
        let end = End::parse(&text).map_err(|failure| unusable(&self.input, member.position, failure))?;
        if end.goes_on() {
            return Err(several_parts(&self.input));
        }
        if self.lost_members {
            self.note_end_of_lost(&end)?;
        } else if !self.device_closed || !end.agrees_with(&self.ledger.end(member.record.seq, end.finished)) {
            return Err(self
                .input
                .damaged(member.position, "the end member does not say what the members before it say"));
        }
        let zeros = self.input.read_zeros_to_the_end()?;
        self.end = Some(Ending { end, position: member.position, end_blocks: zeros >= 2 * BLOCK as u64 });
        Ok(())
    }
}

/// The refusal of an archive that goes on behind this part.
pub fn several_parts(input: &ArchiveInput) -> Error {
    let why = "it is a part of an archive that lies on several media, which this version cannot put together";
    let remedy = "restore its parts one after another with stock tar, as RESTORE.txt in each of them tells";
    Error::refused(format!("read {}", input.name()), why, Some(remedy.to_owned()))
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

/// Reads the stored bytes of a member that the account has accepted, so that they are bounded by the extent limit.
pub fn read_piece(input: &mut ArchiveInput, landed: &Landed, batch: &mut StoredBatch) -> Result<()> {
    let at = batch.used;
    let stored = landed.stored as usize;
    if batch.buffer.len() < at + stored {
        batch.buffer.resize(at + stored, 0);
    }
    input.read_exact(&mut batch.buffer[at..at + stored])?;
    input.read_padding(landed.stored)?;
    batch.used += stored;
    batch.plain_bytes += landed.range.length;
    batch.pieces.push(StoredPiece::Member { landed: *landed, at });
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
