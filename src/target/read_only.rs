//! A device or image that is only read: what a restore would find there.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::check_range;
use crate::error::{Error, Result};
use crate::stream::Target;

/// Takes no write.
#[derive(Debug)]
pub struct ReadOnly {
    file: File,
    name: String,
    capacity: u64,
}

impl ReadOnly {
    /// Opens a device or image that exists, as others may have it open too.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let mut file = File::open(path).map_err(|cause| Error::io("opening", &name, cause))?;
        let capacity = file.seek(SeekFrom::End(0)).map_err(|cause| Error::io("asking the size of", &name, cause))?;
        Ok(Self { file, name, capacity })
    }

    fn refused(&self) -> Error {
        Error::io("writing", &self.name, io::Error::other("it was opened to be read only"))
    }
}

impl Target for ReadOnly {
    fn name(&self) -> &str {
        &self.name
    }

    fn capacity(&self) -> u64 {
        self.capacity
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        check_range(&self.name, self.capacity, offset, buffer.len() as u64)?;
        self.file.read_exact_at(buffer, offset).map_err(|cause| Error::io("reading", &self.name, cause))
    }

    fn write_at(&mut self, _bytes: &[u8], _offset: u64) -> Result<()> {
        Err(self.refused())
    }

    fn write_zeros(&mut self, _offset: u64, _length: u64) -> Result<()> {
        Err(self.refused())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_and_never_written() {
        let image = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(image.path(), b"held").unwrap();
        let mut target = ReadOnly::open(image.path()).unwrap();
        let mut bytes = [0; 2];
        target.read_at(&mut bytes, 2).unwrap();
        assert_eq!((&bytes, target.capacity()), (b"ld", 4));
        assert!(target.read_at(&mut bytes, 3).is_err());
        assert!(target.write_at(b"x", 0).is_err() && target.write_zeros(0, 1).is_err());
        target.finish().unwrap();
        assert_eq!(std::fs::read(image.path()).unwrap(), b"held");
    }
}
