//! One suite for every source: what `stream::Source` promises.

mod support;

use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::Path;

use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentKind, ExtentMap};
use blocktar::source::{self, MemoryImage, Scan, SourceOptions};
use blocktar::stream::{Piece, Source};
use support::{LoopDevice, is_root};

const ODD_SIZES: [usize; 8] = [0, 1, 511, 512, 4095, 4096, 4097, (5 << 20) + 513];

/// Bytes that are not zero and not the same at two offsets that could be confused.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0] | 1).collect()
}

/// Reads a source through, holds it to the contract, and gives its bytes.
fn read_through(source: &mut dyn Source, buffer_bytes: usize) -> Result<Vec<u8>> {
    let size_bytes = source.device().size_bytes;
    let map = source.map()?.expect("these sources know their extents");
    assert!(map.covers(0, size_bytes), "{map:?} does not cover {size_bytes} bytes");
    let mut bytes = Vec::new();
    let mut buffer = vec![0xaa; buffer_bytes];
    for expected in map.iter() {
        assert_eq!(source.next_extent()?, Some(expected));
        assert_eq!(expected.start, bytes.len() as u64);
        let end = expected.end() as usize;
        if expected.kind != ExtentKind::Data {
            bytes.resize(end, 0);
        }
        while bytes.len() < end {
            match source.read(&mut buffer)? {
                Piece::Data(length) => {
                    assert!((1..=buffer.len()).contains(&length) && bytes.len() + length <= end);
                    bytes.extend_from_slice(&buffer[..length]);
                }
                Piece::Unreadable { cause, .. } => panic!("unreadable at {}: {cause}", bytes.len()),
            }
        }
    }
    assert_eq!(source.next_extent()?, None);
    assert_eq!(source.next_extent()?, None);
    Ok(bytes)
}

/// Reads a source with buffers of several sizes, and expects these bytes and no complaint.
fn assert_reads(mut open: impl FnMut() -> Box<dyn Source>, expected: &[u8]) {
    for buffer_bytes in [4 << 20, 70_001] {
        let mut source = open();
        assert_eq!(source.device().size_bytes, expected.len() as u64);
        let bytes = read_through(&mut *source, buffer_bytes).unwrap();
        assert!(bytes == expected, "the bytes differ");
        assert_eq!(source.finish().unwrap(), Vec::<String>::new());
    }
}

fn open(path: &Path) -> Box<dyn Source> {
    source::open(path, &SourceOptions::default()).unwrap()
}

#[test]
fn dense_files_of_odd_sizes() {
    let folder = tempfile::tempdir().unwrap();
    for size in ODD_SIZES {
        let path = folder.path().join(size.to_string());
        std::fs::write(&path, pattern(size)).unwrap();
        assert_reads(|| open(&path), &pattern(size));
        assert_eq!(open(&path).device().kind, "file");
    }
}

#[test]
fn of_an_image_only_what_a_map_tells() {
    let bytes = pattern(300_001);
    let map: ExtentMap =
        [Extent::data(5, 100), Extent::hole(4096, 8192), Extent::data(200_000, 100_001)].into_iter().collect();
    let mut source = Scan::new(MemoryImage::new(bytes.clone(), ExtentMap::new())).with_map(map.clone());
    assert_eq!(source.map().unwrap(), Some(map.clone()));
    let mut buffer = vec![0xaa; 70_001];
    for expected in map.iter() {
        assert_eq!(source.next_extent().unwrap(), Some(expected));
        let mut at = expected.start as usize;
        while expected.kind == ExtentKind::Data && at < expected.end() as usize {
            let Piece::Data(length) = source.read(&mut buffer).unwrap() else { panic!() };
            assert!(buffer[..length] == bytes[at..at + length], "{at}");
            at += length;
        }
    }
    assert_eq!(source.next_extent().unwrap(), None);
}

#[test]
fn sparse_files() {
    let (file, mut expected) = (tempfile::NamedTempFile::new().unwrap(), vec![0; (24 << 20) + 17]);
    file.as_file().set_len(expected.len() as u64).unwrap();
    assert_reads(|| open(file.path()), &expected);
    assert_eq!(open(file.path()).map().unwrap().unwrap().data_bytes(), 0);
    for (offset, length) in [(1 << 20, 4096), (9 << 20, 5 << 20), ((24 << 20) + 16, 1)] {
        let data = pattern(length);
        file.as_file().write_all_at(&data, offset as u64).unwrap();
        expected[offset..][..length].copy_from_slice(&data);
    }
    assert_reads(|| open(file.path()), &expected);
    let data_bytes = open(file.path()).map().unwrap().unwrap().data_bytes();
    assert!((5 << 20..6 << 20).contains(&data_bytes), "{data_bytes} of data: holes were not found");
}

