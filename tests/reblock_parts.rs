//! An archive that is put on other media keeps its identity, however many of them it takes.

mod archives;
#[path = "support/chance.rs"]
mod chance;
mod spanning;

use std::sync::Arc;

use archives::{MemoryInput, MemoryOutput, Way, back_up_source, scan, small};
use blocktar::archive::{Compression, Inputs};
use blocktar::backup::BackupRequest;
use blocktar::error::Result;
use blocktar::progress::Progress;
use blocktar::reblock::{ReblockRequest, ReblockSummary, reblock};
use blocktar::verify::verify;
use chance::Chance;
use spanning::{Capacity, MemoryMedia, RECORD, members, put_together};

const MIB: u64 = 1 << 20;

fn reblocked_onto(
    archive: &Arc<Vec<u8>>,
    capacities: &[Capacity],
    buffer_bytes: Option<u64>,
) -> (Vec<Vec<u8>>, Result<ReblockSummary>) {
    let mut output = MemoryMedia::new(capacities);
    let input = MemoryInput::boxed(archive, Way::Pipe);
    let outcome = reblock(input, &mut output, &ReblockRequest { threads: 2, buffer_bytes }, &Progress::default());
    let media = output.media.lock().unwrap().clone();
    (media, outcome)
}

/// The stored bytes of the member of this path.
fn stored(part: &[u8], path: &str) -> Vec<u8> {
    members(part).into_iter().find(|member| member.path == path).unwrap_or_else(|| panic!("no {path}")).stored
}

fn extents(parts: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let all = parts.iter().flat_map(|part| members(part));
    all.filter(|member| member.path.starts_with("extent/")).map(|member| (member.path, member.stored)).collect()
}

fn an_archive(mut chance: Chance) -> (Vec<u8>, Arc<Vec<u8>>) {
    let mut image = chance.bytes(2_100_001);
    image[600_000..900_000].fill(0);
    let attached = vec![("note".to_owned(), b"kept".to_vec())];
    let request = BackupRequest { attached, compression: Compression::Zstd(1), ..small() };
    let (archive, _) = back_up_source(&mut scan(&image), &request).unwrap();
    (image, archive)
}

#[test]
fn its_parts_hold_the_same_members_under_the_same_digest() {
    let (image, archive) = an_archive(Chance::from_seed(11));
    let end: serde_json::Value = serde_json::from_slice(&stored(&archive, "end.json")).unwrap();
    let ways =
        [Capacity::warning(64 * MIB, 128 << 10), Capacity::warning(MIB, 128 << 10), Capacity::hard(MIB / 2, 9000)];
    for (capacity, more_than) in ways.into_iter().zip([0, 1, 2]) {
        for buffer_bytes in [None, Some(300_000)] {
            let (media, outcome) = reblocked_onto(&archive, &[capacity], buffer_bytes);
            let written = outcome.unwrap().written;
            assert!(media.len() > more_than && written.parts.len() == media.len(), "{}", media.len());
            assert!(put_together(&media, image.len()) == image);
            // Its head is what the digest begins with, so nothing in it may change, not even where it lies.
            for path in ["backup-info.json", "RESTORE.txt", "attached/note"] {
                assert!(stored(&media[0], path) == stored(&archive, path), "{path}");
            }
            let last: serde_json::Value = serde_json::from_slice(&stored(media.last().unwrap(), "end.json")).unwrap();
            for key in ["id", "digest", "state", "finished", "map_digest"] {
                assert_eq!(last[key], end[key], "{key}");
            }
            // A hard end may leave members twice.
            if capacity.cache == 0 {
                assert!(extents(&media) == extents(&[archive.to_vec()]));
                assert!(media.iter().all(|part| part.len().is_multiple_of(RECORD)));
            }
            for (number, part) in media.iter().enumerate().skip(1) {
                let info: serde_json::Value = serde_json::from_slice(&stored(part, "backup-info.json")).unwrap();
                assert_eq!((&info["part"]["number"], &info["id"]), (&(number + 1).into(), &end["id"]));
                assert_eq!(info["record_size"], RECORD);
            }
            let told = written.parts[0].medium.as_ref().unwrap();
            assert_eq!(told.name.as_deref(), Some("medium 1"));
        }
    }
}

