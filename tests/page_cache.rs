//! Reading a source leaves the page cache as it found it; of a device, it does not believe the cache.
#![allow(clippy::single_range_in_vec_init)] // A list of one range is meant.

mod support;

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use blocktar::source::{self, SourceOptions};
use blocktar::stream::Piece;
use blocktar::sys::page_cache::{Residency, advise_random, advise_unneeded};
use support::{LoopDevice, is_root};

const SIZE: u64 = (40 << 20) + 4096;

/// A file on the disk that the build lies on: a tmpfs has no pages that are absent.
fn file_on_disk() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let bytes: Vec<u8> = (0..SIZE / 8).flat_map(|number| (number | (1 << 40)).to_le_bytes()).collect();
    file.write_all(&bytes).unwrap();
    file.as_file().sync_all().unwrap();
    drop_cache(file.as_file());
    assert_eq!(absent(file.path()), [0..SIZE], "{} does not seem to be on a disk", env!("CARGO_TARGET_TMPDIR"));
    file
}

fn drop_cache(file: &File) {
    file.sync_all().unwrap();
    advise_unneeded(file, 0..SIZE);
}

fn absent(path: &Path) -> Vec<Range<u64>> {
    let mut runs = Vec::new();
    Residency::new().absent_runs(&File::open(path).unwrap(), 0..SIZE, |run| runs.push(run)).unwrap();
    runs
}

/// Brings ranges into the cache, and nothing beside them.
fn warm(path: &Path, ranges: &[Range<u64>]) {
    let file = File::open(path).unwrap();
    advise_random(&file);
    for range in ranges {
        for offset in range.clone().step_by(4096) {
            file.read_exact_at(&mut [0; 4096], offset).unwrap();
        }
    }
}

fn read_through(path: &Path, until: u64) {
    let mut source = source::open(path, &SourceOptions::default()).unwrap();
    source.map().unwrap();
    let (mut buffer, mut at) = (vec![0; 4 << 20], 0);
    while let Some(extent) = source.next_extent().unwrap() {
        while at < extent.end() {
            if at >= until {
                return;
            }
            let Piece::Data(length) = source.read(&mut buffer).unwrap() else { panic!("unreadable") };
            assert_eq!(buffer[..8], ((at / 8) | (1 << 40)).to_le_bytes(), "wrong bytes at {at}");
            at += length as u64;
        }
    }
    source.finish().unwrap();
}

/// Backs the image up, and holds it against that.
fn compare_with_archive(path: &Path) {
    let archive = tempfile::NamedTempFile::new().unwrap();
    let run = |command: &mut Command| assert!(command.arg("-q").status().unwrap().success(), "{command:?}");
    run(blocktar("backup").arg(path).arg("-o").arg(archive.path()).arg("--overwrite"));
    run(blocktar("compare").arg(archive.path()).arg(path));
}

fn blocktar(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
    command.arg(name);
    command
}

fn assert_left_as_found(path: &Path) {
    let file = File::open(path).unwrap();
    let cached = [0..4096, (1 << 20)..(3 << 20), (20 << 20) - 4096..(20 << 20) + 8192, (40 << 20)..SIZE];
    for cached in [&cached[..], &[], &[0..SIZE]] {
        // The kernel takes pages away itself when memory is short, but not every time.
        let mut tries = (0..4).map(|_| absent_around(path, &file, cached));
        let is_as_found = |[before, read, compared]: &[_; 3]| read == before && compared == before;
        assert!(tries.any(|absent| is_as_found(&absent)), "{cached:?}: {:?}", absent_around(path, &file, cached));
    }
}

/// What is not in the cache where this was: at first, behind a reading of all, and behind a backup and a comparison.
fn absent_around(path: &Path, file: &File, cached: &[Range<u64>]) -> [Vec<Range<u64>>; 3] {
    drop_cache(file);
    warm(path, cached);
    let before = absent(path);
    read_through(path, SIZE);
    let read = absent(path);
    compare_with_archive(path);
    [before, read, absent(path)]
}

#[test]
fn of_a_file() {
    assert_left_as_found(file_on_disk().path());
}

#[test]
fn of_a_block_device() {
    let file = file_on_disk();
    for sector_bytes in [512, 4096] {
        if !is_root("reads of a block device") {
            return;
        }
        let device = LoopDevice::over(file.path(), sector_bytes);
        let holder = File::open(&device.path).unwrap();
        for cached in [&[0..4096, (1 << 20)..(3 << 20)][..], &[]] {
            drop_cache(&holder);
            warm(&device.path, cached);
            let before = absent(&device.path);
            read_through(&device.path, SIZE);
            assert_eq!(absent(&device.path), before, "{cached:?} was cached");
            compare_with_archive(&device.path);
            assert_eq!(absent(&device.path), before, "{cached:?} was cached, and was compared");
        }
        drop(holder);
    }
}

/// Whoever holds a device open keeps what was read from it in the cache, though a partition or a file system on it writes
/// past that cache. A backup took the old bytes for those of the device.
#[test]
fn of_a_block_device_that_changed_below_its_cache() {
    let file = file_on_disk();
    if !is_root("reads of a block device") {
        return;
    }
    let device = LoopDevice::over(file.path(), 512);
    let holder = File::open(&device.path).unwrap();
    warm(&device.path, &[0..SIZE]);
    file.as_file().write_all_at(&[0xee; 4096], 1 << 20).unwrap();
    file.as_file().sync_all().unwrap();
    let mut stale = [0; 4096];
    holder.read_exact_at(&mut stale, 1 << 20).unwrap();
    assert!(stale != [0xee; 4096], "the cache was not stale, so this tests nothing");
    let image = source::open_image(&device.path).unwrap();
    let mut seen = [0; 4096];
    image.read_at(&mut seen, 1 << 20).unwrap();
    assert!(seen == [0xee; 4096]);
}

/// What was asked for and is still on its way when a backup is broken off cannot be given back; it must not be more than was asked for.
#[test]
fn of_a_file_that_is_not_read_to_its_end() {
    let file = file_on_disk();
    read_through(file.path(), 5 << 20);
    warm(file.path(), &[SIZE - 4096..SIZE]);
    let absent_bytes: u64 = absent(file.path()).iter().map(|run| run.end - run.start).sum();
    assert!(SIZE - absent_bytes <= 16 << 20, "{absent_bytes} bytes are absent");
}
