//! Writes all pieces of a member, however short the single writes are.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};

use crate::error::Error;
use crate::progress::Progress;
use crate::sys::pipe;

/// What kept a member from being written whole: the system, or the wish to stop.
#[derive(Debug)]
pub(super) enum Stopped {
    Failed(io::Error),
    Asked(Error),
}

impl Stopped {
    pub(super) fn writing(self, name: &str) -> Error {
        match self {
            Self::Failed(cause) => Error::io("writing", name, cause),
            Self::Asked(error) => error,
        }
    }
}

/// Writes the pieces in order, and tells how many bytes that were.
///
/// A signal only counts if somebody asked to stop. A pipe that its owner made non-blocking is waited for.
pub(super) fn write_whole(mut file: &File, pieces: &[IoSlice<'_>], progress: &Progress) -> Result<u64, Stopped> {
    let mut rest = pieces.to_vec();
    let mut rest = rest.as_mut_slice();
    let mut written_bytes = 0;
    // Empty pieces at the front must go first: writing nothing but them gives 0, which else means a full medium.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(Stopped::Failed(ErrorKind::WriteZero.into())),
            Ok(bytes) => {
                written_bytes += bytes as u64;
                IoSlice::advance_slices(&mut rest, bytes);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => progress.check().map_err(Stopped::Asked)?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                progress.check().map_err(Stopped::Asked)?;
                pipe::wait_writable(file).map_err(Stopped::Failed)?;
            }
            Err(error) => return Err(Stopped::Failed(error)),
        }
    }
    Ok(written_bytes)
}

/// What every output says once a write has failed: what follows would lie behind a gap.
pub(super) fn failed_before(name: &str) -> Error {
    Error::io("going on with", name, io::Error::other("an earlier write to it failed"))
}
