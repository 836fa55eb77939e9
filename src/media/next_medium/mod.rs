//! Asks for the medium on which an archive goes on: runs the user's command, or asks at the terminal.

mod command;
mod terminal;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::MediumReason;

/// The longest answer: a path.
const ANSWER_MAX: usize = 4096;

/// What the next medium is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The archive goes on there.
    Write,
    /// The archive's next part is there.
    Read,
}

/// What the archive lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediumKind {
    /// A cartridge in a drive.
    Cartridge,
    /// A file.
    File,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The drive, or the file before, as the user named it.
    pub device: &'a str,
    /// Which of the two that is.
    pub kind: MediumKind,
    /// The number of the part that is wanted, from 1.
    pub part: u64,
    /// The archive's id.
    pub archive: &'a str,
    /// Why.
    pub reason: &'a MediumReason,
    /// For what.
    pub direction: Direction,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The cartridge in the drive was changed.
    Changed,
    /// It goes on with this device or file.
    GoOnWith(PathBuf),
    /// There is no other: whoever sits at the terminal says so.
    NoOther,
}

impl Question<'_> {
    /// The failure of whoever needs another medium and got the answer that there is none.
    pub fn no_other(&self) -> Error {
        let why = io::Error::other(format!("there is none for part {}, it was answered", self.part));
        let error = Error::io("asking for the next medium behind", self.device, why);
        match self.direction {
            Direction::Write => {
                error.with_remedy("what was written is incomplete: make the backup again when there are media enough")
            }
            Direction::Read => error,
        }
    }
}

/// Answers in place of the user.
pub type Answering = fn(&Question<'_>) -> Answer;

/// Whom to ask: the user's command, or else whoever sits at the terminal.
#[derive(Clone, Debug, Default)]
pub struct NextMedium {
    command: Option<String>,
    answering: Option<Answering>,
    may_lack: bool,
    progress: Arc<Progress>,
}

impl NextMedium {
    /// Runs this command by `sh -c`, if there is one; a wish to stop ends the asking.
    pub fn new(command: Option<String>, progress: &Arc<Progress>) -> Self {
        Self { command, answering: None, may_lack: false, progress: Arc::clone(progress) }
    }

    /// Asks nobody: for who changes media himself, as a program with its own changer does.
    pub fn answered(answering: Answering) -> Self {
        Self { answering: Some(answering), ..Self::default() }
    }

    /// The same for a reader that goes on without a medium that nobody has.
    pub fn may_lack(self) -> Self {
        Self { may_lack: true, ..self }
    }

    /// Whether such a reader asks: it is told of each medium that there is none, and asks for the next.
    pub fn is_for_those_who_may_lack(&self) -> bool {
        self.may_lack
    }

    /// Whether a command was given.
    pub fn has_command(&self) -> bool {
        self.command.is_some()
    }

    /// Whether there is a command to run or a terminal to ask at.
    pub fn can_ask(&self) -> bool {
        self.has_command() || File::open(terminal::TERMINAL).is_ok()
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// A command that failed; nobody to ask; the wish to stop.
    pub fn ask(&self, question: &Question<'_>) -> Result<Answer> {
        let asking = self.progress.begin_asking();
        let answer = match (&self.command, self.answering) {
            (_, Some(answering)) => Ok(answering(question)),
            (Some(command), None) => command::run(command, question, &self.progress),
            (None, None) => terminal::prompt(Path::new(terminal::TERMINAL), question, &self.progress),
        };
        drop(asking);
        self.progress.check()?;
        answer
    }
}

/// What was printed or typed: a path, or nothing.
fn as_answer(text: &[u8]) -> Answer {
    match text.trim_ascii() {
        [] => Answer::Changed,
        path => Answer::GoOnWith(Path::new(OsStr::from_bytes(path)).to_owned()),
    }
}
