//! Reads an archive that can seek, by its indexes.

mod check;

use std::io::BufRead;

use super::super::digest::{Digest, Hasher};
use super::super::index::{LINE_MAX, Landed, Line, parse_line};
use super::super::info::BackupInfo;
use super::super::ledger::Ledger;
use super::super::member::MemberKind;
use super::super::{frame, limit};
use super::ending::Ending;
use super::forward::{Forward, landed_of, push_zeros, read_piece};
use super::head::{Head, check_known, next_known};
use super::input::{ArchiveInput, Common, Member};
use super::parts::{Parts, Sum, Unproven, check_head, check_start};
use super::survey::Found;
use super::tail::not_cut;
use super::unpack::StoredBatch;
use crate::error::{Error, Result};
use crate::extent::{MapCursor, Range};
use crate::range_set::RangeSet;

/// Where a member stands, and its number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    position: u64,
    seq: u64,
}

/// A part of the archive, whose end was found.
pub struct SeekingPart {
    /// Its input.
    pub input: ArchiveInput,
    /// How it ends.
    pub ending: Ending,
}

/// A reader that knows the whole archive before it reads any data, or all of a single part.
pub struct Seeking {
    parts: Vec<SeekingPart>,
    common: Common,
    /// What the first of them says; the account has what the last says.
    info: BackupInfo,
    ledger: Ledger<()>,
    /// How the last part ends, with the counts of all.
    ending: Ending,
    /// What cannot be proven, where parts before these are not at hand.
    unproven: Option<Unproven>,
    /// What of the device these parts tell of.
    told_of: Range,
    /// Which index comes next, and the lines of the current one.
    next_index: usize,
    lines: Option<IndexLines>,
    /// The indexes as they were checked.
    checked: Vec<CheckedIndex>,
    /// The ranges of the device that are told.
    wanted: RangeSet,
    pending: Option<(usize, Landed)>,
    /// What reads as zero between what is told follows from the map.
    cursor: MapCursor,
    /// Everything before this was told; while the indexes are checked, what they list before it was found.
    at: u64,
}

/// What is known of an index that fitted.
struct CheckedIndex {
    /// In which part it lies, and where.
    part: usize,
    position: u64,
    /// Its number.
    number: u64,
    /// Everything of the device before this stands in earlier indexes.
    from: u64,
    /// The digest of its text.
    digest: Digest,
}

/// An index on its way through: what is left of its text, and the digest of what was read.
struct IndexLines {
    part: usize,
    lines: Box<dyn BufRead + Send>,
    hasher: Hasher,
}

impl Seeking {
    /// Opens an archive, or a part of one, whose end was found.
    ///
    /// # Errors
    /// As those of [`open_parts`](Self::open_parts).
    pub fn open_with_end(input: ArchiveInput, head: Head, ending: Ending, tell: &mut dyn FnMut(Found)) -> Result<Self> {
        Self::open_parts(vec![(SeekingPart { input, ending }, head)], tell)
    }

    /// Opens parts that follow each other, whose ends were found: holds every index against the map and the end members, without reading data; tells what
    /// they list.
    ///
    /// # Errors
    /// What a forward reader would say of this archive: damaged where it contradicts itself.
    pub fn open_parts(parts: Vec<(SeekingPart, Head)>, tell: &mut dyn FnMut(Found)) -> Result<Self> {
        let mut parts = parts.into_iter();
        let (part, head) = parts.next().expect("there is at least one part");
        let Head { common, info, info_digest, map, map_digest, map_position, next_seq, .. } = head;
        let from = info.part.as_ref().map_or(0, |part| part.from);
        let ending = part.ending.clone();
        let mut seeking = Self {
            parts: vec![part],
            common,
            info: info.clone(),
            wanted: RangeSet::from_iter([Range { start: 0, length: info.device.size_bytes }]),
            unproven: info.part.as_ref().map(|_| Unproven::default()),
            told_of: Range { start: from, length: 0 },
            ledger: Ledger::open(info, info_digest, map, map_digest, map_position, ()),
            ending,
            next_index: 0,
            lines: None,
            checked: Vec::new(),
            pending: None,
            cursor: MapCursor::default(),
            at: from,
        };
        let mut sum = Sum::default();
        seeking.check_part(Place { position: map_position, seq: next_seq - 1 }, tell).map_err(not_cut)?;
        sum.add(&seeking.ending.end);
        for (part, head) in parts {
            let end_blocks = seeking.ending.end_blocks;
            let map = seeking.go_on(part, head)?;
            seeking.check_part(map, tell).map_err(not_cut)?;
            sum.add(&seeking.ending.end);
            seeking.ending.end_blocks &= end_blocks;
        }
        seeking.told_of = Range::between(from, seeking.ledger.at());
        let Ending { end, position, end_blocks, .. } = seeking.ending;
        seeking.ending = Ending::of_parts(end, &seeking.ledger, &sum, position, end_blocks);
        seeking.at = from;
        Ok(seeking)
    }

