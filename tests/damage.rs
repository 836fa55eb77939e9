//! Every single flipped bit, every cut and every shuffled member of a small archive: the same bytes come back, or a refusal with the right class; nothing else.

mod archives;

use std::collections::BTreeMap;
use std::sync::Arc;

use archives::{BLOCK, MemoryInput, Way, all_data, back_up, class, restore_bytes, small};
use blocktar::archive::{Compression, DigestKind};
use blocktar::backup::BackupRequest;
use blocktar::catalog::State;
use blocktar::progress::Progress;
use blocktar::verify::verify;

/// An image with data, a hole, zeros to be found, and a tail.
fn an_image() -> Vec<u8> {
    let mut image = vec![0; 200_000];
    image[..700].copy_from_slice(&[0x5a; 700]);
    image[131_072..131_500].copy_from_slice(&[0xa5; 428]);
    image[199_999] = 7;
    image
}

fn an_archive(request: &BackupRequest) -> (Vec<u8>, Arc<Vec<u8>>) {
    let image = an_image();
    // Cut into short extents, so that members stay small.
    let data = |start: u64, length: u64| blocktar::extent::Extent::data(start, length);
    let hole = |start: u64, end: u64| blocktar::extent::Extent::hole(start, end - start);
    let extents = [data(0, 700), hole(700, 131_072), data(131_072, 428), hole(131_500, 199_000), data(199_000, 1000)]
        .into_iter()
        .collect();
    let archive = back_up(&image, &extents, request);
    (image, archive)
}

/// What came of one spoiled archive.
fn outcome(spoiled: &Arc<Vec<u8>>, image: &[u8], way: Way) -> &'static str {
    let (restored, outcome) = restore_bytes(spoiled, way, 1, image.len());
    match outcome {
        Ok(_) => {
            if restored == image {
                "identical"
            } else {
                "WRONG BYTES"
            }
        }
        Err(error) => class(&error),
    }
}

fn verdict(spoiled: &Arc<Vec<u8>>) -> &'static str {
    let report =
        verify(MemoryInput::boxed(spoiled, Way::Pipe), 1, &Progress::default()).expect("only the archive is at fault");
    report.faults.first().map_or("sound", |fault| class(&fault.error))
}

/// Runs a job for each number on all cores, and counts the outcomes.
fn count_outcomes(
    jobs: usize,
    job: impl Fn(usize) -> Vec<(String, &'static str)> + Sync,
) -> BTreeMap<(String, &'static str), usize> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let mut total = BTreeMap::new();
    std::thread::scope(|scope| {
        let job = &job;
        let threads: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || (core..jobs).step_by(cores).flat_map(job).collect::<Vec<_>>()))
            .collect();
        for outcome in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            *total.entry(outcome).or_insert(0) += 1;
        }
    });
    total
}

/// Where an archive stores Zstandard frames. A digest covers the bytes before compression, so a frame has a few bits that do not
/// matter to what it holds.
fn frames(archive: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    let mut frames = Vec::new();
    for member in members(archive).0 {
        let header = &member[2 * BLOCK..3 * BLOCK];
        let name = String::from_utf8_lossy(&header[..100]);
        if name.trim_end_matches('\0').ends_with(".zst") {
            frames.push(at + 3 * BLOCK..at + member.len());
        }
        at += member.len();
    }
    frames
}

