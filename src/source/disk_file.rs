//! An open device or image that is read without leaving traces in the page cache: of a file, what was cached is used; what was not does not stay.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::direct::{DirectReads, Wanted};
use crate::error::{Error, Result};
use crate::extent;
use crate::signature::{self, Signature};
use crate::sys::block::{DeviceNumber, FileKind, file_kind};
use crate::sys::page_cache::{self, Residency};
use crate::sys::sysfs::BlockDevice;

/// The most that one call of `prefetch` looks at; the rest of a longer range is read like any other.
const PREFETCH_BYTES_MAX: u64 = 16 << 20;

/// Pages are given back in steps of at least this, where a run of them is that long.
const RELEASE_BYTES: u64 = 1 << 20;

/// What one call of readahead is sure to take where sysfs does not say more: the kernel's default readahead.
const REQUEST_BYTES: u64 = 128 << 10;

/// Shorter runs of absent pages are read through the cache: a read past it pays when it is long.
const DIRECT_BYTES_MIN: u64 = 256 << 10;

/// An open device or image.
///
/// Before a range of a file is read, it looks which pages are absent. Long runs of these are read past the cache; for short ones it asks the
/// kernel, and behind the read it gives back those, and no others. The kernel's own readahead is off, as it would bring in pages that nobody has looked at.
///
/// A device is read past the cache, which may be older than what the device holds: a mounted file system, a partition or a
/// device that is built on this one writes past the cache of this one, and what somebody has read here before stays there for as long as any of them
/// is in use. Where it cannot be read so, its cache is emptied first.
#[derive(Debug)]
pub(super) struct DiskFile {
    file: File,
    name: String,
    page_bytes: u64,
    request_bytes: u64,
    /// Whether what is cached is not to be believed.
    distrusted: bool,
    cache: RefCell<Cache>,
}

/// The pages that this process brought in and has not given back.
#[derive(Debug, Default)]
struct Cache {
    /// `None` where the file cannot be looked at: then nothing is given back, as it may have been there before.
    residency: Option<Residency>,
    absent: VecDeque<Range<u64>>,
    direct: Option<DirectReads>,
    looked_until: u64,
    released_until: u64,
}

