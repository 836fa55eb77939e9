//! Outputs and inputs that fail at every place: an error is of the right class, and nothing looks complete.

mod archives;
mod support;

use std::io::{self, IoSlice};
use std::sync::Arc;

use archives::{
    BLOCK, MemoryInput, MemoryOutput, Way, all_data, back_up, back_up_source, class, scan, small, verified,
};
use blocktar::archive::{Compression, OpenArchive, OpenOptions, SalvageOptions, Salvager};
use blocktar::backup::{BackupRequest, backup};
use blocktar::error::{Error, Result};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::salvage::salvage;
use blocktar::stream::{Input, Output};
use blocktar::target::memory::Memory;
use blocktar::verify::verify;
use support::{Call, Volatile, an_image};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EPIPE: i32 = 32;

/// Takes so many bytes, then fails; a last write is cut short, as a full disk does it.
#[derive(Default)]
struct FailingOutput {
    inner: MemoryOutput,
    room: usize,
    errno: i32,
    finish_fails: bool,
    written_after: usize,
}

impl Output for FailingOutput {
    fn name(&self) -> &str {
        "a failing output"
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        let mut bytes = self.inner.bytes.lock().unwrap();
        let member: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let left = self.room - bytes.len();
        self.written_after += usize::from(left == 0);
        bytes.extend_from_slice(&member[..left.min(member.len())]);
        if left < member.len() {
            self.room = bytes.len();
            return Err(Error::io("writing", "a failing output", io::Error::from_raw_os_error(self.errno)));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.finish_fails {
            return Err(Error::io("syncing", "a failing output", io::Error::from_raw_os_error(self.errno)));
        }
        self.inner.finish()
    }
}

#[test]
fn an_output_that_fails_anywhere_never_looks_complete() {
    let image = an_image();
    let mut cases = 0;
    for (threads, compression, errno) in
        [(1, Compression::None, ENOSPC), (4, Compression::Zstd(1), EIO), (16, Compression::None, EPIPE)]
    {
        let request = BackupRequest { threads, compression, ..small() };
        let length = back_up_source(&mut scan(&image), &request).unwrap().0.len();
        let rooms = (0..length)
            .step_by(3733)
            .chain((0..length).step_by(BLOCK * 7))
            .chain((length - 3 * BLOCK..length).step_by(13));
        for room in rooms {
            let mut output = FailingOutput { room, errno, ..FailingOutput::default() };
            let error = backup(&mut scan(&image), &mut output, &request, &Progress::default()).unwrap_err();
            let Error::Io(failure) = &error else { panic!("room for {room}: {error}") };
            assert_eq!((failure.cause.raw_os_error(), failure.doing), (Some(errno), "writing"), "room for {room}");
            assert!(!*output.inner.finished.lock().unwrap(), "room for {room}");
            assert!(output.written_after <= 1, "room for {room}: it went on writing behind a failure");
            let bytes = output.inner.bytes.lock().unwrap().clone();
            let report = verified(&bytes);
            // The last call brings the end member and two blocks of zeros behind it: records here are one block.
            match room < length - 2 * BLOCK {
                true => assert!(report.end.is_none() && class(&report.faults[0].error) == "incomplete", "room {room}"),
                false => assert_eq!(class(&report.faults[0].error), "damaged", "room {room}"),
            }
            cases += 1;
        }
    }
    println!("{cases} outputs failed");
}

#[test]
fn an_output_that_cannot_be_synced_is_no_backup() {
    let mut output = FailingOutput { room: usize::MAX, errno: EIO, finish_fails: true, ..FailingOutput::default() };
    let error = backup(&mut scan(&an_image()), &mut output, &small(), &Progress::default()).unwrap_err();
    assert_eq!(class(&error), "io");
    assert!(!*output.inner.finished.lock().unwrap());
}

/// Reads at most so many bytes at a time, is interrupted now and then, and fails at a position.
struct FaultyInput {
    inner: Box<dyn Input>,
    at: u64,
    fails_at: u64,
    step: usize,
    reads: usize,
}

impl FaultyInput {
    fn boxed(archive: &Arc<Vec<u8>>, way: Way, fails_at: u64, step: usize) -> Box<dyn Input> {
        Box::new(Self { inner: MemoryInput::boxed(archive, way), at: 0, fails_at, step, reads: 0 })
    }
}

impl Input for FaultyInput {
    fn name(&self) -> &str {
        "a faulty input"
    }

