//! Runs the user's command that changes the medium.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{ANSWER_MAX, Answer, Direction, MediumKind, Question, as_answer};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::MediumReason;
use crate::sys::{command, pipe};

/// More than a command has to say.
const PRINTED_MAX: usize = 64 << 10;

/// What to do where it printed something else.
const ANSWER_REMEDY: &str =
    "have it print the path of one device or file, or none; what it says otherwise belongs on standard error: `>&2`";

/// Runs it by `sh -c`; the path that it prints is the answer, and what it says otherwise is shown.
pub(super) fn run(line: &str, question: &Question<'_>, progress: &Progress) -> Result<Answer> {
    let failed = |cause: io::Error| Error::io("running", format!("--next-medium `{line}`"), cause);
    let reason = if *question.reason == MediumReason::Next { "next" } else { "wrong" };
    let direction = if question.direction == Direction::Write { "write" } else { "read" };
    let child = command::release_signals(&mut Command::new("sh"))
        .args(["-c", line])
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
    let answer = read_answer(&mut child, progress);
    // One that prints more than was taken fails by that.
    let is_too_long = answer.as_ref().is_ok_and(|answer| answer.len() > PRINTED_MAX);
    let ended = command::finish(&mut child, progress, |cause| {
        failed(cause).with_remedy("what it wrote says why; without a next medium the archive is incomplete")
    });
    let ended = ended.or_else(|error| match error {
        Error::Io(_) if is_too_long => Ok(()),
        error => Err(error),
    });
    if let (Err(_), Ok(said)) = (&ended, &answer) {
        show(&talk_of(said.split(|byte| *byte == b'\n')));
    }
    ended?;
    let answer = answer.map_err(failed)?;
    let refused = |why| failed(io::Error::new(ErrorKind::InvalidData, why)).with_remedy(ANSWER_REMEDY);
    let Printed { path, talk } = Printed::of(&answer, question.kind).map_err(refused)?;
    show(&talk);
    Ok(as_answer(path))
}

/// As if the command had said so there; nobody is told where nobody can be.
fn show(talk: &[u8]) {
    let _ = io::stderr().write_all(talk);
}

fn talk_of<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let lines = lines.into_iter().map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, b"\n"].concat()).collect()
}

/// What a command printed.
#[derive(Debug, PartialEq, Eq)]
struct Printed<'a> {
    /// A path, if any.
    path: &'a [u8],
    /// All other lines: mtx tells what it does.
    talk: Vec<u8>,
}

impl<'a> Printed<'a> {
    fn of(printed: &'a [u8], kind: MediumKind) -> std::result::Result<Self, String> {
        if printed.len() > PRINTED_MAX {
            return Err(format!("it printed more than {PRINTED_MAX} bytes, no path"));
        }
        let lines = printed.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let (paths, talk): (Vec<_>, Vec<_>) = lines.partition(|line| is_path(line, kind));
        let path = match paths[..] {
            [] => &[][..],
            [path] => path,
            _ => return Err(format!("it printed {} paths, not one", paths.len())),
        };
        if path.len() > ANSWER_MAX || path.contains(&0) {
            return Err("it printed what is no path: a NUL byte, or too long a line".to_owned());
        }
        Ok(Self { path, talk: talk_of(talk) })
    }
}

/// Whether a line is meant as a path: what is absolute, is there, or lies in a folder that is; between files also a new name, if it is one word. File names may be
/// anything, and a changer's talk must not become one.
fn is_path(line: &[u8], kind: MediumKind) -> bool {
    let path = Path::new(OsStr::from_bytes(line));
    let has_folder = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && folder.is_dir());
    let is_word = !line.iter().any(u8::is_ascii_whitespace);
    path.is_absolute() || path.exists() || has_folder || (kind == MediumKind::File && is_word)
}

/// What a command prints, up to its end.
fn read_answer(child: &mut Child, progress: &Progress) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let Some(stdout) = child.stdout.take() else { return Ok(answer) };
    let mut stdout = File::from(std::os::fd::OwnedFd::from(stdout)).take(PRINTED_MAX as u64 + 1);
    let mut has_ended = false;
    loop {
        // Its end comes when all have closed it that the command started, so that it is looked at whether it still runs.
        if progress.check().is_err() {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::super::NextMedium;
    use super::*;

    const QUESTION: Question<'_> = Question {
        device: "/dev/nst7",
        kind: MediumKind::Cartridge,
        part: 3,
        archive: "0193f000",
        reason: &MediumReason::Next,
        direction: Direction::Write,
    };

    fn ask(command: &str, reason: &MediumReason) -> Result<Answer> {
        NextMedium::new(Some(command.to_owned()), &Arc::default()).ask(&Question { reason, ..QUESTION })
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
    fn what_is_no_path_is_none() {
        for (command, said) in [
            ("printf '/a\n/b\n'", "2 paths"),
            ("printf '/a\\000b'", "NUL"),
            ("printf '/%04999d' 0; true", "too long"),
            ("printf '%070000d' 0; true", "more than"),
            // It is killed, as nobody takes what it goes on to print.
            ("exec yes /x", "more than"),
        ] {
            let error = ask(command, &MediumReason::Next).unwrap_err();
            assert!(error.to_string().contains(said), "{command}: {error}");
            assert!(error.remedy().is_some_and(|remedy| remedy.contains(">&2")), "{command}: {error}");
        }
    }

    #[test]
    fn what_a_changer_says_is_shown_and_no_path() {
        const SAID: &str = "Loading media from Storage Element 3 into drive 0...done";
        let said = |text: &str, kind| {
            Printed::of(text.as_bytes(), kind).map(|printed| {
                (String::from_utf8_lossy(printed.path).into_owned(), String::from_utf8(printed.talk).unwrap())
            })
        };
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().display();
        for kind in [MediumKind::Cartridge, MediumKind::File] {
            for (text, path, talk) in [
                (SAID.to_owned(), String::new(), format!("{SAID}\n")),
                (format!("{SAID}\n\n  {SAID} \n"), String::new(), format!("{SAID}\n{SAID}\n")),
                (format!("{SAID}\n/dev/nst1\n"), "/dev/nst1".to_owned(), format!("{SAID}\n")),
                (
                    "  Storage Changer /dev/sg3:2 Drives".to_owned(),
                    String::new(),
                    "Storage Changer /dev/sg3:2 Drives\n".to_owned(),
                ),
                ("/no such/folder".to_owned(), "/no such/folder".to_owned(), String::new()),
                // Of this package.
                ("Cargo.toml".to_owned(), "Cargo.toml".to_owned(), String::new()),
                ("src/a new one".to_owned(), "src/a new one".to_owned(), String::new()),
                (format!("{there}/a b"), format!("{there}/a b"), String::new()),
            ] {
                assert_eq!(said(&text, kind), Ok((path, talk)), "{text}");
            }
        }
        assert_eq!(said("done", MediumKind::Cartridge), Ok((String::new(), "done\n".to_owned())));
        assert_eq!(said("part-2.tar", MediumKind::File), Ok(("part-2.tar".to_owned(), String::new())));
        assert!(said("loading\ndone", MediumKind::File).is_err());
        assert_eq!(ask(&format!("echo {SAID}"), &MediumReason::Next).unwrap(), Answer::Changed);
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
        let begun = std::time::Instant::now();
        let outcome = NextMedium::new(Some("exec sleep 60".to_owned()), &progress).ask(&QUESTION);
        assert!(matches!(outcome, Err(Error::Interrupted { signal: 15 })), "{outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
        stop.join().unwrap();
    }
}
