//! Random damage of every shape to sound archives: the same bytes come back, or a refusal; both ways of reading never disagree on bytes.

mod archives;
mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use archives::{BLOCK, MemoryInput, Way, back_up, class, restore_bytes, small};
use blocktar::archive::{Compression, DigestKind};
use blocktar::backup::BackupRequest;
use blocktar::extent::Extent;
use blocktar::progress::Progress;
use blocktar::verify::verify;
use support::Chance;

const CASES: usize = 20_000;

struct Sound {
    image: Vec<u8>,
    archive: Arc<Vec<u8>>,
}

/// Small archives of several kinds: plain, compressed, with attached files, with larger records.
fn sound_archives() -> Vec<Sound> {
    let attached = vec![("vm.xml".to_owned(), b"<domain/>".to_vec()), ("empty".to_owned(), Vec::new())];
    let requests = [
        small(),
        BackupRequest { compression: Compression::Zstd(1), digest: DigestKind::Blake3, ..small() },
        BackupRequest { attached, record_bytes: 4096, name: Some("web".into()), ..small() },
    ];
    let mut sound = Vec::new();
    for (number, request) in requests.iter().enumerate() {
        let mut image = Chance::from_seed(number as u64).bytes(90_001);
        image[10_000..40_000].fill(0);
        let data = |start, end| Extent::data(start, end - start);
        let extents = [data(0, 12_000), Extent::hole(12_000, 20_000), data(32_000, 80_000), data(80_000, 90_001)];
        let archive = back_up(&image, &extents.into_iter().collect(), request);
        sound.push(Sound { image, archive });
    }
    sound
}

/// Puts the right sum into a header, so that more than the sum must notice what was done to it.
fn mend_sum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// The places at which header blocks begin.
fn headers(archive: &[u8]) -> Vec<usize> {
    (0..archive.len() / BLOCK)
        .map(|block| block * BLOCK)
        .filter(|at| archive[at + 257..].starts_with(b"ustar"))
        .collect()
}

fn digits(archive: &[u8]) -> Vec<usize> {
    (0..archive.len()).filter(|at| archive[*at].is_ascii_digit()).collect()
}

/// Does one thing to the archive, and names it.
fn damage(bytes: &mut Vec<u8>, others: &[Sound], chance: &mut Chance) -> &'static str {
    let length = bytes.len() as u64;
    let at = chance.below(length) as usize;
    let block = at / BLOCK * BLOCK;
    let blocks = (1 + chance.below(8)) as usize * BLOCK;
    let run = block..(block + blocks).min(bytes.len());
    match chance.below(12) {
        0 => {
            (0..1 + chance.below(16)).for_each(|_| bytes[chance.below(length) as usize] = chance.next() as u8);
            "bytes overwritten"
        }
        1 => {
            let end = (at + 1 + chance.below(2000) as usize).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|byte| *byte = chance.next() as u8);
            "a run overwritten"
        }
        2 => {
            let inserted: Vec<u8> = (0..1 + chance.below(700)).map(|_| chance.next() as u8).collect();
            bytes.splice(at..at, inserted);
            "bytes inserted"
        }
        3 => {
            bytes.splice(block..block, vec![0; blocks]);
            "blocks of zeros inserted"
        }
        4 => {
            let end = (at + 1 + chance.below(700) as usize).min(bytes.len());
            bytes.drain(at..end);
            "bytes deleted"
        }
        5 => {
            bytes.drain(run);
            "blocks deleted"
        }
        6 => move_blocks(bytes, run, chance),
        7 => {
            let copied = bytes[run].to_vec();
            let target = chance.below(length) as usize / BLOCK * BLOCK;
            bytes.splice(target..target, copied);
            "blocks repeated"
        }
        8 => {
            let other = &others[chance.below(others.len() as u64) as usize].archive;
            let run = block.min(other.len() - BLOCK)..(block + blocks).min(other.len());
            let end = (block + run.len()).min(bytes.len());
            bytes.splice(block..end, other[run].iter().copied());
            "blocks of another archive"
        }
        9 => {
            bytes.truncate(at);
            "cut"
        }
        10 => change_header(bytes, chance),
        _ => change_digit(bytes, chance),
    }
}

