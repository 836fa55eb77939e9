//! The kernel's ways to make a range read as zero without sending the zeros.
//!
//! All three promise zeros to every later read. Discard (`BLKDISCARD`) does not, and rounds ragged ends away, so it is
//! not here.
#![allow(unsafe_code)] // for ioctl

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::fcntl::{FallocateFlags, fallocate};

mod ioctl {
    // `_IO(0x12, 127)` in include/uapi/linux/fs.h; its argument is a pointer to offset and length, both in bytes.
    nix::ioctl_write_ptr_bad!(blkzeroout, nix::request_code_none!(0x12, 127), [u64; 2]);
}

/// Gives back the blocks of a range; what is left reads as zero. The size of the file stays.
///
/// On a file, blocks that lie only partly in the range are zeroed in place. On a block device (block/fops.c) it is
/// write-zeroes with unmapping and without the kernel's own fallback, so devices that cannot do it say `EOPNOTSUPP`,
/// and ranges that are not aligned to the logical sector get `EINVAL`.
pub fn punch_hole(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let mode = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    Ok(fallocate(file, mode, signed(offset)?, signed(length)?)?)
}

/// Makes a range of a file read as zero and keeps its blocks allocated, as unwritten ones. The size of the file stays.
pub fn zero_range(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let mode = FallocateFlags::FALLOC_FL_ZERO_RANGE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    Ok(fallocate(file, mode, signed(offset)?, signed(length)?)?)
}

/// Makes a range of a block device read as zero (`BLKZEROOUT`): by the device where it can, by zeros that the kernel
/// writes where it cannot. Offset and length are multiples of the logical sector, or the answer is `EINVAL`.
pub fn zero_out(device: &File, offset: u64, length: u64) -> io::Result<()> {
    // SAFETY: the descriptor is open while `device` is borrowed, and the kernel only reads the two numbers.
    unsafe { ioctl::blkzeroout(device.as_raw_fd(), &[offset, length]) }?;
    Ok(())
}

fn signed(bytes: u64) -> io::Result<i64> {
    i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn zeros_of_a_file_are_zero_and_its_size_stays() {
        for zero in [punch_hole, zero_range] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&[0xff; 10_000]).unwrap();
            match zero(&file, 100, 20_000) {
                Err(error) if error.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => continue,
                result => result.unwrap(),
            }
            let mut content = Vec::new();
            std::io::Seek::rewind(&mut file).unwrap();
            file.read_to_end(&mut content).unwrap();
            assert_eq!(content.len(), 10_000);
            assert!(content[..100].iter().all(|&byte| byte == 0xff) && content[100..].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn only_block_devices_zero_out() {
        assert!(zero_out(&tempfile::tempfile().unwrap(), 0, 4096).is_err());
    }
}
