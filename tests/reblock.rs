//! An archive put elsewhere is the same archive: byte for byte but for padding where it stays in one piece. One in which anything is wrong becomes none.

mod archives;
mod vector;

use std::io::IoSlice;
use std::sync::Arc;

use archives::chance::{a_buffer, a_request, an_image, pattern};
use archives::descent::recompressed;
use archives::{
    BLOCK, MemoryInput, MemoryOutput, Way, WithoutMap, all_data, back_up, back_up_source, class, code, positions,
    small, verified,
};
use blocktar::archive::{Compression, OpenArchive, OpenOptions, RewriteRequest};
use blocktar::backup::BackupRequest;
use blocktar::error::{Error, Result};
use blocktar::extent::{Extent, ExtentMap};
use blocktar::progress::Progress;
use blocktar::reblock::{ReblockRequest, ReblockSummary, Reblocking, reblock};
use blocktar::source::{MemoryImage, Scan};
use blocktar::stream::Output;
use proptest::prelude::*;

const PLAIN: ReblockRequest = ReblockRequest { threads: 2, buffer_bytes: None };

/// Puts an archive into memory. A failure must leave no end member.
fn try_reblock(archive: &Arc<Vec<u8>>, way: Way, request: &ReblockRequest) -> Result<(Arc<Vec<u8>>, ReblockSummary)> {
    let mut output = MemoryOutput::default();
    let outcome = reblock(MemoryInput::boxed(archive, way), &mut output, request, &Progress::default());
    let bytes = std::mem::take(&mut *output.bytes.lock().unwrap());
    assert_eq!(*output.finished.lock().unwrap(), outcome.is_ok());
    if outcome.is_err() && !bytes.is_empty() {
        assert!(!verified(&bytes).is_sound(), "a failure that looks complete");
    }
    outcome.map(|summary| (Arc::new(bytes), summary))
}

