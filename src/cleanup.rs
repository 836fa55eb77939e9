//! What must be undone before the process ends, by whoever comes first: its owner, or the thread that ends the process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{Error, Result};

/// On whose behalf something is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its owner needs it no longer, or failed.
    Owner,
    /// The process ends, while others of its threads may still use what is undone.
    Process,
}

type Action = Box<dyn FnOnce(Ending) -> Result<()> + Send>;

/// One thing to undo; nothing, once it was undone.
type Entry = Arc<Mutex<Option<Action>>>;

/// What is to be undone, in the order in which it was done.
#[derive(Default)]
pub struct Undos {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    held: Vec<Entry>,
    /// The process ends: what was done now would stay.
    closed: bool,
}

/// The owner's hold on one thing to undo: it is undone when this is dropped, at the latest.
#[must_use = "what is dropped at once is undone at once"]
pub struct Undo {
    entry: Entry,
    undos: Arc<Undos>,
}

impl Undos {
    /// Does something and notes how it is undone. Whoever wants to undo it meanwhile waits until it is done.
    ///
    /// It is noted whether it succeeds or not: half of it may be done. Once the process ends, this does nothing and never returns.
    pub fn hold<T>(
        self: &Arc<Self>,
        make: impl FnOnce() -> T,
        undo: impl FnOnce(Ending) -> Result<()> + Send + 'static,
    ) -> (T, Undo) {
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
        *action = Some(Box::new(undo));
        let made = make();
        drop(action);
        (made, Undo { entry, undos: Arc::clone(self) })
    }

    /// Undoes everything, the last first, and lets nothing more be done; gives what failed. Whoever calls this ends the process then.
    pub fn undo_all(&self) -> Vec<Error> {
        lock(&self.entries).closed = true;
        let mut failures = Vec::new();
        while let Some(entry) = { lock(&self.entries).held.pop() } {
            failures.extend(undo(&entry, Ending::Process).err());
        }
        failures
    }
}

impl Undo {
    /// Undoes it now.
    pub fn run(self) -> Result<()> {
        undo(&self.entry, Ending::Owner)
    }

    /// Leaves it as it is.
    pub fn forget(self) {
        lock(&self.entry).take();
    }
}

impl Drop for Undo {
    /// A failure is not told here: whoever has to know calls [`Undo::run`].
    fn drop(&mut self) {
        let _ = undo(&self.entry, Ending::Owner);
        lock(&self.undos.entries).held.retain(|entry| !Arc::ptr_eq(entry, &self.entry));
    }
}

impl fmt::Debug for Undos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Undos({})", lock(&self.entries).held.len())
    }
}

impl fmt::Debug for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Undo")
    }
}

/// Stays locked while it runs, so that nobody goes on before it is done.
fn undo(entry: &Entry, ending: Ending) -> Result<()> {
    let mut action = lock(entry);
    action.take().map_or(Ok(()), |action| action(ending))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    type Log = Arc<Mutex<Vec<(&'static str, Ending)>>>;

    fn held(undos: &Arc<Undos>, log: &Log, name: &'static str) -> Undo {
        let log = Arc::clone(log);
        let undo = move |ending| {
            lock(&log).push((name, ending));
            Ok(())
        };
        undos.hold(|| (), undo).1
    }

    #[test]
    fn each_is_undone_once_by_whoever_comes_first() {
        let (undos, log) = (Arc::new(Undos::default()), Log::default());
        let (first, second, third) = (held(&undos, &log, "1"), held(&undos, &log, "2"), held(&undos, &log, "3"));
        second.run().unwrap();
        third.forget();
        let fourth = held(&undos, &log, "4");
        assert!(undos.undo_all().is_empty());
        drop((first, fourth));
        assert!(undos.undo_all().is_empty());
        assert_eq!(*lock(&log), [("2", Ending::Owner), ("4", Ending::Process), ("1", Ending::Process)]);
    }

    #[test]
    fn nothing_is_begun_once_the_process_ends() {
        let (undos, log) = (Arc::new(Undos::default()), Log::default());
        undos.undo_all();
        let begun = Arc::clone(&log);
        thread::spawn(move || undos.hold(|| lock(&begun).push(("made", Ending::Owner)), |_| Ok(())).1.forget());
        thread::sleep(Duration::from_millis(50));
        assert!(lock(&log).is_empty());
    }

    #[test]
    fn a_panic_undoes_it_too() {
        let (undos, log) = (Arc::new(Undos::default()), Log::default());
        let panicking = {
            let (undos, log) = (Arc::clone(&undos), Arc::clone(&log));
            thread::spawn(move || {
                let _held = held(&undos, &log, "1");
                panic!("on purpose");
            })
        };
        assert!(panicking.join().is_err());
        assert_eq!(*lock(&log), [("1", Ending::Owner)]);
    }

    #[test]
    fn the_end_of_the_process_waits_until_it_is_done() {
        let undos = Arc::new(Undos::default());
        let (begun, has_begun) = channel();
        let log = Log::default();
        let making = {
            let (undos, log) = (Arc::clone(&undos), Arc::clone(&log));
            thread::spawn(move || {
                let made = Arc::clone(&log);
                let make = || {
                    begun.send(()).unwrap();
                    thread::sleep(Duration::from_millis(50));
                    lock(&made).push(("made", Ending::Owner));
                };
                let undone = move |ending| {
                    lock(&log).push(("undone", ending));
                    Ok(())
                };
                undos.hold(make, undone).1.forget();
            })
        };
        has_begun.recv().unwrap();
        undos.undo_all();
        making.join().unwrap();
        assert_eq!(lock(&log)[0].0, "made");
    }
}
