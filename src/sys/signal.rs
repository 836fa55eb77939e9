//! Signals that ask to stop, waited for by a thread instead of handled in the middle of whatever runs.

use std::fs;

use nix::sys::signal::{SigSet, Signal};

use crate::error::{Error, Result};

/// The signals with which users, terminals and service managers ask a program to stop.
const STOP: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The stop signals, held back from the ordinary ways of delivery.
#[derive(Debug)]
pub struct StopSignals {
    held: SigSet,
}

impl StopSignals {
    /// Holds the stop signals back, in this thread and all that it starts from now on.
    ///
    /// Call it before the first thread is started: a thread that does not hold a signal back is killed by it.
    /// Programs started later inherit this too, unless [`release_signals`](super::command::release_signals) is called for them.
    pub fn hold() -> Result<Self> {
        let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored_signals(&status));
        let held: SigSet = STOP.into_iter().filter(|signal| ignored & signal_bit(*signal) == 0).collect();
        held.thread_block().map_err(|errno| Error::io("holding back", "stop signals", errno))?;
        file_size().thread_block().map_err(|errno| Error::io("holding back", "SIGXFSZ", errno))?;
        Ok(Self { held })
    }

    /// Waits for the next stop signal and gives its number.
    pub fn wait(&self) -> Result<i32> {
        let signal = self.held.wait().map_err(|errno| Error::io("waiting for", "stop signals", errno))?;
        Ok(signal as i32)
    }

    /// Whether there is any to wait for: nohup and shells with background jobs have some ignored.
    pub fn is_empty(&self) -> bool {
        self.held.iter().next().is_none()
    }
}

/// What would kill the process at a write beyond `ulimit -f`, unfinished files left behind; held back, the write fails.
fn file_size() -> SigSet {
    SigSet::from_iter([Signal::SIGXFSZ])
}

/// All signals that may be held back here.
pub(super) fn held_back() -> SigSet {
    STOP.into_iter().chain(&file_size()).collect()
}

/// The signals that whoever started this process had ignored (nohup, `&` in a script).
///
/// They must stay so, but a signal that is held back is delivered to a waiting thread even when it is ignored.
fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn signal_bit(signal: Signal) -> u64 {
    1 << (signal as i32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_signals_are_ignored() {
        let status = "Name:\tcat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n";
        assert_eq!(ignored_signals(status), signal_bit(Signal::SIGHUP) | signal_bit(Signal::SIGPIPE));
        assert_eq!(ignored_signals(""), 0);
        assert_eq!(ignored_signals("SigIgn:\tnonsense"), 0);
    }

    #[test]
    fn a_held_signal_is_given_to_the_one_who_waits() {
        let waiting = std::thread::spawn(|| {
            let mut held = SigSet::empty();
            held.add(Signal::SIGTERM);
            held.thread_block().unwrap();
            nix::sys::signal::raise(Signal::SIGTERM).unwrap();
            StopSignals { held }.wait().unwrap()
        });
        assert_eq!(waiting.join().unwrap(), 15);
    }
}
