//! Reads an archive that can seek, by its indexes.

use std::io::BufRead;

use super::super::digest::{Digest, Hasher};
use super::super::index::{LINE_MAX, Landed, Line, is_first_line, parse_line};
use super::super::ledger::Ledger;
use super::super::member::MemberKind;
use super::super::{frame, limit};
use super::forward::{Ending, Forward, landed_of, push_zeros, read_piece};
use super::head::{Head, check_digest, check_known, next_known};
use super::input::{ArchiveInput, Common};
use super::survey::Found;
use super::tail::{find_end, not_cut};
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

/// A reader that knows the whole archive before it reads any data.
pub struct Seeking {
    input: ArchiveInput,
    common: Common,
    ledger: Ledger<()>,
    ending: Ending,
    /// Which index comes next, and the lines of the current one.
    next_index: usize,
    lines: Option<IndexLines>,
    /// The indexes as they were checked.
    checked: Vec<CheckedIndex>,
    /// The ranges of the device that are told.
    wanted: RangeSet,
    pending: Option<Landed>,
    /// What reads as zero between what is told follows from the map.
    cursor: MapCursor,
    /// Everything before this was told; while the indexes are checked, what they list before it was found.
    at: u64,
}

/// What is known of an index that fitted.
struct CheckedIndex {
    /// Everything of the device before this stands in earlier indexes.
    from: u64,
    /// The digest of its text.
    digest: Digest,
}

/// An index on its way through: what is left of its text, and the digest of what was read.
struct IndexLines {
    lines: Box<dyn BufRead + Send>,
    hasher: Hasher,
}

impl Seeking {
    /// Finds the end, then holds every index against the map and the end member, without reading data; tells what they list.
    ///
    /// # Errors
    /// What a forward reader would say of this archive: incomplete where it was cut, damaged where it contradicts itself.
    pub fn open(mut input: ArchiveInput, head: Head, tell: &mut dyn FnMut(Found)) -> Result<Self> {
        let data_position = input.position();
        let Ok(ending) = find_end(&mut input, &head.common, head.info.digest)? else {
            return Err(diagnose(input, head, data_position, tell));
        };
        Self::open_with_end(input, head, ending, tell)
    }

    /// The same of an archive whose end was found already.
    pub fn open_with_end(input: ArchiveInput, head: Head, ending: Ending, tell: &mut dyn FnMut(Found)) -> Result<Self> {
        if ending.end.goes_on() {
            return Err(super::forward::several_parts(&input));
        }
        let Head { common, info, info_digest, map, map_digest, map_position, next_seq, .. } = head;
        let wanted = RangeSet::from_iter([Range { start: 0, length: info.device.size_bytes }]);
        let ledger = Ledger::open(info, info_digest, map, map_digest, map_position, ());
        let mut seeking = Self {
            input,
            common,
            ledger,
            ending,
            next_index: 0,
            lines: None,
            checked: Vec::new(),
            wanted,
            pending: None,
            cursor: MapCursor::default(),
            at: 0,
        };
        let checked = seeking.check_indexes(Place { position: map_position, seq: next_seq - 1 }, tell);
        checked.map_err(not_cut)?;
        seeking.at = 0;
        Ok(seeking)
    }

    /// The archive as the user named it.
    pub fn name(&self) -> &str {
        self.input.name()
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
        self.at = 0;
        self.cursor = MapCursor::default();
    }

    /// Gives every line of the indexes that touches this range, in order, and no data; then all stands as if nothing had been read.
    pub fn outline(&mut self, wanted: Range, mut each: impl FnMut(&Line)) -> Result<()> {
        let before = std::mem::take(&mut self.wanted);
        self.narrow(RangeSet::from_iter([wanted]));
        let mut text = Vec::new();
        while let Some(line) = self.next_line(&mut text)? {
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
        let before = self.pending.map_or(self.at, |landed| landed.range.start);
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
            if let Some(landed) = self.pending.take() {
                let data_bytes = if landed.stored > 0 { landed.range.length } else { 0 };
                if !batch.fits(data_bytes, self.ledger.info().batch_bytes()) {
                    self.pending = Some(landed);
                    return Ok(true);
                }
                self.read_landed(&landed, batch)?;
            }
            let landed = self.next_member_line(&mut line)?;
            let up_to = landed.map_or(self.ledger.info().device.size_bytes, |landed| landed.range.start);
            if up_to < self.at {
                return Err(Error::damaged(self.input.name(), "an index reads otherwise than a moment ago"));
            }
            let (pieces, wanted) = (&mut batch.pieces, &self.wanted);
            self.cursor.covered(self.ledger.map(), self.at, up_to, |range| push_zeros(pieces, range, wanted));
            self.at = landed.map_or(up_to, |landed| landed.range.end());
            self.pending = landed.filter(|landed| wanted.touches(landed.range));
            if landed.is_none() {
                return Ok(!batch.pieces.is_empty());
            }
        }
    }

