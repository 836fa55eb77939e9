//! Which failures of a read concern the place that was read, and not the device or the call.

use std::io;

use nix::errno::Errno;

/// Whether another place of the same device may well be readable: then the read is worth repeating in smaller pieces.
///
/// The block layer reports a bad medium as one of these (`blk_errors` in Linux' `block/blk-core.c`), file systems with
/// checksums use EUCLEAN and EBADMSG; the page cache turns most of them into EIO. A device that is gone (ENODEV, ENXIO)
/// and a call that was wrong (EINVAL) are no medium errors: nothing would be gained by asking for the next block.
pub fn is_medium_error(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw).is_some_and(|errno| {
        matches!(
            errno,
            Errno::EIO
                | Errno::ENODATA
                | Errno::EILSEQ
                | Errno::EREMOTEIO
                | Errno::ETIMEDOUT
                | Errno::ENOLINK
                | Errno::EUCLEAN
                | Errno::EBADMSG
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_sector_is_one_and_a_lost_device_is_none() {
        assert!(is_medium_error(&Errno::EIO.into()));
        assert!(is_medium_error(&Errno::ENODATA.into()));
        assert!(!is_medium_error(&Errno::ENODEV.into()));
        assert!(!is_medium_error(&io::ErrorKind::UnexpectedEof.into()));
    }
}
