//! How a forward reader goes on from part to part (format-spec, section 10).

use std::collections::VecDeque;

use super::super::end::End;
use super::super::index::Landed;
use super::super::info::BackupInfo;
use super::super::ledger::{Ledger, Mark};
use super::Reading;
use super::ending::Ending;
use super::forward::Forward;
use super::head::{self, Attachments, Head};
use super::input::ArchiveInput;
use super::missing::missing;
use super::parts::{PartInput, Parts, Sum, Unproven, check_head, check_start};
use super::trail::{Place, Trail};
use super::unpack::{PartNews, StoredBatch, StoredPiece};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::stream::MediumReason;

/// Parts that were not seen, one behind another, and what they tell of.
struct Unseen {
    first: u64,
    last: u64,
    range: Range,
}

/// What a forward reader knows of an archive's other parts.
pub struct Course {
    /// Where they come from.
    pub parts: Parts,
    /// Whether the part with which reading began is all that is to be read.
    pub single: bool,
    /// The way back, for the next part behind one that lost its end.
    pub trail: Trail,
    /// What was told by a part that lost its end and is held again by the next.
    pub repeats: VecDeque<Landed>,
    /// Everything before this was told.
    pub told_to: u64,
    /// What cannot be proven, where parts before were not seen.
    pub unproven: Option<Unproven>,
    /// The parts that were not seen so far, and what they tell of.
    unseen: Vec<Unseen>,
    /// What all parts before the current hold.
    sum: Sum,
    end_blocks: bool,
    /// The number that the current part's first index has.
    first_index: u64,
    /// Whether no part follows that could be read, so that the failure stands.
    pub given_up: bool,
}

impl Course {
    /// Begins with this part.
    pub fn begin(info: &BackupInfo, parts: Parts) -> Self {
        let part = info.part.as_ref();
        let before = part.map(|part| Unseen { first: 1, last: part.number - 1, range: Range::between(0, part.from) });
        Self {
            parts,
            single: false,
            trail: Trail::default(),
            repeats: VecDeque::new(),
            told_to: part.map_or(0, |part| part.from),
            unproven: part.map(|_| Unproven::default()),
            unseen: Vec::from_iter(before),
            sum: Sum::default(),
            end_blocks: true,
            first_index: 0,
            given_up: false,
        }
    }

    /// Whether this is known to be a part of several, or another part can be had.
    pub fn is_in_parts(&self) -> bool {
        self.unproven.is_some() || self.sum.parts > 0 || self.parts.can_go_on()
    }

    /// Whether an index may have this number, where `expected` was counted.
    pub fn index_fits(&mut self, number: u64, expected: u64) -> bool {
        self.unproven.as_mut().map_or(number == expected, |unproven| unproven.fits(number, expected))
    }

    /// Whether a member was told already, by a part that lost its end; then it must be the very same.
    pub fn is_again(&mut self, landed: &Landed) -> std::result::Result<bool, &'static str> {
        if landed.range.start >= self.told_to {
            return Ok(false);
        }
        if self.unproven.is_some() {
            return Ok(landed.range.end() <= self.told_to);
        }
        let before = self.repeats.front();
        if before.is_some_and(|before| (before.range, before.content) == (landed.range, landed.content)) {
            return Ok(true);
        }
        Err("a member holds something else than it did in the part before, which lost its end")
    }
}

impl Forward {
    /// Whether nothing but the part with which reading begins is to be read, and it can be read alone.
    pub fn begins_late(&self) -> bool {
        !self.course.unseen.is_empty() && !self.course.single
    }

    /// Ends a part whose end member was read. Gives how the archive ends, if that is all of it; else goes on with the next part.
    pub(super) fn end_part(
        &mut self,
        end: End,
        position: u64,
        end_blocks: bool,
        batch: &mut StoredBatch,
    ) -> Result<Option<Ending>> {
        let blocks_before = self.course.end_blocks;
        self.course.end_blocks &= end_blocks;
        if end.goes_on() || self.ledger.info().part.is_some() {
            self.push_end_news(end.goes_on(), batch);
        }
        if end.goes_on() && !self.course.single {
            self.go_on(&end, blocks_before, batch)?;
            return Ok(None);
        }
        if self.ends_again(end_blocks, batch)? {
            self.course.end_blocks = blocks_before;
            return Ok(None);
        }
        if !self.course.unseen.is_empty() && !self.course.single {
            return Err(self.not_seen(None));
        }
        self.course.sum.add(&end);
        let Course { sum, end_blocks, .. } = &self.course;
        let ending = Ending::of_parts(end, &self.ledger, sum, position, *end_blocks);
        self.tell_surplus(&ending.end, batch)?;
        Ok(Some(ending))
    }

