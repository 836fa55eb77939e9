//! A chain becomes one archive: what is in it, what is not, and how it is stored.

mod archives;
#[path = "support/chance.rs"]
#[allow(dead_code)] // Only what a seed gives.
mod chance;

use std::sync::Arc;

use archives::chance::pattern;
use archives::descent::{recompressed, try_merge};
use archives::history::history;
use archives::{
    BLOCK, MemoryInput, MemoryOutput, Way, WithoutMap, back_up_source, class, positions, restore_bytes, scan, small,
    verified,
};
use blocktar::archive::{
    BackupInfo, Compression, DigestKind, Held, Kind, MapKind, OpenArchive, OpenOptions, RewriteRequest,
};
use blocktar::backup::{BackupRequest, Changes, Since};
use blocktar::baseline::Baseline;
use blocktar::error::{Error, Result};
use blocktar::extent::Range;
use blocktar::merge::merge;
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::restore::{Chain, RestoreRequest, restore};
use blocktar::stream::Output;
use blocktar::target::memory::Memory;
use chance::Chance;

const KIB: usize = 1 << 10;
/// The extent limit of archives that are as small as they can be.
const LIMIT: usize = 64 * KIB;

type Archive = Arc<Vec<u8>>;

fn open(archive: &Archive) -> OpenArchive {
    OpenArchive::open(MemoryInput::boxed(archive, Way::File), &OpenOptions::default()).unwrap()
}

fn info(archive: &Archive) -> BackupInfo {
    open(archive).info().clone()
}

/// What an archive holds, range by range.
fn held(archive: &Archive) -> Vec<(Range, Held)> {
    let mut all = Vec::new();
    open(archive).held(|range, held| all.push((range, held))).unwrap();
    all
}

/// An increment of an image on these archives, by digests.
fn increment(image: &[u8], on: &[&Archive], request: BackupRequest) -> Archive {
    let mut opened: Vec<_> = on.iter().map(|archive| open(archive)).collect();
    let baseline = Baseline::of_chain(&mut opened).unwrap();
    let since = Since { parent: baseline.parent().clone(), changes: Changes::ByDigest(baseline), samples: Vec::new() };
    back_up_source(&mut scan(image), &BackupRequest { since: Some(since), ..request }).unwrap().0
}

fn full(image: &[u8], request: &BackupRequest) -> Archive {
    back_up_source(&mut scan(image), request).unwrap().0
}

fn merged(archives: &[&Archive]) -> Archive {
    try_merge(archives, &RewriteRequest::default()).unwrap().0
}

/// Restored onto bytes that are 0xFF all over.
fn restored(archives: &[&Archive], size: usize) -> Vec<u8> {
    let mut target = Memory::new(vec![0xff; size]);
    let opened = archives.iter().map(|archive| open(archive)).collect();
    let chain = Chain::of::<OpenArchive>(opened, Base::Full, None).unwrap();
    let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
    restore(chain, &mut target, &request, &Progress::default()).unwrap();
    target.bytes().to_vec()
}

/// The frames of an archive's data members, padding included.
fn frames(archive: &Archive) -> Vec<Vec<u8>> {
    let all = positions(archive);
    let members =
        all.windows(2).map(|pair| (&archive[pair[0] + 2 * BLOCK..][..BLOCK], &archive[pair[0] + 3 * BLOCK..pair[1]]));
    let data = members.filter(|(header, _)| header.windows(8).any(|window| window == b"/extent/"));
    data.map(|(_, frame)| frame.to_vec()).filter(|frame| frame.starts_with(&0xfd2f_b528_u32.to_le_bytes())).collect()
}

/// Text that becomes shorter by compression, another for each seed.
fn text(seed: u64, length: usize) -> Vec<u8> {
    let words = Chance::from_seed(seed).bytes(997);
    words.iter().flat_map(|byte| [b'a' + byte % 16; 7]).cycle().take(length).collect()
}

