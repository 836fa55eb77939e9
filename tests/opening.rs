//! What an opened archive tells before and after it is read, and what an inventory makes of ends that do not fit.

mod archives;
mod vector;

use std::sync::Arc;

use archives::{MemoryInput, Way, all_data, back_up, class, restore_bytes, small};
use blocktar::archive::{Compression, DigestKind, OpenArchive, OpenOptions, Reading, Told};
use blocktar::backup::BackupRequest;
use blocktar::catalog::{Beginning, State, beginning, examine};
use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentMap};

const EXTENT: u64 = 64 << 10;

/// Data, a hole, data.
fn an_image() -> (Vec<u8>, ExtentMap) {
    let mut image = vec![0u8; 4 * EXTENT as usize];
    image[..EXTENT as usize].fill(1);
    image[3 * EXTENT as usize..].fill(2);
    let map = [Extent::data(0, EXTENT), Extent::hole(EXTENT, 2 * EXTENT), Extent::data(3 * EXTENT, EXTENT)];
    (image, map.into_iter().collect())
}

fn open(archive: &Arc<Vec<u8>>, way: Way, options: &OpenOptions) -> Result<OpenArchive> {
    OpenArchive::open(MemoryInput::boxed(archive, way), options)
}

#[test]
fn an_opened_archive_tells_what_its_head_holds_and_its_end_where_it_can_seek() {
    let (image, map) = an_image();
    let archive = back_up(&image, &map, &small());
    for (way, reading, by_index) in [
        (Way::Pipe, Reading::Best, false),
        (Way::Pipe, Reading::Through, false),
        (Way::File, Reading::Best, true),
        (Way::File, Reading::Through, false),
    ] {
        let opened = open(&archive, way, &OpenOptions { reading, ..OpenOptions::default() }).unwrap();
        assert_eq!((opened.name(), opened.map()), ("archive in memory", &map), "{way:?}, {reading:?}");
        assert_eq!(opened.info().device.size_bytes, image.len() as u64);
        assert_eq!(opened.end().is_some(), by_index, "{way:?}, {reading:?}");
        assert_eq!(opened.attached(), None);
        let early = opened.end().cloned();
        let late = opened.read_through(1, |_| Ok(())).unwrap().end;
        assert_eq!((late.data_bytes, late.zero_bytes), (2 * EXTENT, 2 * EXTENT));
        assert!(early.is_none_or(|early| early == late));
    }
    let first_block = archive[..512].try_into().unwrap();
    assert_eq!((beginning(first_block), beginning(&[0; 512])), (Beginning::Archive, Beginning::Other));
}

#[test]
fn of_attached_files_the_one_that_was_asked_for_is_kept() {
    let (image, map) = an_image();
    let files = [("vm.xml", vec![b'x'; 100]), ("notes", b"two lines\n".repeat(2)), ("large", vec![7; 4 << 20])];
    let attached = files.iter().map(|(name, content)| (name.to_string(), content.clone())).collect();
    let archive = back_up(&image, &map, &BackupRequest { attached, ..small() });
    for way in [Way::Pipe, Way::File] {
        let kept = |name: &str| {
            let options = OpenOptions { attached: Some(name.to_owned()), ..OpenOptions::default() };
            open(&archive, way, &options).unwrap().attached().map(<[u8]>::to_vec)
        };
        for (name, content) in &files {
            assert_eq!(kept(name).as_deref(), Some(&content[..]), "{name}, {way:?}");
        }
        assert_eq!(kept("no such file"), None);
    }
}

/// What lies between the member before the damage and the one behind it is lost, zeros included.
#[test]
fn only_a_reading_through_goes_on_behind_damage() {
    let (image, map) = an_image();
    let mut spoiled = back_up(&image, &map, &small()).to_vec();
    let name = format!("extent/{:020}", 0);
    let header = spoiled.windows(name.len()).position(|bytes| bytes == name.as_bytes()).unwrap();
    spoiled[header] ^= 1;
    let spoiled = Arc::new(spoiled);
    for (reading, told) in [(Reading::Best, vec![]), (Reading::Through, vec!["damaged", "data"])] {
        let opened = open(&spoiled, Way::Pipe, &OpenOptions { reading, ..OpenOptions::default() }).unwrap();
        let mut words = Vec::new();
        let outcome = opened.read_through(1, |piece| {
            words.push(match piece {
                Told::Data { .. } => "data",
                Told::Zeros(_) => "zeros",
                Told::Bad(_) => "bad",
                Told::Damaged { .. } => "damaged",
                Told::Part(_) => "part",
            });
            Ok(())
        });
        assert_eq!(words, told, "{reading:?}");
        assert_eq!(outcome.is_ok(), reading == Reading::Through);
        if let Err(error) = outcome {
            assert_eq!(class(&error), "damaged");
        }
    }
}

