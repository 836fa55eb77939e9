//! A drive that several have by turns, as the driver lets only one open it: it comes back with its tape where the last one left it.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Drive, DriveStatus, DriveTransforms};

/// A handle of a drive that several have by turns; it is closed when the last of them goes.
#[derive(Clone)]
pub struct LentDrive {
    drive: Arc<Mutex<Box<dyn Drive>>>,
    /// How many filemarks were read.
    filemarks: Arc<AtomicU64>,
    /// How often its cartridge was given out.
    given_out: Arc<AtomicU64>,
    name: String,
    can_read: bool,
    can_write: bool,
}

impl LentDrive {
    /// Takes the drive that is to be lent.
    pub fn new(drive: Box<dyn Drive>) -> Self {
        let (name, can_read, can_write) = (drive.name().to_owned(), drive.can_read(), drive.can_write());
        let (filemarks, given_out) = <_>::default();
        Self { drive: Arc::new(Mutex::new(drive)), filemarks, given_out, name, can_read, can_write }
    }

    /// How often its cartridge was given out: where that has happened, another may be there now.
    pub fn given_out(&self) -> u64 {
        self.given_out.load(Ordering::Relaxed)
    }

    /// In which tape file it stands, as far as that can be told: by what the drive says, else by the filemarks that were read.
    pub fn tape_file(&mut self) -> (Option<u32>, u64) {
        let told = self.status().ok().and_then(|status| status.file);
        (told, self.filemarks.load(Ordering::Relaxed))
    }

    /// Whether it has left the tape file in which it stood then.
    pub fn is_behind(&mut self, tape_file: (Option<u32>, u64)) -> bool {
        match (self.tape_file(), tape_file) {
            ((Some(now), _), (Some(then), _)) => now != then,
            ((_, now), (_, then)) => now != then,
        }
    }

    fn drive(&self) -> MutexGuard<'_, Box<dyn Drive>> {
        // Whoever panicked with it left it somewhere on the tape, which its status tells.
        self.drive.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drive for LentDrive {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_at(&self, path: &Path) -> bool {
        self.drive().is_at(path)
    }

    fn can_read(&self) -> bool {
        self.can_read
    }

    fn can_write(&self) -> bool {
        self.can_write
    }

    fn write_record(&mut self, record: &[u8]) -> io::Result<()> {
        self.drive().write_record(record)
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.drive().read_record(buffer);
        if matches!(read, Ok(0)) {
            self.filemarks.fetch_add(1, Ordering::Relaxed);
        }
        read
    }

    fn write_filemarks(&mut self, count: u32) -> io::Result<()> {
        self.drive().write_filemarks(count)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.drive().rewind()
    }

    fn space_files(&mut self, count: i32) -> io::Result<()> {
        self.drive().space_files(count)
    }

    fn space_records(&mut self, count: i32) -> io::Result<()> {
        self.drive().space_records(count)
    }

    fn to_end_of_data(&mut self) -> io::Result<()> {
        self.drive().to_end_of_data()
    }

    fn address(&mut self) -> io::Result<u32> {
        self.drive().address()
    }

    fn seek(&mut self, address: u32) -> io::Result<()> {
        self.drive().seek(address)
    }

    fn status(&mut self) -> io::Result<DriveStatus> {
        self.drive().status()
    }

    fn set_variable_blocks(&mut self) -> io::Result<()> {
        self.drive().set_variable_blocks()
    }

    fn transforms(&mut self) -> DriveTransforms {
        self.drive().transforms()
    }

    fn unload(&mut self) -> io::Result<()> {
        self.given_out.fetch_add(1, Ordering::Relaxed);
        self.drive().unload()
    }

    fn load(&mut self) -> io::Result<()> {
        self.drive().load()
    }
}
