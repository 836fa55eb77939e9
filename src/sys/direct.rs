//! Reading past the page cache: O_DIRECT (open(2)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use nix::fcntl::OFlag;

/// Offsets, lengths and addresses of direct reads are multiples of this: no common file system or device wants more.
pub const ALIGNMENT: u64 = 4096;

/// Opens an open file or device once more, for direct reads; `None` where the file system has none, or wants another alignment.
pub fn open(file: &File) -> io::Result<Option<File>> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let direct = match OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECT.bits()).open(path) {
        Err(error) if is_none_such(&error) => return Ok(None),
        opened => opened?,
    };
    // Only a read tells. That its bytes cannot be read is another matter, and for whoever wants them.
    match AlignedBuffer::new(ALIGNMENT as usize).fill(&direct, 0, ALIGNMENT as usize) {
        Err(error) if is_none_such(&error) => Ok(None),
        _ => Ok(Some(direct)),
    }
}

/// Whether a failure says that there are no direct reads (EINVAL, EOPNOTSUPP), and not that this one failed.
fn is_none_such(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// Memory whose address is a multiple of [`ALIGNMENT`].
#[derive(Debug)]
pub struct AlignedBuffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// So many bytes, all zero.
    pub fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT as usize];
        let start = bytes.as_ptr().align_offset(ALIGNMENT as usize);
        Self { bytes, start, length }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }

    /// The bytes, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }

    /// Reads from `offset` on, until it has `length` bytes or the file ends; how many these are.
    ///
    /// # Errors
    /// What the kernel says; of kind `InvalidInput` (EINVAL) where it does not take this alignment.
    pub fn fill(&mut self, file: &File, offset: u64, length: usize) -> io::Result<usize> {
        let bytes = &mut self.bytes_mut()[..length];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                // A short read need not be the end; one that comes no further than the one before is.
                Ok(read) if read < ALIGNMENT as usize => return Ok(filled + read),
                Ok(read) => filled += read / ALIGNMENT as usize * ALIGNMENT as usize,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn reads_what_is_there_up_to_the_end() {
        let mut image = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let bytes: Vec<u8> = (0..20_000u32).map(|place| (place / 3) as u8).collect();
        image.write_all(&bytes).unwrap();
        let direct = open(image.as_file()).unwrap().unwrap();
        let mut buffer = AlignedBuffer::new(16 << 10);
        assert_eq!(buffer.fill(&direct, 0, 16 << 10).unwrap(), 16 << 10);
        assert!(buffer.bytes() == &bytes[..16 << 10]);
        assert_eq!(buffer.fill(&direct, 8192, 16 << 10).unwrap(), 20_000 - 8192);
        assert!(buffer.bytes()[..20_000 - 8192] == bytes[8192..]);
        assert_eq!(buffer.fill(&direct, 20_480, 4096).unwrap(), 0);
        assert_eq!(buffer.fill(&direct, 1, 4096).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    /// A device whose first block cannot be read was taken for one without direct reads, and read through its stale cache.
    #[test]
    fn a_failed_read_does_not_mean_that_there_are_none() {
        let errors = [(22, true), (95, true), (5, false), (11, false), (12, false), (61, false)];
        for (errno, none_such) in errors {
            assert_eq!(is_none_such(&io::Error::from_raw_os_error(errno)), none_such, "{errno}");
        }
    }
}
