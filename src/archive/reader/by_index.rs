//! Opens an archive whose inputs can seek: by the indexes of all its parts, where all have an end.

use super::super::end::End;
use super::ending::Ending;
use super::head::{self, Attachments, Head};
use super::input::ArchiveInput;
use super::missing::missing;
use super::parts::{PartInput, Parts};
use super::seeking::{self, Seeking, SeekingPart};
use super::surplus::{may_repeat, refuse_surplus};
use super::{OpenOptions, Reader, Reading, survey, tail};
use crate::error::{Error, Result};
use crate::extent::Range;

/// Whether all inputs can seek, and everything need not be read anyway.
pub fn is_possible(first: &ArchiveInput, parts: &Parts, reading: Reading) -> bool {
    let seek = first.length().is_some() && parts.at_hand().iter().all(|part| part.input.length().is_some());
    seek && reading != Reading::Through
}

/// Opens an archive by its indexes, and tells what they list; front to back, and nothing is told, where a part but the last has no end, or the next goes
/// on before it.
pub fn open(
    mut input: ArchiveInput,
    head: Head,
    parts: Parts,
    options: &OpenOptions,
    tell: &mut dyn FnMut(survey::Found),
) -> Result<Reader> {
    let data_position = input.position();
    let ending = tail::find_end(&mut input, &head.common, head.info.digest)?;
    open_with_end((input, head, data_position), ending, parts, options, tell)
}

/// The same, but of a part alone its own indexes are enough for whoever wants ranges and can have the others brought: by what is given, too.
pub fn open_piece(
    mut input: ArchiveInput,
    head: Head,
    parts: Parts,
    options: &OpenOptions,
    tell: &mut dyn FnMut(survey::Found),
) -> Result<(Reader, Option<Parts>)> {
    let data_position = input.position();
    let ending = tail::find_end(&mut input, &head.common, head.info.digest)?;
    match ending {
        Err(_) if is_one_of_several(&head, &parts, options) => {
            Ok((from_the_first(&head.common.id, parts, options)?, None))
        }
        Ok(ending) if goes_part_by_part(&parts, options) && ending.is_of_part() => {
            Ok((Reader::Seeking(Box::new(Seeking::open_with_end(input, head, ending, tell)?)), Some(parts)))
        }
        ending => Ok((open_with_end((input, head, data_position), ending, parts, options, tell)?, None)),
    }
}

fn goes_part_by_part(parts: &Parts, options: &OpenOptions) -> bool {
    options.reading == Reading::PartByPart && parts.can_ask() && parts.at_hand().is_empty()
}

/// Whether this is a later part, and its reader goes from part to part.
pub fn is_one_of_several(head: &Head, parts: &Parts, options: &OpenOptions) -> bool {
    head.info.part.is_some() && goes_part_by_part(parts, options)
}

/// Where a later part has lost its end, or cannot seek, only those before it prove what it holds: front to back from the first, which is asked for again.
pub fn from_the_first(id: &str, mut parts: Parts, options: &OpenOptions) -> Result<Reader> {
    let read = |PartInput { mut input, first }| {
        let head = head::read_behind_info(&mut input, first, Attachments::Named(None), Reading::Best)?;
        Ok((input, head))
    };
    let Some((input, head)) = parts.take_read(id, 1, read)? else {
        return Err(missing(id, &[(1, 1)], None, []));
    };
    Reader::forward(input, head, parts, options)
}

/// Goes on with what was found at the end: the end, or what is wrong with it.
fn open_with_end(
    (mut input, head, data_position): (ArchiveInput, Head, u64),
    ending: std::result::Result<Ending, Option<Error>>,
    mut parts: Parts,
    options: &OpenOptions,
    tell: &mut dyn FnMut(survey::Found),
) -> Result<Reader> {
    let ending = match ending {
        Ok(ending) => ending,
        Err(_) if parts.can_go_on() => {
            input.seek_to(data_position)?;
            return forward(input, head, parts, options);
        }
        Err(_) => return Err(seeking::diagnose(input, head, data_position, tell)),
    };
    let is_whole = !ending.end.goes_on() && head.info.part.is_none();
    if is_whole && may_repeat(&mut parts, &ending.end)? {
        input.seek_to(data_position)?;
        return forward(input, head, parts, options);
    }
    if options.single_part || is_whole {
        refuse_surplus(&parts, &ending.end)?;
        return Ok(Reader::Seeking(Box::new(Seeking::open_with_end(input, head, ending, tell)?)));
    }
    if parts.can_ask() && (ending.end.goes_on() && parts.at_hand().is_empty()) {
        input.seek_to(data_position)?;
        return Reader::forward(input, head, parts, options);
    }
    let first = head.info.part_number();
    let mut found = Ends { all: vec![(SeekingPart { input, ending }, head)], data_positions: vec![data_position] };
    if !found.find_all(&mut parts)? || found.may_end_again(&mut parts)? {
        let (input, head) = found.back_to_forward(&mut parts)?;
        return forward(input, head, parts, options);
    }
    if !found.last().0.end.goes_on() {
        refuse_surplus(&parts, &found.last().0.end)?;
    }
    let missing =
        (!matches!(options.reading, Reading::Ranges | Reading::PartByPart)).then(|| found.missing(first)).flatten();
    let seeking = Seeking::open_parts(found.all, tell)?;
    missing.map_or_else(|| Ok(Reader::Seeking(Box::new(seeking))), Err)
}

