//! Early write-back: what was written goes to disk at once, so that dirty memory stays small and the last fsync is short.
//!
//! sync_file_range(2) starts the write-out of a window while the next one fills, and waits for the window before. It
//! makes nothing durable, since it leaves metadata and the drive's cache alone: only fsync does. What is on disk leaves
//! the page cache, which so stays as the machine's other programs had it. Reusing the same few pages is also faster
//! than filling all memory.
#![allow(unsafe_code)] // for sync_file_range

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc;

use super::page_cache;

/// How much is written before its write-out starts. Twice this is dirty or on its way at any time.
const WINDOW_BYTES: u64 = 8 << 20;

/// The window that fills and the one that is on its way to disk.
#[derive(Debug, Default)]
pub struct WriteBack {
    filling: Window,
    filled_bytes: u64,
    leaving: Window,
    /// The file's kind has no sync_file_range; nothing is done early.
    unsupported: bool,
}

/// The smallest range that holds all writes of a window. It may be far longer than what was written to it; the kernel's
/// work depends on the dirty pages in it alone.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start: u64,
    end: u64,
}

impl Window {
    fn add(&mut self, start: u64, end: u64) {
        let empty = self.start == self.end;
        self.start = if empty { start } else { self.start.min(start) };
        self.end = if empty { end } else { self.end.max(end) };
    }

    fn length(self) -> u64 {
        self.end - self.start
    }
}

impl WriteBack {
    /// Notes a write, and moves the windows on when enough was written.
    ///
    /// An error must end the operation: the kernel reports a failed write-out once for each open file
    /// (`file_check_and_advance_wb_err` in mm/filemap.c), so an error seen here is not seen again by fsync.
    #[inline]
    pub fn wrote(&mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        self.filling.add(offset, offset + length);
        self.filled_bytes += length;
        if self.filled_bytes < WINDOW_BYTES { Ok(()) } else { self.move_on(file) }
    }

    /// Gives back the cache of what is left; called behind a successful fsync.
    pub fn synced(&mut self, file: &File) {
        for window in [std::mem::take(&mut self.leaving), std::mem::take(&mut self.filling)] {
            if window.length() > 0 {
                page_cache::advise_unneeded(file, window.start..window.end);
            }
        }
        self.filled_bytes = 0;
    }

    fn move_on(&mut self, file: &File) -> io::Result<()> {
        let filled = std::mem::take(&mut self.filling);
        self.filled_bytes = 0;
        let left = std::mem::replace(&mut self.leaving, filled);
        if self.unsupported {
            return Ok(());
        }
        self.sync_range(file, filled, libc::SYNC_FILE_RANGE_WRITE)?;
        if left.length() > 0 {
            let wait =
                libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
            self.sync_range(file, left, wait)?;
            page_cache::advise_unneeded(file, left.start..left.end);
        }
        Ok(())
    }

    fn sync_range(&mut self, file: &File, window: Window, flags: libc::c_uint) -> io::Result<()> {
        let (Ok(start), Ok(length)) = (window.start.try_into(), window.length().try_into()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // SAFETY: the descriptor is open while `file` is borrowed; the call touches no memory of ours.
        if unsafe { libc::sync_file_range(file.as_raw_fd(), start, length, flags) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // Not a file that has ranges, or a kernel or sandbox without the call: fsync alone does it all.
            Some(libc::ESPIPE | libc::EINVAL | libc::ENOSYS | libc::EPERM) => {
                self.unsupported = true;
                Ok(())
            }
            Some(libc::EINTR) => Ok(()),
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_was_written_stays_readable() {
        let file = tempfile::tempfile().unwrap();
        let mut write_back = WriteBack::default();
        let piece = vec![7; 3 << 20];
        for number in 0..16 {
            let offset = number * (5 << 20);
            file.write_all_at(&piece, offset).unwrap();
            write_back.wrote(&file, offset, piece.len() as u64).unwrap();
        }
        file.sync_data().unwrap();
        write_back.synced(&file);
        let mut back = vec![0; piece.len()];
        for number in 0..16 {
            file.read_exact_at(&mut back, number * (5 << 20)).unwrap();
            assert!(back == piece);
        }
    }

    #[test]
    fn a_device_without_ranges_is_no_error() {
        let file = File::options().write(true).open("/dev/null").unwrap();
        let mut write_back = WriteBack::default();
        for _ in 0..4 {
            write_back.wrote(&file, 0, WINDOW_BYTES).unwrap();
        }
    }
}