impl DiskFile {
    /// Opens what the caller has found to be a regular file or a block device.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name = super::name(path);
        let file = File::open(path).map_err(|cause| Error::io("opening", &name, cause))?;
        let metadata = file.metadata().map_err(|cause| Error::io("opening", &name, cause))?;
        page_cache::advise_random(&file);
        let (drive, distrusted) = match file_kind(&metadata) {
            FileKind::Block(number) => (number, true),
            _ => (DeviceNumber::from_raw(metadata.dev()), false),
        };
        let request_bytes = BlockDevice::new(drive).request_bytes().unwrap_or(REQUEST_BYTES).min(PREFETCH_BYTES_MAX);
        let direct = match DirectReads::begin(&file) {
            Err(cause) if distrusted => return Err(Error::io("opening", &name, cause)),
            begun => begun.unwrap_or_default(),
        };
        if distrusted && direct.is_none() {
            page_cache::advise_unneeded(&file, 0..0);
        }
        let cache = RefCell::new(Cache { residency: Some(Residency::new()), direct, ..Cache::default() });
        Ok(Self { file, name, page_bytes: page_cache::page_bytes(), request_bytes, distrusted, cache })
    }

    /// Whether it is read through a cache that is not to be believed, as it has no direct reads.
    pub(super) fn may_be_stale(&self) -> bool {
        self.distrusted && self.cache.borrow().direct.is_none()
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// What fstat says now.
    pub(super) fn metadata(&self) -> Result<Metadata> {
        self.file.metadata().map_err(|cause| Error::io("looking at", &self.name, cause))
    }

    /// Fills the whole buffer; an end before that is an error of kind `UnexpectedEof`.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut filled = 0;
        let mut cache = self.cache.borrow_mut();
        while filled < buffer.len() {
            let (at, rest) = (offset + filled as u64, &mut buffer[filled..]);
            let Some(direct) = &mut cache.direct else { return self.file.read_exact_at(rest, at) };
            let until = match direct.give(rest, at) {
                Wanted::Given(length) => {
                    filled += length;
                    continue;
                }
                Wanted::Elsewhere(until) => until,
            };
            let length = (until - at).min(rest.len() as u64) as usize;
            match self.distrusted {
                true => direct.read_now(&mut rest[..length], at)?,
                false => self.file.read_exact_at(&mut rest[..length], at)?,
            }
            filled += length;
        }
        Ok(())
    }

    /// Notes which pages of the range are absent, and has them read. Ranges come in ascending order; one that lies before all that was read begins anew.
    pub(super) fn prefetch(&self, offset: u64, length: u64) {
        let mut cache = self.cache.borrow_mut();
        let Cache { residency, absent, direct, looked_until, released_until } = &mut *cache;
        let wanted = self.pages(offset, length.min(PREFETCH_BYTES_MAX));
        if wanted.end <= *released_until {
            (*looked_until, *released_until) = (wanted.start, wanted.start);
            absent.drain(..).for_each(|run| page_cache::advise_unneeded(&self.file, run));
            direct.iter_mut().for_each(DirectReads::forget);
        }
        let unseen = wanted.start.max(*looked_until)..wanted.end;
        if unseen.is_empty() {
            return;
        }
        *looked_until = unseen.end;
        if let Some(direct) = direct.as_mut().filter(|_| self.distrusted) {
            direct.announce(extent::Range::between(unseen.start, unseen.end));
            return;
        }
        let Some(looker) = residency else { return };
        let looked = looker.absent_runs(&self.file, unseen, |run| {
            match direct {
                Some(direct) if run.end - run.start >= DIRECT_BYTES_MIN => {
                    direct.announce(extent::Range::between(run.start, run.end));
                }
                _ => page_cache::advise_needed(&self.file, run.clone(), self.request_bytes),
            }
            match absent.back_mut() {
                Some(last) if last.end == run.start => last.end = run.end,
                _ => absent.push_back(run),
            }
        });
        if looked.is_err() {
            *residency = None;
        }
    }

    /// Gives back what was absent up to the end of this range: a page that the range ends in only if nothing behind it is to be read.
    pub(super) fn release(&self, offset: u64, length: u64) {
        let mut cache = self.cache.borrow_mut();
        let read_until = offset.saturating_add(length);
        let whole_until = read_until / self.page_bytes * self.page_bytes;
        let last_page_end = read_until.checked_next_multiple_of(self.page_bytes).unwrap_or(u64::MAX);
        while let Some(run) = cache.absent.front_mut() {
            if run.end <= last_page_end {
                page_cache::advise_unneeded(&self.file, run.clone());
                cache.absent.pop_front();
                continue;
            }
            if run.start < whole_until && whole_until - run.start >= RELEASE_BYTES {
                page_cache::advise_unneeded(&self.file, run.start..whole_until);
                run.start = whole_until;
            }
            break;
        }
        cache.released_until = cache.released_until.max(whole_until);
    }

    /// The signature of what lies here, if any is known; `None` also where it cannot be read, which the backup will find out by itself.
    pub(super) fn signature(&self, size_bytes: u64) -> Option<Signature> {
        let read = |buffer: &mut [u8], offset: u64| self.read_once(buffer, offset);
        signature::detect(read, size_bytes).ok().flatten()
    }

    /// Reads a few bytes outside of the order, and leaves the cache as it was.
    fn read_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if self.distrusted {
            return self.read_at(buffer, offset);
        }
        let mut absent = Vec::new();
        let pages = self.pages(offset, buffer.len() as u64);
        let looked = Residency::new().absent_runs(&self.file, pages, |run| absent.push(run));
        let read = self.read_at(buffer, offset);
        if looked.is_ok() {
            absent.into_iter().for_each(|run| page_cache::advise_unneeded(&self.file, run));
        }
        read
    }

    /// The whole pages that hold this range.
    fn pages(&self, offset: u64, length: u64) -> Range<u64> {
        let end = offset.saturating_add(length).checked_next_multiple_of(self.page_bytes);
        offset / self.page_bytes * self.page_bytes..end.unwrap_or(offset)
    }
}

impl Drop for DiskFile {
    /// A backup that was broken off gives back what it had asked for, too; but not what is still on its way: waiting for a slow device would delay the end.
    fn drop(&mut self) {
        for run in self.cache.get_mut().absent.drain(..) {
            page_cache::advise_unneeded(&self.file, run);
        }
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // A list of one range is meant.
mod tests {
    use super::*;

    #[test]
    fn ranges_that_make_no_sense_do_no_harm() {
        let image = tempfile::NamedTempFile::new().unwrap();
        let file = DiskFile::open(image.path()).unwrap();
        for (offset, length) in
            [(0, 0), (0, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX - 1, 1), (1 << 62, 4096), (0, 1)]
        {
            file.prefetch(offset, length);
            file.release(offset, length);
        }
        assert_eq!(file.read_at(&mut [0], 0).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_second_pass_looks_again() {
        let image = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        image.as_file().write_all_at(&[1; 64 << 10], 0).unwrap();
        image.as_file().sync_all().unwrap();
        let file = DiskFile::open(image.path()).unwrap();
        for _ in 0..2 {
            page_cache::advise_unneeded(image.as_file(), 0..64 << 10);
            file.prefetch(0, 64 << 10);
            assert_eq!(file.cache.borrow().absent, [0..64 << 10]);
            file.read_at(&mut [0; 64 << 10], 0).unwrap();
            file.release(0, 64 << 10);
            assert!(file.cache.borrow().absent.is_empty());
        }
    }
}
