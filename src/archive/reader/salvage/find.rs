//! The way from one sound member to the next, block by block.

use std::ops::Range;

use super::super::super::block::{BLOCK, padded};
use super::super::super::canonical::ParseFailure;
use super::super::super::member::MemberKind;
use super::super::input::Member;
use super::account::Tell;
use super::content::{Content, HEADERS_MAX, begins_as_member, prove, sound_headers, stored_max};
use super::doubled::doubled;
use super::identity::Owner;
use super::{Salvager, Sound};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The longest record of a tape (READ's length has three bytes, SSC-5).
const RECORD_MAX: usize = (1 << 24) - 1;
/// How many records that lie twice are taken out of one member.
const TOGETHER_MAX: usize = 4;

/// A record that was taken out of what lies ahead.
struct Cut {
    at: usize,
    bytes: Vec<u8>,
}

/// What a member holds and how many bytes of the input it takes, or what is wrong with it.
type Proof = std::result::Result<(Content, usize), String>;

impl Salvager {
    /// Goes on to the next sound member, in this input or a later one. Of one whose headers are sound and whose bytes are not, it tells what its headers prove.
    pub(super) fn next_sound(&mut self, progress: &Progress, tell: Tell<'_>) -> Result<Option<Sound>> {
        loop {
            progress.check()?;
            let position = self.window.position();
            let ahead = self.window.fill(HEADERS_MAX);
            if ahead.len() < BLOCK {
                if !self.next_input()? {
                    return Ok(None);
                }
                continue;
            }
            let Some((member, headers_bytes)) = sound_headers(ahead, position) else {
                if !self.mend_headers() {
                    self.pass_block();
                }
                continue;
            };
            if self.identity.owner(&member.common)? == Owner::Other {
                self.pass_block();
                continue;
            }
            if let Some(sound) = self.look_into(member, headers_bytes, tell)? {
                return Ok(Some(sound));
            }
        }
    }

    /// Proves a member whose headers are sound, or goes on into it.
    fn look_into(&mut self, member: Member, headers_bytes: usize, tell: Tell<'_>) -> Result<Option<Sound>> {
        let known = self.identity.id().is_some();
        if known {
            self.note_astray(member.position);
        }
        let (content, member_bytes) = match self.prove_or_mend(&member, headers_bytes)? {
            // Nothing of such a member proves that it is one.
            Ok(_) if !known && matches!(member.kind, MemberKind::Unknown(_)) => {
                self.pass_block();
                return Ok(None);
            }
            Ok(proved) => proved,
            Err(why) => {
                match known {
                    true => self.note_failed(&member, headers_bytes, why, tell)?,
                    false => self.identity.note_failed(&member.common),
                }
                self.pass_block();
                return Ok(None);
            }
        };
        let begins = member.kind == MemberKind::BackupInfo && member.position == 0;
        self.identity.adopt(&member.common, begins)?;
        self.note_astray(member.position);
        self.window.pass(member_bytes);
        Ok(Some(Sound { member, content }))
    }

    fn prove(&mut self, member: &Member, headers_bytes: usize) -> Result<Proof> {
        if member.stored > stored_max(&member.kind, self.account.info()) {
            return Ok(Err("it is longer than any may be".to_owned()));
        }
        if matches!(member.kind, MemberKind::Unknown(_)) {
            // Its bytes cannot be held against anything: whatever they are, they are gone through.
            return Ok(Ok((Content::Other, headers_bytes)));
        }
        let member_bytes = headers_bytes + padded(member.stored) as usize;
        let stored_end = headers_bytes + member.stored as usize;
        let Some(stored) = self.window.fill(member_bytes).get(headers_bytes..stored_end) else {
            return Ok(Err("the input ends within it".to_owned()));
        };
        match prove(member, stored, &mut self.unpack) {
            Ok(content) => Ok(Ok((content, member_bytes))),
            Err(ParseFailure::Damaged(why)) => Ok(Err(why)),
            Err(ParseFailure::NotUnderstood(why)) => {
                let remedy = Some("use a newer blocktar".to_owned());
                Err(Error::refused(format!("salvage {}", self.name), why, remedy))
            }
        }
    }

    /// The same, also without a record that lies twice within the member.
    fn prove_or_mend(&mut self, member: &Member, headers_bytes: usize) -> Result<Proof> {
        let first = self.prove(member, headers_bytes)?;
        if first.is_ok() || member.stored > stored_max(&member.kind, self.account.info()) {
            return Ok(first);
        }
        let member_bytes = headers_bytes + padded(member.stored) as usize;
        for record in self.doubled_within(member_bytes) {
            let mut cuts = vec![self.cut(record)];
            let again = self.prove(member, headers_bytes)?;
            if again.is_ok() {
                self.note_doubled(&cuts);
                return Ok(again);
            }
            self.put_back(&mut cuts);
        }
        // Then several together.
        let (mut cuts, mut again) = (Vec::<Cut>::new(), self.doubled_within(member_bytes));
        while let (Some(record), true) = (again.first(), cuts.len() < TOGETHER_MAX) {
            cuts.push(self.cut(record.clone()));
            let proof = self.prove(member, headers_bytes)?;
            if proof.is_ok() {
                self.note_doubled(&cuts);
                return Ok(proof);
            }
            again = self.doubled_within(member_bytes);
            again.retain(|record| cuts.iter().all(|cut| record.start > cut.at));
        }
        self.put_back(&mut cuts);
        Ok(first)
    }

    /// Takes out a record that lies twice within a member's headers; whether they are sound then.
    fn mend_headers(&mut self) -> bool {
        if !begins_as_member(self.window.fill(HEADERS_MAX)) {
            return false;
        }
        let position = self.window.position();
        for record in self.doubled_within(HEADERS_MAX) {
            let mut cuts = vec![self.cut(record)];
            if sound_headers(self.window.fill(HEADERS_MAX), position).is_some() {
                self.note_doubled(&cuts);
                return true;
            }
            self.put_back(&mut cuts);
        }
        false
    }

    /// Takes out what lies there ahead.
    fn cut(&mut self, range: Range<usize>) -> Cut {
        Cut { at: range.start, bytes: self.window.cut(range) }
    }

    /// Puts back what was taken out, the last one first.
    fn put_back(&mut self, cuts: &mut Vec<Cut>) {
        while let Some(Cut { at, bytes }) = cuts.pop() {
            self.window.put_back(at, bytes);
        }
    }

    /// Where within so many bytes ahead a record begins that lies there a second time.
    fn doubled_within(&mut self, reach: usize) -> Vec<Range<usize>> {
        let written = self.account.info().map(|info| info.record_size);
        let record_bytes = self.window.record_bytes().or(written).and_then(|bytes| usize::try_from(bytes).ok());
        // Members begin on blocks, and so must what is left when a record is taken out. No tape has longer ones.
        let Some(record_bytes) = record_bytes.filter(|bytes| bytes.is_multiple_of(BLOCK) && *bytes <= RECORD_MAX)
        else {
            return Vec::new();
        };
        let position = self.window.position();
        let reach = reach.min(self.window.fill(reach).len());
        doubled(self.window.fill(reach + record_bytes), position, record_bytes, reach)
    }

    fn note_doubled(&mut self, cuts: &[Cut]) {
        for Cut { at, bytes } in cuts {
            let (length, position) = (bytes.len(), self.window.position() + *at as u64);
            self.faults.push(format!(
                "the {length} bytes before byte {position} are a record that stands there twice, and was taken once"
            ));
        }
    }

    fn pass_block(&mut self) {
        self.astray.get_or_insert(self.window.position());
        self.window.pass(BLOCK);
    }

    /// Says where no sound member was, up to the next one.
    pub(super) fn note_astray(&mut self, up_to: u64) {
        if let Some(from) = self.astray.take() {
            let from = from.max(self.explained);
            // What a member of an unknown kind stores is gone through too.
            if from < up_to && self.before.is_none_or(|before| before.end != up_to) {
                self.faults.push(format!("bytes {from} to {} hold no sound member", up_to - 1));
            }
        }
    }
}
