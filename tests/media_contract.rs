//! Archives arrive whole or not at all, through every medium.

mod support;

use std::fs::{self, File};
use std::io::{IoSlice, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blocktar::error::Error;
use blocktar::media::file::{FileInput, InheritedOutput};
use blocktar::media::pipe::{PipeInput, PipeOutput};
use blocktar::media::{create_output, open_input};
use blocktar::stream::{Input, Output};
use blocktar::sys::partial_file::IfExists;
use support::{Chance, LoopDevice, Mounted, is_root, names};

/// Writes members of all sizes, with empty pieces among theirs; gives what must arrive.
fn write_members(output: &mut dyn Output, chance: &mut Chance, count: usize) -> Vec<u8> {
    let mut expected = Vec::new();
    for _ in 0..count {
        let length = chance.below(300_000) as usize;
        let bytes = chance.bytes(length);
        let cut = chance.below(length as u64 + 1) as usize;
        let pieces = [IoSlice::new(&[]), IoSlice::new(&bytes[..cut]), IoSlice::new(&[]), IoSlice::new(&bytes[cut..])];
        output.write_member(&pieces).unwrap();
        expected.extend_from_slice(&bytes);
    }
    output.write_member(&[]).unwrap();
    output.write_member(&[IoSlice::new(&[])]).unwrap();
    output.finish().unwrap();
    expected
}

fn read_all(input: &mut dyn Input) -> Vec<u8> {
    let mut content = Vec::new();
    let mut buffer = vec![0; 100_000];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return content,
            Ok(bytes) => content.extend_from_slice(&buffer[..bytes]),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::Interrupted),
        }
    }
}

/// Reads in small pieces, with pauses, so that the writer's buffer is full most of the time.
fn slow_reader(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut content = Vec::new();
        let mut buffer = vec![0; 70_001];
        loop {
            let bytes = from.read(&mut buffer).unwrap();
            if bytes == 0 {
                return content;
            }
            content.extend_from_slice(&buffer[..bytes]);
            std::thread::sleep(Duration::from_micros(300));
        }
    })
}

fn pipe_output(descriptor: impl Into<OwnedFd>) -> PipeOutput {
    PipeOutput::new(File::from(descriptor.into()), "a pipe".to_owned(), &Arc::default())
}

fn every_byte_arrives(reader: impl Read + Send + 'static, writer: impl Into<OwnedFd>) {
    let reading = slow_reader(reader);
    let mut output = pipe_output(writer);
    let expected = write_members(&mut output, &mut Chance::new(), 60);
    drop(output);
    assert!(reading.join().unwrap() == expected);
}

#[test]
fn a_slow_pipe_gets_every_byte() {
    let (reader, writer) = std::io::pipe().unwrap();
    every_byte_arrives(reader, writer);
}

#[test]
fn a_slow_socket_that_does_not_block_gets_every_byte() {
    let (reader, writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    every_byte_arrives(reader, writer);
}

#[test]
fn an_input_that_does_not_block_is_read_to_its_end() {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    reader.set_nonblocking(true).unwrap();
    let writing = std::thread::spawn(move || {
        for _ in 0..20 {
            writer.write_all(&[5; 1000]).unwrap();
            std::thread::sleep(Duration::from_millis(3));
        }
    });
    let mut input = PipeInput::new(File::from(OwnedFd::from(reader)), "a socket".to_owned());
    assert_eq!(input.length(), None);
    input.seek_to(0).unwrap_err();
    assert!(read_all(&mut input) == [5; 20_000]);
    writing.join().unwrap();
}

#[test]
fn a_reader_that_ends_early_is_an_error_with_a_remedy() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut output = pipe_output(writer);
    let error = output.write_member(&[IoSlice::new(b"member")]).unwrap_err();
    assert!(matches!(&error, Error::Io(failure) if failure.cause.kind() == std::io::ErrorKind::BrokenPipe));
    assert!(error.remedy().unwrap().contains("ended early"));
    output.write_member(&[]).unwrap_err();
    output.finish().unwrap_err();
}

