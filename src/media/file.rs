//! Regular files that hold archives; to read from, block devices that hold one too.

use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::whole_writes::{failed_before, write_whole};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::{Input, Output};
use crate::sys::direct::{self, AlignedBuffer};
use crate::sys::medium_error::is_medium_error;
use crate::sys::page_cache;
use crate::sys::partial_file::{IfExists, PartialFile};
use crate::sys::sparse;
use crate::sys::write_back::WriteBack;

/// An archive in a regular file, or raw on a block device.
///
/// It begins where the file stands when it is handed over, so that a shell can skip something before it; positions
/// count from there.
#[derive(Debug)]
pub struct FileInput {
    file: File,
    name: String,
    base: u64,
    length: u64,
    /// Up to here of the file it is read block by block: there is one that cannot be read.
    careful_until: u64,
    /// The same file past the page cache, which has a page whole or not at all; opened where there is trouble.
    direct: Option<File>,
}

/// The smallest piece of a drive that can be readable beside one that is not.
const SECTOR_BYTES: u64 = 512;

/// What the page cache reads at once where there is trouble; behind that, reads may be long again.
const PAGE_BYTES: u64 = 4096;

impl FileInput {
    /// Reads from an open file that can seek.
    pub fn new(mut file: File, name: String) -> Result<Self> {
        let mut measure = || {
            let base = file.stream_position()?;
            // Of a block device, only seeking to its end tells the size.
            let end = file.seek(SeekFrom::End(0))?;
            file.seek(SeekFrom::Start(base))?;
            Ok((base, end))
        };
        let (base, end) = measure().map_err(|cause: io::Error| Error::io("seeking in", &name, cause))?;
        page_cache::advise_sequential(&file);
        Ok(Self { file, name, base, length: end.saturating_sub(base), careful_until: 0, direct: None })
    }
}

impl FileInput {
    /// Reads what is wanted of a sector, past the page cache; `None` where that cannot be done, as on devices whose sectors are longer.
    fn read_sector(&mut self, position: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let mut sector = AlignedBuffer::new(SECTOR_BYTES as usize);
        let within = (position % SECTOR_BYTES) as usize;
        match self.direct.as_ref()?.read_at(sector.bytes_mut(), position - within as u64) {
            Ok(read) => {
                let length = read.saturating_sub(within).min(buffer.len());
                buffer[..length].copy_from_slice(&sector.bytes()[within..within + length]);
                Some(self.file.seek(SeekFrom::Start(position + length as u64)).map(|_| length))
            }
            Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => {
                self.direct = None;
                None
            }
            Err(cause) => Some(Err(cause)),
        }
    }
}

impl Input for FileInput {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.careful_until == 0 {
            return self.file.read(buffer);
        }
        let position = self.file.stream_position()?;
        if position >= self.careful_until {
            self.careful_until = 0;
            return self.file.read(buffer);
        }
        let most = (SECTOR_BYTES - position % SECTOR_BYTES).min(buffer.len() as u64) as usize;
        match self.read_sector(position, &mut buffer[..most]) {
            Some(read) => read,
            None => self.file.read(&mut buffer[..most]),
        }
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        let absolute = self.base.checked_add(position).ok_or(io::ErrorKind::InvalidInput)?;
        self.file.seek(SeekFrom::Start(absolute)).map(drop)
    }

    fn hole_at_end(&mut self) -> Option<u64> {
        let end = self.base + self.length;
        let mut look = || {
            let position = self.file.stream_position()?;
            let data_end = sparse::data_end(&self.file, end);
            self.file.seek(SeekFrom::Start(position))?;
            data_end
        };
        // Who cannot be told reads them.
        look().ok().filter(|data_end| *data_end < end).map(|data_end| data_end.saturating_sub(self.base))
    }

    /// A read that fails has failed at its very first page: what lies before is given as a short read. Of that page one sector after the other is tried.
    fn pass_unreadable(&mut self, cause: &io::Error) -> Option<io::Result<u64>> {
        if !is_medium_error(cause) {
            return None;
        }
        let mut pass = || {
            let position = self.file.stream_position()?;
            let page_end = (position + 1).next_multiple_of(PAGE_BYTES);
            if position >= self.careful_until {
                // Not known yet which of its sectors it is.
                self.careful_until = page_end;
                self.direct = direct::open(&self.file).unwrap_or(None);
                return Ok(0);
            }
            let next = (position + 1).next_multiple_of(SECTOR_BYTES).min(self.base + self.length);
            if next <= position {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.file.seek(SeekFrom::Start(next))?;
            Ok(next - position)
        };
        Some(pass())
    }
}

/// An archive file that gets its name when it is complete.
#[derive(Debug)]
pub struct FileOutput {
    partial: PartialFile,
    writer: Writer,
}

impl FileOutput {
    /// Begins a file; see [`PartialFile::create`] for what is refused.
    pub fn create(path: &Path, if_exists: IfExists, progress: &Arc<Progress>) -> Result<Self> {
        let partial = PartialFile::create(path, if_exists, progress)?;
        Ok(Self { partial, writer: Writer::new(progress) })
    }
}