fn move_blocks(bytes: &mut Vec<u8>, run: Range<usize>, chance: &mut Chance) -> &'static str {
    let moved: Vec<u8> = bytes.drain(run).collect();
    let target = chance.below((bytes.len() / BLOCK) as u64 + 1) as usize * BLOCK;
    bytes.splice(target..target, moved);
    "blocks moved"
}

fn change_header(bytes: &mut [u8], chance: &mut Chance) -> &'static str {
    let headers = headers(bytes);
    let header = headers.get(chance.below(headers.len().max(1) as u64) as usize).copied().unwrap_or(0);
    let Some(header) = bytes.get_mut(header..header + BLOCK) else { return "nothing" };
    header[chance.below(BLOCK as u64) as usize] = b'0' + chance.below(8) as u8;
    mend_sum(header);
    "a header changed, with its sum"
}

fn change_digit(bytes: &mut [u8], chance: &mut Chance) -> &'static str {
    let digits = digits(bytes);
    let Some(&digit) = digits.get(chance.below(digits.len().max(1) as u64) as usize) else { return "nothing" };
    bytes[digit] = b'0' + chance.below(10) as u8;
    "a digit changed"
}

/// Restores and verifies one damaged archive; what is wrong with how that went, or how it went.
fn judge(archive: Vec<u8>, image: &[u8]) -> Result<&'static str, String> {
    let archive = Arc::new(archive);
    let mut words = Vec::new();
    for way in [Way::Pipe, Way::File] {
        let (bytes, outcome) = restore_bytes(&archive, way, 1, image.len());
        match outcome {
            Ok(_) if bytes == image => words.push("identical"),
            Ok(_) => return Err(format!("{way:?}: other bytes came back")),
            Err(error) => match class(&error) {
                word @ ("damaged" | "incomplete" | "refused") => words.push(word),
                word => return Err(format!("{way:?}: {word}: {error}")),
            },
        }
    }
    let report = verify(MemoryInput::boxed(&archive, Way::Pipe), 1, &Progress::default())
        .map_err(|error| format!("verify: {error}"))?;
    if report.is_sound() && words[0] != "identical" {
        return Err(format!("verify calls it sound, a restore from a pipe {}", words[0]));
    }
    Ok(match (words[0], words[1]) {
        (pipe, file) if pipe == file => pipe,
        ("identical", _) => "identical from a pipe, refused from a file",
        (_, "identical") => "refused from a pipe, identical from a file",
        _ => "refused for different reasons",
    })
}

#[test]
fn random_damage_gives_the_same_bytes_or_a_refusal() {
    let seed = Chance::new().next();
    let sound = sound_archives();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut counts = BTreeMap::new();
        loop {
            let case = next.fetch_add(1, Relaxed);
            if case >= CASES {
                return counts;
            }
            let mut chance = Chance::from_seed(seed ^ (case as u64) << 32);
            let subject = &sound[case % sound.len()];
            let mut bytes = subject.archive.to_vec();
            let mut done = Vec::new();
            for _ in 0..1 + chance.below(3) {
                if !bytes.is_empty() {
                    done.push(damage(&mut bytes, &sound, &mut chance));
                }
            }
            let unchanged = bytes == *subject.archive;
            let verdict = std::panic::catch_unwind(|| judge(bytes, &subject.image))
                .unwrap_or_else(|_| Err("it panicked".to_owned()))
                .unwrap_or_else(|why| panic!("case {case} ({done:?}): {why}"));
            assert!(!unchanged || verdict == "identical", "case {case}: nothing was done, and it was refused");
            *counts.entry(verdict).or_insert(0) += 1;
        }
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for (word, count) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            *counts.entry(word).or_default() += count;
        }
    });
    let _ = writeln!(std::io::stderr(), "{CASES} damaged archives: {counts:?}");
    assert_eq!(counts.values().sum::<usize>(), CASES);
    assert!(counts.get("damaged").is_some_and(|count| *count > CASES / 2), "{counts:?}");
}