#[test]
fn a_full_medium_is_an_error_and_leaves_nothing() {
    let mut output = create_output(Some(Path::new("/dev/full")), IfExists::Refuse, &Arc::default()).unwrap();
    let error = output.write_member(&[IoSlice::new(b"member")]).unwrap_err();
    assert!(error.remedy().unwrap().contains("room"), "{error}");
    output.finish().unwrap_err();
    if !is_root("an archive on a full file system") {
        return;
    }
    let small = Mounted::new("tmpfs", "size=2m");
    let failed = fill(small.folder());
    assert!(matches!(&failed, Error::Io(failure) if failure.cause.kind() == std::io::ErrorKind::StorageFull));
    assert!(names(small.folder()).is_empty());
}

/// Writes an archive that does not fit.
fn fill(folder: &Path) -> Error {
    let mut output = create_output(Some(&folder.join("archive")), IfExists::Refuse, &Arc::default()).unwrap();
    let error = (0..).find_map(|_| output.write_member(&[IoSlice::new(&[1; 300_000])]).err()).unwrap();
    output.finish().unwrap_err();
    error
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    let mut output = create_output(Some(&path), IfExists::Refuse, &Arc::default()).unwrap();
    let expected = write_members(&mut *output, &mut Chance::new(), 150);
    drop(output);
    assert_eq!(names(folder.path()), ["archive"]);
    let mut input = open_input(Some(&path)).unwrap();
    assert_eq!(input.length(), Some(expected.len() as u64));
    assert!(read_all(&mut *input) == expected);
    input.seek_to(77).unwrap();
    assert!(read_all(&mut *input) == expected[77..]);
    input.seek_to(expected.len() as u64 + 5).unwrap();
    assert!(read_all(&mut *input).is_empty());
}

#[test]
fn an_existing_file_is_refused_and_one_that_appears_is_spared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    let create = |if_exists| create_output(Some(&path), if_exists, &Arc::default());
    let mut late = create(IfExists::Refuse).unwrap();
    late.write_member(&[IoSlice::new(b"ours")]).unwrap();
    fs::write(&path, "theirs").unwrap();
    assert!(matches!(late.finish(), Err(Error::Refused(_))));
    late.finish().unwrap_err();
    drop(late);
    assert!(matches!(create(IfExists::Refuse), Err(Error::Refused(_))));
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    let mut replacing = create(IfExists::Replace).unwrap();
    replacing.write_member(&[IoSlice::new(b"ours")]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    replacing.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"ours");
    assert_eq!(names(folder.path()), ["archive"]);
}

#[test]
fn an_inherited_file_is_read_and_written_from_where_it_stands() {
    let mut chance = Chance::new();
    for append in [false, true] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"before").unwrap();
        let mut inherited = File::options().write(true).append(append).open(file.path()).unwrap();
        if !append {
            inherited.seek(SeekFrom::Start(6)).unwrap();
        }
        let mut output = InheritedOutput::new(inherited, "standard output".to_owned(), &Arc::default());
        let expected = write_members(&mut output, &mut chance, 100);
        let mut reading = File::open(file.path()).unwrap();
        reading.seek(SeekFrom::Start(6)).unwrap();
        let mut input = FileInput::new(reading, "standard input".to_owned()).unwrap();
        assert_eq!(input.length(), Some(expected.len() as u64));
        assert!(read_all(&mut input) == expected);
        input.seek_to(10).unwrap();
        assert!(read_all(&mut input) == expected[10..]);
        input.seek_to(u64::MAX).unwrap_err();
    }
}

#[test]
fn a_block_device_can_be_an_input_but_not_by_mistake_an_output() {
    if !is_root("archives on block devices") {
        return;
    }
    let device = LoopDevice::dirty(1 << 20, 512);
    let mut input = open_input(Some(&device.path)).unwrap();
    assert_eq!(input.length(), Some(1 << 20));
    input.seek_to((1 << 20) - 3).unwrap();
    assert_eq!(read_all(&mut *input), [0xff; 3]);
    let refused = create_output(Some(&device.path), IfExists::Replace, &Arc::default());
    assert!(matches!(refused, Err(Error::Refused(_))));
}
