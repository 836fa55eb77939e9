//! The metadata snapshot of a thin pool, of which there is one for all who want to read the pool's tables.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cleanup::Cleanup;
use crate::error::{Advised, Error, Result};
use crate::progress::Progress;
use crate::sys::lock_file::LockFile;

use super::reserved::{Note, Reserved, held_block, is_being_read};
use super::{Volume, tool};

/// How often it is looked whether it is free.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long others may have it: whoever reads the tables of a large pool needs a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long nobody may have the tables open before what was left reserved is released: whoever reserves them opens them at once.
const QUIET: Duration = Duration::from_secs(2);

/// How long such quiet is waited for: what looks at every device that appears has it open for a moment.
const QUIET_PATIENCE: Duration = Duration::from_secs(10);

/// The tables of a thin pool as they were at one moment: reserved until this is dropped, or the process is asked to end.
#[derive(Debug)]
pub struct MetadataSnapshot {
    names: Names,
    cleanup: Cleanup,
}

/// What a pool is called where it is asked.
#[derive(Clone, Debug)]
struct Names {
    /// The device mapper's name of its innermost layer, which takes the messages.
    target: String,
    /// The device of its tables.
    device: String,
    /// The lock by which processes of blocktar take turns.
    lock: String,
}

impl Names {
    fn of(pool: &Volume) -> Result<Self> {
        let name = pool.mapper_name()?;
        let (target, device) = (format!("{name}-tpool"), format!("/dev/mapper/{name}_tmeta"));
        Ok(Self { target, device, lock: format!("thin-pool-{}", pool.uuid) })
    }

    fn reserved(&self) -> Result<Option<Reserved>> {
        Reserved::now(&self.target, &self.device)
    }

    fn message(&self, text: &str) -> Result<()> {
        tool::run("dmsetup", &["message", &self.target, "0", text]).map(drop)
    }
}

/// What reserves it and releases it.
struct Reservation {
    names: Names,
    /// Keeps out other processes of blocktar; notes what was reserved, for whoever comes behind one that was killed.
    lock: Mutex<LockFile>,
    is_held: AtomicBool,
}

impl MetadataSnapshot {
    /// Reserves it; waits while others have it, a minute at most.
    ///
    /// # Errors
    /// Others have it still; the device mapper cannot be asked, or calls the pool broken; an interruption.
    pub fn reserve(pool: &Volume, progress: &Arc<Progress>) -> Result<Self> {
        let names = Names::of(pool)?;
        let until = Instant::now() + PATIENCE;
        let wait = |what: &mut dyn FnMut() -> Result<bool>| {
            while !what()? {
                progress.check()?;
                if Instant::now() >= until {
                    return Err(taken(&names.target));
                }
                thread::sleep(LOOK_INTERVAL);
            }
            Ok(())
        };
        let mut lock = None;
        wait(&mut || {
            lock = LockFile::try_take(&names.lock).map_err(lock_failed)?;
            Ok(lock.is_some())
        })?;
        let Some(lock) = lock else { return Err(taken(&names.target)) };
        let (lock, is_held) = (Mutex::new(lock), AtomicBool::new(false));
        let reservation = Arc::new(Reservation { names: names.clone(), lock, is_held });
        let undone = Arc::clone(&reservation);
        let (reserved, cleanup) =
            progress.cleanups().hold(|| wait(&mut || reservation.try_reserve()), move |_| undone.release());
        reserved?;
        Ok(Self { names, cleanup })
    }

    /// The device with the tables, for thin_dump and thin_delta with `--metadata-snap`.
    pub(super) fn device(&self) -> &str {
        &self.names.device
    }

    /// Gives it free for others.
    ///
    /// # Errors
    /// The device mapper did not take the message: then nobody can have it until somebody sends it.
    pub fn release(self) -> Result<()> {
        self.cleanup.run()
    }

