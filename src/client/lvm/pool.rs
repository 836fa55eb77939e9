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

use super::{Volume, tool};

/// How often it is looked whether it is free.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long others may have it: whoever reads the tables of a large pool needs a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tables of a thin pool as they were at one moment: reserved until this is dropped, or the process is asked to end.
#[derive(Debug)]
pub struct MetadataSnapshot {
    device: String,
    cleanup: Cleanup,
}

/// What reserves it and releases it.
struct Reservation {
    /// The device mapper's name of the pool's innermost layer, which takes the messages.
    target: String,
    /// Keeps out other processes of blocktar; notes which block was reserved, for whoever comes behind one that was killed.
    lock: Mutex<LockFile>,
    is_held: AtomicBool,
}

impl MetadataSnapshot {
    /// Reserves it; waits while others have it, a minute at most.
    ///
    /// # Errors
    /// Others have it still; the device mapper cannot be asked, or calls the pool broken; an interruption.
    pub fn reserve(pool: &Volume, progress: &Arc<Progress>) -> Result<Self> {
        let name = pool.mapper_name()?;
        let (target, device) = (format!("{name}-tpool"), format!("/dev/mapper/{name}_tmeta"));
        let lock_name = format!("thin-pool-{}", pool.uuid);
        let until = Instant::now() + PATIENCE;
        let wait = |what: &mut dyn FnMut() -> Result<bool>| {
            while !what()? {
                progress.check()?;
                if Instant::now() >= until {
                    return Err(taken(&target));
                }
                thread::sleep(LOOK_INTERVAL);
            }
            Ok(())
        };
        let mut lock = None;
        wait(&mut || {
            lock = LockFile::try_take(&lock_name).map_err(lock_failed)?;
            Ok(lock.is_some())
        })?;
        let Some(lock) = lock else { return Err(taken(&target)) };
        let reservation =
            Arc::new(Reservation { target: target.clone(), lock: Mutex::new(lock), is_held: AtomicBool::new(false) });
        reservation.release_left_over()?;
        let undone = Arc::clone(&reservation);
        let (reserved, cleanup) =
            progress.cleanups().hold(|| wait(&mut || reservation.try_reserve()), move |_| undone.release());
        reserved?;
        Ok(Self { device, cleanup })
    }

    /// The device with the tables, for thin_dump and thin_delta with `--metadata-snap`.
    pub(super) fn device(&self) -> &str {
        &self.device
    }

    /// Gives it free for others.
    ///
    /// # Errors
    /// The device mapper did not take the message: then nobody can have it until somebody sends it.
    pub fn release(self) -> Result<()> {
        self.cleanup.run()
    }
}

impl Reservation {
    fn lock(&self) -> MutexGuard<'_, LockFile> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases what a process of blocktar reserved that was killed: it has noted this very block, and has lost the lock.
    fn release_left_over(&self) -> Result<()> {
        let mut lock = self.lock();
        let noted = lock.note().map_err(lock_failed)?;
        if !noted.is_empty() && held_block(&self.target)?.as_ref() == Some(&noted) {
            self.message("release_metadata_snap")?;
        }
        lock.set_note("").map_err(lock_failed)
    }

    /// Reserves it; `false` while another program has it.
    fn try_reserve(&self) -> Result<bool> {
        if let Err(error) = self.message("reserve_metadata_snap") {
            if held_block(&self.target)?.is_some() {
                return Ok(false);
            }
            // Whoever had it may have released it since.
            self.message("reserve_metadata_snap").map_err(|_| error)?;
        }
        self.is_held.store(true, SeqCst);
        let block = held_block(&self.target)?.unwrap_or_default();
        self.lock().set_note(&block).map_err(lock_failed)?;
        Ok(true)
    }

    fn release(&self) -> Result<()> {
        if !self.is_held.swap(false, SeqCst) {
            return Ok(());
        }
        self.message("release_metadata_snap")?;
        self.lock().set_note("").map_err(lock_failed)
    }

    fn message(&self, text: &str) -> Result<()> {
        tool::run("dmsetup", &["message", &self.target, "0", text]).map(drop)
    }
}

/// The block of the tables that are reserved, if some are.
fn held_block(target: &str) -> Result<Option<String>> {
    let status = tool::run("dmsetup", &["status", "--target", "thin-pool", target])?;
    parse_held_block(&String::from_utf8_lossy(&status))
}

/// The seventh word: start, length, `thin-pool`, the transaction, used and all blocks of the tables, of the data, and then a number or a dash
/// (Linux' `Documentation/admin-guide/device-mapper/thin-provisioning.rst`).
fn parse_held_block(status: &str) -> Result<Option<String>> {
    match status.split_whitespace().nth(6) {
        Some("-") => Ok(None),
        Some(block) if block.parse::<u64>().is_ok() => Ok(Some(block.to_owned())),
        _ => {
            let why = format!("the pool cannot be used: dmsetup says '{}'", status.trim());
            Err(Error::io("asking for", "the state of a thin pool", io::Error::other(why)))
        }
    }
}

fn lock_failed(cause: io::Error) -> Error {
    Error::io("locking", "a thin pool, by a file in /run/blocktar", cause)
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
    fn the_status_tells_what_is_reserved() {
        let status = |held: &str| {
            parse_held_block(&format!(
                "0 131072 thin-pool 2 112/1024 0/1024 {held} rw discard_passdown queue_if_no_space - 256 \n"
            ))
        };
        assert_eq!(status("-").unwrap(), None);
        assert_eq!(status("33").unwrap(), Some("33".to_owned()));
        for broken in ["0 131072 thin-pool Fail\n", "", "0 1 thin-pool 2 1/2 0/1 x rw\n", "0 131072 thin-pool Error\n"]
        {
            assert!(parse_held_block(broken).unwrap_err().to_string().contains("cannot be used"), "{broken}");
        }
    }

    #[test]
    fn who_finds_them_taken_is_told_how_to_release_them() {
        assert!(
            taken("vg-pool-tpool").remedy().unwrap().contains("dmsetup message vg-pool-tpool 0 release_metadata_snap")
        );
    }
}
