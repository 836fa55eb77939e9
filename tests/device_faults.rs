//! Targets and sources that fail at every call or place: an error is of the right class, and nothing looks complete.

mod archives;
mod support;

use std::io;
use std::process::Command;
use std::sync::Arc;

use archives::{
    MemoryInput, MemoryOutput, Way, all_data, back_up, back_up_source, class, restore_bytes, scan, small, verified,
};
use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::backup::{BackupRequest, backup};
use blocktar::error::{Error, Result};
use blocktar::extent::{Extent, ExtentMap};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::source::Scan;
use blocktar::stream::{Device, Image, Piece, Source, Target};
use blocktar::target::head_last::HeadLast;
use blocktar::target::memory::Memory;
use support::{Volatile, an_image};

const EIO: i32 = 5;
const ESTALE: i32 = 116;

fn restore_onto(archive: &Arc<Vec<u8>>, target: &mut dyn Target, threads: usize) -> Result<()> {
    let opened = OpenArchive::open(MemoryInput::boxed(archive, Way::File), &OpenOptions::default()).unwrap();
    let request = RestoreRequest { threads, read_back: true, truncate: false };
    restore(opened, target, &request, &Progress::default()).map(drop).map_err(|failure| failure.error)
}

#[test]
fn a_target_that_fails_once_at_any_call_is_no_restore() {
    let image: Vec<u8> = [an_image(), an_image(), an_image()].concat();
    let archive = back_up(&image, &all_data(&image), &small());
    for threads in [1, 16] {
        let sound = Volatile::new(vec![0xff; image.len()], 0..0);
        restore_onto(&archive, &mut HeadLast::begin(sound.clone()).unwrap(), threads).unwrap();
        let calls = sound.calls();
        assert!(sound.outcomes()[0] == image);
        for failing in 0..calls.len() {
            let disk = Volatile::new(vec![0xff; image.len()], failing..failing + 1);
            let outcome =
                HeadLast::begin(disk.clone()).and_then(|mut target| restore_onto(&archive, &mut target, threads));
            assert_eq!(class(&outcome.unwrap_err()), "io", "call {failing}: {:?}", calls[failing]);
            // The failed call may be the one that writes the very first bytes, or a sync behind them.
            let last_calls = failing + 2 >= calls.len();
            let headless = disk.outcomes().iter().all(|content| content[..4096].iter().all(|byte| *byte == 0));
            assert!(headless || failing < 2 || last_calls, "call {failing}: {:?}", calls[failing]);
        }
        println!("{} calls failed with {threads} workers", calls.len());
    }
}

#[test]
fn without_a_held_back_head_a_failed_call_is_an_error_too() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small());
    let sound = Volatile::new(vec![0xff; image.len()], 0..0);
    restore_onto(&archive, &mut sound.clone(), 1).unwrap();
    for failing in 0..sound.calls().len() {
        let mut disk = Volatile::new(vec![0xff; image.len()], failing..failing + 1);
        assert_eq!(class(&restore_onto(&archive, &mut disk, 1).unwrap_err()), "io");
        assert_eq!(disk.calls().len(), failing + 1, "it went on after call {failing} had failed");
    }
}

/// A target that keeps something else than what is written to it.
struct Forgetful(Memory, u64);

impl Target for Forgetful {
    fn name(&self) -> &str {
        "forgetful"
    }
    fn capacity(&self) -> u64 {
        self.0.capacity()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.0.read_at(buffer, offset)
    }
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        self.0.write_zeros(offset, length)
    }
    fn sync(&mut self) -> Result<()> {
        self.0.write_at(&[0x77], self.1)
    }
    fn finish(&mut self) -> Result<()> {
        panic!("what reads back otherwise is not finished")
    }
}

#[test]
fn a_target_that_keeps_other_bytes_is_noticed_when_read_back() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small());
    for offset in [0, 70_000, 250_000, 399_999, 699_999, 700_000] {
        let mut target = Forgetful(Memory::new(vec![0xff; image.len()]), offset);
        let error = restore_onto(&archive, &mut target, 2).unwrap_err();
        assert!(error.to_string().contains("do not read back"), "{error}");
    }
}

/// An image that shrinks, has faulty sectors, or has changed when it is done.
#[derive(Default)]
struct FaultyImage {
    device: Device,
    bytes: Vec<u8>,
    end: u64,
    faults: Vec<std::ops::Range<u64>>,
    errno: i32,
    changes_fail: bool,
}

impl FaultyImage {
    fn new(bytes: Vec<u8>) -> Self {
        let size_bytes = bytes.len() as u64;
        let device =
            Device { size_bytes, sector_bytes: 512, kind: "file".into(), path: "faulty".into(), ..Device::default() };
        Self { device, bytes, end: size_bytes, errno: EIO, ..Self::default() }
    }
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
        buffer.fill(0xdd);
        if self.faults.iter().any(|fault| fault.start < end && offset < fault.end) {
            return Err(io::Error::from_raw_os_error(self.errno));
        }
        if end > self.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(&self.bytes[offset as usize..end as usize]);
        Ok(())
    }

    fn changes(&self) -> Result<Vec<String>> {
        match self.changes_fail {
            true => Err(Error::io("reading", "faulty", io::Error::from_raw_os_error(EIO))),
            false => Ok(vec!["it has been looked at".to_owned()]),
        }
    }
}

/// Backs up what must fail, and gives the error; nothing is finished, and there is no end member.
fn fails(source: &mut dyn Source, request: &BackupRequest) -> Error {
    let mut output = MemoryOutput::default();
    let error = backup(source, &mut output, request, &Progress::default()).unwrap_err();
    assert!(!*output.finished.lock().unwrap());
    let bytes = output.bytes.lock().unwrap();
    assert!(!bytes.windows(19).any(|window| window == b"PaxHeaders/end.json"), "{error}: there is an end member");
    assert_eq!(class(&verified(&bytes).faults[0].error), "incomplete");
    error
}

