//! Which pages of a file lie in the page cache, and advice on which should.
#![allow(unsafe_code)] // for mmap and mincore

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// How much of a file is mapped at once. Mapping costs no memory, as no page is ever touched; it is bounded for
/// the sake of processes whose address space is.
const MAPPED_BYTES: u64 = 256 << 20;

/// How much is looked at with one call: a byte per page is kept for it.
const LOOKED_BYTES: u64 = 4 << 20;

/// Size of a page in bytes.
pub fn page_bytes() -> u64 {
    // SAFETY: sysconf reads a constant of the system.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

/// Tells which pages of one file are in the page cache, without bringing any in.
#[derive(Debug)]
pub struct Residency {
    page_bytes: u64,
    mapping: Option<Mapping>,
    pages: Vec<u8>,
}

impl Residency {
    /// One for a file that has not been looked at.
    pub fn new() -> Self {
        let page_bytes = page_bytes();
        Self { page_bytes, mapping: None, pages: vec![0; (LOOKED_BYTES / page_bytes).max(1) as usize] }
    }

    /// Calls `each` with the runs of pages of `range` that are not in the cache, in ascending order. Always the same file is given.
    ///
    /// The ends of `range` are multiples of the page size. Fails where a file cannot be mapped. Linux (since 5.2)
    /// tells the truth only to those who own the file or may write to it; to others every page seems to be there.
    pub fn absent_runs(&mut self, file: &File, range: Range<u64>, mut each: impl FnMut(Range<u64>)) -> io::Result<()> {
        let mut run: Option<Range<u64>> = None;
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(self.pages.len() as u64 * self.page_bytes));
            if cached_pages(file, start..end) == Some((end - start) / self.page_bytes) {
                run.take().into_iter().for_each(&mut each);
                start = end;
                continue;
            }
            self.look(file, start..end)?;
            for (page, state) in (start..end).step_by(self.page_bytes as usize).zip(&self.pages) {
                // Only the lowest bit of mincore's answer is defined.
                match &mut run {
                    _ if state & 1 == 1 => run.take().into_iter().for_each(&mut each),
                    Some(run) => run.end = page + self.page_bytes,
                    None => run = Some(page..page + self.page_bytes),
                }
            }
            start = end;
        }
        run.into_iter().for_each(each);
        Ok(())
    }

    fn look(&mut self, file: &File, range: Range<u64>) -> io::Result<()> {
        let mapping = match self.mapping.take() {
            Some(mapping) if mapping.holds(&range) => mapping,
            _ => Mapping::new(file, range.start)?,
        };
        let mapping = self.mapping.insert(mapping);
        let length = (range.end - range.start) as usize;
        assert!(mapping.holds(&range) && length.div_ceil(self.page_bytes as usize) <= self.pages.len());
        let inside = (range.start - mapping.start) as usize;
        loop {
            // SAFETY: the range lies within the mapping, which lives until munmap in its drop; mincore writes one byte for
            // each page of it, for which `pages` has room. It reads no page, so a file that shrinks does no harm.
            let result = unsafe {
                libc::mincore(mapping.address.as_ptr().byte_add(inside), length, self.pages.as_mut_ptr().cast())
            };
            match Errno::result(result) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// How many pages of the range are in the cache, by cachestat(2), which goes by folios rather than pages; `None` before Linux 6.5, and
/// to those whom the kernel does not tell.
fn cached_pages(file: &File, range: Range<u64>) -> Option<u64> {
    /// The same on every architecture but alpha (`scripts/syscall.tbl` of the kernel); libc does not name it everywhere.
    const SYS_CACHESTAT: libc::c_long = 451;
    /// `struct cachestat_range` of the kernel's `include/uapi/linux/mman.h`.
    #[repr(C)]
    struct Asked {
        offset: u64,
        length: u64,
    }
    /// `struct cachestat` of the same.
    #[repr(C)]
    #[derive(Default)]
    struct Counts {
        cached: u64,
        dirty: u64,
        writeback: u64,
        evicted: u64,
        recently_evicted: u64,
    }
    let asked = Asked { offset: range.start, length: range.end - range.start };
    let mut counts = Counts::default();
    // SAFETY: the kernel reads the one structure and writes the other, both of which are laid out as it has them and live here.
    let result = unsafe { libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), &raw const asked, &raw mut counts, 0) };
    (result == 0).then_some(counts.cached)
}

impl Default for Residency {
    fn default() -> Self {
        Self::new()
    }
}

