//! One suite that every target passes.

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use blocktar::error::Error;
use blocktar::progress::Progress;
use blocktar::stream::Target;
use blocktar::sys::partial_file::IfExists;
use blocktar::sys::zero;
use blocktar::target::block::BlockDevice;
use blocktar::target::head_last::HeadLast;
use blocktar::target::memory::Memory;
use blocktar::target::new_image::NewImage;
use blocktar::target::null::Null;
use blocktar::target::{Head, Request, open};
use support::{Chance, LoopDevice, Mounted, is_root, names};

const SIZES: [usize; 6] = [1, 511, 4097, 300 << 10, (1 << 20) + 4096, (5 << 20) + 12_345];

/// Writes and zeroes anywhere, looks at what a reader sees, and gives what the target must hold after `finish`.
fn exercise(target: &mut dyn Target, mut model: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    let size = model.len() as u64;
    assert_eq!(target.capacity(), size);
    refuses_what_is_outside(target, size);
    for turn in 0..80 {
        let mut start = chance.below(size);
        let mut end = start + chance.below((size - start).min(700_000)) + 1;
        if chance.below(2) == 0 {
            (start, end) = (start & !4095, (end & !4095).max(end.min(size)));
        }
        let range = start as usize..end as usize;
        if chance.below(2) == 0 {
            let bytes = chance.bytes(range.len());
            target.write_at(&bytes, start).unwrap();
            model[range.clone()].copy_from_slice(&bytes);
        } else {
            target.write_zeros(start, end - start).unwrap();
            model[range.clone()].fill(0);
        }
        if turn % 16 == 0 {
            target.sync().unwrap();
        }
        let mut seen = vec![0x55; range.len()];
        target.read_at(&mut seen, start).unwrap();
        assert!(seen == model[range], "turn {turn}, {start}..{end} of {size}");
    }
    target.write_at(&[], size).unwrap();
    target.write_zeros(size, 0).unwrap();
    target.finish().unwrap();
    model
}

fn refuses_what_is_outside(target: &mut dyn Target, size: u64) {
    for offset in [size, size - 1, u64::MAX - 1, u64::MAX] {
        target.write_at(&[1, 2], offset).unwrap_err();
        target.write_zeros(offset, 2).unwrap_err();
        target.read_at(&mut [0; 2], offset).unwrap_err();
    }
    target.write_zeros(1, u64::MAX).unwrap_err();
}

fn new_image(path: &Path, size: usize) -> NewImage {
    NewImage::create(path, Some(size as u64), IfExists::Refuse, &Arc::default()).unwrap()
}

#[test]
fn a_new_image() {
    let mut chance = Chance::new();
    for size in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let mut target = new_image(&path, size);
        let expected = exercise(&mut target, vec![0; size], &mut chance);
        assert!(fs::read(&path).unwrap() == expected, "{size}");
        drop(target);
        assert_eq!(names(folder.path()), ["image"]);
    }
}

#[test]
fn memory_alone_and_with_its_head_last() {
    let mut chance = Chance::new();
    for size in SIZES {
        let mut target = Memory::new(vec![0xff; size]);
        let expected = exercise(&mut target, vec![0xff; size], &mut chance);
        assert!(target.bytes() == expected);
        let mut target = HeadLast::begin(Memory::new(vec![0xff; size])).unwrap();
        let expected = exercise(&mut target, vec![0xff; size], &mut chance);
        assert!(target.inner().bytes() == expected);
    }
}

#[test]
fn block_devices_of_both_sector_sizes() {
    if !is_root("block devices as targets") {
        return;
    }
    let mut chance = Chance::new();
    for sector in [512, 4096] {
        for size in [sector, 300 << 10, (1 << 20) + sector, (5 << 20) + sector] {
            let device = LoopDevice::dirty(size, sector as u32);
            for head in [Head::InOrder, Head::Last] {
                let before = device.content();
                let request =
                    Request { size_bytes: Some(size as u64), if_exists: IfExists::Refuse, target_is_zero: false, head };
                let mut target = open(&device.path, &request, &Arc::default()).unwrap();
                let expected = exercise(&mut *target, before, &mut chance);
                drop(target);
                assert!(device.content() == expected, "sector {sector}, {size} bytes, {head:?}");
            }
        }
    }
}

#[test]
fn zeros_on_a_dirty_device_are_zero_and_free_its_blocks() {
    if !is_root("zeros on block devices") {
        return;
    }
    for sector in [512, 4096] {
        let size = 8 << 20;
        let device = LoopDevice::dirty(size, sector);
        let mut target = BlockDevice::open(&device.path, 0, false, &Arc::default()).unwrap();
        target.write_zeros(1000, size as u64 - 1000).unwrap();
        target.finish().unwrap();
        drop(target);
        let content = device.content();
        assert!(content[..1000].iter().all(|&byte| byte == 0xff));
        assert!(content[1000..].iter().all(|&byte| byte == 0));
        assert!(device.allocated_blocks() <= 64, "the ladder's first rung works on loop devices");
    }
}

