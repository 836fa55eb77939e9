//! Where a regular file has data and where it has holes.

use std::fs::File;
use std::io;
use std::ops::Range;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek64};

/// Calls `each` with the data ranges of the first `size_bytes` of a regular file, in ascending order; the rest are holes, which read as zero.
///
/// Data that is only in the page cache counts as data. A file system that knows no holes gives one range; so does the
/// kernel for those without SEEK_DATA of their own. Moves the file's position, which nobody here uses.
pub fn data_ranges(file: &File, size_bytes: u64, mut each: impl FnMut(Range<u64>)) -> io::Result<()> {
    let mut position = 0;
    while position < size_bytes {
        let start = match seek(file, position, Whence::SeekData) {
            Ok(start) => start.max(position),
            // No data behind the position.
            Err(Errno::ENXIO) => return Ok(()),
            // The file system does not know: everything is data.
            Err(Errno::EINVAL) => position,
            Err(errno) => return Err(errno.into()),
        };
        if start >= size_bytes {
            return Ok(());
        }
        let end = match seek(file, start, Whence::SeekHole) {
            // A hole at the data's own start means that the file is changing below us: then it is read, not believed.
            Ok(end) if end > start => end.min(size_bytes),
            Ok(_) | Err(Errno::ENXIO | Errno::EINVAL) => size_bytes,
            Err(errno) => return Err(errno.into()),
        };
        each(start..end);
        position = end;
    }
    Ok(())
}

/// Where the data of a regular file of this size ends: from there on it is a hole, as far as its file system knows. Moves the file's position.
pub fn data_end(file: &File, size_bytes: u64) -> io::Result<u64> {
    let has_data_from = |position| match seek(file, position, Whence::SeekData) {
        Ok(start) => Ok(start < size_bytes),
        Err(Errno::ENXIO) => Ok(false),
        Err(errno) => Err(io::Error::from(errno)),
    };
    let (mut data, mut hole) = (0, size_bytes);
    if size_bytes == 0 || has_data_from(size_bytes - 1)? {
        return Ok(size_bytes);
    }
    // There is no asking backwards; but where there is none from here on, there is none from any later place on.
    while data < hole {
        let middle = data + (hole - data) / 2;
        if has_data_from(middle)? {
            data = middle + 1;
        } else {
            hole = middle;
        }
    }
    Ok(hole)
}

fn seek(file: &File, position: u64, whence: Whence) -> Result<u64, Errno> {
    let position = i64::try_from(position).map_err(|_| Errno::EOVERFLOW)?;
    let found = lseek64(file, position, whence)?;
    u64::try_from(found).map_err(|_| Errno::EOVERFLOW)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // A list of one range is meant.
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    fn ranges(file: &File, size_bytes: u64) -> Vec<Range<u64>> {
        let mut ranges = Vec::new();
        data_ranges(file, size_bytes, |range| ranges.push(range)).unwrap();
        ranges
    }

    #[test]
    fn the_hole_at_the_end_is_found_whatever_lies_before_it() {
        const TIB: u64 = 1 << 40;
        let file = tempfile::tempfile().unwrap();
        let end = |size: u64| {
            file.set_len(size).unwrap();
            data_end(&file, size).unwrap()
        };
        assert_eq!((end(0), end(TIB)), (0, 0));
        file.write_all_at(b"x", 0).unwrap();
        file.write_all_at(b"x", 5 << 20).unwrap();
        let found = end(TIB);
        assert!(found > 5 << 20 && found <= (5 << 20) + (1 << 20), "{found}");
        file.write_all_at(b"x", TIB - 1).unwrap();
        assert_eq!(end(TIB), TIB);
    }

    #[test]
    fn unwritten_data_in_the_page_cache_is_found_and_holes_are_left_out() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10 << 20).unwrap();
        assert_eq!(ranges(&file, 10 << 20), []);
        file.write_all_at(&[1; 4096], 1 << 20).unwrap();
        file.write_all_at(&[1], (10 << 20) - 1).unwrap();
        assert_eq!(ranges(&file, 10 << 20), [1 << 20..(1 << 20) + 4096, (10 << 20) - 4096..10 << 20]);
    }

    #[test]
    fn odd_sizes_end_where_the_file_does() {
        for size in [0, 1, 511, 4095, 4097] {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&vec![1; size], 0).unwrap();
            let whole = 0..size as u64;
            let expected = if size == 0 { vec![] } else { vec![whole] };
            assert_eq!(ranges(&file, size as u64), expected);
        }
    }

    #[test]
    fn a_file_that_shrank_gives_less_and_does_not_hang() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[1; 4096], 0).unwrap();
        assert_eq!(ranges(&file, 1 << 20), [0..4096]);
    }
}