/// Front to back, but that a last part without an end, or a missing one, is known before.
fn forward(input: ArchiveInput, head: Head, mut parts: Parts, options: &OpenOptions) -> Result<Reader> {
    if !parts.can_ask() {
        let size_bytes = head.info.device.size_bytes;
        let mut number = head.info.part_number();
        let mut taken = Vec::new();
        for mut part in parts.take_all() {
            let position = part.input.position();
            let digest = part.first.info.digest;
            let from = part.first.info.part.as_ref().map_or(0, |part| part.from);
            number += 1;
            if part.first.info.part_number() != number {
                return Err(missing(part.input.name(), &[(number, part.first.info.part_number() - 1)], None, []));
            }
            let ending = tail::find_end(&mut part.input, &part.first.common, digest)?;
            part.input.seek_to(position)?;
            taken.push((part, ending.ok().map(|ending| ending.end), from));
        }
        match taken.last() {
            Some((part, Some(end), _)) if end.goes_on() => {
                let rest = Range::rest(end.to, size_bytes);
                return Err(missing(part.input.name(), &[], Some(number + 1), [rest]));
            }
            Some((part, None, from)) => {
                return Err(tail::no_end(&part.input).with_affected(Range::rest(*from, size_bytes)));
            }
            _ => {}
        }
        parts.give_back(taken.into_iter().map(|(part, _, _)| part).collect());
    }
    Reader::forward(input, head, parts, options)
}

/// The parts whose ends were found.
struct Ends {
    all: Vec<(SeekingPart, Head)>,
    /// Where their data begin.
    data_positions: Vec<u64>,
}

impl Ends {
    fn last(&self) -> (&Ending, &Head, &ArchiveInput) {
        let (part, head) = &self.all[self.all.len() - 1];
        (&part.ending, head, &part.input)
    }

    /// Finds the ends of all parts at hand that follow each other. `false` if one has none, or goes on before the end of the one before it.
    fn find_all(&mut self, parts: &mut Parts) -> Result<bool> {
        while self.last().0.end.goes_on() {
            let number = self.last().1.info.part_number() + 1;
            if !parts.has(number) {
                break;
            }
            let Some(PartInput { mut input, first }) = parts.take(&self.last().1.common.id, number)? else { break };
            let head = head::read_behind_info(&mut input, first, Attachments::Named(None), Reading::Best)?;
            let data_position = input.position();
            let next_seq = next_seq(&self.last().0.end);
            let ending = tail::find_end(&mut input, &head.common, head.info.digest)?;
            let is_sound = ending.is_ok() && head.info.first_seq() >= next_seq;
            let ending = ending.unwrap_or_else(|_| self.last().0.clone());
            self.all.push((SeekingPart { input, ending }, head));
            self.data_positions.push(data_position);
            if !is_sound {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the part behind the archive's end may have that end again.
    fn may_end_again(&self, parts: &mut Parts) -> Result<bool> {
        let end = &self.last().0.end;
        if end.goes_on() { Ok(false) } else { may_repeat(parts, end) }
    }

    /// Gives the parts back, all but the first untouched, and the first behind its head.
    fn back_to_forward(self, parts: &mut Parts) -> Result<(ArchiveInput, Head)> {
        let mut rest = parts.take_all();
        let mut all = self.all.into_iter().zip(self.data_positions);
        let ((first, head), position) = all.next().expect("there is a first part");
        let mut input = first.input;
        input.seek_to(position)?;
        let mut parts_before = Vec::new();
        for ((part, _), _) in all {
            let mut input = part.input;
            input.seek_to(0)?;
            let first = head::read_info(&mut input)?;
            parts_before.push(PartInput { input, first });
        }
        parts_before.append(&mut rest);
        parts.give_back(parts_before);
        Ok((input, head))
    }

    /// The error of an archive whose parts are not all at hand, if that is so.
    fn missing(&self, first: u64) -> Option<Error> {
        let (ending, head, input) = self.last();
        let size_bytes = head.info.device.size_bytes;
        let (mut affected, mut before) = (Vec::new(), Vec::new());
        if first > 1 {
            let from = self.all[0].1.info.part.as_ref().map_or(0, |part| part.from);
            affected.push(Range::between(0, from));
            before.push((1, first - 1));
        }
        let next = ending.end.goes_on().then_some(head.info.part_number() + 1);
        if next.is_some() {
            affected.push(Range::rest(ending.end.to, size_bytes));
        }
        if before.is_empty() && next.is_none() {
            return None;
        }
        Some(missing(input.name(), &before, next, affected))
    }
}

/// The number behind that of a part's end member.
fn next_seq(end: &End) -> u64 {
    end.backup_info.first_seq().saturating_add(end.members)
}
