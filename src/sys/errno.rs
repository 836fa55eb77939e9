//! The system's error numbers that a tape drive answers with, for those who tell them apart or simulate them.

pub use nix::libc::{
    EACCES, EBADF, EBUSY, EINVAL, EIO, ENODEV, ENOMEDIUM, ENOMEM, ENOSPC, ENOSYS, ENXIO, EOVERFLOW, EROFS,
};