#[test]
fn zeros_are_zero_after_a_merge() {
    let before = Chance::from_seed(1).bytes(300 * KIB);
    let mut after = before.clone();
    after[..100 * KIB].fill(0);
    after[150 * KIB + 7..150 * KIB + 900].fill(0);
    let first = full(&before, &small());
    for compression in [Compression::None, Compression::Zstd(1)] {
        let second = increment(&after, &[&first], BackupRequest { compression, ..small() });
        let archive = merged(&[&first, &second]);
        assert!(verified(&archive).faults.is_empty());
        for way in [Way::File, Way::Pipe] {
            let (bytes, outcome) = restore_bytes(&archive, way, 2, after.len());
            outcome.unwrap();
            assert!(bytes == after, "{way:?}");
        }
        assert!(held(&archive).iter().any(|(range, held)| *held == Held::Zero && range.length >= 64 * KIB as u64));
    }
}

#[test]
fn zeros_at_the_end_are_in_an_increment_that_is_made_of_several() {
    let mut states = vec![pattern(40 * 4096)];
    for (step, zeroed) in [20..30, 30..40].into_iter().enumerate() {
        let mut state = states[step].clone();
        state[zeroed.start * 4096..zeroed.end * 4096].fill(0);
        states.push(state);
    }
    let links = history(&states);
    let archive = merged(&[&links[1].bytes, &links[2].bytes]);
    let zeros = Range { start: 20 * 4096, length: 20 * 4096 };
    assert_eq!(held(&archive), [(zeros, Held::Zero)]);
    assert!(restored(&[&links[0].bytes, &archive], states[2].len()) == states[2]);
}

#[test]
fn whole_members_keep_their_stored_bytes_and_the_others_become_whole_again() {
    let mut image = text(1, 10 * LIMIT);
    let request = |level| BackupRequest { compression: Compression::Zstd(level), ..small() };
    // A frame that is made anew is one of the newest archive's level.
    let first = full(&image, &request(19));
    image[LIMIT + 4096..LIMIT + 8192].fill(b'x');
    let second = increment(&image, &[&first], request(1));
    // What is compared is what a member held: all of it is written.
    assert_eq!(held(&second).len(), 1);
    image[5 * LIMIT - 10..5 * LIMIT + 10].fill(b'y');
    let third = increment(&image, &[&first, &second], request(1));
    let (archive, summary) = try_merge(&[&third, &first, &second], &RewriteRequest::default()).unwrap();
    assert_eq!((summary.copied_members, summary.copied_bytes), (10, 10 * LIMIT as u64));
    assert_eq!(summary.written.whole.data_members, 10);
    let from: Vec<_> = [&first, &second, &third].iter().flat_map(|archive| frames(archive)).collect();
    let stays = |archive: &Archive| frames(archive).iter().filter(|frame| from.contains(frame)).count();
    assert_eq!((stays(&archive), frames(&archive).len()), (10, 10));
    let anew = RewriteRequest { compression: Some(Compression::Zstd(1)), ..RewriteRequest::default() };
    let (packed, summary) = try_merge(&[&third, &first, &second], &anew).unwrap();
    assert_eq!((summary.copied_members, frames(&packed).len()), (0, 10));
    assert!(stays(&packed) <= 3, "those of the increments alone are of this level");
    assert!(restored(&[&archive], image.len()) == image);
}

#[test]
fn what_shows_in_part_is_packed_anew_with_all_around_it() {
    let mut states = vec![pattern(8 * LIMIT)];
    for number in 1..6 {
        let mut state = states[number - 1].clone();
        // Blocks of 4 KiB all over the second and fifth step of the extent limit, as a change list tells them.
        for block in 0..3 {
            let at = [LIMIT, 4 * LIMIT][block % 2] + (number * 3 + block) * 4096 % LIMIT;
            state[at..at + 4096].fill(number as u8);
        }
        states.push(state);
    }
    let links = history(&states);
    let archives: Vec<_> = links.iter().map(|link| &link.bytes).collect();
    assert!(held(archives[3]).iter().all(|(range, _)| range.length <= 8192), "small members");
    let (archive, summary) = try_merge(&archives, &RewriteRequest::default()).unwrap();
    assert!(restored(&[&archive], states[5].len()) == states[5]);
    // Eight members again: six as they were, two packed anew, however many pieces they came in.
    assert_eq!(info(&archive).extent_limit, LIMIT as u64);
    assert_eq!((summary.copied_members, summary.written.whole.data_members), (6, 8));
}

