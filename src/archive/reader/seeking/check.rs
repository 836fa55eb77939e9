//! Holds the indexes of a part against the map and its end member, before any data is read.

use std::io::BufRead;

use super::super::super::digest::Hasher;
use super::super::super::index::{Landed, Line, is_first_line, parse_line};
use super::super::super::limit;
use super::super::super::member::MemberKind;
use super::super::head::{check_digest, next_known};
use super::super::input::Member;
use super::super::parts::end_fits;
use super::super::survey::Found;
use super::{CheckedIndex, Place, Seeking, not_the_index};
use crate::error::{Error, Result};

impl Seeking {
    /// Enters every line of every index of the last part into the account, which must come out as the indexes and the end member say.
    pub(super) fn check_part(&mut self, map: Place, tell: &mut dyn FnMut(Found)) -> Result<()> {
        let mut before = map;
        let count = self.ending.end.indexes.len();
        for place in 0..count {
            before = self.check_index(place, before, tell)?;
        }
        let end = Place { position: self.ending.position, seq: self.last_seq() };
        self.check_between(before, end)?;
        let fits = count > 0 && end_fits(&self.ending.end, &self.ledger, end.seq, self.unproven.as_mut());
        if !fits {
            return Err(Error::damaged(self.last().name(), "the end member does not say what the indexes say"));
        }
        Ok(())
    }

    /// The number of the last part's end member.
    fn last_seq(&self) -> u64 {
        self.ledger.info().first_seq().saturating_add(self.ending.end.members).saturating_sub(1)
    }

    fn check_index(&mut self, place: usize, before: Place, tell: &mut dyn FnMut(Found)) -> Result<Place> {
        let (part, position) = (self.parts.len() - 1, self.ending.end.indexes[place]);
        let (mut lines, member) = self.open_any_index(part, position)?;
        let at = self.ledger.at();
        let previous = place.checked_sub(1).map(|before| self.ending.end.indexes[before]);
        let mut line = Vec::new();
        self.read_line(&mut *lines, &mut line)?;
        let mut hasher = self.ledger.digest_kind().hasher();
        hasher.update(&line);
        if !is_first_line(&line, at, previous) {
            let why = "an index does not go on where the one before it ended";
            return Err(self.last().damaged(member.position, why));
        }
        let before = self.enter_lines(&mut *lines, &mut hasher, &member, before, tell)?;
        let last = place + 1 == self.ending.end.indexes.len();
        if last == self.ledger.index_is_full() {
            return Err(self.last().damaged(member.position, "an index lists too many or too few members"));
        }
        if last && !self.ending.end.goes_on() {
            let zeros = |range| tell(Found::Zeros(range));
            let closed = self.ledger.close_device(zeros);
            closed.map_err(|why| self.not_told(self.at, self.parts[part].input.damaged(member.position, why)))?;
        }
        let expected = self.ledger.close_index(member.position, ());
        check_digest(&self.parts[part].input, &member, self.ledger.digest_kind(), hasher.finish())?;
        let MemberKind::Index(number) = member.kind else { return Err(not_the_index(self.last(), position)) };
        let fits = self.unproven.as_mut().map_or(number == expected.number, |one| one.fits(number, expected.number));
        if !fits {
            return Err(not_the_index(self.last(), position));
        }
        self.checked.push(CheckedIndex { part, position, number, from: at, digest: hasher.finish() });
        if expected.digest != hasher.finish() || expected.length != member.record.length {
            let why = "an index does not say what follows from the map and its members";
            return Err(self.last().damaged(member.position, why));
        }
        Ok(before)
    }

    /// Enters the lines of an index behind its first.
    fn enter_lines(
        &mut self,
        lines: &mut dyn BufRead,
        hasher: &mut Hasher,
        index: &Member,
        mut before: Place,
        tell: &mut dyn FnMut(Found),
    ) -> Result<Place> {
        let mut line = Vec::new();
        // What reads as zero lies in extents of the map, before members or behind the last: a small frame can hold lines without end.
        let mut lines_left = self.ledger.map().len() as u64 + 2 * limit::INDEX_MEMBERS;
        while self.read_line(lines, &mut line)? {
            hasher.update(&line);
            let entered = self.enter(&line, index.position, tell);
            if let Some(landed) = entered.map_err(|error| self.not_told(self.at, error))? {
                let between = self.check_between(before, Place { position: landed.position, seq: landed.seq });
                before = between.map_err(|error| self.not_told(self.at, error))?;
                self.at = landed.range.end();
            }
            lines_left = lines_left
                .checked_sub(1)
                .ok_or_else(|| self.last().damaged(index.position, "an index is longer than what it can say"))?;
        }
        let between = self.check_between(before, Place { position: index.position, seq: index.record.seq });
        between.map_err(|error| self.not_told(self.at, error))
    }

    /// Between two members that follow each other by the indexes only optional ones may stand. Where their numbers show that there are
    /// any, they are looked at: one that must be understood is never passed over.
    fn check_between(&mut self, before: Place, after: Place) -> Result<Place> {
        if before.seq.checked_add(1) == Some(after.seq) && after.position != self.ending.position {
            return Ok(after);
        }
        let last = self.parts.len() - 1;
        let input = &mut self.parts[last].input;
        input.seek_to(before.position)?;
        let member = input.next_member(Some(&self.common))?;
        input.skip_stored(member.stored)?;
        let mut next_seq = before.seq.saturating_add(1);
        let found = next_known(input, &self.common, self.ledger.digest_kind(), &mut next_seq)?;
        if (Place { position: found.position, seq: found.record.seq }) != after {
            return Err(input.damaged(found.position, "there is a member that no index lists there"));
        }
        Ok(after)
    }

    fn enter(&mut self, line: &[u8], position: u64, tell: &mut dyn FnMut(Found)) -> Result<Option<Landed>> {
        let last = self.parts.len() - 1;
        let damaged = |why: &str| self.parts[last].input.damaged(position, format!("an index: {why}"));
        match parse_line(line, self.ledger.digest_kind()) {
            Some(Line::Member(landed)) => {
                let result = self.ledger.land(&landed, |range| tell(Found::Zeros(range)));
                result.map_err(|why| {
                    let why = format!("an index lists {}: {why}", landed.kind().path());
                    self.parts[last].input.damaged(position, why)
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
