//! How far an operation has come, and whether it should stop.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::cleanup::Cleanups;
use crate::error::{Error, Result};

/// Counters that an operation keeps and anybody may watch, and the wish to stop.
#[derive(Debug, Default)]
pub struct Progress {
    total_bytes: AtomicU64,
    done_bytes: AtomicU64,
    zero_bytes: AtomicU64,
    data_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    bad_bytes: AtomicU64,
    signal: AtomicI32,
    asking: AtomicBool,
    partial_files: Mutex<Vec<PathBuf>>,
    parting_words: Mutex<Option<String>>,
    cleanups: Arc<Cleanups>,
}

/// The counters at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Size of the device, 0 while it is unknown.
    pub total_bytes: u64,
    /// How far through the device the operation is.
    pub done_bytes: u64,
    /// Of these, zeros: holes, zero extents and zeros found.
    pub zero_bytes: u64,
    /// Of these, data.
    pub data_bytes: u64,
    /// What the data takes in the archive.
    pub stored_bytes: u64,
    /// What could not be read.
    pub bad_bytes: u64,
}

/// Somebody is being asked for something, until this is dropped.
#[derive(Debug)]
pub struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

impl Progress {
    /// Says that somebody is being asked, so that nothing is drawn over the question.
    pub fn begin_asking(&self) -> Asking<'_> {
        self.asking.store(true, Relaxed);
        Asking(&self.asking)
    }

    /// Whether somebody is being asked.
    pub fn is_asking(&self) -> bool {
        self.asking.load(Relaxed)
    }

    /// Sets the size of the device.
    pub fn set_total(&self, bytes: u64) {
        self.total_bytes.store(bytes, Relaxed);
    }

    /// Counts a range of zeros.
    pub fn add_zero(&self, bytes: u64) {
        self.zero_bytes.fetch_add(bytes, Relaxed);
        self.done_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts data and what it takes in the archive.
    pub fn add_data(&self, bytes: u64, stored_bytes: u64) {
        self.data_bytes.fetch_add(bytes, Relaxed);
        self.stored_bytes.fetch_add(stored_bytes, Relaxed);
        self.done_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts what is unchanged and goes nowhere.
    pub fn add_unchanged(&self, bytes: u64) {
        self.done_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts an unreadable range.
    pub fn add_bad(&self, bytes: u64) {
        self.bad_bytes.fetch_add(bytes, Relaxed);
        self.done_bytes.fetch_add(bytes, Relaxed);
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            total_bytes: self.total_bytes.load(Relaxed),
            done_bytes: self.done_bytes.load(Relaxed),
            zero_bytes: self.zero_bytes.load(Relaxed),
            data_bytes: self.data_bytes.load(Relaxed),
            stored_bytes: self.stored_bytes.load(Relaxed),
            bad_bytes: self.bad_bytes.load(Relaxed),
        }
    }

    /// Asks the operation to stop, as if this signal had come. The first one counts.
    pub fn interrupt(&self, signal: i32) {
        let _ = self.signal.compare_exchange(0, signal, Relaxed, Relaxed);
    }

    /// Fails with [`Error::Interrupted`] once somebody asked to stop; loops call it at each turn.
    pub fn check(&self) -> Result<()> {
        match self.signal.load(Relaxed) {
            0 => Ok(()),
            signal => Err(Error::Interrupted { signal }),
        }
    }

    /// What must be cleaned up before the process ends.
    pub fn cleanups(&self) -> &Arc<Cleanups> {
        &self.cleanups
    }

    /// Notes a file that must not remain if the process has to leave without unwinding.
    pub fn register_partial(&self, path: &Path) {
        self.partials().push(path.to_owned());
    }

    /// Takes a file off that list: it is complete, or gone.
    pub fn forget_partial(&self, path: &Path) {
        self.partials().retain(|partial| partial != path);
    }

    /// Sets what the user must be told if the operation is stopped: what it leaves behind.
    pub fn set_parting_words(&self, words: String) {
        *self.parting_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(words);
    }

    /// What the user must be told of what a stopped operation leaves behind; told once.
    pub fn take_parting_words(&self) -> Option<String> {
        self.parting_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Removes the files that are not complete: for a process that is about to leave from within a blocked call.
    pub fn remove_partials(&self) {
        for path in self.partials().drain(..) {
            let _ = std::fs::remove_file(path);
        }
    }

    fn partials(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.partial_files.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
