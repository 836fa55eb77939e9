//! What a source makes of a medium that cannot be read, and of an image that is not what it said.

use std::io;

use blocktar::error::{Error, Result};
use blocktar::extent::{Extent, ExtentMap};
use blocktar::source::Scan;
use blocktar::stream::{Device, Image, Piece, Source};
use proptest::prelude::*;

const EIO: i32 = 5;
const ENODEV: i32 = 19;

/// An image whose bytes are their offsets' lowest bits, and never zero; reads that touch a faulty range fail.
#[derive(Clone, Default)]
struct FaultyImage {
    device: Device,
    /// Start, end, and the number of the failure.
    faults: Vec<(u64, u64, i32)>,
    /// The image ends here, whatever its device says.
    end: u64,
}

impl FaultyImage {
    fn new(size_bytes: u64, faults: &[(u64, u64, i32)]) -> Self {
        let device = Device { size_bytes, sector_bytes: 512, path: "faulty".into(), ..Device::default() };
        Self { device, faults: faults.to_vec(), end: size_bytes }
    }
}

fn byte_at(offset: u64) -> u8 {
    offset as u8 | 1
}

impl Image for FaultyImage {
    fn device(&self) -> &Device {
        &self.device
    }

    fn extents(&self) -> Result<ExtentMap> {
        Ok([Extent::data(0, self.device.size_bytes)].into_iter().collect())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buffer.len() as u64;
        // As the kernel does: what was read before the failure may well be in the buffer.
        buffer.iter_mut().zip(offset..).for_each(|(byte, at)| *byte = byte_at(at));
        if let Some((_, _, errno)) = self.faults.iter().find(|(start, stop, _)| *start < end && offset < *stop) {
            return Err(io::Error::from_raw_os_error(*errno));
        }
        if end > self.end { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn changes(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Start and end of what was good and of what was bad, neighbours of one kind joined.
type Runs = Vec<(u64, u64, bool)>;

fn read_through(image: FaultyImage, buffer_bytes: usize) -> Result<Runs> {
    let mut source = Scan::new(image);
    let size_bytes = source.device().size_bytes;
    source.next_extent()?;
    let (mut runs, mut at, mut buffer) = (Runs::new(), 0, vec![0; buffer_bytes]);
    while at < size_bytes {
        let (length, good) = match source.read(&mut buffer)? {
            Piece::Data(length) => {
                assert!(
                    buffer[..length].iter().zip(at..).all(|(byte, at)| *byte == byte_at(at)),
                    "wrong bytes at {at}"
                );
                (length as u64, true)
            }
            Piece::Unreadable { length, cause } => {
                assert_eq!(cause.raw_os_error(), Some(EIO));
                (length as u64, false)
            }
        };
        assert!(length > 0 && length <= buffer_bytes as u64 && at + length <= size_bytes);
        match runs.last_mut() {
            Some(last) if last.2 == good => last.1 += length,
            _ => runs.push((at, at + length, good)),
        }
        at += length;
    }
    Ok(runs)
}

#[test]
fn a_bad_sector_costs_its_block_and_nothing_else() {
    let image = FaultyImage::new(10 << 20, &[(5_000_000, 5_000_512, EIO)]);
    let block = 5_000_000 / 4096 * 4096;
    let expected = [(0, block, true), (block, block + 4096, false), (block + 4096, 10 << 20, true)];
    for buffer_bytes in [4096, 4 << 20, 64 << 20] {
        assert_eq!(read_through(image.clone(), buffer_bytes).unwrap(), expected);
    }
}

#[test]
fn bad_ranges_at_both_ends_are_found() {
    let image = FaultyImage::new(1_000_001, &[(0, 1, EIO), (999_999, 1_000_001, EIO)]);
    let last = 999_999 / 4096 * 4096;
    let expected = [(0, 4096, false), (4096, last, true), (last, 1_000_001, false)];
    assert_eq!(read_through(image, 1 << 20).unwrap(), expected);
}

#[test]
fn a_device_with_large_sectors_is_retried_by_sectors() {
    let mut image = FaultyImage::new(1 << 20, &[(70_000, 70_001, EIO)]);
    image.device.sector_bytes = 16 << 10;
    assert_eq!(read_through(image, 1 << 20).unwrap()[1], (65_536, 81_920, false));
}

#[test]
fn a_device_where_nothing_can_be_read_is_one_bad_range() {
    let image = FaultyImage::new(9 << 20, &[(0, u64::MAX, EIO)]);
    assert_eq!(read_through(image, 4 << 20).unwrap(), [(0, 9 << 20, false)]);
}

#[test]
fn a_device_that_is_gone_ends_the_backup() {
    let image = FaultyImage::new(9 << 20, &[(6 << 20, u64::MAX, ENODEV)]);
    let error = read_through(image, 4 << 20).unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
    assert!(error.to_string().starts_with("reading faulty at byte 4194304: "), "{error}");
}

#[test]
fn an_end_before_the_end_is_no_unreadable_range() {
    for end in [0, 1, 5_000_000, (9 << 20) - 1] {
        let mut image = FaultyImage::new(9 << 20, &[(4096, 8192, EIO)]);
        image.end = end;
        let error = read_through(image, 4 << 20).unwrap_err().to_string();
        assert!(error.contains("the source shrank"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_good_block_is_given_and_every_bad_one_is_named(
        size in 1u64..300_000,
        faults in proptest::collection::vec((0u64..300_000, 1u64..20_000), 0..6),
        buffer_blocks in 1usize..40,
    ) {
        let faults: Vec<_> = faults.into_iter().map(|(start, length)| (start, start + length, EIO)).collect();
        let is_bad = |block: u64| faults.iter().any(|(start, end, _)| *start < (block + 4096).min(size) && block < *end);
        let runs = read_through(FaultyImage::new(size, &faults), buffer_blocks * 4096).unwrap();
        for block in (0..size).step_by(4096) {
            let run = runs.iter().find(|(start, end, _)| (*start..*end).contains(&block)).unwrap();
            prop_assert_eq!(run.2, !is_bad(block), "block {}", block);
            prop_assert!(run.1 >= (block + 4096).min(size));
        }
    }
}
