//! Asks for the medium on which an archive goes on: runs the user's command, or asks at the terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::MediumReason;
use crate::sys::pipe;

/// How often a command that is running is looked at, and with it the wish to stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// The terminal of whoever started the program, wherever its streams go (tty(4)).
const TERMINAL: &str = "/dev/tty";
/// The longest answer: a path.
const ANSWER_MAX: u64 = 4096;

/// What the next medium is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The archive goes on there.
    Write,
    /// The archive's next part is there.
    Read,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The drive, or the file before, as the user named it.
    pub device: &'a str,
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

    /// The same for a reader that goes on without a medium that nobody has; the prompt says so.
    pub fn may_lack(self) -> Self {
        Self { may_lack: true, ..self }
    }

    /// Whether a command was given.
    pub fn has_command(&self) -> bool {
        self.command.is_some()
    }

    /// Whether there is a command to run or a terminal to ask at.
    pub fn can_ask(&self) -> bool {
        self.has_command() || File::open(TERMINAL).is_ok()
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// A command that failed; nobody to ask; the wish to stop.
    pub fn ask(&self, question: &Question<'_>) -> Result<Answer> {
        let asking = self.progress.begin_asking();
        let answer = match (&self.command, self.answering) {
            (_, Some(answering)) => Ok(answering(question)),
            (Some(command), None) => self.run(command, question),
            (None, None) => self.prompt(question),
        };
        drop(asking);
        self.progress.check()?;
        answer
    }

    fn run(&self, command: &str, question: &Question<'_>) -> Result<Answer> {
        let failed = |cause: io::Error| Error::io("running", format!("--next-medium `{command}`"), cause);
        let reason = if *question.reason == MediumReason::Next { "next" } else { "wrong" };
        let direction = if question.direction == Direction::Write { "write" } else { "read" };
        let child = Command::new("sh")
            .args(["-c", command])
            .env("BLOCKTAR_MEDIUM", question.device)
            .env("BLOCKTAR_PART", question.part.to_string())
            .env("BLOCKTAR_ARCHIVE", question.archive)
            .env("BLOCKTAR_REASON", reason)
            .env("BLOCKTAR_DIRECTION", direction)
            // The standard streams of this process may be the tape.
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.map_err(failed)?;
        let answer = self.read_answer(&mut child);
        let status = self.wait(&mut child).map_err(failed)?;
        self.progress.check()?;
        if !status.success() {
            let cause = io::Error::other(format!("it failed: {status}"));
            return Err(
                failed(cause).with_remedy("what it wrote says why; without a next medium the archive is incomplete")
            );
        }
        answer.map_err(failed).map(|answer| as_answer(&answer))
    }

    /// What a command prints, up to its end.
    fn read_answer(&self, child: &mut Child) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        let Some(stdout) = child.stdout.take() else { return Ok(answer) };
        let mut stdout = File::from(std::os::fd::OwnedFd::from(stdout)).take(ANSWER_MAX);
        let mut has_ended = false;
        loop {
            // Its end comes when all have closed it that the command started, so that it is looked at whether it still runs.
            if self.progress.check().is_err() {
                return Ok(answer);
            }
            if !pipe::is_readable_soon(stdout.get_ref())? {
                if std::mem::replace(&mut has_ended, child.try_wait()?.is_some()) {
                    return Ok(answer);
                }
                continue;
            }
            let mut bytes = [0; 512];
            match stdout.read(&mut bytes) {
                Ok(0) => return Ok(answer),
                Ok(length) => answer.extend_from_slice(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for its end; one that goes on after the wish to stop is killed.
    fn wait(&self, child: &mut Child) -> io::Result<std::process::ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.progress.check().is_err() {
                let _ = child.kill();
                return child.wait();
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }

    fn prompt(&self, question: &Question<'_>) -> Result<Answer> {
        let nobody = || {
            let why = io::Error::other("there is neither `--next-medium` nor a terminal to ask at");
            let remedy = "give `--next-medium COMMAND`, which changes the medium; `blocktar backup --help` says how";
            Error::io("asking for the next medium behind", question.device, why).with_remedy(remedy)
        };
        // It is waited for without blocking, so that a wish to stop is noticed (O_NONBLOCK, open(2)).
        let mut options = File::options();
        let terminal = options.read(true).write(true).custom_flags(pipe::NONBLOCK).open(TERMINAL);
        let terminal = terminal.map_err(|_| nobody())?;
        let failed = |cause| Error::io("asking at", "the terminal", cause);
        (&terminal).write_all(prompt_text(question, self.may_lack).as_bytes()).map_err(failed)?;
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            self.progress.check()?;
            if !pipe::is_readable_soon(&terminal).map_err(failed)? {
                continue;
            }
            let mut bytes = [0; 512];
            match (&terminal).read(&mut bytes) {
                Ok(0) if self.may_lack => return Err(failed(io::Error::other("there is none, it was said"))),
                Ok(0) => return Err(nobody()),
                Ok(length) => line.extend_from_slice(&bytes[..length]),
                Err(error) if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(as_answer(&line))
    }
}

fn prompt_text(question: &Question<'_>, may_lack: bool) -> String {
    let Question { device, part, archive, .. } = question;
    let wrong = match question.reason {
        MediumReason::Next => String::new(),
        MediumReason::Wrong(why) => format!("\nblocktar: that medium will not do: {why}"),
    };
    let wanted = match question.direction {
        Direction::Write => format!("part {part} of archive {archive} needs the next medium"),
        Direction::Read => format!("insert the medium with part {part} of archive {archive}"),
    };
    let or_none = if may_lack { "press Ctrl-D if there is none, " } else { "" };
    format!(
        "{wrong}\nblocktar: {device}: {wanted}. Press Enter when it is there, type another device, {or_none}or stop with Ctrl-C: "
    )
}

/// What was printed or typed: a path, or nothing.
fn as_answer(text: &[u8]) -> Answer {
    match text.trim_ascii() {
        [] => Answer::Changed,
        path => Answer::GoOnWith(Path::new(OsStr::from_bytes(path)).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(command: &str, reason: &MediumReason) -> Result<Answer> {
        let question =
            Question { device: "/dev/nst7", part: 3, archive: "0193f000", reason, direction: Direction::Write };
        NextMedium::new(Some(command.to_owned()), &Arc::default()).ask(&question)
    }

    #[test]
    fn a_command_learns_what_is_wanted_and_may_print_a_path() {
        assert_eq!(ask("true", &MediumReason::Next).unwrap(), Answer::Changed);
        let all = "echo $BLOCKTAR_MEDIUM $BLOCKTAR_PART $BLOCKTAR_ARCHIVE $BLOCKTAR_REASON $BLOCKTAR_DIRECTION";
        let told = |reason| ask(all, reason).unwrap();
        assert_eq!(told(&MediumReason::Next), Answer::GoOnWith("/dev/nst7 3 0193f000 next write".into()));
        let wrong = MediumReason::Wrong("it is full".to_owned());
        assert_eq!(told(&wrong), Answer::GoOnWith("/dev/nst7 3 0193f000 wrong write".into()));
        assert_eq!(ask("printf ' /a b/c \n\n'", &wrong).unwrap(), Answer::GoOnWith("/a b/c".into()));
        // One that leaves something running behind it, which holds its output open.
        assert_eq!(ask("sleep 60 & echo /x", &wrong).unwrap(), Answer::GoOnWith("/x".into()));
    }

    #[test]
    fn a_command_that_fails_ends_it_and_so_does_a_wish_to_stop() {
        let error = ask("exit 3", &MediumReason::Next).unwrap_err();
        assert!(error.to_string().contains("exit status: 3") && error.remedy().is_some(), "{error}");
        let progress = Arc::new(Progress::default());
        let stopping = Arc::clone(&progress);
        let stop = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            stopping.interrupt(15);
        });
        let question =
            Question { device: "x", part: 2, archive: "y", reason: &MediumReason::Next, direction: Direction::Read };
        let begun = std::time::Instant::now();
        let outcome = NextMedium::new(Some("exec sleep 60".to_owned()), &progress).ask(&question);
        assert!(matches!(outcome, Err(Error::Interrupted { signal: 15 })), "{outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
        stop.join().unwrap();
    }
}