impl Output for FileOutput {
    fn name(&self) -> &str {
        self.partial.name()
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        self.writer.write(self.partial.file(), self.partial.name(), pieces)
    }

    fn finish(&mut self) -> Result<()> {
        self.writer.check(self.partial.name())?;
        self.partial.commit()?;
        self.writer.write_back.synced(self.partial.file());
        Ok(())
    }
}

/// An archive that goes into a file which somebody else opened, as a shell does for `>`.
///
/// It has its name from the start, so that a failed backup leaves an incomplete archive there; readers see that by its
/// missing end.
#[derive(Debug)]
pub struct InheritedOutput {
    file: File,
    name: String,
    writer: Writer,
}

impl InheritedOutput {
    /// Writes on from where the file stands.
    pub fn new(file: File, name: String, progress: &Arc<Progress>) -> Self {
        Self { file, name, writer: Writer::new(progress) }
    }
}

impl Output for InheritedOutput {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        self.writer.write(&self.file, &self.name, pieces)
    }

    fn finish(&mut self) -> Result<()> {
        self.writer.sync(&self.file, &self.name)?;
        self.check_behind()
    }
}

impl InheritedOutput {
    /// What lay behind the archive before, on a device or in a file that was not emptied, is still there. Readers refuse it
    /// unless it is zeros, so the archive is none as it stands.
    fn check_behind(&mut self) -> Result<()> {
        let failed = |cause| Error::io("looking what lies behind the archive on", &self.name, cause);
        let mut end = self.file.stream_position().map_err(failed)?;
        let metadata = self.file.metadata().map_err(failed)?;
        if metadata.is_file() && metadata.len() <= end {
            return Ok(());
        }
        let (archive_end, name) = (end, self.name.clone());
        // A shell opens it for writing only.
        let readable = File::open(super::descriptor_path(&self.file)).map_err(failed)?;
        let mut behind = vec![0; 1 << 20];
        loop {
            self.writer.progress.check()?;
            match readable.read_at(&mut behind, end) {
                Ok(0) => return Ok(()),
                Ok(length) if behind[..length].iter().all(|byte| *byte == 0) => end += length as u64,
                Ok(_) => break,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(failed(cause)),
            }
        }
        let remedy = match metadata.is_file() {
            true => format!("the archive is whole: cut the file behind it with `truncate -s {archive_end} FILE`"),
            false => {
                format!("the archive is whole: `blkdiscard --zeroout --offset {archive_end} DEVICE` makes it readable")
            }
        };
        let cause = io::Error::other("behind the archive lies what was there before: no reader would take it");
        Err(Error::io("finishing", name, cause).with_remedy(remedy))
    }
}

/// Raw bytes that go into a file or onto a device which somebody else opened; what lies behind them stays as it is.
#[derive(Debug)]
pub struct RawOutput {
    file: File,
    name: String,
    writer: Writer,
}

impl RawOutput {
    /// Writes on from where the file stands.
    pub fn new(file: File, name: String, progress: &Arc<Progress>) -> Self {
        Self { file, name, writer: Writer::new(progress) }
    }
}

impl Output for RawOutput {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        self.writer.write(&self.file, &self.name, pieces)
    }

    fn finish(&mut self) -> Result<()> {
        self.writer.sync(&self.file, &self.name)
    }
}

/// Writes members one behind the other, with early write-back.
#[derive(Debug)]
struct Writer {
    write_back: WriteBack,
    progress: Arc<Progress>,
    failed: bool,
}

impl Writer {
    fn new(progress: &Arc<Progress>) -> Self {
        Self { write_back: WriteBack::default(), progress: Arc::clone(progress), failed: false }
    }

    /// Brings everything to stable storage, so that what failed late is known.
    fn sync(&mut self, file: &File, name: &str) -> Result<()> {
        self.check(name)?;
        let synced = file.sync_all().map_err(|cause| Error::io("syncing", name, cause));
        self.failed = synced.is_err();
        synced?;
        self.write_back.synced(file);
        Ok(())
    }

    fn check(&self, name: &str) -> Result<()> {
        if self.failed { Err(failed_before(name)) } else { Ok(()) }
    }

    fn write(&mut self, file: &File, name: &str, pieces: &[IoSlice<'_>]) -> Result<()> {
        self.check(name)?;
        let result = self.write_behind(file, name, pieces);
        self.failed = result.is_err();
        result
    }

    fn write_behind(&mut self, mut file: &File, name: &str, pieces: &[IoSlice<'_>]) -> Result<()> {
        let bytes = write_whole(file, pieces, &self.progress).map_err(|stopped| stopped.writing(name))?;
        // Asked afterwards: a file opened for appending (`>>`) only knows then where the bytes went.
        let noted =
            file.stream_position().and_then(|end| self.write_back.wrote(file, end.saturating_sub(bytes), bytes));
        noted.map_err(|cause| Error::io("writing", name, cause))
    }
}