/// Its records are those of the medium, though its head names those with which it was made.
#[test]
fn on_one_medium_it_is_the_same_but_for_padding() {
    let (_, archive) = an_archive(Chance::from_seed(12));
    let (media, outcome) = reblocked_onto(&archive, &[Capacity::warning(64 * MIB, MIB)], Some(MIB));
    outcome.unwrap();
    assert!(!archive.len().is_multiple_of(RECORD) && media[0].len().is_multiple_of(RECORD));
    assert!(media[0][..archive.len()] == archive[..] && media[0][archive.len()..].iter().all(|byte| *byte == 0));
}

#[test]
fn an_archive_that_is_broken_leaves_no_last_part() {
    let (_, archive) = an_archive(Chance::new());
    for at in [archive.len() / 3, archive.len() / 2, archive.len() - 5000] {
        let mut spoiled = archive.to_vec();
        spoiled[at] ^= 1;
        let (media, outcome) = reblocked_onto(&Arc::new(spoiled), &[Capacity::warning(MIB, 128 << 10)], Some(MIB));
        outcome.unwrap_err();
        let ends = media.iter().flat_map(|part| members(part)).filter(|member| member.path == "end.json");
        for end in ends {
            let end: serde_json::Value = serde_json::from_slice(&end.stored).unwrap();
            assert!(end["continues"] == true && end.get("digest").is_none(), "{end}");
        }
    }
}

/// Also from parts whose media ended before their end members were on them, so that members lie there twice.
#[test]
fn parts_become_one_archive_again_byte_for_byte() {
    let (_, archive) = an_archive(Chance::from_seed(13));
    let ways =
        [Capacity::warning(64 * MIB, 128 << 10), Capacity::warning(MIB, 128 << 10), Capacity::hard(MIB / 2, 9000)];
    for capacity in ways {
        let (media, outcome) = reblocked_onto(&archive, &[capacity], None);
        outcome.unwrap();
        for way in [Way::Pipe, Way::File] {
            let parts = media.iter().map(|part| MemoryInput::boxed(&Arc::new(part.clone()), way));
            let mut output = MemoryOutput::default();
            let request = ReblockRequest { threads: 2, buffer_bytes: Some(MIB) };
            let inputs = Inputs::all(parts.collect()).unwrap();
            let summary = reblock(inputs, &mut output, &request, &Progress::default()).unwrap();
            assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
            assert!(*output.bytes.lock().unwrap() == *archive, "{} parts, {way:?}", media.len());
        }
    }
}

/// Parts of one archive that was cut twice in different places: what lies in a part beside them is no reason to count backwards.
#[test]
fn parts_of_different_cuttings_are_judged_and_what_they_lack_lies_on_the_device() {
    let (image, archive) = an_archive(Chance::from_seed(13));
    let cut = |bytes| {
        let (media, outcome) = reblocked_onto(&archive, &[Capacity::warning(bytes, 128 << 10)], None);
        outcome.unwrap();
        media
    };
    let (few, many) = (cut(MIB / 2), cut(MIB / 3));
    assert!(few.len() >= 3 && many.len() > few.len(), "{}, {}", few.len(), many.len());
    for first in &few {
        for second in &many {
            let given = [first, second].map(|part| MemoryInput::boxed(&Arc::new(part.clone()), Way::Pipe));
            // Those with the same number are refused.
            let Ok(report) = verify(Inputs::all(given.into()).unwrap(), 1, &Progress::default()) else { continue };
            for range in report.faults.iter().flat_map(|fault| fault.affected()) {
                assert!(range.end() <= image.len() as u64, "{range:?}");
            }
        }
    }
}