/// A mapping of a part of a file that nobody may touch: it only gives mincore an address.
#[derive(Debug)]
struct Mapping {
    start: u64,
    address: NonNull<c_void>,
}

// SAFETY: the address is only handed to mincore and munmap, which any thread may call.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(file: &File, start: u64) -> io::Result<Self> {
        let length = NonZeroUsize::new(MAPPED_BYTES as usize).ok_or(Errno::EINVAL)?;
        let offset = i64::try_from(start).map_err(|_| Errno::EOVERFLOW)?;
        // SAFETY: a new mapping at an address of the kernel's choice overlays nothing; PROT_NONE means that no reference into it can be used.
        let address = unsafe { mmap(None, length, ProtFlags::PROT_NONE, MapFlags::MAP_SHARED, file, offset) }?;
        Ok(Self { start, address })
    }

    fn holds(&self, range: &Range<u64>) -> bool {
        self.start <= range.start && range.end - self.start <= MAPPED_BYTES
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the address and length of our own mapping, to which nothing refers.
        let _ = unsafe { munmap(self.address, MAPPED_BYTES as usize) };
    }
}

/// Says that the file is read in an order of our own: the kernel then reads nothing ahead by itself.
pub fn advise_random(file: &File) {
    advise(file, 0..0, PosixFadviseAdvice::POSIX_FADV_RANDOM);
}

/// Says that the file is read from front to back, which doubles the kernel's read-ahead.
pub fn advise_sequential(file: &File) {
    advise(file, 0..0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL);
}

/// Begins to read a range into the cache, and returns without waiting.
///
/// The kernel silently cuts each call down to its longest request or readahead, whichever is more
/// (`force_page_cache_ra` in Linux' `mm/readahead.c`); so it is asked for `request_bytes` at a time.
pub fn advise_needed(file: &File, range: Range<u64>, request_bytes: u64) {
    let request_bytes = request_bytes.max(4096);
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start.saturating_add(request_bytes));
        advise(file, start..end, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
        start = end;
    }
}

/// Takes the whole pages of a range out of the cache, except those that are dirty, locked or mapped, and
/// except those of a large folio that reaches out of the range.
pub fn advise_unneeded(file: &File, range: Range<u64>) {
    advise(file, range, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}

/// Advice is no more than that: where the kernel does not take it, nothing is wrong but the speed.
fn advise(file: &File, range: Range<u64>, advice: PosixFadviseAdvice) {
    if let (Ok(start), Ok(length)) = (i64::try_from(range.start), i64::try_from(range.end - range.start)) {
        let _ = posix_fadvise(file, start, length, advice);
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // A list of one range is meant.
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    fn absent(file: &File, range: Range<u64>) -> Vec<Range<u64>> {
        let mut runs = Vec::new();
        Residency::new().absent_runs(file, range, |run| runs.push(run)).unwrap();
        runs
    }

    #[test]
    fn pages_that_were_never_read_are_absent_and_runs_join_over_the_looks() {
        // The build directory lies on a disk; in a tmpfs nothing could be absent but holes.
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let page = page_bytes();
        file.write_all_at(&vec![7; 9 << 20], 0).unwrap();
        assert_eq!(absent(&file, 0..9 << 20), []);
        file.sync_all().unwrap();
        // What was written in one piece lies in one folio of up to 2 MiB, and goes as a whole or not at all.
        advise_unneeded(&file, 2 << 20..9 << 20);
        assert_eq!(absent(&file, 0..9 << 20), [2 << 20..9 << 20]);
        advise_random(&file);
        file.read_exact_at(&mut [0; 1], 5 << 20).unwrap();
        assert_eq!(absent(&file, 0..9 << 20), [2 << 20..5 << 20, (5 << 20) + page..9 << 20]);
    }

    #[test]
    fn a_range_behind_the_mapping_and_behind_the_end_can_be_looked_at() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 30).unwrap();
        let mut residency = Residency::new();
        for start in [0, 100 << 20, (256 << 20) - 4096, 1 << 30, 4096] {
            let mut runs = Vec::new();
            residency.absent_runs(&file, start..start + 8192, |run| runs.push(run)).unwrap();
            assert_eq!(runs, [start..start + 8192]);
        }
    }

    #[test]
    fn a_pipe_cannot_be_looked_at() {
        let (reader, _writer) = nix::unistd::pipe().unwrap();
        assert!(Residency::new().absent_runs(&File::from(reader), 0..4096, |_| ()).is_err());
    }
}