fn reblocked(archive: &Arc<Vec<u8>>, way: Way, request: &ReblockRequest) -> (Arc<Vec<u8>>, ReblockSummary) {
    try_reblock(archive, way, request).unwrap_or_else(|error| panic!("{way:?}, {request:?}: {error}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_stays_the_same_byte_for_byte(
        (image, extents) in an_image(), request in a_request(), inline in any::<bool>(), again in any::<bool>(),
        threads in 1usize..4, buffer_bytes in a_buffer(), padding in 0usize..3,
    ) {
        let attached = vec![("a".to_owned(), b"content".to_vec())];
        let request = BackupRequest { attached, ..request };
        let mut archive = match inline {
            false => back_up(&image, &extents, &request),
            true => back_up_source(&mut WithoutMap(Scan::new(MemoryImage::new(image, extents))), &request).unwrap().0,
        };
        if again {
            // Whose state is not its digest.
            archive = recompressed(&archive, Way::Pipe, &RewriteRequest::default()).0;
        }
        // Zeros behind the archive, as a tape's last record has them, are no part of it.
        let padded = Arc::new([&archive[..], &vec![0; padding * 4096]].concat());
        let request = ReblockRequest { threads, buffer_bytes };
        for way in [Way::Pipe, Way::File] {
            let (copy, summary) = reblocked(&padded, way, &request);
            prop_assert!(copy == archive);
            prop_assert_eq!(summary.written.bytes, archive.len() as u64);
            prop_assert_eq!(summary.flow.map(|flow| flow.capacity_bytes), buffer_bytes);
        }
    }
}

/// Every kind of archive that there is, by other writers too, whose tables may be compressed otherwise.
#[test]
fn every_sound_vector_keeps_its_identity() {
    let mut identical = 0;
    for vector in vector::all().iter().filter(|vector| vector.codes("verify").iter().any(|code| [0, 8].contains(code)))
    {
        let (copy, summary) = reblocked(&vector.bytes, Way::Pipe, &PLAIN);
        let options = OpenOptions::default();
        let open = |bytes| OpenArchive::open(MemoryInput::boxed(bytes, Way::File), &options).unwrap();
        let (before, after) = (open(&vector.bytes), open(&copy));
        assert_eq!(before.info(), after.info(), "{}", vector.name);
        assert!(before.map() == after.map(), "{}", vector.name);
        let (before, after) = (before.end().unwrap(), after.end().unwrap());
        assert_eq!(
            (before.digest, before.state, before.finished, &before.unknown),
            (after.digest, after.state, after.finished, &after.unknown)
        );
        assert_eq!(summary.written.end, *after);
        assert!(verified(&copy).is_sound() || after.bad_members > 0, "{}", vector.name);
        // Those of this program.
        if vector.name.starts_with("blocktar_") {
            assert!(copy == vector.bytes, "{}", vector.name);
            identical += 1;
        }
        let optional = vector.name == "optional_member";
        assert_eq!(summary.warnings.iter().any(|sentence| sentence.ends_with("does not know: 4")), optional);
    }
    assert!(identical > 1, "only {identical}");
}

#[test]
fn every_broken_vector_becomes_none() {
    let is_broken = |vector: &vector::Vector| !vector.codes("verify").iter().any(|code| [0, 8].contains(code));
    for vector in vector::all().into_iter().filter(is_broken) {
        for way in [Way::Pipe, Way::File] {
            let error = try_reblock(&vector.bytes, way, &PLAIN).map(drop).unwrap_err();
            assert!(vector.codes("verify").contains(&code(&error)), "{}, {way:?}: {error}", vector.name);
        }
    }
}

/// An archive in whose members something can be spoiled: attached file, data, gaps, several of each.
fn an_archive() -> Arc<Vec<u8>> {
    let mut image = pattern(400_000);
    image[70_000..200_000].fill(0);
    let extents: ExtentMap =
        [Extent::data(0, 300_000), Extent::hole(300_000, 50_000), Extent::data(350_000, 50_000)].into_iter().collect();
    image[300_000..350_000].fill(0);
    let attached = vec![("note".to_owned(), b"attached".to_vec())];
    back_up(&image, &extents, &BackupRequest { attached, compression: Compression::Zstd(1), ..small() })
}

#[test]
fn damage_anywhere_gives_no_copy_with_or_without_a_buffer() {
    let archive = an_archive();
    let positions = positions(&archive);
    let gives_none = |spoiled: Vec<u8>, what: &str| {
        let spoiled = Arc::new(spoiled);
        let expected: Vec<_> = verified(&spoiled).faults.iter().map(|fault| class(&fault.error)).collect();
        for buffer_bytes in [None, Some(100_000), Some(1 << 30)] {
            match try_reblock(&spoiled, Way::Pipe, &ReblockRequest { buffer_bytes, ..PLAIN }) {
                Ok(_) => panic!("{what}: a copy of a spoiled archive"),
                Err(error) => assert!(expected.contains(&class(&error)), "{what}: {error}, not {expected:?}"),
            }
        }
    };
    for (number, pair) in positions.windows(2).enumerate() {
        for at in [pair[0], pair[0] + 3 * BLOCK, pair[1] - 1] {
            let mut spoiled = archive.to_vec();
            spoiled[at] ^= 1;
            gives_none(spoiled, &format!("member {number}, byte {at}"));
        }
        gives_none([&archive[..pair[0]], &archive[pair[1]..]].concat(), &format!("without member {number}"));
        gives_none(archive[..pair[1] - 1].to_vec(), &format!("cut in member {number}"));
    }
    gives_none(archive[..*positions.last().unwrap()].to_vec(), "without end blocks");
    gives_none([&archive[..], b"x"].concat(), "with something behind it");
    gives_none(Vec::new(), "nothing at all");
}

/// An output that takes so many bytes, and then its drive fails.
struct Failing(usize);

impl Output for Failing {
    fn name(&self) -> &str {
        "drive"
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.0 = self.0.checked_sub(bytes).ok_or(Error::io("writing", "drive", std::io::ErrorKind::StorageFull))?;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        panic!("it failed before")
    }
}

#[test]
fn a_drive_that_fails_is_told_wherever_it_fails() {
    let archive = an_archive();
    for room in (0..archive.len()).step_by(1999) {
        for buffer_bytes in [None, Some(50_000), Some(1 << 30)] {
            let request = ReblockRequest { buffer_bytes, ..PLAIN };
            let input = MemoryInput::boxed(&archive, Way::Pipe);
            let error = reblock(input, &mut Failing(room), &request, &Progress::default()).unwrap_err();
            assert!(error.to_string().starts_with("writing drive"), "{room}: {error}");
        }
    }
}

#[test]
fn who_asks_to_stop_gets_no_copy() {
    for buffer_bytes in [None, Some(1 << 20)] {
        let progress = Progress::default();
        progress.interrupt(2);
        let mut output = MemoryOutput::default();
        let input = MemoryInput::boxed(&an_archive(), Way::Pipe);
        let request = ReblockRequest { buffer_bytes, ..PLAIN };
        let error = reblock(input, &mut output, &request, &progress).unwrap_err();
        assert!(matches!(error, Error::Interrupted { signal: 2 }) && !*output.finished.lock().unwrap(), "{error}");
    }
}

/// What is said of a drive that compresses goes by how the archive is compressed, which its head says before anything is written.
#[test]
fn the_head_is_known_before_anything_is_written() {
    let image = pattern(20_000);
    for compression in [Compression::None, Compression::Zstd(7)] {
        let archive = back_up(&image, &all_data(&image), &BackupRequest { compression, ..small() });
        let reblocking = Reblocking::open(MemoryInput::boxed(&archive, Way::Pipe)).unwrap();
        assert_eq!(reblocking.info().compression, compression);
        let mut output = MemoryOutput::default();
        reblocking.run(&mut output, &PLAIN, &Progress::default()).unwrap();
        assert!(*output.finished.lock().unwrap());
    }
}