    /// Goes on with the part behind one whose end member says that it does. `blocks_before`: whether all parts before it have their end blocks.
    fn go_on(&mut self, end: &End, blocks_before: bool, batch: &mut StoredBatch) -> Result<()> {
        let (number, to) = (self.ledger.info().part_number() + 1, end.to);
        if let Some((input, head)) = self.next_readable(number, to, batch)? {
            let name = input.name().to_owned();
            if head.info.part_number() != number {
                let unseen = Unseen {
                    first: number,
                    last: head.info.part_number() - 1,
                    // One of another cutting may begin before the end of what is not its neighbour.
                    range: Range::between(to, told_from(&head).max(to)),
                };
                self.course.unseen.push(unseen);
                self.begin_alone(input, head, batch);
                return Ok(());
            }
            let goes_back = head.info.first_seq() < self.next_seq;
            let place = match goes_back {
                true => self.course.trail.back_to(head.info.first_seq()).filter(|_| self.course.unproven.is_none()),
                false => Some(Place { mark: self.ledger.mark(), behind: VecDeque::new() }),
            };
            let running = match (&place, goes_back) {
                (Some(place), true) => place.mark.running(),
                _ => end.running,
            };
            let next_seq = if goes_back { head.info.first_seq() } else { self.next_seq };
            let checked = match &place {
                Some(place) => check_start(&head.info, &place.mark, next_seq, running),
                None => Err("it repeats more of the part before it than can be taken back".to_owned()),
            };
            match (checked, place) {
                (Ok(()), Some(place)) => {
                    if goes_back {
                        // Its end member is one of those that the next part writes again, and what is behind that is nobody's.
                        self.course.end_blocks = blocks_before;
                        self.count_unended(&place, &head)
                    } else {
                        self.course.sum.add(end)
                    }
                    self.begin_behind(place, input, head, batch);
                }
                (Err(why), _) if self.reading == Reading::Through => {
                    let fault = Range { start: self.course.told_to, length: 0 };
                    batch.pieces.push(StoredPiece::Lost { range: fault, why: format!("{name}: {why}") });
                    self.course.sum.add(end);
                    self.begin_alone(input, head, batch);
                }
                (outcome, _) => return Err(Error::damaged(name, outcome.err().unwrap_or_default())),
            }
            return Ok(());
        }
        self.course.given_up = true;
        Err(self.not_seen(Some((number, to))))
    }

    /// The part of this number and its head; what cannot be used is passed over, if the reader is to see everything.
    fn next_readable(&mut self, number: u64, to: u64, batch: &mut StoredBatch) -> Result<Option<(ArchiveInput, Head)>> {
        let (mut at_hand, mut asked_in_vain) = (self.course.parts.has(number), false);
        loop {
            match self.next_part(number, asked_in_vain) {
                Ok(found) => return Ok(found),
                Err(error) => self.pass_over(error, to, batch)?,
            }
            (asked_in_vain, at_hand) = (!at_hand, false);
        }
    }