    /// Goes on with the account where the part before ended.
    fn go_on(&mut self, part: SeekingPart, head: Head) -> Result<Place> {
        check_head(&part.input, &head, &self.ledger)?;
        let before = &self.ending.end;
        let next_seq = self.ledger.info().first_seq().saturating_add(before.members);
        let mark = self.ledger.mark();
        let checked = check_start(&head.info, &mark, next_seq, before.running);
        checked.map_err(|why| Error::damaged(part.input.name(), why))?;
        let map = Place { position: head.map_position, seq: head.next_seq - 1 };
        self.ledger.begin_part(mark, head.info, head.map_position, ());
        self.ending = part.ending.clone();
        self.parts.push(part);
        Ok(map)
    }

    /// What of the device these parts tell of: all of it, unless other parts are not at hand.
    pub fn told_of(&self) -> Range {
        self.told_of
    }

    fn last(&mut self) -> &mut ArchiveInput {
        let last = self.parts.len() - 1;
        &mut self.parts[last].input
    }

    /// The archive as the user named it.
    pub fn name(&self) -> &str {
        self.parts[0].input.name()
    }

    /// The backup-info of the first part.
    pub fn info(&self) -> &BackupInfo {
        &self.info
    }

    /// The archive's account: backup-info and map.
    pub fn ledger(&self) -> &Ledger<()> {
        &self.ledger
    }

    /// How it ends.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Begins anew, and tells only what touches these ranges: neither other members nor indexes that list none of it are read.
    pub fn narrow(&mut self, wanted: RangeSet) {
        self.wanted = wanted;
        (self.next_index, self.lines, self.pending) = (0, None, None);
        self.at = self.told_of.start;
        self.cursor = MapCursor::default();
    }

    /// Gives every line of the indexes that touches this range, in order, and no data; then all stands as if nothing had been read.
    pub fn outline(&mut self, wanted: Range, mut each: impl FnMut(&Line)) -> Result<()> {
        let before = std::mem::take(&mut self.wanted);
        self.narrow(RangeSet::from_iter([wanted]));
        let mut text = Vec::new();
        while let Some((_, line)) = self.next_line(&mut text)? {
            self.at = self.at.max(line.range().end());
            if line.range().intersection(&wanted).is_some() {
                each(&line);
            }
        }
        self.narrow(before);
        Ok(())
    }

    /// Fills a batch with the next pieces; `false` when there are no more.
    ///
    /// # Errors
    /// The pieces that came before the failure are in the batch; what was not told until then is affected, as with a forward reader.
    pub fn fill(&mut self, batch: &mut StoredBatch) -> Result<bool> {
        let before = self.pending.map_or(self.at, |(_, landed)| landed.range.start);
        let filled = self.fill_inner(batch);
        filled.map_err(|error| self.not_told(batch.end().unwrap_or(before), error))
    }

    /// The error of an archive that was not cut, of which all before `told` was told.
    fn not_told(&self, told: u64, error: Error) -> Error {
        not_cut(error).with_affected(Range::rest(told, self.ledger.info().device.size_bytes))
    }

    fn fill_inner(&mut self, batch: &mut StoredBatch) -> Result<bool> {
        let mut line = Vec::new();
        loop {
            if let Some((part, landed)) = self.pending.take() {
                if !batch.fits(landed.plain_bytes(), self.ledger.info().batch_bytes()) {
                    self.pending = Some((part, landed));
                    return Ok(true);
                }
                self.read_landed(part, &landed, batch)?;
            }
            let landed = self.next_member_line(&mut line)?;
            let up_to = landed.map_or(self.told_of.end(), |(_, landed)| landed.range.start);
            if up_to < self.at {
                return Err(Error::damaged(self.name(), "an index reads otherwise than a moment ago"));
            }
            let (pieces, wanted) = (&mut batch.pieces, &self.wanted);
            self.cursor.covered(self.ledger.map(), self.at, up_to, |range| push_zeros(pieces, range, wanted));
            self.at = landed.map_or(up_to, |(_, landed)| landed.range.end());
            self.pending = landed.filter(|(_, landed)| wanted.touches(landed.range));
            if landed.is_none() {
                return Ok(!batch.pieces.is_empty());
            }
        }
    }

    /// The next member, whose bytes have not been read yet; whoever asks passes over what reads as zero.
    pub fn peek(&mut self) -> Result<Option<Landed>> {
        if self.pending.is_none() {
            self.pending = self.next_member_line(&mut Vec::new())?;
            if let Some((_, landed)) = self.pending {
                self.at = landed.range.end();
            }
        }
        Ok(self.pending.map(|(_, landed)| landed))
    }

    /// Reads the member that [`peek`](Self::peek) told of.
    pub fn read_peeked(&mut self, batch: &mut StoredBatch) -> Result<()> {
        self.pending.take().map_or(Ok(()), |(part, landed)| self.read_landed(part, &landed, batch))
    }