#[test]
fn it_has_the_state_of_the_newest_and_an_identity_of_its_own() {
    let images = [Chance::from_seed(4).bytes(200 * KIB), Chance::from_seed(5).bytes(200 * KIB)];
    let first = full(&images[0], &BackupRequest { name: Some("old".to_owned()), ..small() });
    let attached = vec![("note".to_owned(), b"of the newest".to_vec())];
    let request = BackupRequest { name: Some("new".to_owned()), attached, ..small() };
    let second = increment(&images[1], &[&first], request);
    let archive = merged(&[&first, &second]);
    let (new, newest) = (info(&archive), info(&second));
    assert!(new.id != newest.id && new.id != info(&first).id);
    assert_eq!((new.kind, new.map, new.parent), (Kind::Full, MapKind::First, None));
    assert_eq!((new.name, new.created, new.device), (newest.name, newest.created, newest.device));
    let ends = [&archive, &second].map(|archive| open(archive).end().unwrap().clone());
    assert_eq!((ends[0].state, ends[0].finished), (ends[1].state, ends[1].finished));
    assert_ne!(ends[0].digest, ends[1].digest);
    let options = OpenOptions { attached: Some("note".to_owned()), ..OpenOptions::default() };
    let opened = OpenArchive::open(MemoryInput::boxed(&archive, Way::File), &options).unwrap();
    assert_eq!(opened.attached(), Some(&b"of the newest"[..]));
}

#[test]
fn archives_of_other_digests_limits_and_sizes_become_one() {
    let mut chance = Chance::from_seed(6);
    let images = [chance.bytes(500 * KIB + 100), chance.bytes(130 * KIB + 5), chance.bytes(700 * KIB + 700)];
    let first = full(&images[0], &small());
    let limit = BackupRequest { extent_limit_bytes: 100 * KIB as u64 / 4096 * 4096, ..small() };
    let second = increment(&images[1], &[&first], limit.clone());
    let third = increment(&images[2], &[&first, &second], BackupRequest { digest: DigestKind::Blake3, ..limit });
    for request in [
        RewriteRequest::default(),
        RewriteRequest { compression: Some(Compression::Zstd(1)), threads: 2, ..RewriteRequest::default() },
        RewriteRequest { digest: Some(DigestKind::Sha256), ..RewriteRequest::default() },
        RewriteRequest { extent_limit_bytes: Some(64 << 10), ..RewriteRequest::default() },
        RewriteRequest { record_bytes: Some(8192), buffer_bytes: Some(300_000), ..RewriteRequest::default() },
    ] {
        let (archive, _) = try_merge(&[&second, &third, &first], &request).unwrap();
        assert!(verified(&archive).faults.is_empty());
        assert!(restored(&[&archive], images[2].len()) == images[2], "{request:?}");
        assert_eq!(info(&archive).digest, request.digest.unwrap_or(DigestKind::Blake3));
    }
    // A map is made also of archives that had none.
    let inline = back_up_source(&mut WithoutMap(scan(&images[0])), &small()).unwrap().0;
    let second = increment(&images[1], &[&inline], small());
    assert!(restored(&[&merged(&[&inline, &second])], images[1].len()) == images[1]);
}

#[test]
fn merging_again_and_recompressing_changes_nothing() {
    let mut image = Chance::from_seed(7).bytes(400 * KIB);
    let mut chain = vec![full(&image, &small())];
    for round in 0..6 {
        let at = round * 60 * KIB;
        image[at..at + 5000].fill(round as u8);
        let archive = increment(&image, &chain.iter().collect::<Vec<_>>(), small());
        chain.push(archive);
        if round % 2 == 1 {
            let merged = merged(&chain.iter().collect::<Vec<_>>());
            let request = RewriteRequest { compression: Some(Compression::Zstd(1)), ..RewriteRequest::default() };
            chain = vec![if round == 3 { recompressed(&merged, Way::Pipe, &request).0 } else { merged }];
        }
        assert!(restored(&chain.iter().collect::<Vec<_>>(), image.len()) == image, "round {round}");
    }
}

