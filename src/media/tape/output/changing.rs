//! Goes from one cartridge to the next.

use super::TapeOutput;
use crate::drive::{Placed, explained};
use crate::error::{Error, Result};
use crate::media::next_medium::{Answer, Direction, Question};
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
                part: ended.number + 1,
                archive: &ended.id,
                reason: &reason,
                direction: Direction::Write,
            };
            reason = match self.options.next_medium.ask(&question)? {
                Answer::GoOnWith(path) => {
                    self.drive = (self.options.open)(&path)?;
                    self.name = self.drive.name().to_owned();
                    match self.place_next()? {
                        None => return Ok(()),
                        Some(why) => MediumReason::Wrong(why),
                    }
                }
                Answer::Changed => match self.drive.load() {
                    Ok(()) => match self.place_next()? {
                        None => return Ok(()),
                        Some(why) => MediumReason::Wrong(why),
                    },
                    Err(cause) => MediumReason::Wrong(explained(self.drive.as_mut(), cause).to_string()),
                },
            };
        }
        let MediumReason::Wrong(why) = reason else { unreachable!("only a wrong one is asked for again") };
        let remedy = "have blank cartridges ready, or add --overwrite if all that is on them may be lost";
        let request = format!("go on with the archive on {}", self.name);
        Err(Error::refused(
            request,
            format!("{WRONG_MAX} cartridges would not do, the last as {why}"),
            Some(remedy.to_owned()),
        ))
    }

    /// Goes where the next part begins; what is wrong with the cartridge, otherwise.
    fn place_next(&mut self) -> Result<Option<String>> {
        if self.used.holds(self.drive.as_mut()) {
            return Ok(Some("it holds a part of this very archive".to_owned()));
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
