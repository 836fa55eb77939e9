//! The device of a simulated drive, as a program has it open.

use std::io;

use super::Access;
use super::mechanism::{Mechanism, State, failed};
use crate::drive::{Drive, DriveStatus, DriveTransforms};
use crate::sys::errno;

/// An open device of a [`Mechanism`]. Closing it writes the filemark that is still owed, as st does.
#[derive(Debug)]
pub struct SimulatedDrive {
    mechanism: Mechanism,
    access: Access,
}

impl SimulatedDrive {
    pub(super) fn new(mechanism: Mechanism, access: Access) -> Self {
        Self { mechanism, access }
    }

    fn writing<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        if self.can_write() { act(&mut self.mechanism.state()) } else { Err(failed(errno::EBADF)) }
    }
}

impl Drop for SimulatedDrive {
    fn drop(&mut self) {
        let mut state = self.mechanism.state();
        // As with a real close, nobody hears of a failure here.
        let _ = state.settle();
        (state.open, state.writing) = (false, false);
    }
}

impl Drive for SimulatedDrive {
    fn name(&self) -> &str {
        "/dev/nst9"
    }

    fn can_read(&self) -> bool {
        self.access != Access::Write
    }

    fn can_write(&self) -> bool {
        self.access != Access::Read
    }

    fn write_record(&mut self, record: &[u8]) -> io::Result<()> {
        self.writing(|state| state.write(record))
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.can_read() { self.mechanism.state().read(buffer) } else { Err(failed(errno::EBADF)) }
    }

    fn write_filemarks(&mut self, count: u32) -> io::Result<()> {
        self.writing(|state| state.write_filemarks(count))
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.mechanism.state().rewind()
    }

    fn space_files(&mut self, count: i32) -> io::Result<()> {
        self.mechanism.state().space_files(count)
    }

    fn space_records(&mut self, count: i32) -> io::Result<()> {
        self.mechanism.state().space_records(count)
    }

    fn to_end_of_data(&mut self) -> io::Result<()> {
        self.mechanism.state().go_to_end_of_data()
    }

    fn address(&mut self) -> io::Result<u32> {
        self.mechanism.state().address()
    }

    fn seek(&mut self, address: u32) -> io::Result<()> {
        self.mechanism.state().seek(address)
    }

    fn status(&mut self) -> io::Result<DriveStatus> {
        self.mechanism.state().status()
    }

    fn set_variable_blocks(&mut self) -> io::Result<()> {
        let mut state = self.mechanism.state();
        state.ready()?;
        state.read_ahead.clear();
        state.block_bytes = 0;
        Ok(())
    }

    fn transforms(&mut self) -> DriveTransforms {
        self.mechanism.state().behaviour.transforms.clone()
    }

    fn unload(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.mechanism.state().unload();
        Ok(())
    }

    fn load(&mut self) -> io::Result<()> {
        self.mechanism.state().load()
    }
}
