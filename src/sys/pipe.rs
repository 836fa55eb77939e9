//! Pipes: a larger buffer, and waiting for one that somebody made non-blocking.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The most that an unprivileged process gets by default (`/proc/sys/fs/pipe-max-size`, pipe(7)).
const PIPE_BYTES: i32 = 1 << 20;

/// How long [`wait_readable`] and [`wait_writable`] wait at most, so that a wish to stop is noticed.
const WAIT_MILLISECONDS: u16 = 500;

/// The same of [`is_readable_soon`], for those who have other things to look at.
const MOMENT_MILLISECONDS: u16 = 50;

/// The flag of open(2) for a file on which no read and no write waits.
pub const NONBLOCK: i32 = nix::libc::O_NONBLOCK;

/// Asks for a pipe buffer of 1 MiB instead of 64 KiB: fewer switches between the two programs.
///
/// Whether the kernel grants it does not matter, so its answer is not looked at: the user's pipe limit may be used up,
/// or this may not be a pipe at all.
pub fn enlarge(file: &File) {
    let _ = fcntl(file, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
}

/// Waits, half a second at most, until a non-blocking file can be read.
pub fn wait_readable(file: &File) -> io::Result<()> {
    wait(file, PollFlags::POLLIN)
}

/// Waits, half a second at most, until a non-blocking file can be written.
pub fn wait_writable(file: &File) -> io::Result<()> {
    wait(file, PollFlags::POLLOUT)
}

/// Waits, a twentieth of a second at most, until a file can be read or is at its end; whether it is.
pub fn is_readable_soon(file: &File) -> io::Result<bool> {
    match poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], PollTimeout::from(MOMENT_MILLISECONDS)) {
        Ok(ready) => Ok(ready > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn wait(file: &File, events: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::new(file.as_fd(), events)], PollTimeout::from(WAIT_MILLISECONDS)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
