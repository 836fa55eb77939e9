//! Parts behind the one with which an archive ends: the one that has its end once more, and those that are none of it (format-spec, section 10).

use super::super::end::End;
use super::forward::Forward;
use super::onward::read_part;
use super::parts::{PartInput, Parts};
use super::unpack::{StoredBatch, StoredPiece};
use super::{Reading, tail};
use crate::error::{Error, Result};
use crate::extent::Range;

/// What is wrong with each part at hand behind the one with which the archive ends, a sentence for each.
pub fn surplus(parts: &Parts, end: &End) -> Vec<String> {
    let last = end.backup_info.part_number();
    parts.at_hand().iter().map(|part| why(part, last)).collect()
}

/// The error of an archive with which such parts were given.
pub fn refuse_surplus(parts: &Parts, end: &End) -> Result<()> {
    let name = parts.at_hand().first().map_or("", |part| part.input.name());
    surplus(parts, end).into_iter().next().map_or(Ok(()), |why| Err(Error::damaged(name, why)))
}

fn why(part: &PartInput, last: u64) -> String {
    let (name, number) = (part.input.name(), part.first.info.part_number());
    format!(
        "{name} says that it is part {number}, and the archive ends with part {last}: it was cut differently, or is not of it"
    )
}

/// Whether the next part at hand may hold the archive's end once more, because the last medium could not be closed behind it. Of inputs that can seek.
pub fn may_repeat(parts: &mut Parts, end: &End) -> Result<bool> {
    let next_seq = end.backup_info.first_seq().saturating_add(end.members);
    let number = end.backup_info.part_number() + 1;
    let mut all = parts.take_all();
    let is_behind =
        |part: &&mut PartInput| part.first.info.part_number() == number && part.first.info.first_seq() < next_seq;
    let found = all.iter_mut().find(is_behind).map(|part| {
        let position = part.input.position();
        let found = tail::find_end(&mut part.input, &part.first.common, part.first.info.digest)?;
        part.input.seek_to(position)?;
        Ok(found.map_or(true, |ending| ending.end.digest == end.digest))
    });
    parts.give_back(all);
    found.unwrap_or(Ok(false))
}

impl Forward {
    /// Goes on behind the archive's end if the next part has that again, as a medium's hard end may have cost what is behind the end member. A reader that is to see
    /// everything asks for that part where it makes something good; all others have what they need. Whether there is such a part.
    pub(super) fn ends_again(&mut self, end_blocks: bool, batch: &mut StoredBatch) -> Result<bool> {
        let number = self.ledger.info().part_number() + 1;
        let asks = self.reading == Reading::Through && self.course.parts.can_ask() && !end_blocks;
        if self.course.single || !(asks || self.course.parts.has(number)) {
            return Ok(false);
        }
        let at_hand = self.course.parts.at_hand().iter().find(|part| part.first.info.part_number() == number);
        if at_hand.is_some_and(|part| part.first.info.first_seq() >= self.next_seq) {
            return Ok(false);
        }
        let info = at_hand.map(|part| part.first.info.clone());
        let proven = info.map(|info| self.place_behind(&info));
        if proven.as_ref().is_some_and(Option::is_none) {
            return Ok(false);
        }
        let Self { course, common, ledger, reading, .. } = &mut *self;
        let (input, head) = match course.parts.take_read(&common.id, number, |part| read_part(part, ledger, *reading)) {
            Ok(Some(read)) => read,
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            // Of what was given is told what is wrong with it, else that the end blocks are missing.
            Err(error) if proven.is_some() && self.reading == Reading::Through => {
                self.push_end_news(true, batch);
                self.pass_over(error, self.course.told_to, batch)?;
                return Ok(false);
            }
            Ok(None) | Err(_) => return Ok(false),
        };
        let Some(place) = proven.flatten().or_else(|| self.place_behind(&head.info)) else { return Ok(false) };
        if self.ledger.info().part.is_none() {
            self.push_end_news(true, batch);
        }
        self.count_unended(&place, &head);
        self.begin_behind(place, input, head, batch);
        Ok(true)
    }

    /// Says of each part that is left that the archive ended without it.
    pub(super) fn tell_surplus(&mut self, end: &End, batch: &mut StoredBatch) -> Result<()> {
        if self.reading != Reading::Through {
            // No part that is left makes this good.
            self.course.given_up = true;
            return refuse_surplus(&self.course.parts, end);
        }
        let surplus = surplus(&self.course.parts, end);
        if !surplus.is_empty() {
            self.push_end_news(false, batch);
        }
        let range = Range { start: self.course.told_to, length: 0 };
        batch.pieces.extend(surplus.into_iter().map(|why| StoredPiece::Lost { range, why }));
        Ok(())
    }
}