#[test]
fn damage_anywhere_gives_no_archive() {
    let mut image = Chance::from_seed(8).bytes(150 * KIB);
    let first = full(&image, &BackupRequest { attached: vec![("a".to_owned(), b"b".to_vec())], ..small() });
    image[..70 * KIB].fill(7);
    let second = increment(&image, &[&first], small());
    let archives = [first, second];
    for (place, archive) in archives.iter().enumerate() {
        for (number, pair) in positions(archive).windows(2).enumerate() {
            for at in [pair[0], pair[0] + 3 * BLOCK, pair[1] - 1] {
                let mut spoiled = archives.clone();
                Arc::make_mut(&mut spoiled[place])[at] ^= 1;
                let given: Vec<_> = spoiled.iter().collect();
                let error = try_merge(&given, &RewriteRequest::default()).map(drop).unwrap_err();
                let found: Vec<_> = verified(&spoiled[place]).faults.iter().map(|f| class(&f.error)).collect();
                let named = ["damaged", "wrong chain", "refused", "incomplete"].contains(&class(&error));
                assert!(named && !found.is_empty(), "archive {place}, member {number}, byte {at}: {error}");
            }
        }
        let cut = Arc::new(archive[..*positions(archive).last().unwrap()].to_vec());
        let mut given = [&archives[0], &archives[1]];
        given[place] = &cut;
        let error = try_merge(&given, &RewriteRequest::default()).map(drop).unwrap_err();
        assert_eq!(class(&error), "damaged", "without end blocks: {error}");
    }
}

/// An output that is full behind so many bytes.
struct Full(usize, MemoryOutput);

impl Output for Full {
    fn name(&self) -> &str {
        "full"
    }

    fn write_member(&mut self, pieces: &[std::io::IoSlice<'_>]) -> Result<()> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.0 =
            self.0.checked_sub(bytes).ok_or_else(|| Error::io("writing", "full", std::io::ErrorKind::StorageFull))?;
        self.1.write_member(pieces)
    }

    fn finish(&mut self) -> Result<()> {
        self.1.finish()
    }
}

#[test]
fn a_full_output_and_an_interruption_leave_nothing_complete() {
    let mut image = Chance::from_seed(10).bytes(900 * KIB);
    let first = full(&image, &small());
    image[5000..700_000].fill(3);
    let second = increment(&image, &[&first], small());
    let inputs = || [&first, &second].map(|archive| MemoryInput::boxed(archive, Way::File).into()).into();
    let length = merged(&[&first, &second]).len();
    for room in [0, 2000, length / 2, length - 1] {
        let mut output = Full(room, MemoryOutput::default());
        let error = merge(inputs(), &mut output, &RewriteRequest::default(), &Progress::default()).unwrap_err();
        assert_eq!(class(&error), "io", "{error}");
        assert!(!*output.1.finished.lock().unwrap());
    }
    let progress = Progress::default();
    progress.interrupt(2);
    let error = merge(inputs(), &mut MemoryOutput::default(), &RewriteRequest::default(), &progress).unwrap_err();
    assert_eq!(class(&error), "interrupted", "{error}");
}

#[test]
fn samples_stay_where_nothing_changed() {
    let mut states = vec![Chance::from_seed(11).bytes(40 * 4096)];
    for step in 1..4 {
        let mut state = states[step - 1].clone();
        state[(step * 3 - 1) * 4096..(step * 3 + 1) * 4096].fill(step as u8);
        states.push(state);
    }
    let links = history(&states);
    let archives: Vec<_> = links[1..].iter().map(|link| &link.bytes).collect();
    let samples = |archive| info(archive).samples.unwrap_or_default();
    let before = samples(archives[0]);
    let archive = merged(&archives);
    let after = samples(&archive);
    assert!(!after.is_empty() && after.len() < before.len(), "{} of {}", after.len(), before.len());
    for sample in &after {
        let inside = sample.range().start as usize..sample.range().end() as usize;
        assert!(states.iter().all(|state| state[inside.clone()] == states[0][inside.clone()]));
        assert!(before.contains(sample));
    }
    // Another digest would need the bytes of the samples.
    let request = RewriteRequest { digest: Some(DigestKind::Blake3), ..RewriteRequest::default() };
    let error = try_merge(&archives, &request).map(drop).unwrap_err();
    assert!(error.to_string().contains("another digest"), "{error}");
}
