//! An archive goes on from medium to medium: each part is a tar of its own, and together they hold every byte.

mod archives;
#[path = "support/chance.rs"]
mod chance;
mod spanning;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use archives::{class, scan, small};
use blocktar::archive::Compression;
use blocktar::backup::{BackupRequest, backup};
use blocktar::media::next_medium::NextMedium;
use blocktar::media::numbered::{NumberedOutput, NumberedPath};
use blocktar::progress::Progress;
use chance::Chance;
use spanning::{Capacity, RECORD, back_up_onto, members, put_together};

const MIB: u64 = 1 << 20;

/// An image of two MiB and a bit, with zeros in it.
fn an_image() -> Vec<u8> {
    let mut image = Chance::from_seed(11).bytes(2_100_001);
    image[600_000..900_000].fill(0);
    image
}

/// The text of a part's `backup-info.json` or `end.json`.
fn document(part: &[u8], path: &str) -> serde_json::Value {
    let found = members(part).into_iter().find(|member| member.path == path);
    serde_json::from_slice(&found.unwrap_or_else(|| panic!("no {path}")).stored).unwrap()
}

/// Whether a part has its end member.
fn is_closed(part: &[u8]) -> bool {
    members(part).iter().any(|member| member.path == "end.json")
}

/// What GNU tar and the second reader say of a part alone.
fn check_alone(part: &[u8]) {
    assert!(part.len().is_multiple_of(RECORD) && part.ends_with(&[0; 1024]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part.tar");
    std::fs::write(&path, part).unwrap();
    let listed = Command::new("tar").arg("-tf").arg(&path).output().unwrap();
    assert!(listed.status.success() && listed.stderr.is_empty(), "{listed:?}");
    assert_eq!(listed.stdout.iter().filter(|byte| **byte == b'\n').count(), members(part).len());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/second_reader.py");
    let read = Command::new("python3").arg("-B").arg(script).arg(&path).output().unwrap();
    // It is sound, but not all of the archive.
    assert_eq!(read.status.code(), Some(4), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn each_part_is_a_whole_tar_and_says_where_it_goes_on() {
    let image = an_image();
    let request = BackupRequest { attached: vec![("note".to_owned(), b"kept".to_vec())], ..small() };
    let (media, outcome) = back_up_onto(&mut scan(&image), &request, &[Capacity::warning(MIB, 128 << 10)]);
    let written = outcome.unwrap().written;
    assert_eq!(media.len(), 3);
    assert!(put_together(&media, image.len()) == image);
    let (mut seq, mut from, mut running, mut numbers) = (0, 0, serde_json::Value::Null, 0);
    for (place, part) in media.iter().enumerate() {
        check_alone(part);
        assert!(part.len() as u64 <= MIB);
        let (info, end) = (document(part, "backup-info.json"), document(part, "end.json"));
        assert_eq!(info["medium"], serde_json::json!({"name": format!("medium {}", place + 1), "file": place}));
        assert_eq!((&info, info["record_size"].as_u64()), (&end["backup_info"], Some(RECORD as u64)));
        if place > 0 {
            let says = serde_json::json!({"number": place + 1, "first_seq": seq, "from": from, "running": running});
            assert_eq!((&info["part"], info.get("attached")), (&says, None));
        }
        for (number, member) in members(part).iter().enumerate() {
            assert_eq!(member.record["seq"].as_u64(), Some(seq + number as u64));
        }
        let indexes = members(part).iter().filter(|member| member.path.starts_with("index/")).count();
        assert_eq!(
            members(part).iter().find(|member| member.path.starts_with("index/")).unwrap().path,
            format!("index/{numbers:08}.jsonl.zst")
        );
        numbers += indexes;
        seq += members(part).len() as u64;
        (from, running) = (end["to"].as_u64().unwrap(), end["running"].clone());
        let last = place + 1 == media.len();
        assert_eq!(end.get("continues").is_none(), last);
        assert_eq!((end.get("digest").is_some(), end.get("state").is_some()), (last, last));
        let told = &written.parts[place];
        assert_eq!((told.number, told.bytes, told.to, told.closed), (place as u64 + 1, part.len() as u64, from, true));
    }
    assert_eq!(written.whole.data_bytes + written.whole.zero_bytes, image.len() as u64);
    assert!(written.end.data_bytes < written.whole.data_bytes);
}

#[test]
fn parts_have_the_identity_of_the_archive_in_one() {
    let image = an_image();
    let one = back_up_onto(&mut scan(&image), &small(), &[Capacity::hard(64 * MIB, 0)]).1.unwrap().written;
    let several = back_up_onto(&mut scan(&image), &small(), &[Capacity::hard(MIB / 2, 9000)]).1.unwrap().written;
    assert!(one.parts.len() == 1 && several.parts.len() > 3);
    assert_eq!((one.end.map_digest, one.whole.data_members), (several.end.map_digest, several.whole.data_members));
    assert_eq!((one.whole.stored_bytes, one.whole.zero_bytes), (several.whole.stored_bytes, several.whole.zero_bytes));
    assert!(several.parts.iter().rev().skip(1).all(|part| !part.closed));
}

/// A hard end at every place of what closes a part, and of the members before it.
#[test]
fn a_hard_end_anywhere_loses_nothing() {
    let image = Chance::from_seed(5).bytes(400_000);
    let first = back_up_onto(&mut scan(&image), &small(), &[Capacity::hard(16 * MIB, 0)]).0;
    let whole = first[0].len() as u64;
    let mut broken = 0;
    for step in (0..whole / 512).rev().step_by(3) {
        for cache in [0, 512, 70_000] {
            let capacities = [Capacity::hard(step * 512 + 1, cache), Capacity::hard(16 * MIB, 0)];
            let (media, outcome) = back_up_onto(&mut scan(&image), &small(), &capacities);
            outcome.unwrap();
            assert!(put_together(&media, image.len()) == image, "{capacities:?}");
            assert!(is_closed(&media[1]));
            check_by_reader(&media[1], &image);
            broken += 1;
        }
    }
    assert!(broken > 500, "{broken}");
}

/// What the first part does not hold and the next says is what the image has there.
fn check_by_reader(part: &[u8], image: &[u8]) {
    let info = document(part, "backup-info.json");
    // Where the first medium has not even the head, the second begins the archive anew.
    let from = info.get("part").map_or(0, |part| part["from"].as_u64().unwrap()) as usize;
    assert!(put_together(&[part.to_vec()], image.len())[from..] == image[from..]);
}

#[test]
fn a_filemark_that_cannot_be_written_is_a_hard_end() {
    let image = an_image();
    let warned = Capacity { filemark_fails: true, ..Capacity::warning(MIB, 256 << 10) };
    let (media, outcome) = back_up_onto(&mut scan(&image), &small(), &[warned, Capacity::warning(4 * MIB, 256 << 10)]);
    assert!(put_together(&media, image.len()) == image);
    let parts = outcome.unwrap().written.parts;
    // All of the first part had gone down, its end member included: it is whole, if nothing ends it but the end of the data.
    assert_eq!(parts.iter().map(|part| part.closed).collect::<Vec<_>>(), [true, true]);
    check_alone(&media[0]);
    check_alone(&media[1]);

    // The same at the very end of the archive, with the cache lost.
    let late = Capacity { filemark_fails: true, cache: 64 << 10, ..Capacity::warning(4 * MIB, 3 * MIB) };
    let (media, outcome) = back_up_onto(&mut scan(&image), &small(), &[late, Capacity::hard(4 * MIB, 0)]);
    assert!(put_together(&media, image.len()) == image);
    assert_eq!(outcome.unwrap().written.parts.len(), media.len());
}

#[test]
fn a_member_that_fits_nowhere_is_refused() {
    let image = Chance::from_seed(5).bytes(400_000);
    for capacity in [
        Capacity::warning(60_000, 30_000),
        Capacity::hard(60_000, 0),
        Capacity::hard(9_000, 0),
        Capacity::warning(9_000, 4096),
    ] {
        let (media, outcome) = back_up_onto(&mut scan(&image), &small(), &[capacity]);
        let error = outcome.unwrap_err();
        assert_eq!(class(&error), "refused", "{capacity:?}: {error}");
        assert!(error.to_string().contains("no room for") && error.remedy().is_some(), "{error}");
        assert!(media.len() < 4, "{capacity:?}");
    }
    let long = BackupRequest { extent_limit_bytes: 2 * MIB, ..small() };
    let error = back_up_onto(&mut scan(&image), &long, &[Capacity::hard(16 * MIB, 0)]).1.unwrap_err();
    assert!(error.to_string().contains("longer than the 1048576"), "{error}");
}

/// Whatever the members come to when they are compressed: what a part may not have room for is known before the first.
#[test]
fn files_without_room_for_the_longest_member_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let image = an_image();
    let make = |part_bytes| {
        let paths = NumberedPath::parse(&folder.path().join("%d.tar")).unwrap();
        let progress = Arc::new(Progress::default());
        let mut output = NumberedOutput::create(paths, part_bytes, NextMedium::default(), &progress).unwrap();
        let request = BackupRequest { extent_limit_bytes: 256 << 10, ..small() };
        backup(&mut scan(&image), &mut output, &request, &progress).map(drop)
    };
    let error = make(270 << 10).unwrap_err();
    assert!(class(&error) == "refused" && error.to_string().contains("no room for 262144 bytes"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    make(330 << 10).unwrap();
}

#[test]
fn media_of_any_size_with_any_end_hold_every_byte() {
    let mut chance = Chance::new();
    for _ in 0..150 {
        let length = 1 + chance.below(700_000) as usize;
        let image = chance.bytes(length);
        let capacities: Vec<_> = (0..1 + chance.below(6))
            .map(|_| {
                let bytes = 120_000 + chance.below(400_000);
                match chance.below(3) {
                    0 => Capacity::hard(bytes, chance.below(100_000)),
                    1 => Capacity {
                        filemark_fails: chance.below(2) == 0,
                        ..Capacity::warning(bytes, 20_000 + chance.below(80_000))
                    },
                    _ => Capacity { cache: chance.below(30_000), ..Capacity::warning(bytes, chance.below(30_000)) },
                }
            })
            .collect();
        let compression = if chance.below(2) == 0 { Compression::None } else { Compression::Zstd(1) };
        let request = BackupRequest { compression, ..small() };
        let (media, outcome) = back_up_onto(&mut scan(&image), &request, &capacities);
        match outcome {
            Ok(_) => assert!(put_together(&media, image.len()) == image, "{capacities:?}"),
            Err(error) => assert_eq!(class(&error), "refused", "{capacities:?}: {error}"),
        }
        for part in media.iter().filter(|part| is_closed(part)) {
            assert!(part.len().is_multiple_of(RECORD));
        }
    }
}