#[test]
fn every_flipped_bit_is_noticed() {
    for request in [small(), BackupRequest { compression: Compression::Zstd(1), digest: DigestKind::Blake3, ..small() }]
    {
        let (image, archive) = an_archive(&request);
        let frames = frames(&archive);
        let bits = archive.len() * 8;
        let counts = count_outcomes(bits, |bit| {
            let mut spoiled = archive.to_vec();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            let spoiled = Arc::new(spoiled);
            let place = if frames.iter().any(|frame| frame.contains(&(bit / 8))) { "in a frame" } else { "elsewhere" };
            vec![
                (format!("pipe, {place}"), outcome(&spoiled, &image, Way::Pipe)),
                (format!("file, {place}"), outcome(&spoiled, &image, Way::File)),
                (format!("verify, {place}"), verdict(&spoiled)),
            ]
        });
        println!("{bits} bits flipped of {} bytes: {counts:?}", archive.len());
        for ((place, outcome), count) in counts {
            let harmless = place.ends_with("in a frame") && ["identical", "sound"].contains(&outcome) && count < 100;
            assert!(outcome == "damaged" || harmless, "{place}: {outcome}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for request in [small(), BackupRequest { compression: Compression::Zstd(1), record_bytes: 4096, ..small() }] {
        let (image, archive) = an_archive(&request);
        let end = archive.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let content = end.next_multiple_of(BLOCK);
        let counts = count_outcomes(archive.len(), |length| {
            let spoiled = Arc::new(archive[..length].to_vec());
            let place = if length < content {
                "before the end"
            } else if length < content + 2 * BLOCK {
                "in the end blocks"
            } else {
                "in the padding"
            };
            let mut outcomes = vec![(format!("verify {place}"), verdict(&spoiled))];
            outcomes
                .extend([Way::Pipe, Way::File].map(|way| (format!("restore {place}"), outcome(&spoiled, &image, way))));
            outcomes
        });
        println!("{} cuts: {counts:?}", archive.len());
        let expected: BTreeMap<_, _> = [
            ("verify before the end", "incomplete"),
            ("restore before the end", "incomplete"),
            ("verify in the end blocks", "damaged"),
            ("restore in the end blocks", "identical"),
            ("verify in the padding", "sound"),
            ("restore in the padding", "identical"),
        ]
        .into();
        for ((place, outcome), _) in counts {
            assert_eq!(expected.get(place.as_str()), Some(&outcome), "{place}");
        }
    }
}

/// The members of an archive, each with its headers and padding, and what follows the last.
fn members(archive: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut members = Vec::new();
    let mut rest = archive;
    while rest[0] != 0 {
        let size = |header: &[u8]| usize::from_str_radix(std::str::from_utf8(&header[124..135]).unwrap(), 8).unwrap();
        let header_at = BLOCK + size(rest).next_multiple_of(BLOCK);
        let end = header_at + BLOCK + size(&rest[header_at..]).next_multiple_of(BLOCK);
        members.push(&rest[..end]);
        rest = &rest[end..];
    }
    (members, rest)
}

fn refused(name: &str, pieces: &[&[u8]], image: &[u8]) -> usize {
    let spoiled = Arc::new(pieces.concat());
    for way in [Way::Pipe, Way::File] {
        let outcome = outcome(&spoiled, image, way);
        assert!(["damaged", "incomplete"].contains(&outcome), "{name}, {way:?}: {outcome}");
    }
    assert_ne!(verdict(&spoiled), "sound", "{name}");
    1
}

#[test]
fn members_that_are_missing_doubled_swapped_or_foreign_are_noticed() {
    let (image, archive) = an_archive(&small());
    let (_, other) = an_archive(&small());
    let ((members, tail), (foreign, _)) = (members(&archive), members(&other));
    assert_eq!(members.len(), foreign.len());
    let count = members.len();
    let mut cases = 0;
    for place in 0..count {
        let (before, after) = (&members[..place], &members[place + 1..]);
        cases += refused(&format!("without {place}"), &[before, after, &[tail]].concat(), &image);
        for target in 0..=count {
            let (head, rest) = members.split_at(target);
            cases += refused(
                &format!("{place} again at {target}"),
                &[head, &[members[place]], rest, &[tail]].concat(),
                &image,
            );
            cases += refused(
                &format!("foreign {place} at {target}"),
                &[head, &[foreign[place]], rest, &[tail]].concat(),
                &image,
            );
        }
        cases += refused(
            &format!("foreign instead of {place}"),
            &[before, &[foreign[place]], after, &[tail]].concat(),
            &image,
        );
        for other in place + 1..count {
            let mut swapped = members.clone();
            swapped.swap(place, other);
            cases += refused(&format!("{place} and {other} swapped"), &[&swapped[..], &[tail]].concat(), &image);
        }
        if place > 0 {
            let pieces = [before, &foreign[place..], &[tail]].concat();
            cases += refused(&format!("spliced at {place}"), &pieces, &image);
        }
    }
    println!("{cases} shuffled archives refused");
}

#[test]
fn whatever_follows_the_end_is_noticed() {
    let (image, archive) = an_archive(&BackupRequest { record_bytes: 4096, ..small() });
    let (_, other) = an_archive(&small());
    for (name, tail) in [("itself", &archive[..]), ("another", &other[..]), ("a byte", &[1]), ("text", &[b'x'; 5000])] {
        refused(name, &[&archive, tail], &image);
        refused(&format!("zeros and {name}"), &[&archive, &vec![0; 2 << 20], tail], &image);
        refused(&format!("{name} before"), &[tail, &archive], &image);
    }
    let spoiled = Arc::new([&archive[..], &vec![0; 3 << 20]].concat());
    for way in [Way::Pipe, Way::File] {
        assert_eq!(outcome(&spoiled, &image, way), "identical", "more zeros are sound");
    }
}

#[test]
fn an_archive_of_an_archive_is_data() {
    let (_, inner) = an_archive(&small());
    let archive = back_up(&inner, &all_data(&inner), &small());
    for way in [Way::Pipe, Way::File] {
        assert_eq!(outcome(&archive, &inner, way), "identical");
    }
}

/// The inventory reads head and tail only, but is not deceived by a second archive behind the first.
#[test]
fn an_inventory_sees_what_follows_the_end() {
    let (_, archive) = an_archive(&small());
    let (_, other) = an_archive(&small());
    let state = |bytes: Vec<u8>| {
        let input = MemoryInput::boxed(&Arc::new(bytes), Way::File);
        blocktar::catalog::examine(input).expect("only the archive is at fault").state
    };
    assert_eq!(state(archive.to_vec()), State::Complete);
    for tail in [&archive[..], &other[..], b"x"] {
        let state = state([&archive[..], tail].concat());
        assert!(matches!(state, State::Damaged(_) | State::Incomplete), "{state:?}");
        assert_ne!(state, State::Complete);
    }
}