#[test]
fn memory() {
    for size in ODD_SIZES {
        let map: ExtentMap = [Extent::data(0, size as u64)].into_iter().filter(|extent| extent.length > 0).collect();
        let image = MemoryImage::new(pattern(size), map);
        assert_reads(|| Box::new(Scan::new(image.clone())), &pattern(size));
    }
    let mut bytes = pattern(100);
    bytes[10..90].fill(0);
    let extents = [Extent::data(0, 10), Extent::hole(10, 80), Extent::data(90, 10)];
    let image = MemoryImage::new(bytes.clone(), extents.into_iter().collect());
    assert_reads(|| Box::new(Scan::new(image.clone())), &bytes);
}

#[test]
fn a_map_that_does_not_cover_is_refused() {
    let map = [Extent::data(0, 10), Extent::data(11, 89)].into_iter().collect();
    assert!(Scan::new(MemoryImage::new(pattern(100), map)).map().is_err());
    assert!(Scan::new(MemoryImage::new(pattern(100), ExtentMap::new())).next_extent().is_err());
}

#[test]
fn throttled() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pattern(300_001)).unwrap();
    for bytes_per_second in [1 << 20, 10_000_001, u64::MAX] {
        let options = SourceOptions { bytes_per_second: NonZeroU64::new(bytes_per_second) };
        assert_reads(|| source::open(file.path(), &options).unwrap(), &pattern(300_001));
    }
}

#[test]
fn block_devices() {
    // A device's size is a whole number of its sectors; an odd number of them is the hard case.
    for (sector_bytes, size) in [(512, 512), (512, (9 << 20) + 7 * 512), (4096, 4096), (4096, (9 << 20) + 3 * 4096)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pattern(size)).unwrap();
        if !is_root("block devices as sources") {
            return;
        }
        let device = LoopDevice::over(file.path(), sector_bytes);
        assert_reads(|| open(&device.path), &pattern(size));
        let source = open(&device.path);
        assert_eq!((source.device().kind.as_str(), source.device().sector_bytes), ("block", sector_bytes));
        assert_eq!(source.device().path, device.path.display().to_string());
    }
}

#[test]
fn a_block_device_of_no_size_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    if !is_root("a block device of no size") {
        return;
    }
    let device = LoopDevice::over(file.path(), 512);
    let Err(error) = source::open(&device.path, &SourceOptions::default()) else { panic!("it was opened") };
    assert!(error.to_string().contains("it has no size"), "{error}");
}

#[test]
fn dirty_pages_of_a_block_device_are_seen() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    if !is_root("dirty pages of a block device") {
        return;
    }
    let device = LoopDevice::over(file.path(), 512);
    let writer = File::options().write(true).open(&device.path).unwrap();
    writer.write_all_at(&pattern(10_000), 12_345).unwrap();
    let mut expected = vec![0; 1 << 20];
    expected[12_345..22_345].copy_from_slice(&pattern(10_000));
    assert_reads(|| open(&device.path), &expected);
}

#[test]
fn the_file_system_on_a_device_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(4 << 20).unwrap();
    file.as_file().write_all_at(b"SWAPSPACE2", 4086).unwrap();
    file.as_file().write_all_at(b"label", 1052).unwrap();
    let source = open(file.path());
    let found = source.device().filesystem.as_ref().unwrap();
    assert_eq!((found.kind.as_str(), found.label.as_deref()), ("swap", Some("label")));
    if !is_root("the file system on a block device") {
        return;
    }
    let device = LoopDevice::over(file.path(), 4096);
    assert_eq!(open(&device.path).device().filesystem, source.device().filesystem);
}

#[test]
fn a_file_that_shrank_fails_and_one_that_changed_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all_at(&pattern(100_000), 0).unwrap();
    let mut source = open(file.path());
    source.map().unwrap();
    file.as_file().write_all_at(&[1; 10], 100_000).unwrap();
    let warnings = source.finish().unwrap();
    assert!(warnings[0].contains("grew from 100000 to 100010 bytes"), "{warnings:?}");
    assert!(warnings[1].contains("was written to"), "{warnings:?}");

    file.as_file().set_len(50_000).unwrap();
    let error = source.finish().unwrap_err().to_string();
    assert!(error.contains("the source shrank from 100000 to 50000 bytes"), "{error}");
    let error = read_through(&mut *source, 4096).unwrap_err().to_string();
    assert!(error.contains("the source shrank"), "{error}");
}
