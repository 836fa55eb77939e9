//! Pipes, sockets and character devices: archives that pass through.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::sync::Arc;

use super::whole_writes::{failed_before, write_whole};
use crate::error::Result;
use crate::progress::Progress;
use crate::stream::{Input, Output};
use crate::sys::pipe;

/// An archive that comes through a pipe.
#[derive(Debug)]
pub struct PipeInput {
    file: File,
    name: String,
}

impl PipeInput {
    /// Reads from an open pipe, socket or character device.
    pub fn new(file: File, name: String) -> Self {
        pipe::enlarge(&file);
        Self { file, name }
    }
}

impl Input for PipeInput {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> Option<u64> {
        None
    }

    /// A signal ends a read with [`ErrorKind::Interrupted`], so that the caller can look whether it should stop. With a
    /// non-blocking pipe that happens every half second too.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                pipe::wait_readable(&self.file)?;
                self.file.read(buffer).map_err(|error| match error.kind() {
                    ErrorKind::WouldBlock => ErrorKind::Interrupted.into(),
                    _ => error,
                })
            }
            result => result,
        }
    }

    fn seek_to(&mut self, _position: u64) -> io::Result<()> {
        Err(ErrorKind::NotSeekable.into())
    }
}

/// An archive that goes into a pipe.
///
/// What becomes of it there is not known here: success means that the pipe has taken it all.
#[derive(Debug)]
pub struct PipeOutput {
    file: File,
    name: String,
    progress: Arc<Progress>,
    failed: bool,
}

impl PipeOutput {
    /// Writes to an open pipe, socket or character device.
    pub fn new(file: File, name: String, progress: &Arc<Progress>) -> Self {
        pipe::enlarge(&file);
        Self { file, name, progress: Arc::clone(progress), failed: false }
    }
}

impl Output for PipeOutput {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        if self.failed {
            return Err(failed_before(&self.name));
        }
        let result = write_whole(&self.file, pieces, &self.progress);
        self.failed = result.is_err();
        result.map(drop).map_err(|stopped| stopped.writing(&self.name))
    }

    fn finish(&mut self) -> Result<()> {
        if self.failed { Err(failed_before(&self.name)) } else { Ok(()) }
    }
}