#[test]
fn a_device_that_cannot_punch_holes_is_zeroed_by_the_kernel() {
    if !is_root("devices without hole punching") {
        return;
    }
    let mounted = Mounted::new("ramfs", "mode=700");
    for sector in [512, 4096] {
        let size = 4 << 20;
        let device = LoopDevice::dirty_over(&mounted.folder().join("disk"), size, sector);
        let file = fs::File::options().write(true).open(&device.path).unwrap();
        assert!(zero::punch_hole(&file, 0, 8192).is_err(), "this test needs a device that cannot");
        assert!(zero::zero_out(&file, 100, 4096).is_err());
        zero::zero_out(&file, 8192, 4096).unwrap();
        assert!(device.content()[8192..12_288].iter().all(|&byte| byte == 0));
        drop(file);
        let before = device.content();
        let mut target = BlockDevice::open(&device.path, 0, false, &Arc::default()).unwrap();
        let expected = exercise(&mut target, before, &mut Chance::new());
        drop(target);
        assert!(device.content() == expected);
    }
}

#[test]
fn an_image_on_a_file_system_without_holes_is_right() {
    if !is_root("images on file systems that cannot punch holes") {
        return;
    }
    let mounted = Mounted::new("ramfs", "mode=700");
    let path = mounted.folder().join("image");
    let mut target = new_image(&path, 3_000_001);
    let expected = exercise(&mut target, vec![0; 3_000_001], &mut Chance::new());
    assert!(fs::read(&path).unwrap() == expected);
}

#[test]
fn a_device_that_is_zero_gets_zeros_only_over_what_was_written() {
    if !is_root("--target-is-zero") {
        return;
    }
    let device = LoopDevice::dirty(4 << 20, 512);
    let mut target = BlockDevice::open(&device.path, 4 << 20, true, &Arc::default()).unwrap();
    target.write_zeros(0, 1 << 20).unwrap();
    target.write_at(&[7; 8192], 1 << 20).unwrap();
    target.write_zeros((1 << 20) + 4096, 2 << 20).unwrap();
    target.finish().unwrap();
    drop(target);
    let mut expected = vec![0xff; 4 << 20];
    expected[1 << 20..(1 << 20) + 4096].fill(7);
    expected[(1 << 20) + 4096..(1 << 20) + 8192].fill(0);
    assert!(device.content() == expected);
}

#[test]
fn a_device_in_use_or_too_small_is_refused() {
    if !is_root("refusals of block devices") {
        return;
    }
    let device = LoopDevice::dirty(1 << 20, 512);
    let request =
        Request { size_bytes: Some(1 << 20), if_exists: IfExists::Refuse, target_is_zero: false, head: Head::Last };
    let too_small = open(&device.path, &Request { size_bytes: Some((1 << 20) + 1), ..request }, &Arc::default());
    assert!(matches!(too_small.err(), Some(Error::Refused(_))));
    assert!(device.content().iter().all(|&byte| byte == 0xff), "a refusal comes before the first write");
    let first = BlockDevice::open(&device.path, 0, false, &Arc::default()).unwrap();
    let second = open(&device.path, &request, &Arc::default()).err().unwrap();
    assert!(matches!(&second, Error::Refused(refusal) if refusal.why.contains("in use")), "{second}");
    assert!(second.remedy().unwrap().contains("lsblk"));
    drop(first);
    open(&device.path, &request, &Arc::default()).unwrap();
}

#[test]
fn an_interrupt_stops_the_zeroing() {
    let folder = tempfile::tempdir().unwrap();
    let progress = Arc::new(Progress::default());
    let mut target =
        NewImage::create(&folder.path().join("image"), Some(1 << 40), IfExists::Refuse, &progress).unwrap();
    target.write_at(&[1], (1 << 40) - 1).unwrap();
    target.write_zeros(0, 1 << 39).unwrap();
    progress.interrupt(15);
    assert!(matches!(target.write_zeros(0, 1 << 39), Err(Error::Interrupted { signal: 15 })));
    target.finish().unwrap_err();
    drop(target);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn zeros_take_no_room_in_a_new_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let size = 1 << 40;
    let started = std::time::Instant::now();
    let mut target = new_image(&path, size);
    target.write_zeros(0, size as u64 / 2).unwrap();
    target.write_at(&vec![0; 8 << 20], size as u64 / 2).unwrap();
    target.write_zeros(size as u64 / 2 + (8 << 20), size as u64 / 2 - (8 << 20)).unwrap();
    target.finish().unwrap();
    assert!(started.elapsed().as_millis() < 1000, "{:?}", started.elapsed());
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.len(), metadata.blocks()), (size as u64, 0));
}