    /// Releases what a process of blocktar had reserved that was killed, also before the machine was started last. Gives a sentence for the user if there was such.
    ///
    /// What anybody else reserved stays: the process that noted it must be gone, the same block be reserved and say the same (what is reserved after a
    /// change in the pool says something else, unless blocks that were freed became roots again), and nobody have the tables open for a while.
    ///
    /// # Errors
    /// The device mapper cannot be asked; an interruption.
    pub fn release_left_over(pool: &Volume, progress: &Progress) -> Result<Option<String>> {
        let names = Names::of(pool)?;
        // While another process of blocktar is at it nothing is left over.
        let Some(mut lock) = LockFile::try_take(&names.lock).map_err(lock_failed)? else { return Ok(None) };
        let noted = Note::parse(&lock.note().map_err(lock_failed)?).filter(|note| note.by.is_gone());
        let Some(noted) = noted else { return Ok(None) };
        let begun = Instant::now();
        let mut quiet_since = begun;
        while quiet_since.elapsed() < QUIET {
            thread::sleep(LOOK_INTERVAL);
            progress.check()?;
            if !names.reserved()?.is_some_and(|reserved| noted.is_of(&reserved)) {
                // Somebody has released it, and this will never be of use again.
                lock.set_note("").map_err(lock_failed)?;
                return Ok(None);
            }
            if is_being_read(&names.device)? {
                quiet_since = Instant::now();
                if begun.elapsed() >= QUIET_PATIENCE {
                    return Ok(None);
                }
            }
        }
        lock.set_note("").map_err(lock_failed)?;
        names.message("release_metadata_snap")?;
        let pool = &names.target;
        Ok(Some(format!(
            "released the tables of the thin pool {pool}, which an earlier blocktar had left reserved: it was killed"
        )))
    }
}

impl Reservation {
    fn lock(&self) -> MutexGuard<'_, LockFile> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves it; `false` while another program has it.
    fn try_reserve(&self) -> Result<bool> {
        let before = Note::before(&self.names.device);
        if matches!(before, Ok(None)) && held_block(&self.names.target)?.is_some() {
            return Ok(false);
        }
        // Noted before, too: this process may be killed just behind it. Without a note nothing is lost but that others can release it then.
        let before = before.ok().flatten().map_or_else(String::new, |note| note.to_text());
        self.lock().set_note(&before).map_err(lock_failed)?;
        if let Err(error) = self.names.message("reserve_metadata_snap") {
            let refused = match held_block(&self.names.target) {
                // Whoever had it may have released it since.
                Ok(None) => self.names.message("reserve_metadata_snap").err().map(|_| Err(error)),
                others => Some(others.map(|_| false)),
            };
            if let Some(refused) = refused {
                self.lock().set_note("").map_err(lock_failed)?;
                return refused;
            }
        }
        self.is_held.store(true, SeqCst);
        let reserved = self.names.reserved().ok().flatten();
        let note = reserved.map_or(before, |reserved| Note::of(reserved).to_text());
        self.lock().set_note(&note).map_err(lock_failed)?;
        Ok(true)
    }

    fn release(&self) -> Result<()> {
        if !self.is_held.swap(false, SeqCst) {
            return Ok(());
        }
        // The note goes first: when they are free, somebody else may reserve them.
        let forgotten = self.lock().set_note("").map_err(lock_failed);
        self.names.message("release_metadata_snap").and(forgotten)
    }
}

fn lock_failed(cause: io::Error) -> Error {
    Error::io("locking", "a thin pool, by a file in /var/lib/blocktar, or /run/blocktar if that is read-only", cause)
}

fn taken(target: &str) -> Error {
    let why = "another program has reserved them".to_owned();
    let remedy = format!(
        "wait until it has ended; if there is none, one that was killed has left this behind: `dmsetup message {target} 0 release_metadata_snap`"
    );
    Error::io("reserving", format!("the tables of the thin pool {target}"), Advised { why, remedy, cause: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_them_taken_is_told_how_to_release_them() {
        assert!(
            taken("vg-pool-tpool").remedy().unwrap().contains("dmsetup message vg-pool-tpool 0 release_metadata_snap")
        );
    }
}