#[test]
fn a_source_that_shrinks_is_an_error_with_and_without_keep_going() {
    for keep_going in [false, true] {
        for end in [0, 1, 65_536, 65_537, 500_000, 700_000] {
            for threads in [1, 4] {
                let image = FaultyImage { end, ..FaultyImage::new(an_image()) };
                let request = BackupRequest { keep_going, threads, ..small() };
                let error = fails(&mut Scan::new(image), &request);
                assert_eq!(class(&error), "io");
                assert!(error.to_string().contains("shrank"), "{error}");
            }
        }
    }
}

#[test]
fn a_source_that_changed_or_vanished_is_an_error() {
    let image = FaultyImage { changes_fail: true, ..FaultyImage::new(an_image()) };
    assert_eq!(class(&fails(&mut Scan::new(image), &small())), "io");
    for keep_going in [false, true] {
        let mut image = FaultyImage { errno: ESTALE, ..FaultyImage::new(an_image()) };
        image.faults.push(300_000..300_001);
        let error = fails(&mut Scan::new(image), &BackupRequest { keep_going, ..small() });
        assert_eq!(class(&error), "io", "not a medium's failure: {error}");
    }
}

#[test]
fn what_cannot_be_read_fails_a_backup_or_is_bad_and_left_as_it_was() {
    let bytes: Vec<u8> = an_image().iter().map(|byte| byte | 1).collect();
    let faults = vec![0..1, 4096..4097, 65_535..65_537, 300_000..410_000, 700_000..700_001];
    for (place, fault) in faults.iter().enumerate() {
        let image = FaultyImage { faults: vec![fault.clone()], ..FaultyImage::new(bytes.clone()) };
        let error = fails(&mut Scan::new(image), &small());
        assert!(error.remedy().is_some_and(|remedy| remedy.contains("--keep-going")), "fault {place}: {error}");
    }
    for threads in [1, 16] {
        let image = FaultyImage { faults: faults.clone(), ..FaultyImage::new(bytes.clone()) };
        let request = BackupRequest { keep_going: true, threads, ..small() };
        let (archive, summary) = back_up_source(&mut Scan::new(image), &request).unwrap();
        // Bad ranges are whole blocks, cut to the device.
        let mut expected = bytes.clone();
        let mut bad_bytes = 0;
        for (block, chunk) in expected.chunks_mut(4096).enumerate() {
            let range = block as u64 * 4096..block as u64 * 4096 + chunk.len() as u64;
            if faults.iter().any(|fault| fault.start < range.end && range.start < fault.end) {
                chunk.fill(0xff);
                bad_bytes += chunk.len() as u64;
            }
        }
        assert_eq!(summary.written.end.bad_bytes, bad_bytes);
        assert_eq!(summary.bad.bytes(), bad_bytes);
        for way in [Way::Pipe, Way::File] {
            let (restored, outcome) = restore_bytes(&archive, way, threads, bytes.len());
            let summary = outcome.unwrap();
            assert_eq!(summary.bad.bytes(), bad_bytes);
            assert!(restored == expected, "{way:?}: a bad range was touched, or another was not");
        }
        let report = verified(&archive);
        assert!(report.is_sound());
        assert_eq!(report.bad.bytes(), bad_bytes);
        bad_ranges_are_8_on_the_command_line(&archive);
    }
}

fn bad_ranges_are_8_on_the_command_line(archive: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.tar"), archive).unwrap();
    for (line, code, says) in [
        ("restore -i bad.tar -n new.img", 0, "leave as holes, which read as zero, as it could not be read"),
        ("restore -i bad.tar new.img", 8, "reads as zero, because it could not be read"),
        ("verify bad.tar", 8, "bad when it was backed up"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        let output = command.args(line.split(' ')).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(says), "{line}: {said}");
    }
    assert!(folder.path().join("new.img").exists());
}

/// Gives its bytes in pieces of one size, whatever the buffer.
struct InPieces {
    device: Device,
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
    begun: bool,
}

impl Source for InPieces {
    fn device(&self) -> &Device {
        &self.device
    }
    fn map(&mut self) -> Result<Option<ExtentMap>> {
        Ok(Some([Extent::data(0, self.bytes.len() as u64)].into_iter().collect()))
    }
    fn next_extent(&mut self) -> Result<Option<Extent>> {
        let begun = std::mem::replace(&mut self.begun, true);
        Ok((!begun).then(|| Extent::data(0, self.bytes.len() as u64)))
    }
    fn read(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        let length = self.piece.min(buffer.len()).min(self.bytes.len() - self.at);
        buffer[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(Piece::Data(length))
    }
    fn finish(&mut self) -> Result<Vec<String>> {
        assert_eq!(self.at, self.bytes.len(), "it is finished when everything has been read");
        Ok(Vec::new())
    }
}

#[test]
fn short_reads_of_a_source_change_nothing() {
    let bytes = an_image();
    let device = Device { size_bytes: bytes.len() as u64, sector_bytes: 512, ..Device::default() };
    for piece in [1, 511, 4095, 65_535, 65_537] {
        let mut source = InPieces { device: device.clone(), bytes: bytes.clone(), at: 0, piece, begun: false };
        let (archive, summary) = back_up_source(&mut source, &small()).unwrap();
        let whole = back_up_source(&mut scan(&bytes), &small()).unwrap().1;
        assert_eq!(summary.written.end.data_members, whole.written.end.data_members, "pieces of {piece}");
        assert!(restore_bytes(&archive, Way::Pipe, 1, bytes.len()).0 == bytes);
    }
}
