//! Turns Ctrl-C, SIGTERM and SIGHUP into an orderly end, and into an end within a second in any case; later only while an LVM command is at work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use blocktar::error::{Error, Result};
use blocktar::progress::Progress;
use blocktar::sys::signal::StopSignals;

use crate::exit_code::ExitCode;
use crate::talk;

/// How long an operation has to leave by itself; users expect an end within a second.
const PATIENCE: Duration = Duration::from_millis(600);

/// What the next stop signal stops.
#[derive(Debug, Default)]
pub struct Stop {
    watched: Arc<Mutex<Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    signal: Option<i32>,
    operations: Vec<Arc<Progress>>,
}

impl Stop {
    /// Begins to wait for stop signals; call it before any other thread is started.
    pub fn start() -> Result<Self> {
        let stop = Self::default();
        let signals = StopSignals::hold()?;
        if signals.is_empty() {
            return Ok(stop);
        }
        let watched = Arc::clone(&stop.watched);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                if let Ok(signal) = signals.wait() {
                    leave(&watched, signal);
                }
            })
            .map_err(|error| Error::io("starting", "a thread", error))?;
        Ok(stop)
    }

    /// The progress of a new operation, which a signal will stop.
    pub fn progress(&self) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        let mut watched = lock(&self.watched);
        if let Some(signal) = watched.signal {
            progress.interrupt(signal);
        }
        watched.operations.push(Arc::clone(&progress));
        progress
    }
}

/// Asks all operations to stop, and ends the process if they do not: one that is blocked in a read or a write cannot.
fn leave(watched: &Mutex<Watched>, signal: i32) {
    {
        let mut watched = lock(watched);
        watched.signal = Some(signal);
        watched.operations.iter().for_each(|progress| progress.interrupt(signal));
    }
    thread::sleep(PATIENCE);
    for progress in &lock(watched).operations {
        progress.cleanups().run_all().iter().for_each(talk::report);
        progress.remove_partials();
        progress.take_parting_words().into_iter().for_each(|words| talk::warn(&words));
    }
    let interrupted = Error::Interrupted { signal };
    talk::report(&interrupted);
    std::process::exit(ExitCode::from(&interrupted).number().into());
}

fn lock(watched: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_begins_after_the_signal_is_stopped_too() {
        let stop = Stop::default();
        lock(&stop.watched).signal = Some(15);
        assert!(matches!(stop.progress().check(), Err(Error::Interrupted { signal: 15 })));
    }
}
