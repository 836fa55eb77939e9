//! A drive that its input and whoever changes its cartridges share: the driver lets only one have it open.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::drive::{Drive, DriveStatus, DriveTransforms};

/// A handle of a drive that is closed when the last of them goes.
#[derive(Clone)]
pub struct SharedDrive {
    drive: Arc<Mutex<Box<dyn Drive>>>,
    name: String,
    can_read: bool,
    can_write: bool,
}

impl SharedDrive {
    /// Shares this drive.
    pub fn new(drive: Box<dyn Drive>) -> Self {
        let (name, can_read, can_write) = (drive.name().to_owned(), drive.can_read(), drive.can_write());
        Self { drive: Arc::new(Mutex::new(drive)), name, can_read, can_write }
    }

    fn drive(&self) -> MutexGuard<'_, Box<dyn Drive>> {
        self.drive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drive for SharedDrive {
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
        self.drive().read_record(buffer)
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
        self.drive().unload()
    }

    fn load(&mut self) -> io::Result<()> {
        self.drive().load()
    }
}
