//! What is backed up comes back, byte for byte, whatever the sizes, extents, options and ways of reading.

mod archives;

use archives::chance::{a_request, an_image, pattern};
use archives::{MemoryInput, Way, WithoutMap, all_data, back_up, back_up_source, restore_bytes, small};
use blocktar::archive::{Compression, DigestKind, MapKind, OpenArchive, OpenOptions};
use blocktar::backup::BackupRequest;
use blocktar::extent::{Extent, ExtentMap};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::source::{MemoryImage, Scan};
use blocktar::target::head_last::HeadLast;
use blocktar::target::memory::Memory;
use blocktar::verify::verify;
use proptest::prelude::*;

fn comes_back(image: &[u8], extents: &ExtentMap, request: &BackupRequest) {
    let archive = back_up(image, extents, request);
    assert_eq!(archive.len() as u64 % request.record_bytes, 0);
    for way in [Way::Pipe, Way::File] {
        let (restored, outcome) = restore_bytes(&archive, way, request.threads, image.len());
        outcome.unwrap_or_else(|error| panic!("{way:?}: {error}"));
        assert!(restored == image, "{way:?}: other bytes came back");
    }
    let report = verify(MemoryInput::boxed(&archive, Way::Pipe), 2, &Progress::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.faults);
}

#[test]
fn a_source_without_a_map_comes_back() {
    let mut image = pattern(300_000);
    image[10_000..120_000].fill(0);
    image[200_000..].fill(0);
    let data = |start: u64, end: u64| Extent::data(start, end - start);
    let extents: ExtentMap =
        [data(0, 130_000), data(130_000, 200_000), Extent::hole(200_000, 100_000)].into_iter().collect();
    for threads in [1, 3] {
        let request = BackupRequest { threads, ..small() };
        let mut source = WithoutMap(Scan::new(MemoryImage::new(image.clone(), extents.clone())));
        let (archive, summary) = back_up_source(&mut source, &request).unwrap();
        assert_eq!(summary.written.end.backup_info.map, MapKind::Inline);
        assert_eq!(summary.written.end.zero_bytes + summary.written.end.data_bytes, 300_000);
        assert!(summary.written.end.zero_bytes > 90_000, "zeros become members without bytes");
        for way in [Way::Pipe, Way::File] {
            let (restored, outcome) = restore_bytes(&archive, way, threads, image.len());
            outcome.unwrap();
            assert!(restored == image, "{way:?}");
        }
    }
}

#[test]
fn sizes_that_are_multiples_of_nothing() {
    for size in [0, 1, 511, 512, 513, 4095, 4096, 4097, 65_535, 65_536, 65_537, 131_071, 131_073, 1_000_003] {
        let data = pattern(size);
        let zeros = vec![0; size];
        let mut last = zeros.clone();
        last.iter_mut().last().into_iter().for_each(|byte| *byte = 1);
        for image in [&data, &zeros, &last] {
            comes_back(image, &all_data(image), &small());
            comes_back(image, &all_data(image), &BackupRequest { compression: Compression::Zstd(1), ..small() });
        }
    }
}

#[test]
fn alternating_blocks() {
    let mut image = pattern(1 << 20);
    image.chunks_mut(8192).for_each(|chunk| chunk[4096..].fill(0));
    comes_back(&image, &all_data(&image), &small());
    let extents = (0..256)
        .map(|block| if block % 2 == 0 { Extent::data(block * 4096, 4096) } else { Extent::hole(block * 4096, 4096) })
        .collect();
    comes_back(&image, &extents, &BackupRequest { compression: Compression::Zstd(3), ..small() });
}

/// More members than one index lists, and a map that is long enough to be compressed.
#[test]
fn more_members_than_an_index_holds() {
    let count = 70_000u64;
    let mut image = vec![0; count as usize * 32];
    image
        .chunks_mut(32)
        .enumerate()
        .for_each(|(place, chunk)| chunk[..16].copy_from_slice(&(place as u128 + 1).to_le_bytes()));
    let extents: ExtentMap =
        (0..count).flat_map(|place| [Extent::data(place * 32, 16), Extent::hole(place * 32 + 16, 16)]).collect();
    for request in [
        small(),
        BackupRequest { compression: Compression::default(), digest: DigestKind::Blake3, threads: 4, ..small() },
    ] {
        comes_back(&image, &extents, &request);
    }
}

#[test]
fn exactly_as_many_members_as_an_index_holds() {
    for count in [65_535u64, 65_536, 65_537] {
        let image: Vec<u8> = (0..count * 2).map(|place| (place % 2 == 0) as u8).collect();
        let extents: ExtentMap =
            (0..count).flat_map(|place| [Extent::data(place * 2, 1), Extent::hole(place * 2 + 1, 1)]).collect();
        comes_back(&image, &extents, &small());
    }
}

/// A restore with `--truncate` failed as soon as a whole member, or a range of zeros, lay beyond the target's end.
#[test]
fn a_target_of_any_smaller_size_gets_what_fits() {
    let mut image = pattern(600_000);
    image[100_000..300_000].fill(0);
    image[500_000..].fill(0);
    let extents = [Extent::data(0, 550_000), Extent::hole(550_000, 50_000)].into_iter().collect();
    let archive = back_up(&image, &extents, &small());
    let request = RestoreRequest { threads: 1, read_back: true, truncate: true };
    for size in [0, 1, 65_536, 100_000, 200_000, 300_001, 499_999, 550_000, 599_999] {
        for way in [Way::Pipe, Way::File] {
            let mut target = HeadLast::begin(Memory::new(vec![0xff; size])).unwrap();
            let opened = OpenArchive::open(MemoryInput::boxed(&archive, way), &OpenOptions::default()).unwrap();
            let restored = restore(opened, &mut target, &request, &Progress::default());
            restored.unwrap_or_else(|failure| panic!("{size} bytes, {way:?}: {}", failure.error));
            assert!(*target.inner().bytes() == image[..size], "{size} bytes, {way:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_image_comes_back((image, extents) in an_image(), request in a_request()) {
        comes_back(&image, &extents, &request);
    }
}
