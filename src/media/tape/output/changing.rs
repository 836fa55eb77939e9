//! Goes from one cartridge to the next.

use super::TapeOutput;
use crate::drive::{Placed, explained};
use crate::error::{Error, Result};
use crate::media::next_medium::{Answer, Direction, MediumKind, Question};
use crate::stream::{MediumReason, PartEnded};

/// So often a cartridge that will not do is asked for anew.
const WRONG_MAX: u32 = 5;

impl TapeOutput {
    /// Has the cartridge changed until one is there on which the archive may go on.
    pub(super) fn change_cartridge(&mut self, ended: &PartEnded) -> Result<()> {
        let mut reason = MediumReason::Next;
        self.used.note(self.drive.as_mut());
        for _ in 0..WRONG_MAX {
            // Given out first, so that a changer, or whoever stands there, can take it; an empty drive has nothing to give.
            let unloaded = self.drive.unload();
            if reason == MediumReason::Next {
                unloaded.map_err(|cause| self.failed("giving out the cartridge of", cause))?;
            }
            let question = Question {
                device: &self.name,
                kind: MediumKind::Cartridge,
                part: ended.number + 1,
                archive: &ended.id,
                reason: &reason,
                direction: Direction::Write,
            };
            let answer = match self.options.next_medium.ask(&question)? {
                Answer::NoOther => return Err(question.no_other()),
                answer => answer,
            };
            match self.go_on_with(answer)? {
                None => return Ok(()),
                Some(why) => reason = MediumReason::Wrong(why),
            }
        }
        let MediumReason::Wrong(why) = reason else { unreachable!("only a wrong one is asked for again") };
        let remedy = match self.options.place.may_overwrite() {
            true => "have other cartridges ready",
            false => "have blank cartridges ready, or add --overwrite if all that is on them may be lost",
        };
        let request = format!("go on with the archive on {}", self.name);
        Err(Error::refused(
            request,
            format!("{WRONG_MAX} cartridges would not do, the last as {why}"),
            Some(remedy.to_owned()),
        ))
    }

    /// Goes on as it was answered; what is wrong with that, otherwise: a slip of whoever answers must not cost what was written so far.
    fn go_on_with(&mut self, answer: Answer) -> Result<Option<String>> {
        match answer {
            // The driver lets only one have it, and here it is open already.
            Answer::GoOnWith(path) if !self.drive.is_at(&path) => match (self.options.open)(&path) {
                Ok(drive) => {
                    self.drive = drive;
                    self.name = self.drive.name().to_owned();
                }
                Err(error) => return as_wrong(error).map(Some),
            },
            _ => {
                if let Err(cause) = self.drive.load() {
                    return Ok(Some(explained(self.drive.as_mut(), cause).to_string()));
                }
            }
        }
        self.place_next().or_else(|error| as_wrong(error).map(Some))
    }

    /// Goes where the next part begins; what is wrong with the cartridge, otherwise.
    fn place_next(&mut self) -> Result<Option<String>> {
        if let Some(why) = self.used.why_used(self.drive.as_mut()) {
            return Ok(Some(why.to_owned()));
        }
        match self.options.place.next(self.drive.as_mut())? {
            Placed::There { medium, notes } => {
                self.begin_cartridge(medium, notes);
                Ok(None)
            }
            Placed::Wrong(why) => Ok(Some(why)),
        }
    }
}

/// Why a medium will not do, by the error that it gave; only the wish to stop is none.
fn as_wrong(error: Error) -> Result<String> {
    if matches!(error, Error::Interrupted { .. }) { Err(error) } else { Ok(error.to_string()) }
}
