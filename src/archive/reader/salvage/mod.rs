//! Reads an archive however broken, front to back, and tells what of the device is certain all the same.
//!
//! Every member stands for itself: its name, which both headers and the record repeat, says of which range it is, its digest proves its bytes. What is not a sound
//! member is gone past block by block, into the stored bytes of a member that fails too: after blocks that are missing the next one begins there.

mod account;
mod content;
mod course;
mod doubled;
mod faults;
mod find;
mod identity;
mod salvaged;
mod window;

pub use account::{DeviceSize, Proven};
pub use faults::Faults;
pub use salvaged::Salvaged;

use super::super::block::padded;
use super::super::frame::Decompressor;
use super::super::info::BackupInfo;
use super::super::limit;
use super::super::member::MemberKind;
use super::input::Member;
use super::inputs::Inputs;
use super::missing::not_seen;
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::range_set::RangeSet;
use crate::stream::{MediumReason, WantedPart};
use account::{Account, Tell};
use content::{Content, HEADERS_MAX, prove, sound_headers};
use course::Course;
use identity::Identity;
use window::Window;

/// How to salvage.
#[derive(Clone, Debug, Default)]
pub struct SalvageOptions {
    /// How the archive's id begins; else it is that of the first sound member.
    pub id: Option<String>,
    /// Only these ranges of the device are wanted.
    pub wanted: Option<RangeSet>,
}

/// The member before, and what follows from it for the next.
#[derive(Clone, Copy, Debug)]
struct Before {
    seq: u64,
    /// Where the next member begins.
    end: u64,
    /// Up to where the device has been told, where that is certain.
    at: Option<u64>,
    /// Whether a sound index says so.
    indexed: bool,
}

/// A member whose bytes have their digest.
struct Sound {
    member: Member,
    content: Content,
}

/// An archive on its way through.
pub struct Salvager {
    window: Window,
    course: Course,
    name: String,
    unpack: Decompressor,
    identity: Identity,
    account: Account,
    /// The first sound member, until [`run`](Self::run) goes on behind it.
    first: Option<Sound>,
    before: Option<Before>,
    faults: Faults,
    /// The first read behind which nothing could be read.
    failure: Option<Error>,
    /// Since where no sound member was met, and up to where that is accounted for by a member that failed.
    astray: Option<u64>,
    explained: u64,
    /// Whether this input has shown an end member, behind which only zeros are due.
    closed: bool,
    end_found: bool,
    unreadable_bytes: u64,
}

impl Salvager {
    /// Looks for the first sound member of an archive in one or several parts, which may come in any order.
    ///
    /// # Errors
    /// [`Damaged`](Error::Damaged) where there is none; a failed read behind which nothing could be read, where that is why; [`Refused`](Error::Refused) where it asks
    /// for what this version does not know.
    pub fn open(inputs: impl Into<Inputs>, options: &SalvageOptions, progress: &Progress) -> Result<Self> {
        let Some((first, course)) = Course::begin(inputs.into())? else {
            return Err(Error::refused("salvage an archive", "none is named", None));
        };
        let unpack = Decompressor::new().map_err(|cause| Error::io("setting up", "the zstd decompressor", cause))?;
        let mut salvager = Self {
            name: first.name().to_owned(),
            window: Window::new(first),
            course,
            unpack,
            identity: Identity::new(options.id.clone()),
            account: Account::open(options.wanted.as_ref()),
            first: None,
            before: None,
            faults: Faults::default(),
            failure: None,
            astray: None,
            explained: 0,
            closed: false,
            end_found: false,
            unreadable_bytes: 0,
        };
        salvager.first = salvager.next_sound(progress, &mut |_| Ok(()))?;
        if salvager.first.is_some() {
            return Ok(salvager);
        }
        if let Some(failure) = salvager.failure.take() {
            return Err(failure);
        }
        let why = match &options.id {
            Some(id) => format!("it holds no sound member of the archive {id}"),
            None => "it holds not one sound member of an archive".to_owned(),
        };
        Err(Error::damaged(salvager.name, why))
    }

    /// The archive's id.
    pub fn id(&self) -> &str {
        self.identity.id().unwrap_or_default()
    }

    /// The backup-info, if the archive begins with it.
    pub fn info(&self) -> Option<&BackupInfo> {
        match &self.first {
            Some(Sound { content: Content::Info(info), .. }) => Some(info),
            _ => self.account.info(),
        }
    }

