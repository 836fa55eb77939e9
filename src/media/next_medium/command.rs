//! Runs the user's command that changes the medium.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, Stdio};

use super::{ANSWER_MAX, Answer, Direction, Question, as_answer};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::MediumReason;
use crate::sys::{command, pipe};

/// What to do where it printed something else.
const ANSWER_REMEDY: &str = "have it print the path of the device or file alone, or nothing; what it says otherwise belongs on standard error: `>&2`";

/// Runs it by `sh -c`; what it prints is the answer.
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
    command::finish(&mut child, progress, |cause| {
        failed(cause).with_remedy("what it wrote says why; without a next medium the archive is incomplete")
    })?;
    let answer = answer.map_err(failed)?;
    match why_no_path(&answer) {
        Some(why) => Err(failed(io::Error::new(ErrorKind::InvalidData, why)).with_remedy(ANSWER_REMEDY)),
        None => Ok(as_answer(&answer)),
    }
}

/// Why what was printed cannot be meant as a path: file names could hold it, but a changer's talk would become one.
fn why_no_path(answer: &[u8]) -> Option<String> {
    match answer.trim_ascii() {
        _ if answer.len() > ANSWER_MAX => Some(format!("it printed more than {ANSWER_MAX} bytes, no path")),
        path if path.contains(&b'\n') => Some("it printed several lines, not one path".to_owned()),
        path if path.contains(&0) => Some("it printed a NUL byte, which no path has".to_owned()),
        _ => None,
    }
}

/// What a command prints, up to its end.
fn read_answer(child: &mut Child, progress: &Progress) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let Some(stdout) = child.stdout.take() else { return Ok(answer) };
    let mut stdout = File::from(std::os::fd::OwnedFd::from(stdout)).take(ANSWER_MAX as u64 + 1);
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
    fn what_is_no_path_is_none() {
        for (command, said) in [
            ("printf '/a\n/b\n'", "several lines"),
            ("echo loading; echo done", "several lines"),
            ("printf '/a\\000b'", "NUL"),
            ("printf '/%04999d' 0; true", "more than"),
        ] {
            let error = ask(command, &MediumReason::Next).unwrap_err();
            assert!(error.to_string().contains(said), "{command}: {error}");
            assert!(error.remedy().is_some_and(|remedy| remedy.contains(">&2")), "{command}: {error}");
        }
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

    /// Ctrl-C reaches both, and the command may be the first to heed it.
    #[test]
    fn a_command_that_a_stop_signal_ended_first_has_not_failed() {
        let folder = tempfile::tempdir().unwrap();
        let begun = folder.path().join("begun");
        let progress = Arc::new(Progress::default());
        let stopping = Arc::clone(&progress);
        let command = format!("echo > {}; exit 130", begun.display());
        let stop = thread::spawn(move || {
            while !begun.exists() {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(50));
            stopping.interrupt(2);
        });
        let question =
            Question { device: "x", part: 2, archive: "y", reason: &MediumReason::Next, direction: Direction::Read };
        let outcome = NextMedium::new(Some(command), &progress).ask(&question);
        assert!(matches!(outcome, Err(Error::Interrupted { signal: 2 })), "{outcome:?}");
        stop.join().unwrap();
    }
}
