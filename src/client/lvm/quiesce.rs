//! The user's commands around the moment of a snapshot: one that brings an application to rest, one that lets it go on.

use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::location::VolumeName;
use crate::progress::Progress;
use crate::sys::command;

/// Does something between the two commands. The second one runs once the first was begun, whatever comes of it and of what is between them; also when
/// the process is asked to stop meanwhile.
pub(super) fn between<T>(
    before: Option<&str>,
    after: Option<&str>,
    volume: &VolumeName,
    progress: &Arc<Progress>,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let bring_to_rest = || before.map_or(Ok(()), |line| run_before(line, volume, progress));
    let Some(after) = after.map(str::to_owned) else {
        bring_to_rest()?;
        return work();
    };
    let name = volume.clone();
    let (ran, cleanup) = progress.cleanups().hold(bring_to_rest, move |_| run_after(&after, &name));
    let outcome = ran.and_then(|()| work());
    let thawed = cleanup.run();
    // The first failure is told; a failed second command is the one that leaves an application at rest.
    match (outcome, thawed) {
        (Ok(value), Ok(())) => Ok(value),
        (_, Err(error)) | (Err(error), Ok(())) => Err(error),
    }
}

/// Brings the application to rest; ended with all that it started when the process is to stop.
fn run_before(line: &str, volume: &VolumeName, progress: &Progress) -> Result<()> {
    const OPTION: &str = "--before-snapshot";
    let mut command = shell(line, volume);
    let mut child = command::release_signals(&mut command).spawn().map_err(|cause| failed(OPTION, line, cause))?;
    command::finish(&mut child, progress, |cause| {
        failed(OPTION, line, cause).with_remedy("what it wrote says why; no snapshot was taken")
    })
}

/// Lets the application go on. The stop signals, which this process holds back, do not reach it: it would stay at rest.
fn run_after(line: &str, volume: &VolumeName) -> Result<()> {
    let remedy = "what it wrote says why; look whether what it should have let go on is still at rest";
    command::succeeded(shell(line, volume).status())
        .map_err(|cause| failed("--after-snapshot", line, cause).with_remedy(remedy))
}

fn shell(line: &str, volume: &VolumeName) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("BLOCKTAR_VOLUME", volume.to_string()).stdin(Stdio::null());
    // Standard output may be the archive.
    command.stdout(io::stderr());
    command
}

fn failed(option: &str, line: &str, cause: io::Error) -> Error {
    Error::io("running", format!("{option} `{line}`"), cause)
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    const LOOK_INTERVAL: Duration = Duration::from_millis(10);

    /// What the commands and the work between them wrote, in order.
    fn order(before: &str, after: &str, work: impl FnOnce() -> Result<()>) -> (Result<()>, String) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let line = |text: &str| format!("echo $BLOCKTAR_VOLUME {text} >> {}", log.display());
        let (before, after) = (format!("{}; {before}", line("before")), format!("{}; {after}", line("after")));
        let volume = VolumeName::parse("vg/lv").unwrap();
        let outcome = between(Some(&before), Some(&after), &volume, &Arc::default(), || {
            std::fs::OpenOptions::new()
                .append(true)
                .open(&log)
                .and_then(|mut log| io::Write::write_all(&mut log, b"work\n"))
                .unwrap();
            work()
        });
        (outcome, std::fs::read_to_string(&log).unwrap().replace('\n', ","))
    }

    fn broken() -> Result<()> {
        Err(Error::refused("do it", "no", None))
    }

    #[test]
    fn the_second_command_runs_whatever_happens() {
        let all = "vg/lv before,work,vg/lv after,";
        assert!(matches!(order("true", "true", || Ok(())), (Ok(()), log) if log == all));
        assert!(matches!(order("true", "true", broken), (Err(Error::Refused(_)), log) if log == all));
        assert!(
            matches!(order("exit 3", "true", || Ok(())), (Err(Error::Io(_)), log) if log == "vg/lv before,vg/lv after,")
        );
        let (outcome, log) = order("true", "exit 3", broken);
        let error = outcome.unwrap_err();
        assert!(
            error.to_string().contains("--after-snapshot") && error.remedy().unwrap().contains("at rest"),
            "{error}"
        );
        assert_eq!(log, all);
    }

    #[test]
    fn the_wish_to_stop_ends_the_first_command_and_not_the_second() {
        let folder = tempfile::tempdir().unwrap();
        let (log, number) = (folder.path().join("log"), folder.path().join("number"));
        let progress = Arc::new(Progress::default());
        let volume = VolumeName::parse("vg/lv").unwrap();
        let before = format!("sleep 60 & echo $! > {}; wait", number.display());
        let after = format!("sleep 0.1; echo thawed > {}", log.display());
        let outcome = thread::scope(|scope| {
            scope.spawn(|| {
                while std::fs::read_to_string(&number).unwrap_or_default().is_empty() {
                    thread::sleep(LOOK_INTERVAL);
                }
                progress.interrupt(2);
            });
            between(Some(&before), Some(&after), &volume, &progress, || -> Result<()> { panic!("it went on") })
        });
        assert!(matches!(outcome, Err(Error::Interrupted { signal: 2 })));
        assert_eq!(std::fs::read_to_string(log).unwrap(), "thawed\n");
        // What the command had started is no child of this process, and ends with it all the same.
        let stat = format!("/proc/{}/stat", std::fs::read_to_string(number).unwrap().trim());
        for _ in 0..2000 {
            match std::fs::read_to_string(&stat) {
                Ok(stat) if !stat.contains(") Z ") => thread::sleep(LOOK_INTERVAL),
                _ => return,
            }
        }
        panic!("what the command started goes on");
    }
}
