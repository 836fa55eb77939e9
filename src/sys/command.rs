//! Programs that are run for the user: they get the signals that this process holds back, and are ended with all that they started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::Stat;
use super::signal::held_back;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// How long a program has to end by itself; users expect an end within a second, and have waited for a moment already.
const PATIENCE: Duration = Duration::from_millis(250);
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// How long after a program failed the wish to stop may come: Ctrl-C reaches both, and the program may have ended by it before it was noticed here.
const NOTICE_PATIENCE: Duration = Duration::from_millis(300);

/// Has the command get the signals that this process holds back, which programs inherit: nobody could stop it otherwise.
#[allow(unsafe_code)]
pub fn release_signals(command: &mut Command) -> &mut Command {
    let held = held_back();
    // SAFETY: between fork and exec it calls only sigprocmask, which signal-safety(7) allows there, and allocates nothing.
    unsafe { command.pre_exec(move || held.thread_unblock().map_err(io::Error::from)) }
}

/// Waits until a program has succeeded; one that goes on after the wish to stop is ended, with all that it started.
///
/// # Errors
/// The wish to stop, also where the program failed by it first; else why it failed, as `failed` tells it.
pub fn finish(child: &mut Child, progress: &Progress, failed: impl FnOnce(io::Error) -> Error) -> Result<()> {
    finish_within(NOTICE_PATIENCE, child, progress, failed)
}

/// The same, with so much patience for a wish to stop that comes behind a failure.
fn finish_within(
    patience: Duration,
    child: &mut Child,
    progress: &Progress,
    failed: impl FnOnce(io::Error) -> Error,
) -> Result<()> {
    let ended = loop {
        match child.try_wait() {
            Ok(None) if progress.check().is_err() => break end(child),
            Ok(None) => thread::sleep(LOOK_INTERVAL),
            Ok(Some(status)) => break Ok(status),
            Err(cause) => break Err(cause),
        }
    };
    progress.check()?;
    succeeded(ended).or_else(|cause| {
        let noticed = Instant::now();
        while noticed.elapsed() < patience {
            thread::sleep(LOOK_INTERVAL);
            progress.check()?;
        }
        Err(failed(cause))
    })
}

/// What a program came to, where only success will do.
pub fn succeeded(ended: io::Result<ExitStatus>) -> io::Result<()> {
    match ended? {
        status if status.success() => Ok(()),
        status => Err(io::Error::other(format!("it failed: {status}"))),
    }
}

/// Ends a program and all that it started: asks them first, so that they may leave things in order, and kills what is left then.
///
/// It goes by who started whom: a process group of its own would cut the program off from the terminal, at which it may ask for something.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    let mut family = Family::default();
    family.find(child.id());
    family.signal(Signal::SIGTERM);
    while begun.elapsed() < PATIENCE {
        let ended = child.try_wait()?;
        if let (Some(status), false) = (ended, family.is_alive()) {
            return Ok(status);
        }
        thread::sleep(LOOK_INTERVAL);
    }
    // What it has started since.
    family.find(child.id());
    family.signal(Signal::SIGKILL);
    child.wait()
}

/// A process: its number may be given anew, but not with the same time at which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    number: u32,
    begun: u64,
}

/// A process and all that it started, and that they started.
#[derive(Debug, Default)]
struct Family {
    members: BTreeSet<Process>,
}

impl Family {
    /// Adds this process and its descendants, and those of who belongs to it already.
    fn find(&mut self, number: u32) {
        let running = running();
        let mut begun_by = BTreeMap::<u32, Vec<u32>>::new();
        for (number, stat) in &running {
            begun_by.entry(stat.parent).or_default().push(*number);
        }
        let known = self.members.iter().filter(|process| is_running(&running, process)).map(|process| process.number);
        let mut wanted: Vec<_> = known.chain([number]).collect();
        while let Some(number) = wanted.pop() {
            if let Some(stat) = running.get(&number) {
                self.members.insert(Process { number, begun: stat.started });
                wanted.extend(begun_by.remove(&number).unwrap_or_default());
            }
        }
    }

