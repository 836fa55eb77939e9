//! What must be cleaned up before the process ends, by whoever comes first: its owner, or the thread that ends the process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{Error, Result};

/// Why something is cleaned up now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Its owner needs it no longer, or failed.
    NotNeeded,
    /// The process ends, while others of its threads may still use it.
    ProcessEnds,
}

type Action = Box<dyn FnOnce(Occasion) -> Result<()> + Send>;

/// How one thing is cleaned up; nothing, once it was.
type Entry = Arc<Mutex<Option<Action>>>;

/// What is to be cleaned up, in the order in which it was made.
#[derive(Default)]
pub struct Cleanups {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    held: Vec<Entry>,
    /// The process ends: what was made now would stay.
    closed: bool,
}

/// The owner's hold on one thing that must not stay: it is cleaned up when this is dropped, at the latest.
#[must_use = "what is dropped at once is cleaned up at once"]
pub struct Cleanup {
    entry: Entry,
    cleanups: Arc<Cleanups>,
}

impl Cleanups {
    /// Makes something and notes how it is cleaned up. Whoever wants to clean up meanwhile waits until it is made.
    ///
    /// It is noted whether it succeeds or not: half of it may be done. Once the process ends, this does nothing and never returns.
    pub fn hold<T>(
        self: &Arc<Self>,
        make: impl FnOnce() -> T,
        clean_up: impl FnOnce(Occasion) -> Result<()> + Send + 'static,
    ) -> (T, Cleanup) {
        let entry: Entry = Arc::default();
        let mut action = lock(&entry);
        let mut entries = lock(&self.entries);
        while entries.closed {
            drop(entries);
            thread::park();
            entries = lock(&self.entries);
        }
        entries.held.push(Arc::clone(&entry));
        drop(entries);
        *action = Some(Box::new(clean_up));
        let made = make();
        drop(action);
        (made, Cleanup { entry, cleanups: Arc::clone(self) })
    }

    /// Cleans everything up, the last first, and lets nothing more be made; gives what failed. Whoever calls this ends the process then.
    pub fn run_all(&self) -> Vec<Error> {
        lock(&self.entries).closed = true;
        let mut failures = Vec::new();
        while let Some(entry) = { lock(&self.entries).held.pop() } {
            failures.extend(clean_up(&entry, Occasion::ProcessEnds).err());
        }
        failures
    }
}

impl Cleanup {
    /// Cleans it up now.
    pub fn run(self) -> Result<()> {
        clean_up(&self.entry, Occasion::NotNeeded)
    }

    /// Leaves it as it is.
    pub fn forget(self) {
        lock(&self.entry).take();
    }
}

impl Drop for Cleanup {
    /// A failure is not told here: whoever has to know calls [`Cleanup::run`].
    fn drop(&mut self) {
        let _ = clean_up(&self.entry, Occasion::NotNeeded);
        lock(&self.cleanups.entries).held.retain(|entry| !Arc::ptr_eq(entry, &self.entry));
    }
}

impl fmt::Debug for Cleanups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cleanups({})", lock(&self.entries).held.len())
    }
}

impl fmt::Debug for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleanup")
    }
}

/// Stays locked while it runs, so that nobody goes on before it is done.
fn clean_up(entry: &Entry, occasion: Occasion) -> Result<()> {
    let mut action = lock(entry);
    action.take().map_or(Ok(()), |action| action(occasion))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    type Log = Arc<Mutex<Vec<(&'static str, Occasion)>>>;

    fn held(cleanups: &Arc<Cleanups>, log: &Log, name: &'static str) -> Cleanup {
        let log = Arc::clone(log);
        let clean_up = move |occasion| {
            lock(&log).push((name, occasion));
            Ok(())
        };
        cleanups.hold(|| (), clean_up).1
    }

    #[test]
    fn each_is_cleaned_up_once_by_whoever_comes_first() {
        let (cleanups, log) = (Arc::new(Cleanups::default()), Log::default());
        let (first, second, third) =
            (held(&cleanups, &log, "1"), held(&cleanups, &log, "2"), held(&cleanups, &log, "3"));
        second.run().unwrap();
        third.forget();
        let fourth = held(&cleanups, &log, "4");
        assert!(cleanups.run_all().is_empty());
        drop((first, fourth));
        assert!(cleanups.run_all().is_empty());
        assert_eq!(
            *lock(&log),
            [("2", Occasion::NotNeeded), ("4", Occasion::ProcessEnds), ("1", Occasion::ProcessEnds)]
        );
    }

    #[test]
    fn nothing_is_begun_once_the_process_ends() {
        let (cleanups, log) = (Arc::new(Cleanups::default()), Log::default());
        cleanups.run_all();
        let begun = Arc::clone(&log);
        thread::spawn(move || {
            cleanups.hold(|| lock(&begun).push(("made", Occasion::NotNeeded)), |_| Ok(())).1.forget()
        });
        thread::sleep(Duration::from_millis(50));
        assert!(lock(&log).is_empty());
    }

    #[test]
    fn a_panic_cleans_it_up_too() {
        let (cleanups, log) = (Arc::new(Cleanups::default()), Log::default());
        let panicking = {
            let (cleanups, log) = (Arc::clone(&cleanups), Arc::clone(&log));
            thread::spawn(move || {
                let _held = held(&cleanups, &log, "1");
                panic!("on purpose");
            })
        };
        assert!(panicking.join().is_err());
        assert_eq!(*lock(&log), [("1", Occasion::NotNeeded)]);
    }

    #[test]
    fn the_end_of_the_process_waits_until_it_is_done() {
        let cleanups = Arc::new(Cleanups::default());
        let (begun, has_begun) = channel();
        let log = Log::default();
        let making = {
            let (cleanups, log) = (Arc::clone(&cleanups), Arc::clone(&log));
            thread::spawn(move || {
                let made = Arc::clone(&log);
                let make = || {
                    begun.send(()).unwrap();
                    thread::sleep(Duration::from_millis(50));
                    lock(&made).push(("made", Occasion::NotNeeded));
                };
                let clean_up = move |occasion| {
                    lock(&log).push(("cleaned up", occasion));
                    Ok(())
                };
                cleanups.hold(make, clean_up).1.forget();
            })
        };
        has_begun.recv().unwrap();
        cleanups.run_all();
        making.join().unwrap();
        assert_eq!(lock(&log)[0].0, "made");
    }
}
