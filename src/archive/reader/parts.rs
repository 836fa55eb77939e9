//! Brings the parts of an archive one by one, and tells whether what came is the part that is wanted (format-spec, section 10).

use super::super::end::End;
use super::super::info::BackupInfo;
use super::super::ledger::{Ledger, Mark};
use super::head::{self, First, Head};
use super::input::ArchiveInput;
use super::inputs::{Given, Inputs, not_one_archive};
use crate::error::{Error, Result};
use crate::stream::{Input, MediumReason, NextInput, WantedPart};

/// An input whose first member was read.
pub struct PartInput {
    /// Stands behind it.
    pub input: ArchiveInput,
    /// What it says.
    pub first: First,
}

/// The inputs of one archive that have not been read yet.
pub struct Parts {
    /// Of this archive, in the order of their numbers.
    at_hand: Vec<PartInput>,
    next: Option<Box<dyn NextInput>>,
}

impl Parts {
    /// Reads the first member of each input, and gives the first of the parts. All of them must be parts of one archive.
    ///
    /// Inputs that cannot be used are an error, or, where there are others and `faults` are wanted, noted there.
    pub fn gather(inputs: Inputs, faults: Option<&mut Vec<String>>) -> Result<(PartInput, Self)> {
        let Inputs { given, next } = inputs;
        let several = given.len() > 1;
        let (mut at_hand, mut failures) = (Vec::<PartInput>::new(), Vec::new());
        for input in given {
            let mut input = match input {
                Given::Untouched(input) => ArchiveInput::new(input),
                Given::Begun(part) => {
                    at_hand.push(*part);
                    continue;
                }
            };
            match head::read_info(&mut input) {
                Ok(first) => at_hand.push(PartInput { input, first }),
                Err(error @ (Error::Damaged { .. } | Error::Incomplete { .. })) if several && faults.is_some() => {
                    failures.push(error);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(one) = at_hand.first() else { return Err(failures.swap_remove(0)) };
        let id = one.first.info.id.clone();
        if let Some(other) = at_hand.iter().find(|other| other.first.info.id != id) {
            return Err(not_one_archive(one, other));
        }
        at_hand.sort_by_key(|part| part.first.info.part_number());
        if let Some(pair) = at_hand.windows(2).find(|pair| number(&pair[0]) == number(&pair[1])) {
            let what = format!("read {} and {} as parts of one archive", pair[0].input.name(), pair[1].input.name());
            let why =
                format!("both are part {}: {} and {}", number(&pair[0]), pair[0].input.name(), pair[1].input.name());
            return Err(Error::refused(what, why, Some("name each archive, and each of its parts, once".to_owned())));
        }
        if let Some(faults) = faults {
            faults.extend(failures.iter().map(ToString::to_string));
        }
        let first = at_hand.remove(0);
        Ok((first, Self { at_hand, next }))
    }

    /// No other parts than the one that is read.
    pub fn none() -> Self {
        Self { at_hand: Vec::new(), next: None }
    }

    /// The parts at hand that have not been taken.
    pub fn at_hand(&self) -> &[PartInput] {
        &self.at_hand
    }

    /// The last of these.
    pub fn last_at_hand(&mut self) -> Option<&mut PartInput> {
        self.at_hand.last_mut()
    }

    /// Refuses what was given beside a part that is to be read alone.
    pub fn refuse_others(&self, only: &PartInput) -> Result<()> {
        let Some(other) = self.at_hand.first() else { return Ok(()) };
        let why = format!("{} was given, too", other.input.name());
        let remedy = "name one part alone; all parts are restored together without --single-part".to_owned();
        Err(Error::refused(format!("read {} as a single part", only.input.name()), why, Some(remedy)))
    }

    /// Takes all parts at hand.
    pub fn take_all(&mut self) -> Vec<PartInput> {
        std::mem::take(&mut self.at_hand)
    }

    /// Gives parts back that were taken, untouched or gone back in.
    pub fn give_back(&mut self, parts: Vec<PartInput>) {
        self.at_hand = parts;
    }

    /// Whether another part can be had, or at least be asked for.
    pub fn can_go_on(&self) -> bool {
        !self.at_hand.is_empty() || self.next.is_some()
    }

    /// Whether there is somebody to ask for parts.
    pub fn can_ask(&self) -> bool {
        self.next.is_some()
    }

    /// Whether this part is at hand.
    pub fn has(&self, wanted: u64) -> bool {
        self.at_hand.iter().any(|part| number(part) == wanted)
    }

    /// The part of this number: from those at hand, else whoever can be asked is asked until the right one comes, or none.
    pub fn take(&mut self, id: &str, wanted: u64) -> Result<Option<PartInput>> {
        self.take_read(id, wanted, Ok)
    }

    /// The same, and what `read` makes of it. What was asked for and does not go so far is the wrong one: a medium that had no room for a whole head keeps the
    /// beginning of one, and the next medium has that part.
    ///
    /// # Errors
    /// Why a part at hand cannot be read, or the last of those that were asked for where no other comes.
    pub fn take_read<T>(
        &mut self,
        id: &str,
        wanted: u64,
        mut read: impl FnMut(PartInput) -> Result<T>,
    ) -> Result<Option<T>> {
        if let Some(place) = self.at_hand.iter().position(|part| number(part) == wanted) {
            return read(self.at_hand.remove(place)).map(Some);
        }
        self.ask(id, wanted, MediumReason::Next, read)
    }

    /// Asks for the part of this number until one comes that can be read, or none.
    pub fn ask<T>(
        &mut self,
        id: &str,
        wanted: u64,
        mut reason: MediumReason,
        mut read: impl FnMut(PartInput) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(next) = &mut self.next else { return Ok(None) };
        let mut unreadable = None;
        loop {
            let input = match (next.next_input(&WantedPart { id: id.to_owned(), number: wanted, reason }), unreadable) {
                (Ok(Some(input)), _) => input,
                // What is wrong with the part tells more than that nobody has another.
                (Ok(None) | Err(Error::Refused(_)), Some(error)) => return Err(error),
                (Ok(None), None) => return Ok(None),
                (Err(error), _) => return Err(error),
            };
            unreadable = None;
            let part = match begun(input, id, wanted)? {
                Ok(part) => part,
                Err(why) => {
                    reason = MediumReason::Wrong(why);
                    continue;
                }
            };
            match read(part) {
                Err(error @ (Error::Incomplete { .. } | Error::Damaged { .. })) => {
                    reason = MediumReason::Wrong(error.to_string());
                    unreadable = Some(error);
                }
                outcome => return outcome.map(Some),
            }
        }
    }

    /// The next of the parts at hand.
    pub fn take_any(&mut self) -> Option<PartInput> {
        (!self.at_hand.is_empty()).then(|| self.at_hand.remove(0))
    }
}

/// Reads the first member of what should be this part, or says what it is instead.
fn begun(input: Box<dyn Input>, id: &str, wanted: u64) -> Result<std::result::Result<PartInput, String>> {
    let mut input = ArchiveInput::new(input);
    match head::read_info(&mut input) {
        Ok(first) => Ok(match why_not(&first.info, id, wanted) {
            None => Ok(PartInput { input, first }),
            Some(why) => Err(format!("{} is {why}", input.name())),
        }),
        Err(error @ (Error::Io(_) | Error::Interrupted { .. })) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn number(part: &PartInput) -> u64 {
    part.first.info.part_number()
}

/// What this is, if it is not the part that is wanted.
fn why_not(info: &BackupInfo, id: &str, wanted: u64) -> Option<String> {
    let number = info.part_number();
    if info.id != id {
        return Some(format!("part {number} of another archive, {}", info.id));
    }
    (number != wanted).then(|| format!("part {number} of this archive, and part {wanted} is wanted"))
}

/// Whether a part's head says the same as that of the part that was read before it, all of it that must be the same.
pub fn check_head(input: &ArchiveInput, head: &Head, ledger: &Ledger<()>) -> Result<()> {
    let before = ledger.info();
    let of_medium = BackupInfo {
        record_size: before.record_size,
        medium: before.medium.clone(),
        part: before.part.clone(),
        attached: before.attached.clone(),
        ..head.info.clone()
    };
    if of_medium != *before {
        return Err(Error::damaged(
            input.name(),
            "its backup-info.json does not say what that of the parts before it says",
        ));
    }
    if head.map_digest != ledger.map_digest() {
        return Err(Error::damaged(input.name(), "its map is not that of the parts before it"));
    }
    Ok(())
}

/// Whether a part goes on where the account stands: what is wrong, if it does not. Of a part before which others were not seen, `running` is what its
/// end member said.
pub fn check_start(
    info: &BackupInfo,
    mark: &Mark,
    next_seq: u64,
    running: super::super::Digest,
) -> std::result::Result<(), String> {
    let Some(part) = &info.part else { return Err("it says that it is the first part".to_owned()) };
    if part.from != mark.at() {
        return Err(format!(
            "it was cut differently: part {} begins at byte {} of the device, but part {} ends at byte {}",
            part.number,
            part.from,
            part.number.saturating_sub(1),
            mark.at()
        ));
    }
    if part.first_seq != next_seq {
        return Err(format!(
            "it goes on with member number {}, where number {next_seq} must be: members between them are missing or doubled",
            part.first_seq
        ));
    }
    if part.running != running {
        return Err("its digest of all parts before it is not theirs".to_owned());
    }
    Ok(())
}

/// What cannot be proven of a part when those before it were not seen.
#[derive(Clone, Debug, Default)]
pub struct Unproven {
    /// By how much the numbers of its indexes are higher than they are counted, once the first was seen.
    index_offset: Option<u64>,
    /// Which digest of the first part's backup-info its end members name, once one was seen.
    info_digest: Option<super::super::Digest>,
}

impl Unproven {
    /// Whether an index may have this number, where `expected` was counted.
    pub fn fits(&mut self, number: u64, expected: u64) -> bool {
        let Some(offset) = number.checked_sub(expected) else { return false };
        *self.index_offset.get_or_insert(offset) == offset
    }
}

/// Whether an end member says what the account says, apart from what cannot be proven.
pub fn end_fits(end: &End, ledger: &Ledger<()>, seq: u64, unproven: Option<&mut Unproven>) -> bool {
    let goes_on = end.goes_on();
    let mut counted = if goes_on { ledger.end_of_part(seq, end.finished) } else { ledger.end(seq, end.finished) };
    if let Some(unproven) = unproven {
        counted.running = end.running;
        counted.digest = (!goes_on).then_some(end.running);
        counted.backup_info_digest = *unproven.info_digest.get_or_insert(end.backup_info_digest);
    }
    end.agrees_with(&counted)
}

/// How many members all parts have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many parts there are.
    pub parts: u64,
    /// How many members they have.
    pub members: u64,
    /// How many of these tell of the archive and hold nothing of the device: heads, maps, indexes, end members.
    pub documents: u64,
}

impl Sum {
    /// Adds a part with this end member.
    pub fn add(&mut self, end: &End) {
        self.add_unended(&end.backup_info, end.members, end.indexes.len() as u64 + 1);
    }

    /// Adds a part of which so many members count, among them so many indexes, and which lost its end member.
    pub fn add_unended(&mut self, info: &BackupInfo, members: u64, indexes: u64) {
        let attached = info.attached.as_ref().map_or(0, Vec::len) as u64;
        self.parts += 1;
        self.members = self.members.saturating_add(members);
        self.documents = self.documents.saturating_add(3 + attached + indexes);
    }
}