#[test]
fn compression_makes_an_archive_shorter_and_nothing_makes_it_another_image() {
    let image = b"as easy as can be ".repeat(20_000);
    let length = |compression, digest| {
        let archive = back_up(&image, &all_data(&image), &BackupRequest { compression, digest, ..small() });
        assert!(restore_bytes(&archive, Way::File, 1, image.len()).0 == image);
        archive.len()
    };
    for digest in [DigestKind::Sha256, DigestKind::Blake3] {
        assert!(length(Compression::Zstd(1), digest) * 4 < length(Compression::None, digest));
    }
}

#[test]
fn an_end_member_that_does_not_fit_completes_nothing() {
    let names = ["end_members_wrong", "end_other_id"];
    let vectors: Vec<_> = vector::all().into_iter().filter(|vector| names.contains(&vector.name.as_str())).collect();
    assert_eq!(vectors.len(), names.len());
    for vector in vectors {
        let state = examine(MemoryInput::boxed(&vector.bytes, Way::File)).unwrap().state;
        assert!(matches!(state, State::Damaged(_)), "{}: {state:?}", vector.name);
    }
}

#[test]
fn an_inventory_sees_that_end_blocks_are_missing() {
    let (image, map) = an_image();
    let sound = back_up(&image, &map, &small());
    let content = sound.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let padded = content.next_multiple_of(512);
    for (zeros, complete) in [(0, false), (512, false), (1023, false), (1024, true), (5000, true)] {
        let mut archive = sound.to_vec();
        archive.resize(padded, 0);
        archive.resize(padded + zeros, 0);
        let archive = Arc::new(archive);
        for way in [Way::Pipe, Way::File] {
            let entry = examine(MemoryInput::boxed(&archive, way)).unwrap();
            assert_eq!(entry.state == State::Complete, complete, "{zeros}, {way:?}: {:?}", entry.state);
            assert!(entry.end.is_some());
        }
    }
}

/// Bytes that can be sought in, of an input that does not know how many there are: a tape drive without addresses.
struct WithoutLength {
    bytes: Arc<Vec<u8>>,
    position: usize,
    length: Arc<std::sync::Mutex<Option<u64>>>,
    tail_bytes: usize,
}

impl blocktar::stream::Input for WithoutLength {
    fn name(&self) -> &str {
        "without length"
    }

    fn length(&self) -> Option<u64> {
        *self.length.lock().unwrap()
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = &self.bytes[self.position.min(self.bytes.len())..];
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.position += length;
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> std::io::Result<()> {
        self.position = position as usize;
        Ok(())
    }

    fn tail(&mut self) -> Option<std::io::Result<Vec<u8>>> {
        self.position = self.bytes.len();
        Some(Ok(self.bytes[self.bytes.len().saturating_sub(self.tail_bytes)..].to_vec()))
    }

    fn set_length(&mut self, length: u64) {
        *self.length.lock().unwrap() = Some(length);
    }
}

#[test]
fn an_input_that_does_not_know_its_length_learns_it_from_the_end_member() {
    let (image, map) = an_image();
    let archive = back_up(&image, &map, &BackupRequest { record_bytes: 16 << 10, ..small() });
    for (tail_bytes, is_learnt) in [(1 << 20, true), (16 << 10, true), (512, false)] {
        let length = Arc::default();
        let input = WithoutLength { bytes: archive.clone(), position: 0, length: Arc::clone(&length), tail_bytes };
        let opened = OpenArchive::open(Box::new(input), &OpenOptions::default()).unwrap();
        assert_eq!(*length.lock().unwrap(), is_learnt.then_some(archive.len() as u64), "{tail_bytes}");
        assert_eq!(opened.end().is_some(), is_learnt);
        let mut data = Vec::new();
        let tell = |told: Told<'_>| {
            if let Told::Data { bytes, .. } = told {
                data.extend_from_slice(bytes);
            }
            Ok(())
        };
        opened.read_through(1, tell).unwrap();
        assert!(data == [&image[..EXTENT as usize], &image[3 * EXTENT as usize..]].concat(), "{tail_bytes}");
    }
}