    /// The next line that names a member, of this index or the next.
    fn next_member_line(&mut self, line: &mut Vec<u8>) -> Result<Option<Landed>> {
        loop {
            match self.next_line(line)? {
                None => return Ok(None),
                Some(Line::Member(landed)) => return Ok(Some(landed)),
                Some(Line::Zeros(_)) => {}
            }
        }
    }

    fn read_landed(&mut self, landed: &Landed, batch: &mut StoredBatch) -> Result<()> {
        self.input.seek_to(landed.position)?;
        let mut seq = landed.seq;
        let member = next_known(&mut self.input, &self.common, self.ledger.digest_kind(), &mut seq)?;
        let found =
            landed_of(&member, self.ledger.digest_kind()).map_err(|why| self.input.damaged(landed.position, why))?;
        if found != *landed || member.kind != landed.kind() {
            let fault = self.input.damaged(landed.position, "a member is not the one that the index lists there");
            return Err(fault.with_affected(landed.range));
        }
        // They were right when the indexes were checked; but an input may have changed since.
        self.ledger.check_sizes(landed).map_err(|why| self.input.damaged(landed.position, why))?;
        read_piece(&mut self.input, landed, batch)
    }

    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<Option<Line>> {
        loop {
            if self.lines.is_none() {
                self.pass_unwanted_indexes();
                let told = self.at >= self.wanted.end();
                if told || self.next_index == self.ending.end.indexes.len() {
                    return Ok(None);
                }
                let mut index = IndexLines {
                    lines: self.open_index(self.next_index)?.0,
                    hasher: self.ledger.digest_kind().hasher(),
                };
                self.read_line(&mut *index.lines, line)?;
                index.hasher.update(line);
                self.lines = Some(index);
                self.next_index += 1;
            }
            let Some(mut index) = self.lines.take() else { continue };
            if self.read_line(&mut *index.lines, line)? {
                index.hasher.update(line);
                self.lines = Some(index);
                let parsed = parse_line(line, self.ledger.digest_kind());
                let parsed = parsed.ok_or_else(|| {
                    Error::damaged(self.input.name(), "a line of an index is not spelled as it must be")
                })?;
                return Ok(Some(parsed));
            }
            if self.checked.get(self.next_index - 1).map(|index| index.digest) != Some(index.hasher.finish()) {
                return Err(Error::damaged(self.input.name(), "an index reads otherwise than a moment ago"));
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
            .map_err(|why| Error::damaged(self.input.name(), format!("an index: {why}")))
    }

    /// The text of the index that the end member names at this place, and the member that holds it.
    fn open_index(&mut self, place: usize) -> Result<(Box<dyn BufRead + Send>, super::input::Member)> {
        let position = self.ending.end.indexes[place];
        self.input.seek_to(position)?;
        let member = self.input.next_member(Some(&self.common))?;
        if member.kind != MemberKind::Index(place as u64) || member.stored > limit::TABLE_STORED {
            return Err(self.input.damaged(position, "there is not the index that the end member names there"));
        }
        check_known(&self.input, &member)?;
        let stored = self.input.read_stored(&member)?;
        let lines = frame::owned_table_reader(stored)
            .map_err(|why| self.input.damaged(position, format!("an index: {why}")))?;
        Ok((lines, member))
    }

    /// Enters every line of every index into the account, which must come out as the indexes and the end member say.
    fn check_indexes(&mut self, map: Place, tell: &mut dyn FnMut(Found)) -> Result<()> {
        let mut before = map;
        let count = self.ending.end.indexes.len();
        for place in 0..count {
            let (mut lines, member) = self.open_index(place)?;
            let at = self.ledger.at();
            let previous = place.checked_sub(1).map(|before| self.ending.end.indexes[before]);
            let mut line = Vec::new();
            self.read_line(&mut *lines, &mut line)?;
            let mut hasher = self.ledger.digest_kind().hasher();
            hasher.update(&line);
            if !is_first_line(&line, at, previous) {
                return Err(self
                    .input
                    .damaged(member.position, "an index does not go on where the one before it ended"));
            }
            // What reads as zero lies in extents of the map, before members or behind the last: a small frame can hold lines without end.
            let mut lines_left = self.ledger.map().len() as u64 + 2 * limit::INDEX_MEMBERS;
            while self.read_line(&mut *lines, &mut line)? {
                hasher.update(&line);
                let entered = self.enter(&line, member.position, tell);
                if let Some(landed) = entered.map_err(|error| self.not_told(self.at, error))? {
                    let between = self.check_between(before, Place { position: landed.position, seq: landed.seq });
                    before = between.map_err(|error| self.not_told(self.at, error))?;
                    self.at = landed.range.end();
                }
                lines_left = lines_left
                    .checked_sub(1)
                    .ok_or_else(|| self.input.damaged(member.position, "an index is longer than what it can say"))?;
            }
            let between = self.check_between(before, Place { position: member.position, seq: member.record.seq });
            before = between.map_err(|error| self.not_told(self.at, error))?;
            let last = place + 1 == count;
            if last == self.ledger.index_is_full() {
                return Err(self.input.damaged(member.position, "an index lists too many or too few members"));
            }
            if last {
                let zeros = |range| tell(Found::Zeros(range));
                let closed = self.ledger.close_device(zeros);
                closed.map_err(|why| self.not_told(self.at, self.input.damaged(member.position, why)))?;
            }
            let expected = self.ledger.close_index(member.position, ());
            check_digest(&self.input, &member, self.ledger.digest_kind(), hasher.finish())?;
            self.checked.push(CheckedIndex { from: at, digest: hasher.finish() });
            if expected.digest != hasher.finish() || expected.length != member.record.length {
                return Err(self
                    .input
                    .damaged(member.position, "an index does not say what follows from the map and its members"));
            }
        }
        let end = Place { position: self.ending.position, seq: self.ending.end.members - 1 };
        self.check_between(before, end)?;
        let end = &self.ending.end;
        if count == 0 || !end.agrees_with(&self.ledger.end(end.members - 1, end.finished)) {
            return Err(Error::damaged(self.input.name(), "the end member does not say what the indexes say"));
        }
        Ok(())
    }

    /// Between two members that follow each other by the indexes only optional ones may stand. Where their numbers show that there are
    /// any, they are looked at: one that must be understood is never passed over.
    fn check_between(&mut self, before: Place, after: Place) -> Result<Place> {
        if before.seq.checked_add(1) == Some(after.seq) && after.position != self.ending.position {
            return Ok(after);
        }
        self.input.seek_to(before.position)?;
        let member = self.input.next_member(Some(&self.common))?;
        self.input.skip_stored(member.stored)?;
        let mut next_seq = before.seq.saturating_add(1);
        let found = next_known(&mut self.input, &self.common, self.ledger.digest_kind(), &mut next_seq)?;
        if (Place { position: found.position, seq: found.record.seq }) != after {
            return Err(self.input.damaged(found.position, "there is a member that no index lists there"));
        }
        Ok(after)
    }

    fn enter(&mut self, line: &[u8], position: u64, tell: &mut dyn FnMut(Found)) -> Result<Option<Landed>> {
        let damaged = |why: &str| self.input.damaged(position, format!("an index: {why}"));
        match parse_line(line, self.ledger.digest_kind()) {
            Some(Line::Member(landed)) => {
                let result = self.ledger.land(&landed, |range| tell(Found::Zeros(range)));
                result.map_err(|why| {
                    self.input.damaged(position, format!("an index lists {}: {why}", landed.kind().path()))
                })?;
                tell(Found::of_member(&landed));
                Ok(Some(landed))
            }
            // What reads as zero follows from the map and the members; the text's digest shows whether it was listed so.
            Some(Line::Zeros(_)) => Ok(None),
            None => Err(damaged("a line is not spelled as it must be")),
        }
    }
}

/// Why an archive has no end where it must be: goes through its structure from the data on, as a forward reader does.
pub fn diagnose(mut input: ArchiveInput, head: Head, data_position: u64, tell: &mut dyn FnMut(Found)) -> Error {
    let name = input.name().to_owned();
    if let Err(error) = input.seek_to(data_position) {
        return error;
    }
    match Forward::new(input, head, super::Reading::Best).skim(tell) {
        Err(error) => error,
        Ok(_) => Error::damaged(name, "its end member is not where it must be"),
    }
}

#[cfg(test)]
mod tests;
