//! The user's commands around the moment of a snapshot: one that brings an application to rest, one that lets it go on.

use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::location::VolumeName;
use crate::progress::Progress;

/// How often it is looked whether a command has ended: an application waits for it.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Does something between the two commands. The second one runs once the first was begun, whatever comes of it and of what is between them; also when
/// the process is asked to stop meanwhile.
pub(super) fn between<T>(
    before: Option<&str>,
    after: Option<&str>,
    volume: &VolumeName,
    progress: &Arc<Progress>,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let run_before = || before.map_or(Ok(()), |command| run("--before-snapshot", command, volume, Some(progress)));
    let Some(after) = after.map(str::to_owned) else {
        run_before()?;
        return work();
    };
    let name = volume.clone();
    let (ran, undo) = progress.undos().hold(run_before, move |_| run("--after-snapshot", &after, &name, None));
    let outcome = ran.and_then(|()| work());
    let thawed = undo.run();
    // The first failure is told; a failed second command is the one that leaves an application at rest.
    match (outcome, thawed) {
        (Ok(value), Ok(())) => Ok(value),
        (_, Err(error)) | (Err(error), Ok(())) => Err(error),
    }
}

/// Runs a command by sh to its end; with a progress, it is ended when that wants to stop.
fn run(option: &'static str, command: &str, volume: &VolumeName, progress: Option<&Progress>) -> Result<()> {
    let failed = |cause: io::Error| Error::io("running", format!("{option} `{command}`"), cause);
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("BLOCKTAR_VOLUME", volume.to_string())
        .stdin(Stdio::null())
        // Standard output may be the archive.
        .stdout(io::stderr())
        .spawn()
        .map_err(failed)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if let Some(Err(interrupted)) = progress.map(Progress::check) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(interrupted);
        }
        thread::sleep(LOOK_INTERVAL);
    };
    if status.success() {
        return Ok(());
    }
    let remedy = match progress {
        Some(_) => "what it wrote says why; no snapshot was taken",
        None => "what it wrote says why; look whether what it should have let go on is still at rest",
    };
    Err(failed(io::Error::other(format!("it failed: {status}"))).with_remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let log = folder.path().join("log");
        let progress = Arc::new(Progress::default());
        progress.interrupt(2);
        let volume = VolumeName::parse("vg/lv").unwrap();
        let after = format!("sleep 0.1; echo thawed > {}", log.display());
        let outcome =
            between(Some("sleep 60"), Some(&after), &volume, &progress, || -> Result<()> { panic!("it went on") });
        assert!(matches!(outcome, Err(Error::Interrupted { signal: 2 })));
        assert_eq!(std::fs::read_to_string(log).unwrap(), "thawed\n");
    }
}