    fn is_alive(&self) -> bool {
        let running = running();
        self.members.iter().any(|process| is_running(&running, process))
    }

    /// Sends a signal to those that still run; what belongs to another user by now cannot be reached.
    fn signal(&self, signal: Signal) {
        let running = running();
        for process in self.members.iter().filter(|process| is_running(&running, process)) {
            let _ = kill(Pid::from_raw(process.number.cast_signed()), signal);
        }
    }
}

/// The processes that have not ended, by their numbers.
fn running() -> BTreeMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats = numbers.filter_map(|number| Some((number, Stat::of(number)?)));
    stats.filter(|(_, stat)| !stat.has_ended).collect()
}

fn is_running(running: &BTreeMap<u32, Stat>, process: &Process) -> bool {
    running.get(&process.number).is_some_and(|stat| stat.started == process.begun)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    /// The program, and what stands at the end of a line that it prints: the number of a process that it started.
    fn begun(line: &str) -> (Child, u32) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let line = line.replace("PATH", path.to_str().unwrap());
        let child = release_signals(Command::new("sh").args(["-c", &line])).stdin(Stdio::null()).spawn().unwrap();
        let number = || fs::read_to_string(&path).ok()?.trim().parse().ok();
        while number().is_none() {
            thread::sleep(LOOK_INTERVAL);
        }
        (child, number().unwrap())
    }

    #[test]
    fn what_a_program_started_ends_with_it_even_against_its_will() {
        for line in [
            "sleep 60 & echo $! > PATH; wait",
            // Neither the program nor what it started minds being asked.
            "trap '' TERM; sleep 60 & echo $! > PATH; wait; sleep 60",
            "(sh -c 'sleep 60 & echo $! > PATH; wait')",
        ] {
            let (mut child, number) = begun(line);
            assert!(running().contains_key(&number));
            let before = Instant::now();
            assert!(!end(&mut child).unwrap().success());
            assert!(before.elapsed() < Duration::from_secs(20), "{line}");
            // One that was killed takes a moment.
            while running().contains_key(&number) {
                assert!(before.elapsed() < Duration::from_secs(20), "{line}: {number} goes on");
                thread::sleep(LOOK_INTERVAL);
            }
        }
    }

    fn finished(line: &str, patience: Duration, progress: &Progress) -> Result<()> {
        let mut child = Command::new("sh").args(["-c", line]).spawn().unwrap();
        finish_within(patience, &mut child, progress, |cause| Error::io("running", "it", cause))
    }

    #[test]
    fn only_success_is_success() {
        assert!(finished("true", NOTICE_PATIENCE, &Progress::default()).is_ok());
        let error = finished("exit 3", NOTICE_PATIENCE, &Progress::default()).unwrap_err();
        assert!(error.to_string().contains("running it: it failed: exit status: 3"), "{error}");
    }

    #[test]
    fn a_program_that_a_stop_signal_ended_first_has_not_failed() {
        let folder = tempfile::tempdir().unwrap();
        let begun = folder.path().join("begun");
        let progress = Progress::default();
        let outcome = thread::scope(|scope| {
            scope.spawn(|| {
                while !begun.exists() {
                    thread::sleep(Duration::from_millis(1));
                }
                thread::sleep(4 * LOOK_INTERVAL);
                progress.interrupt(2);
            });
            // However late the wish comes on a machine that has much to do.
            finished(&format!("echo > {}; exit 130", begun.display()), Duration::from_secs(60), &progress)
        });
        assert!(matches!(outcome, Err(Error::Interrupted { signal: 2 })), "{outcome:?}");
    }

    #[test]
    fn a_program_gets_the_signals_that_are_held_back_here() {
        let told = thread::spawn(|| {
            held_back().thread_block().unwrap();
            let mut command = Command::new("sh");
            command.args(["-c", "kill -TERM $$; sleep 60"]);
            release_signals(&mut command).status().unwrap()
        });
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&told.join().unwrap()), Some(15));
    }
}