    /// Goes on behind a part that ended in a failure: with the next part, if that proves what came before; a reader that is to see everything goes on with
    /// whatever part there is.
    ///
    /// # Errors
    /// The failure, if there is no such part.
    pub(super) fn go_on_behind(&mut self, error: Error, told: u64, batch: &mut StoredBatch) -> Result<()> {
        let number = self.ledger.info().part_number() + 1;
        let may_have_lost_its_end = match &error {
            Error::Incomplete { .. } => self.course.parts.can_go_on(),
            // Whoever is asked for a part is not asked for one that would not help.
            Error::Damaged { .. } => self.course.parts.has(number) || self.is_to_see_all(),
            _ => false,
        };
        if !may_have_lost_its_end || self.course.given_up || self.course.single {
            return Err(error);
        }
        if self.is_asked_for_alone()
            && let Some(mark) = self.course.trail.beginning()
        {
            return self.ask_anew(error, mark, batch);
        }
        let Some((input, head)) = self.next_part(number, false)? else {
            self.course.given_up = true;
            return Err(error);
        };
        let is_next = head.info.part_number() == number;
        if let Some(place) = self.place_behind(&head.info) {
            self.count_unended(&place, &head);
            self.begin_behind(place, input, head, batch);
            return Ok(());
        }
        if self.reading != Reading::Through {
            return Err(error);
        }
        let why = match error {
            Error::Incomplete { why, .. } | Error::Damaged { why, .. } => why,
            other => other.to_string(),
        };
        let told = self.open_loss.take().map_or(told, |(from, _)| from);
        let range = Range::between(told, told_from(&head).max(told));
        batch.pieces.push(StoredPiece::Lost { range, why });
        if !is_next {
            let unseen =
                Unseen { first: number, last: head.info.part_number() - 1, range: Range { length: 0, ..range } };
            self.course.unseen.push(unseen);
        }
        self.begin_alone(input, head, batch);
        Ok(())
    }

    /// Whether this is a later part, and all of them are brought one by one.
    fn is_asked_for_alone(&self) -> bool {
        let Course { parts, unproven, .. } = &self.course;
        self.ledger.info().part.is_some() && unproven.is_none() && parts.can_ask() && parts.at_hand().is_empty()
    }

    /// Asks once more for the current part, of which nothing behind the head is there: what a medium at its end kept of it, if the next one has it.
    fn ask_anew(&mut self, error: Error, mark: Mark, batch: &mut StoredBatch) -> Result<()> {
        let Self { course, common, ledger, reading, .. } = self;
        let (number, first_seq) = (ledger.info().part_number(), ledger.info().first_seq());
        let read = |part| read_part(part, ledger, *reading);
        let reason = MediumReason::Wrong(error.to_string());
        let Some((input, head)) = course.parts.ask(&common.id, number, reason, read)? else {
            course.given_up = true;
            return Err(error);
        };
        check_start(&head.info, &mark, first_seq, mark.running()).map_err(|why| Error::damaged(input.name(), why))?;
        self.begin_behind(Place { mark, behind: VecDeque::new() }, input, head, batch);
        Ok(())
    }

    /// Where in the current part, which lost its end, the part that says this goes on, if that is certain.
    pub(super) fn place_behind(&mut self, info: &BackupInfo) -> Option<Place> {
        let first_seq = info.first_seq();
        let is_next = info.part_number() == self.ledger.info().part_number() + 1;
        let is_sound = is_next && !self.lost_members && self.course.unproven.is_none() && first_seq <= self.next_seq;
        let place = is_sound.then(|| self.course.trail.back_to(first_seq)).flatten()?;
        check_start(info, &place.mark, first_seq, place.mark.running()).is_ok().then_some(place)
    }

    fn is_to_see_all(&self) -> bool {
        self.reading == Reading::Through && !self.course.parts.at_hand().is_empty()
    }

    /// The part of this number and its head; for a reader that is to see everything, another at hand if there is none. Whoever was asked in vain would bring the
    /// same again.
    fn next_part(&mut self, number: u64, asked_in_vain: bool) -> Result<Option<(ArchiveInput, Head)>> {
        let Self { course, common, ledger, reading, .. } = self;
        let read = |part| read_part(part, ledger, *reading);
        let found = if asked_in_vain { None } else { course.parts.take_read(&common.id, number, read)? };
        match found {
            None if asked_in_vain || *reading == Reading::Through => course.parts.take_any().map(read).transpose(),
            found => Ok(found),
        }
    }

    /// Notes that a part cannot be used, if the reader is to see everything.
    pub(super) fn pass_over(&self, error: Error, told: u64, batch: &mut StoredBatch) -> Result<()> {
        match error {
            Error::Incomplete { .. } | Error::Damaged { .. } if self.reading == Reading::Through => {
                let range = Range { start: told, length: 0 };
                batch.pieces.push(StoredPiece::Lost { range, why: error.to_string() });
                Ok(())
            }
            other => Err(other),
        }
    }

