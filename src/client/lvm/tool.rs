//! Runs LVM's and the device mapper's own programs.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use crate::error::{Advised, Error, Result};

/// Where the programs are, if the user's own path does not have them.
const FOLDERS: &str = "/usr/sbin:/sbin:/usr/bin:/bin";

/// More than LVM says of many thousand volumes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// More than a program has to complain about.
const COMPLAINT_BYTES_MAX: u64 = 64 << 10;

/// A program at work, whose answer is read from it. It is ended when this is dropped.
pub(super) struct Tool {
    program: &'static str,
    child: Child,
    complaint: Option<JoinHandle<String>>,
}

impl Tool {
    /// Starts a program. It does not see the terminal's stop signals, which this process holds back: so none is cut off in the middle.
    pub(super) fn start(program: &'static str, arguments: &[&str]) -> Result<Self> {
        let mut child = command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|cause| not_started(program, cause))?;
        let stderr = child.stderr.take();
        let complaint = std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = (&mut stderr).take(COMPLAINT_BYTES_MAX).read_to_end(&mut text);
                // What is too much must not keep the program waiting.
                let _ = io::copy(&mut stderr, &mut io::sink());
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self { program, child, complaint: Some(complaint) })
    }

    /// What it says; only once.
    pub(super) fn output(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().ok_or_else(|| self.failed(io::Error::other("it says nothing")))
    }

    /// Waits until it has ended; an error if it failed.
    pub(super) fn finish(mut self) -> Result<()> {
        drop(self.child.stdout.take());
        let status = self.child.wait().map_err(|cause| self.failed(cause))?;
        let complaint = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let said = complaints(&complaint);
        Err(self.failed(io::Error::other(if said.is_empty() { format!("it failed: {status}") } else { said })))
    }

    pub(super) fn failed(&self, cause: io::Error) -> Error {
        Error::io("running", self.program, cause)
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and gives what it said.
pub(super) fn run(program: &'static str, arguments: &[&str]) -> Result<Vec<u8>> {
    let mut tool = Tool::start(program, arguments)?;
    let mut answer = Vec::new();
    let read = tool.output()?.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    read.map_err(|cause| tool.failed(cause))?;
    tool.finish()?;
    Ok(answer)
}

/// Starts a program that begins when this process has ended, and does not see its terminal.
pub(super) fn run_behind_this_process(program: &'static str, arguments: &[&str]) -> Result<()> {
    let child = command("sh")
        .args(["-c", "cat > /dev/null; exec \"$@\"", "sh", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|cause| not_started("sh", cause))?;
    // The kernel closes the pipe with this process, and that is what the program waits for.
    std::mem::forget(child);
    Ok(())
}

fn command(program: &str) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(OsString::from(format!(":{FOLDERS}")));
    let mut command = Command::new(program);
    // Answers that are parsed must not follow the user's language.
    command.env("PATH", path).env("LC_ALL", "C").env("LVM_SUPPRESS_FD_WARNINGS", "1");
    command
}

fn not_started(program: &'static str, cause: io::Error) -> Error {
    if cause.kind() != io::ErrorKind::NotFound {
        return Error::io("running", program, cause);
    }
    let package = if program.starts_with("thin_") { "thin-provisioning-tools" } else { "lvm2" };
    let remedy = format!("install it (Debian's package {package})");
    Error::io("running", program, Advised { why: "there is no such program".to_owned(), remedy, cause: None })
}

/// What a program said as one line, without its warnings unless there is nothing else.
fn complaints(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let told = |line: &&str| !line.starts_with("WARNING:");
    let chosen: Vec<_> =
        if lines().any(|line| told(&line)) { lines().filter(told).collect() } else { lines().collect() };
    chosen.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_a_program_says() {
        assert_eq!(run("sh", &["-c", "echo \"$LC_ALL\"; echo x >&2"]).unwrap(), b"C\n");
    }

    #[test]
    fn says_why_a_program_failed() {
        let error = run(
            "sh",
            &["-c", "echo '  WARNING: a'; echo '  WARNING: b' >&2; echo '  No.' >&2; echo Never >&2; exit 5"],
        );
        assert_eq!(error.unwrap_err().to_string(), "running sh: No.; Never");
        assert!(run("sh", &["-c", "exit 5"]).unwrap_err().to_string().contains("it failed: exit status: 5"));
        let error = run("thin_nothing", &[]).unwrap_err();
        assert!(error.remedy().unwrap().contains("thin-provisioning-tools"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_wanted_any_more_is_ended() {
        let begun = std::time::Instant::now();
        drop(Tool::start("sleep", &["30"]).unwrap());
        assert!(begun.elapsed().as_secs() < 10);
    }

    #[test]
    fn much_complaining_keeps_nobody_waiting() {
        assert!(run("sh", &["-c", "head -c 1000000 /dev/zero >&2; echo done"]).is_ok());
    }
}