    /// Reads everything, and tells what is certain, each byte once, in no particular order.
    ///
    /// # Errors
    /// The error of `tell`, and [`Refused`](Error::Refused) where it cannot be told which of several archives is meant.
    pub fn run(mut self, progress: &Progress, mut tell: impl FnMut(Proven<'_>) -> Result<()>) -> Result<Salvaged> {
        let mut next = self.first.take();
        while let Some(sound) = next {
            self.enter(sound, &mut tell)?;
            next = self.next_sound(progress, &mut tell)?;
        }
        self.note_parts_not_given();
        if !self.end_found {
            self.faults.push("its end member was not found: it was cut, or its end is damaged".to_owned());
        }
        let lost = self.account.lost();
        Ok(Salvaged {
            id: self.identity.id().unwrap_or_default().to_owned(),
            info: self.account.info().cloned(),
            size: self.account.size(),
            end_found: self.end_found,
            bad: self.account.bad_of(&lost),
            lost,
            faults: self.faults,
            others: self.identity.others(),
            unreadable_bytes: self.unreadable_bytes + self.window.unreadable_bytes(),
        })
    }

    /// A member that failed still shows where the gap before it ends: its offset stands in both its headers. Its length does not.
    fn note_failed(&mut self, member: &Member, headers_bytes: usize, why: String, tell: Tell<'_>) -> Result<()> {
        self.faults.push(format!("at byte {}, member {}: {why}", member.position, member.kind.path()));
        let end = member.position + headers_bytes as u64 + padded(member.stored.min(limit::OPTIONAL_STORED));
        self.explained = self.explained.max(end);
        let at = self.link(member, tell)?.filter(|_| member.record.offset.is_none());
        self.before = Some(Before { seq: member.record.seq, end, at, indexed: false });
        Ok(())
    }

    /// Closes the gap before a member that follows the one before with nothing between them. Gives up to where the device has been told then.
    fn link(&mut self, member: &Member, tell: Tell<'_>) -> Result<Option<u64>> {
        let follows =
            |before: &Before| before.end == member.position && before.seq.checked_add(1) == Some(member.record.seq);
        let Some(Before { at: Some(at), .. }) = self.before.filter(follows) else { return Ok(None) };
        match member.record.offset {
            Some(offset) if offset >= at => self.account.close(Range::between(at, offset), tell)?,
            _ => {}
        }
        Ok(Some(at))
    }

    /// Takes into account what a sound member says.
    fn enter(&mut self, sound: Sound, tell: Tell<'_>) -> Result<()> {
        let Sound { member, content } = sound;
        let end = self.window.position();
        let linked = self.link(&member, tell)?;
        let mut before = Before { seq: member.record.seq, end, at: linked, indexed: false };
        match content {
            Content::Info(info) => {
                self.course.note_part(info.part_number());
                self.account.learn(&info, tell)?;
                before.at = Some(info.part.as_ref().map_or(0, |part| part.from));
            }
            Content::Map(stored) => {
                let (kind, compressed) = (member.record.digest.map(|(kind, _)| kind), member.kind.is_compressed());
                let taken = kind.map_or(Ok(()), |kind| self.account.take_map(&stored, compressed, kind));
                self.note(&member, taken);
                self.account.tell_map(tell)?;
            }
            Content::Data(bytes) => before.at = self.enter_range(&member, Some(&bytes), tell)?,
            Content::Named => before.at = self.enter_range(&member, None, tell)?,
            Content::Index(stored) => {
                let kind = member.record.digest.map_or_else(Default::default, |(kind, _)| kind);
                let listed = self.account.index(&stored, kind, tell)?;
                self.note(&member, listed.map(drop).ok_or("it contradicts itself"));
                before.at = listed.or(linked);
                before.indexed = listed.is_some();
            }
            Content::End(last) => self.enter_end(&last, linked, tell)?,
            Content::Other => {
                // The bytes of a member of an unknown kind were not gone past.
                before.end =
                    end + if matches!(member.kind, MemberKind::Unknown(_)) { padded(member.stored) } else { 0 };
            }
        }
        self.before = Some(before);
        Ok(())
    }

    fn enter_range(&mut self, member: &Member, bytes: Option<&[u8]>, tell: Tell<'_>) -> Result<Option<u64>> {
        let range = Range { start: member.record.offset.unwrap_or(0), length: member.record.length };
        if let Err(why) = self.account.check(range, bytes.is_some()) {
            self.note(member, Err(why));
            return Ok(None);
        }
        match (bytes, &member.kind) {
            (Some(bytes), _) => self.account.data(range.start, bytes, tell)?,
            (None, MemberKind::Zero { .. }) => self.account.zero_member(range, tell)?,
            (None, _) => self.account.take_bad(range),
        }
        Ok(Some(range.end()))
    }

    fn enter_end(&mut self, end: &super::super::end::End, linked: Option<u64>, tell: Tell<'_>) -> Result<()> {
        self.account.learn(&end.backup_info, tell)?;
        self.account.tell_map(tell)?;
        if let Some(at) = linked.filter(|at| *at <= end.to) {
            let rest = Range::between(at, end.to);
            self.account.close(rest, tell)?;
            if self.before.is_some_and(|before| before.indexed) {
                self.account.unchanged(rest);
            }
        }
        self.closed = true;
        let number = end.backup_info.part_number();
        self.course.note_part(number);
        if !end.goes_on() {
            self.course.note_last(number);
            self.end_found = true;
        }
        Ok(())
    }

    fn note(&mut self, member: &Member, outcome: std::result::Result<(), impl std::fmt::Display>) {
        if let Err(why) = outcome {
            self.faults.push(format!("at byte {}, member {}: {why}", member.position, member.kind.path()));
        }
    }

    /// Goes on with the next input; `false` if there is none.
    fn next_input(&mut self) -> Result<bool> {
        // Behind the end there are zeros, and nothing that should be something else.
        if !self.closed && self.identity.id().is_some() {
            self.note_astray(self.window.position());
        }
        (self.before, self.astray, self.explained, self.closed) = (None, None, 0, false);
        if let Some(failure) = self.window.take_failure() {
            let position = self.window.position();
            self.faults.push(format!("{failure}, at byte {position}: what lies behind it could not be read either"));
            self.failure.get_or_insert(failure);
        }
        let next = match self.course.end_input() {
            Some(input) => Some(Window::new(input)),
            None => self.ask_for_part()?,
        };
        let Some(next) = next else { return Ok(false) };
        self.unreadable_bytes += self.window.unreadable_bytes();
        self.window = next;
        Ok(true)
    }

    /// Asks for the parts that are missing, until one of them comes; not where nothing is lost.
    fn ask_for_part(&mut self) -> Result<Option<Window>> {
        while let (Some(id), true) = (self.identity.id(), self.lacks_something()) {
            let id = id.to_owned();
            let mut reason = MediumReason::Next;
            let (number, failure) = loop {
                let Some((next, number)) = self.course.wanted() else { return Ok(None) };
                let wanted = WantedPart { id: id.clone(), number, reason };
                match next.next_input(&wanted) {
                    Ok(Some(input)) => {
                        let mut window = Window::new(input);
                        match self.why_not(&mut window) {
                            Some(why) => reason = MediumReason::Wrong(why),
                            None => {
                                self.course.note_part(number);
                                return Ok(Some(window));
                            }
                        }
                    }
                    Ok(None) => return Ok(None),
                    Err(error @ Error::Interrupted { .. }) => return Err(error),
                    Err(error) => break (number, error),
                }
            };
            self.faults.push(format!("part {number} is not at hand: {failure}"));
            self.course.note_lacking(number);
        }
        Ok(None)
    }

    /// Whether another part could bring anything.
    fn lacks_something(&self) -> bool {
        let lost = self.account.lost();
        !self.account.size().certain || self.account.bad_of(&lost).bytes() < lost.bytes()
    }

    /// Why an input that was brought is of no use, if its first member says so. One whose beginning is lost may be any.
    fn why_not(&mut self, window: &mut Window) -> Option<String> {
        let (member, headers_bytes) = sound_headers(window.fill(HEADERS_MAX), 0)?;
        let info_max = headers_bytes + padded(member.stored.min(limit::BACKUP_INFO)) as usize;
        let stored = window.fill(info_max).get(headers_bytes..headers_bytes + member.stored as usize)?;
        if member.kind != MemberKind::BackupInfo {
            return None;
        }
        let Ok(Content::Info(info)) = prove(&member, stored, &mut self.unpack) else { return None };
        let (name, number) = (window.name(), info.part_number());
        if self.identity.id() != Some(&info.id) {
            return Some(format!("{name} is part {number} of another archive, {}", info.id));
        }
        self.course.has_read(number).then(|| format!("{name} is part {number} of this archive, which was read already"))
    }

    /// Says which parts nobody gave.
    fn note_parts_not_given(&mut self) {
        for run in self.course.not_given() {
            self.faults.push(not_seen(&[run], None));
        }
    }
}