    /// Counts what of a part without an end member belongs to the archive.
    pub(super) fn count_unended(&mut self, place: &Place, next: &Head) {
        let before = self.ledger.info();
        let indexes = place.mark.indexes().saturating_sub(self.course.first_index);
        let members = next.info.first_seq().saturating_sub(before.first_seq());
        self.course.sum.add_unended(before, members, indexes);
    }

    /// Goes on with a part that is proven to follow.
    pub(super) fn begin_behind(&mut self, place: Place, input: ArchiveInput, head: Head, batch: &mut StoredBatch) {
        let Place { mark, mut behind } = place;
        self.course.first_index = mark.indexes();
        self.ledger.begin_part(mark, head.info, head.map_position, ());
        // What it still had to repeat of the part before it comes behind what it repeated.
        behind.append(&mut self.course.repeats);
        behind.retain(|landed| landed.range.start < self.course.told_to);
        self.course.repeats = behind;
        self.begin(input, head.next_seq, head.faults, batch);
    }

    /// Goes on with a part that the parts before it do not prove.
    fn begin_alone(&mut self, input: ArchiveInput, head: Head, batch: &mut StoredBatch) {
        self.course.unproven = Some(Unproven::default());
        self.course.repeats.clear();
        self.course.told_to = self.course.told_to.max(told_from(&head));
        let Head { info, info_digest, map, map_digest, map_position, next_seq, faults, .. } = head;
        self.ledger = Ledger::open(info, info_digest, map, map_digest, map_position, ());
        self.course.first_index = 0;
        self.begin(input, next_seq, faults, batch);
    }

    fn begin(&mut self, input: ArchiveInput, next_seq: u64, faults: Vec<String>, batch: &mut StoredBatch) {
        self.input = input;
        self.next_seq = next_seq;
        (self.closing, self.pending, self.open_loss, self.lost_members) = (None, None, None, false);
        self.course.trail.begin(next_seq, self.ledger.mark());
        batch.pieces.push(StoredPiece::Part(self.news()));
        let nowhere = Range { start: self.course.told_to, length: 0 };
        batch.pieces.extend(faults.into_iter().map(|why| StoredPiece::Lost { range: nowhere, why }));
    }

    /// The error of an archive of which parts were not seen; also of the part that is wanted next, if one is, and what it begins with.
    pub(super) fn not_seen(&self, next: Option<(u64, u64)>) -> Error {
        let size_bytes = self.ledger.info().device.size_bytes;
        let unseen = &self.course.unseen;
        let numbers: Vec<_> = unseen.iter().map(|unseen| (unseen.first, unseen.last)).collect();
        let rest = next.map(|(_, to)| Range::rest(to, size_bytes));
        let affected = unseen.iter().map(|unseen| unseen.range).chain(rest);
        missing(self.input.name(), &numbers, next.map(|(number, _)| number), affected)
    }

    /// That the current part has begun.
    fn news(&self) -> PartNews {
        let (number, input) = (self.ledger.info().part_number(), self.input.name().to_owned());
        PartNews { number, input, ended: false, goes_on: false }
    }

    pub(super) fn push_end_news(&self, goes_on: bool, batch: &mut StoredBatch) {
        batch.pieces.push(StoredPiece::Part(PartNews { ended: true, goes_on, ..self.news() }));
    }

    /// What of the device is told: all of it, or what a single part tells of, which is known where nothing follows.
    pub(super) fn told_of(&self) -> Option<Range> {
        let whole = Range { start: 0, length: self.ledger.info().device.size_bytes };
        (!self.course.single).then_some(whole)
    }
}

/// Reads a part's head; it must be that of a part of this archive.
pub(super) fn read_part(part: PartInput, ledger: &Ledger<()>, reading: Reading) -> Result<(ArchiveInput, Head)> {
    let PartInput { mut input, first } = part;
    let head = head::read_behind_info(&mut input, first, Attachments::Named(None), reading)?;
    check_head(&input, &head, ledger)?;
    Ok((input, head))
}

fn told_from(head: &Head) -> u64 {
    head.info.part.as_ref().map_or(0, |part| part.from)
}