    /// The next line that names a member, of this index or the next, and the part in which it lies.
    fn next_member_line(&mut self, line: &mut Vec<u8>) -> Result<Option<(usize, Landed)>> {
        loop {
            match self.next_line(line)? {
                None => return Ok(None),
                Some((part, Line::Member(landed))) => return Ok(Some((part, landed))),
                Some((_, Line::Zeros(_))) => {}
            }
        }
    }

    fn read_landed(&mut self, part: usize, landed: &Landed, batch: &mut StoredBatch) -> Result<()> {
        let input = &mut self.parts[part].input;
        input.seek_to(landed.position)?;
        let mut seq = landed.seq;
        let member = next_known(input, &self.common, self.ledger.digest_kind(), &mut seq)?;
        let found = landed_of(&member, self.ledger.digest_kind()).map_err(|why| input.damaged(landed.position, why))?;
        if found != *landed || member.kind != landed.kind() {
            let fault = input.damaged(landed.position, "a member is not the one that the index lists there");
            return Err(fault.with_affected(landed.range));
        }
        // They were right when the indexes were checked; but an input may have changed since.
        self.ledger.check_sizes(landed).map_err(|why| input.damaged(landed.position, why))?;
        read_piece(input, landed, false, batch)
    }

    /// The next line of the indexes, and the part in which it lies.
    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<Option<(usize, Line)>> {
        loop {
            if self.lines.is_none() {
                self.pass_unwanted_indexes();
                let Some(next) = self.checked.get(self.next_index) else { return Ok(None) };
                if self.at >= self.wanted.end() {
                    return Ok(None);
                }
                let (part, position, number) = (next.part, next.position, next.number);
                let (lines, _) = self.open_index(part, position, number)?;
                let mut index = IndexLines { part, lines, hasher: self.ledger.digest_kind().hasher() };
                self.read_line(&mut *index.lines, line)?;
                index.hasher.update(line);
                self.lines = Some(index);
                self.next_index += 1;
            }
            let Some(mut index) = self.lines.take() else { continue };
            if self.read_line(&mut *index.lines, line)? {
                index.hasher.update(line);
                let part = index.part;
                self.lines = Some(index);
                let parsed = parse_line(line, self.ledger.digest_kind());
                let parsed = parsed
                    .ok_or_else(|| Error::damaged(self.name(), "a line of an index is not spelled as it must be"))?;
                return Ok(Some((part, parsed)));
            }
            if self.checked.get(self.next_index - 1).map(|index| index.digest) != Some(index.hasher.finish()) {
                return Err(Error::damaged(self.name(), "an index reads otherwise than a moment ago"));
            }
        }
    }

    /// Goes past the next indexes that list nothing of what is wanted.
    fn pass_unwanted_indexes(&mut self) {
        while let Some(after) = self.checked.get(self.next_index + 1).map(|index| index.from) {
            if self.wanted.touches(Range::between(self.at.min(after), after)) {
                return;
            }
            self.next_index += 1;
            self.at = self.at.max(after);
        }
    }

    fn read_line(&self, lines: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool> {
        frame::read_piece(lines, b'\n', LINE_MAX, line)
            .map_err(|why| Error::damaged(self.name(), format!("an index: {why}")))
    }

    /// The text of the index that an end member names at this position, and the member that holds it; of this number.
    fn open_index(&mut self, part: usize, position: u64, number: u64) -> Result<(Box<dyn BufRead + Send>, Member)> {
        let (lines, member) = self.open_any_index(part, position)?;
        if member.kind != MemberKind::Index(number) {
            return Err(not_the_index(&self.parts[part].input, position));
        }
        Ok((lines, member))
    }

    fn open_any_index(&mut self, part: usize, position: u64) -> Result<(Box<dyn BufRead + Send>, Member)> {
        let input = &mut self.parts[part].input;
        input.seek_to(position)?;
        let member = input.next_member(Some(&self.common))?;
        if !matches!(member.kind, MemberKind::Index(_)) || member.stored > limit::TABLE_STORED {
            return Err(not_the_index(input, position));
        }
        check_known(input, &member)?;
        let stored = input.read_stored(&member)?;
        let lines =
            frame::owned_table_reader(stored).map_err(|why| input.damaged(position, format!("an index: {why}")))?;
        Ok((lines, member))
    }
}

fn not_the_index(input: &ArchiveInput, position: u64) -> Error {
    input.damaged(position, "there is not the index that the end member names there")
}

/// Why an archive has no end where it must be: goes through its structure from the data on, as a forward reader does.
pub fn diagnose(mut input: ArchiveInput, head: Head, data_position: u64, tell: &mut dyn FnMut(Found)) -> Error {
    let name = input.name().to_owned();
    if let Err(error) = input.seek_to(data_position) {
        return error;
    }
    match Forward::new(input, head, super::Reading::Best, Parts::none()).skim(tell) {
        Err(error) => error,
        Ok(_) => Error::damaged(name, "its end member is not where it must be"),
    }
}

#[cfg(test)]
mod tests;
