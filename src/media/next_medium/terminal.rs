//! Asks for the next medium at the terminal.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{ANSWER_MAX, Answer, Direction, Question, as_answer};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::MediumReason;
use crate::sys::pipe;
use crate::sys::terminal::{self, printable};

/// The terminal of whoever started the program, wherever its streams go (tty(4)).
pub(super) const TERMINAL: &str = "/dev/tty";
/// The answer that there is no other medium.
const NO_OTHER: &[u8] = b"q";

/// Asks there, and waits for a line.
pub(super) fn prompt(terminal: &Path, question: &Question<'_>, progress: &Progress) -> Result<Answer> {
    let nobody = || {
        let why = io::Error::other("there is neither `--next-medium` nor a terminal to ask at");
        let remedy = "give `--next-medium COMMAND`, which changes the medium; `blocktar backup --help` says how";
        Error::io("asking for the next medium behind", question.device, why).with_remedy(remedy)
    };
    // It is waited for without blocking, so that a wish to stop is noticed (O_NONBLOCK, open(2)).
    let mut options = File::options();
    let opened = options.read(true).write(true).custom_flags(pipe::NONBLOCK).open(terminal);
    let opened = opened.map_err(|_| nobody())?;
    ask(&opened, question, progress)
}

fn ask(mut terminal: &File, question: &Question<'_>, progress: &Progress) -> Result<Answer> {
    let failed = |cause| Error::io("asking at", "the terminal", cause);
    // Who pressed Enter an hour ago did not mean this.
    terminal::forget_typed(terminal).map_err(failed)?;
    terminal.write_all(text(question).as_bytes()).map_err(failed)?;
    let mut line = Vec::new();
    while !line.ends_with(b"\n") && line.len() < ANSWER_MAX {
        progress.check()?;
        if !pipe::is_readable_soon(terminal).map_err(failed)? {
            continue;
        }
        let mut bytes = [0; 512];
        match terminal.read(&mut bytes) {
            // Ctrl-D, or the terminal was closed.
            Ok(0) => return Ok(Answer::NoOther),
            Ok(length) => line.extend_from_slice(&bytes[..length]),
            Err(error) if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    match line.trim_ascii() {
        NO_OTHER => Ok(Answer::NoOther),
        line => Ok(as_answer(line)),
    }
}

/// What is asked. What a medium holds must not play tricks on the terminal.
fn text(question: &Question<'_>) -> String {
    let Question { device, part, archive, .. } = question;
    let wrong = match question.reason {
        MediumReason::Next => String::new(),
        MediumReason::Wrong(why) => format!("\nblocktar: that medium will not do: {}", printable(why)),
    };
    let wanted = match question.direction {
        Direction::Write => format!("part {part} of archive {archive} needs the next medium"),
        Direction::Read => format!("insert the medium with part {part} of archive {archive}"),
    };
    let device = printable(device);
    format!(
        "{wrong}\nblocktar: {device}: {wanted}. Press Enter when it is there, type another device, or q if there is none: "
    )
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    use nix::pty::{OpenptyResult, openpty};

    use super::super::MediumKind;
    use super::*;

    /// Somebody at a terminal.
    struct Somebody {
        keyboard: File,
        /// Which keeps the terminal, for whoever opens it by its name.
        terminal: OwnedFd,
        progress: Arc<Progress>,
    }

    impl Somebody {
        fn new() -> Self {
            let OpenptyResult { master, slave } = openpty(None, None).unwrap();
            Self { keyboard: master.into(), terminal: slave, progress: Arc::default() }
        }

        fn types(&mut self, keys: &[u8]) {
            self.keyboard.write_all(keys).unwrap();
        }

        /// Asks him, and waits until he has read all of it.
        fn is_asked(&mut self, reason: MediumReason) -> (String, JoinHandle<Result<Answer>>) {
            let terminal = nix::unistd::ttyname(&self.terminal).unwrap();
            let progress = Arc::clone(&self.progress);
            let asking = thread::spawn(move || {
                let question = Question {
                    device: "/dev/nst0",
                    kind: MediumKind::Cartridge,
                    part: 2,
                    archive: "0193f000",
                    reason: &reason,
                    direction: Direction::Write,
                };
                prompt(&terminal, &question, &progress)
            });
            let mut seen = Vec::new();
            while !seen.ends_with(b": ") {
                let mut bytes = [0; 512];
                let length = self.keyboard.read(&mut bytes).unwrap();
                seen.extend_from_slice(&bytes[..length]);
            }
            (String::from_utf8(seen).unwrap(), asking)
        }

        fn answers(&mut self, keys: &[u8]) -> Answer {
            let (_, asking) = self.is_asked(MediumReason::Next);
            self.types(keys);
            asking.join().unwrap().unwrap()
        }
    }

    #[test]
    fn a_line_is_an_answer() {
        let mut somebody = Somebody::new();
        for (keys, answer) in [
            (&b"\r"[..], Answer::Changed),
            (b" /dev/nst1 \r", Answer::GoOnWith("/dev/nst1".into())),
            // Struck out: Ctrl-U.
            (b"/dev/nst1\x15\r", Answer::Changed),
            (b"q\r", Answer::NoOther),
            (b"./q\r", Answer::GoOnWith("./q".into())),
            // The end of what is typed: Ctrl-D.
            (b"\x04", Answer::NoOther),
        ] {
            assert_eq!(somebody.answers(keys), answer, "{keys:?}");
        }
    }

    #[test]
    fn what_was_typed_before_is_no_answer() {
        let mut somebody = Somebody::new();
        somebody.types(b"\r\r\r");
        assert_eq!(somebody.answers(b"/dev/nst1\r"), Answer::GoOnWith("/dev/nst1".into()));
    }

    #[test]
    fn it_is_said_what_is_wanted_and_why_and_a_medium_plays_no_tricks() {
        let mut somebody = Somebody::new();
        let (seen, asking) = somebody.is_asked(MediumReason::Wrong("it begins with \u{1b}[2J".to_owned()));
        for words in
            ["will not do: it begins with \\u{1b}[2J", "/dev/nst0: part 2 of archive 0193f000 needs", "Press Enter"]
        {
            assert!(seen.contains(words), "{seen}");
        }
        somebody.types(b"\r");
        asking.join().unwrap().unwrap();
    }

    #[test]
    fn a_wish_to_stop_is_heeded_while_nobody_answers() {
        let mut somebody = Somebody::new();
        let (_, asking) = somebody.is_asked(MediumReason::Next);
        somebody.progress.interrupt(2);
        assert!(matches!(asking.join().unwrap(), Err(Error::Interrupted { signal: 2 })));
    }

    #[test]
    fn a_terminal_that_is_closed_ends_the_asking() {
        let mut somebody = Somebody::new();
        let (_, asking) = somebody.is_asked(MediumReason::Next);
        drop(somebody);
        thread::sleep(Duration::from_millis(1));
        let ended = asking.join().unwrap();
        assert!(matches!(ended, Ok(Answer::NoOther) | Err(Error::Io(_))), "{ended:?}");
        let question = Question {
            device: "/dev/nst0",
            kind: MediumKind::Cartridge,
            part: 2,
            archive: "0",
            reason: &MediumReason::Next,
            direction: Direction::Read,
        };
        let error = prompt(&PathBuf::from("/no/terminal"), &question, &Progress::default()).unwrap_err();
        assert!(error.to_string().contains("neither `--next-medium` nor a terminal"), "{error}");
    }
}
