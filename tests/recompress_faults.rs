//! Where anything is wrong with an archive, or with where the new one goes, there is no new archive.

mod archives;
mod vector;

use std::sync::Arc;

use archives::chance::pattern;
use archives::descent::{recompressed, try_recompress};
use archives::{BLOCK, MemoryInput, MemoryOutput, Way, back_up, class, code, positions, small, verified};
use blocktar::archive::{Compression, RewriteRequest};
use blocktar::backup::BackupRequest;
use blocktar::error::{Error, Result};
use blocktar::extent::{Extent, ExtentMap};
use blocktar::progress::Progress;
use blocktar::recompress::recompress;

#[test]
fn every_broken_vector_has_none() {
    let is_broken = |vector: &vector::Vector| !vector.codes("verify").iter().any(|code| [0, 8].contains(code));
    let broken: Vec<_> = vector::all().into_iter().filter(is_broken).collect();
    assert!(broken.len() > 150, "only {} vectors are broken", broken.len());
    for vector in broken {
        for way in [Way::Pipe, Way::File] {
            let error = try_recompress(&vector.bytes, way, &RewriteRequest::default()).map(drop).unwrap_err();
            assert!(vector.codes("verify").contains(&code(&error)), "{}, {way:?}: {error}", vector.name);
        }
    }
}

/// An archive in whose members something can be spoiled: attached file, data, bad range, gaps, several of each.
fn an_archive() -> Arc<Vec<u8>> {
    let mut image = pattern(400_000);
    image[70_000..200_000].fill(0);
    let extents: ExtentMap =
        [Extent::data(0, 300_000), Extent::hole(300_000, 50_000), Extent::data(350_000, 50_000)].into_iter().collect();
    image[300_000..350_000].fill(0);
    let attached = vec![("note".to_owned(), b"attached".to_vec())];
    back_up(&image, &extents, &BackupRequest { attached, compression: Compression::Zstd(1), ..small() })
}

fn gives_none(spoiled: Vec<u8>, what: &str) {
    let spoiled = Arc::new(spoiled);
    let expected: Vec<_> = verified(&spoiled).faults.iter().map(|fault| class(&fault.error)).collect();
    for way in [Way::Pipe, Way::File] {
        match try_recompress(&spoiled, way, &RewriteRequest::default()) {
            Ok(_) => panic!("{what}, {way:?}: a new archive of a spoiled one"),
            Err(error) => assert!(expected.contains(&class(&error)), "{what}: {error}, but verify found {expected:?}"),
        }
    }
}

#[test]
fn damage_in_any_member_gives_no_archive() {
    let archive = an_archive();
    let positions = positions(&archive);
    assert!(positions.len() > 12, "the members are there");
    for (number, pair) in positions.windows(2).enumerate() {
        for at in [pair[0], pair[0] + 3 * BLOCK, pair[1] - 1] {
            let mut spoiled = archive.to_vec();
            spoiled[at] ^= 1;
            gives_none(spoiled, &format!("member {number}, byte {at}"));
        }
        gives_none([&archive[..pair[0]], &archive[pair[1]..]].concat(), &format!("without member {number}"));
        gives_none(archive[..pair[1] - 1].to_vec(), &format!("cut in member {number}"));
    }
    let end = *positions.last().unwrap();
    gives_none(archive[..end].to_vec(), "without end blocks");
    gives_none([&archive[..], b"x"].concat(), "with something behind it");
    gives_none(Vec::new(), "nothing at all");
}

/// An output that takes so many bytes and then is full.
struct Full(usize);

impl blocktar::stream::Output for Full {
    fn name(&self) -> &str {
        "full"
    }

    fn write_member(&mut self, pieces: &[std::io::IoSlice<'_>]) -> Result<()> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.0 = self.0.checked_sub(bytes).ok_or(Error::io("writing", "full", std::io::ErrorKind::StorageFull))?;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        panic!("there was no room")
    }
}

#[test]
fn a_full_output_fails_wherever_it_is_full() {
    let archive = an_archive();
    let (new, _) = recompressed(&archive, Way::Pipe, &RewriteRequest::default());
    for room in (0..new.len()).step_by(1999) {
        let request = RewriteRequest { threads: 2, ..RewriteRequest::default() };
        let input = MemoryInput::boxed(&archive, Way::Pipe);
        let error = recompress(input, &mut Full(room), &request, &Progress::default()).unwrap_err();
        assert!(error.to_string().starts_with("writing full"), "{room}: {error}");
    }
}

#[test]
fn who_asks_to_stop_gets_no_archive() {
    let progress = Progress::default();
    progress.interrupt(2);
    let mut output = MemoryOutput::default();
    let input = MemoryInput::boxed(&an_archive(), Way::Pipe);
    let error = recompress(input, &mut output, &RewriteRequest::default(), &progress).unwrap_err();
    assert!(matches!(error, Error::Interrupted { signal: 2 }) && !*output.finished.lock().unwrap(), "{error}");
}

#[test]
fn values_that_no_archive_may_have_are_refused() {
    let archive = an_archive();
    for request in [
        RewriteRequest { extent_limit_bytes: Some(0), ..RewriteRequest::default() },
        RewriteRequest { extent_limit_bytes: Some(65 << 20), ..RewriteRequest::default() },
        RewriteRequest { record_bytes: Some(100), ..RewriteRequest::default() },
    ] {
        assert!(matches!(try_recompress(&archive, Way::Pipe, &request), Err(Error::Refused(_))), "{request:?}");
    }
}