#[test]
fn zeros_over_data_give_its_room_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let mut target = new_image(&path, 16 << 20);
    let mut bytes = vec![0; 1 << 20];
    bytes[4096 * 9] = 1;
    target.write_at(&bytes, 0).unwrap();
    target.write_at(&[9; 4 << 20], 8 << 20).unwrap();
    target.sync().unwrap();
    target.write_zeros(8 << 20, 4 << 20).unwrap();
    target.finish().unwrap();
    bytes.resize(16 << 20, 0);
    assert!(fs::read(&path).unwrap() == bytes);
    assert!(fs::metadata(&path).unwrap().blocks() <= 16, "{}", fs::metadata(&path).unwrap().blocks());
}

#[test]
fn without_finish_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, "old").unwrap();
    let request =
        Request { size_bytes: Some(9000), if_exists: IfExists::Replace, target_is_zero: false, head: Head::Last };
    let mut target = open(&path, &request, &Arc::default()).unwrap();
    target.write_at(&[1; 9000], 0).unwrap();
    target.sync().unwrap();
    drop(target);
    assert_eq!(names(folder.path()), ["image"]);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let refused = open(&path, &Request { if_exists: IfExists::Refuse, ..request }, &Arc::default()).err().unwrap();
    assert!(matches!(refused, Error::Refused(_)) && refused.remedy().unwrap().contains("--overwrite"));
    for no_target in [Path::new("/dev/null"), folder.path(), &path.join("below/a/file")] {
        assert!(open(no_target, &request, &Arc::default()).is_err());
    }
}

#[test]
fn an_image_that_did_not_fit_never_appears() {
    if !is_root("an image on a full file system") {
        return;
    }
    let small = Mounted::new("tmpfs", "size=1m");
    let mut target = new_image(&small.folder().join("image"), 8 << 20);
    let error = target.write_at(&[1; 2 << 20], 0).unwrap_err();
    assert!(error.remedy().unwrap().contains("room"), "{error}");
    target.write_zeros(0, 8 << 20).unwrap_err();
    target.sync().unwrap_err();
    target.finish().unwrap_err();
    drop(target);
    assert!(names(small.folder()).is_empty());
}

/// The writes themselves succeed, into the page cache; only writing out fails, and the kernel says so once.
#[test]
fn a_device_that_loses_what_it_took_is_never_finished() {
    if !is_root("devices that fail late") {
        return;
    }
    for written_bytes in [6 << 20, 40 << 20] {
        let small = Mounted::new("tmpfs", "size=4m");
        let backing = small.folder().join("disk");
        fs::File::create(&backing).unwrap().set_len(64 << 20).unwrap();
        let device = LoopDevice::over(&backing, 512);
        let mut target = HeadLast::begin(BlockDevice::open(&device.path, 0, false, &Arc::default()).unwrap()).unwrap();
        let failed_early = (1..written_bytes >> 20).any(|mib| target.write_at(&[1; 1 << 20], mib << 20).is_err());
        assert_eq!(failed_early, written_bytes > 16 << 20, "early write-back reports it early");
        target.finish().unwrap_err();
        target.finish().unwrap_err();
        drop(target);
        assert!(device.content()[..1 << 20].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn the_null_target_takes_what_fits() {
    let mut target = Null::new(100);
    refuses_what_is_outside(&mut target, 100);
    target.write_at(&[1; 100], 0).unwrap();
    target.write_zeros(0, 100).unwrap();
    target.finish().unwrap();
}

#[test]
fn a_read_only_device_is_refused_before_anything_is_said_to_be_lost() {
    if !is_root("restores onto loop devices") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("disk");
    std::fs::write(&file, vec![1; 1 << 20]).unwrap();
    let device = LoopDevice::over(&file, 512);
    let set = |how: &str| {
        let status = Command::new("blockdev").arg(how).arg(&device.path).env("PATH", "/usr/sbin:/sbin").status();
        assert!(status.expect("blockdev can be run").success());
    };
    set("--setro");
    let request =
        Request { size_bytes: Some(1 << 20), if_exists: IfExists::Refuse, target_is_zero: false, head: Head::Last };
    let opened = open(&device.path, &request, &Arc::new(Progress::default()));
    // The next user of this loop device would inherit it.
    set("--setrw");
    let Err(error) = opened else { panic!("it was opened") };
    assert!(matches!(error, Error::Refused(_)) && error.to_string().contains("read-only"), "{error}");
}