    fn length(&self) -> Option<u64> {
        self.inner.length()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(self.step).min(self.fails_at.saturating_sub(self.at) as usize);
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let length = self.inner.read(&mut buffer[..most])?;
        self.at += length as u64;
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        self.at = position;
        self.inner.seek_to(position)
    }
}

#[test]
fn short_and_interrupted_reads_change_nothing() {
    let image = an_image();
    for compression in [Compression::None, Compression::Zstd(1)] {
        let archive = back_up(&image, &all_data(&image), &BackupRequest { compression, ..small() });
        for (way, step) in [(Way::Pipe, 1), (Way::Pipe, 511), (Way::File, 1), (Way::File, 513), (Way::File, 70_000)] {
            let mut target = Memory::new(vec![0xff; image.len()]);
            let input = FaultyInput::boxed(&archive, way, u64::MAX, step);
            let opened = OpenArchive::open(input, &OpenOptions::default()).unwrap();
            let request = RestoreRequest { threads: 2, ..RestoreRequest::default() };
            restore(opened, &mut target, &request, &Progress::default()).unwrap();
            assert!(target.bytes() == image, "{way:?} in steps of {step}");
        }
    }
}

#[test]
fn an_input_that_fails_anywhere_is_an_input_that_failed() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small());
    let length = archive.len() as u64;
    let mut cases = 0;
    for fails_at in (0..length).step_by(2311).chain((length - 5000..length).step_by(11)) {
        for way in [Way::Pipe, Way::File] {
            let target = Volatile::new(vec![0xff; image.len()], 0..0);
            let input = FaultyInput::boxed(&archive, way, fails_at, 100_000);
            let opened = OpenArchive::open(input, &OpenOptions::default());
            let error = match opened {
                Err(error) => error,
                Ok(opened) => {
                    let request = RestoreRequest::default();
                    restore(opened, &mut target.clone(), &request, &Progress::default()).unwrap_err().error
                }
            };
            let Error::Io(failure) = &error else { panic!("{way:?} fails at {fails_at}: {error}") };
            assert_eq!((failure.doing, failure.cause.raw_os_error()), ("reading", Some(EIO)));
            assert!(!target.calls().contains(&Call::Finish), "{way:?} fails at {fails_at}");
            cases += 1;
        }
        let input = FaultyInput::boxed(&archive, Way::Pipe, fails_at, 100_000);
        let error = verify(input, 1, &Progress::default()).unwrap_err();
        assert_eq!(class(&error), "io", "verify must not call an archive damaged that could not be read");
        cases += 1;
    }
    println!("{cases} inputs failed");
}

/// What a salvage is for: a drive that gives up in the middle costs what lies behind, not what was proven until then.
#[test]
fn an_input_that_fails_anywhere_is_salvaged_up_to_there() {
    let image = an_image();
    let archive = back_up(&image, &all_data(&image), &small());
    let length = archive.len() as u64;
    let mut saved_bytes = 0;
    for fails_at in (0..length).step_by(2311) {
        let opened = |input| Salvager::open(input, &SalvageOptions::default(), &Progress::default());
        let salvager = match opened(FaultyInput::boxed(&archive, Way::Pipe, fails_at, 100_000)) {
            Ok(salvager) => salvager,
            Err(error) => {
                assert_eq!((class(&error), fails_at < 4096), ("io", true), "fails at {fails_at}: {error}");
                continue;
            }
        };
        let target = Volatile::new(vec![0xff; image.len()], 0..0);
        let mut listed = None;
        let saved = salvage(salvager, &mut target.clone(), &Progress::default(), |salvaged| {
            listed = Some(salvaged.lost.clone());
            Ok(())
        });
        let saved = saved.unwrap_or_else(|failure| panic!("fails at {fails_at}: {}", failure.error));
        let faults = saved.salvaged.faults.kept();
        assert!(faults.iter().any(|fault| fault.starts_with("reading a faulty input: ")), "{fails_at}: {faults:?}");
        assert_eq!(listed.as_ref(), Some(&saved.salvaged.lost));
        assert!(target.calls().contains(&Call::Finish) && !saved.salvaged.end_found, "fails at {fails_at}");
        assert!(saved.data_bytes >= saved_bytes, "fails at {fails_at}: less than when it failed earlier");
        saved_bytes = saved.data_bytes;
    }
    assert!(saved_bytes > image.len() as u64 / 2, "only {saved_bytes} bytes were saved");
}
