//! Chains: a full and its increments bring back every state, from files and pipes, and what is no chain is refused before the first write.

mod archives;
mod vector;

use std::sync::Arc;

use archives::descent::{recompressed, try_merge};
use archives::history::{Link, history, link};
use archives::{MemoryInput, Way, back_up_source, class, scan, small};
use blocktar::archive::{Inputs, OpenArchive, OpenOptions, RewriteRequest};
use blocktar::backup::{BackupRequest, Changes, Since};
use blocktar::baseline::Baseline;
use blocktar::error::{Error, Result};
use blocktar::extent::Extent;
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::restore::parent::check_parent;
use blocktar::restore::{Chain, RestoreRequest, RestoreSummary, restore};
use blocktar::source::{MemoryImage, Scan};
use blocktar::stream::Target;
use blocktar::target::head_last::HeadLast;
use blocktar::target::memory::Memory;
use proptest::prelude::*;

const BLOCK: usize = 4096;

fn open(archives: &[(&Arc<Vec<u8>>, Way)]) -> Result<Vec<OpenArchive>> {
    let open = |(bytes, way): &(&Arc<Vec<u8>>, Way)| {
        OpenArchive::open(MemoryInput::boxed(bytes, *way), &OpenOptions::default())
    };
    archives.iter().map(open).collect()
}

fn of(links: &[Link], way: Way) -> Vec<(&Arc<Vec<u8>>, Way)> {
    links.iter().map(|link| (&link.bytes, way)).collect()
}

const REQUEST: RestoreRequest = RestoreRequest { threads: 2, read_back: true, truncate: false };

fn restore_onto(
    archives: &[(&Arc<Vec<u8>>, Way)],
    base: Base,
    until: Option<&str>,
    target: &mut dyn Target,
) -> Result<RestoreSummary> {
    let chain = Chain::of(open(archives)?, base, until.map(|until| until.parse().unwrap()).as_ref())?;
    restore(chain, target, &REQUEST, &Progress::default()).map_err(|failure| failure.error)
}

/// Must be refused as no chain with these words, and leave the target as it is.
fn refused(archives: &[(&Arc<Vec<u8>>, Way)], base: Base, before: &[u8], words: &[&str]) {
    let mut target = Memory::new(before.to_vec());
    let error = restore_onto(archives, base, None, &mut target).unwrap_err();
    assert_eq!(class(&error), "wrong chain", "{error}");
    words.iter().for_each(|word| assert!(error.to_string().contains(word), "`{word}` is not in: {error}"));
    assert!(target.bytes() == before, "{error}: but something was written");
}

/// Counts how often each byte was written or made zero.
struct Counting {
    memory: Memory,
    writes: Vec<u8>,
}

impl Counting {
    fn new(size: usize) -> Self {
        Self { memory: Memory::new(vec![0xff; size]), writes: vec![0; size] }
    }

    fn count(&mut self, offset: u64, length: u64) {
        self.writes[offset as usize..(offset + length) as usize].iter_mut().for_each(|count| *count += 1);
    }
}

impl Target for Counting {
    fn name(&self) -> &str {
        "counted"
    }

    fn capacity(&self) -> u64 {
        self.memory.capacity()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.memory.read_at(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.count(offset, bytes.len() as u64);
        self.memory.write_at(bytes, offset)
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        self.count(offset, length);
        self.memory.write_zeros(offset, length)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

fn pattern(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed) | 1).collect()
}

/// Write, full, zero, increment, restore: the range is zero, and not what it was in the full. Then it grows, shrinks and grows again.
fn states() -> Vec<Vec<u8>> {
    let full = pattern(3, 40 * BLOCK);
    let mut zeroed = full.clone();
    zeroed[8 * BLOCK..20 * BLOCK].fill(0);
    let mut grown = zeroed.clone();
    grown.extend(pattern(9, 5 * BLOCK));
    grown.resize(60 * BLOCK + 100, 0);
    grown[10 * BLOCK..11 * BLOCK].copy_from_slice(&pattern(5, BLOCK));
    let mut shrunk = grown[..30 * BLOCK + 7].to_vec();
    shrunk[0] = 0x77;
    let mut again = shrunk.clone();
    again.resize(50 * BLOCK, 0);
    again[45 * BLOCK..46 * BLOCK].fill(0x22);
    vec![full, zeroed, grown, shrunk, again]
}

#[test]
fn every_state_comes_back_from_files_and_pipes() {
    let states = states();
    let links = history(&states);
    for (place, state) in states.iter().enumerate() {
        for way in [Way::File, Way::Pipe] {
            let mut named = of(&links[..=place], way);
            named.reverse();
            let mut target = HeadLast::begin(Memory::new(vec![0xff; state.len() + 5000])).unwrap();
            let restored = restore_onto(&named, Base::Full, None, &mut target);
            let restored = restored.unwrap_or_else(|error| panic!("state {place}, {way:?}: {error}"));
            let found = target.inner().bytes();
            assert!(found[..state.len()] == state[..], "state {place}, {way:?}: other bytes came back");
            assert!(found[state.len()..].iter().all(|byte| *byte == 0xff), "the tail stays");
            assert_eq!(restored.chain.len(), place + 1);
            assert_eq!(restored.end.backup_info.id, links[place].id);
            if way == Way::File {
                assert_eq!(restored.data_bytes + restored.zero_bytes, state.len() as u64, "each byte once");
            }
        }
    }
}

#[test]
fn until_chooses_a_state() {
    let states = states();
    let links = history(&states);
    for (until, place) in
        [(links[2].id.as_str(), 2), ("2024-01-01T02:30:00Z", 1), ("2024-01-01", 4), ("2024-01-01T01:00", 0)]
    {
        let mut target = Memory::new(vec![0xff; states[place].len()]);
        restore_onto(&of(&links, Way::File), Base::Full, Some(until), &mut target).unwrap();
        assert!(target.bytes() == states[place], "{until}");
    }
}

#[test]
fn from_files_nothing_is_written_twice_and_nothing_overridden_is_read() {
    let states = states();
    let mut links = history(&states[..2]);
    let mut target = Counting::new(states[1].len());
    restore_onto(&of(&links, Way::File), Base::Full, None, &mut target).unwrap();
    assert!(target.writes.iter().all(|count| *count == 1) && target.memory.bytes() == states[1]);
    // A member that the increment overrides from end to end: nobody looks at its bytes.
    let mut changed = states[0].clone();
    changed[..20 * BLOCK].copy_from_slice(&pattern(99, 20 * BLOCK));
    links[1] = link(2, Some((&states[0], &links[0])), &changed);
    let spoilt = spoil(&links[0], &states[0][100..200]);
    let mut target = Memory::new(vec![0xff; changed.len()]);
    restore_onto(&[(&links[1].bytes, Way::File), (&spoilt, Way::File)], Base::Full, None, &mut target).unwrap();
    assert!(target.bytes() == changed);
    let error = restore_onto(&[(&spoilt, Way::File)], Base::Full, None, &mut target).unwrap_err();
    assert_eq!(class(&error), "damaged", "alone it is looked at");
}

/// The same archive with one byte changed where these stand.
fn spoil(link: &Link, bytes: &[u8]) -> Arc<Vec<u8>> {
    let mut spoilt = link.bytes.to_vec();
    let at = spoilt.windows(bytes.len()).position(|window| window == bytes).expect("they are stored plain");
    spoilt[at] ^= 1;
    Arc::new(spoilt)
}

#[test]
fn what_is_no_chain_is_refused_before_the_first_write() {
    let states = states();
    let links = history(&states);
    let stranger = link(9, None, &pattern(1, 8 * BLOCK));
    let other = link(7, Some((&states[0], &links[0])), &states[3]);
    let before = vec![0xee; 70 * BLOCK];
    for way in [Way::File, Way::Pipe] {
        let some = |chosen: &[&'static str]| chosen.to_vec();
        let named = |places: &[usize]| places.iter().map(|place| (&links[*place].bytes, way)).collect::<Vec<_>>();
        refused(&named(&[0, 2]), Base::Full, &before, &some(&["builds on the archive"]));
        refused(&named(&[0, 1, 3, 4]), Base::Full, &before, &[&links[2].id]);
        refused(&named(&[1]), Base::Full, &before, &[&links[0].id, "not named"]);
        refused(&[named(&[0, 1]), vec![(&stranger.bytes, way)]].concat(), Base::Full, &before, &["both are fulls"]);
        refused(&[named(&[0, 1]), vec![(&other.bytes, way)]].concat(), Base::Full, &before, &["only one of them"]);
        refused(&named(&[0, 1, 1]), Base::Full, &before, &["both are the archive"]);
        refused(&named(&[0, 1]), Base::Target, &before, &["it is a full"]);
    }
}

/// An archive made from another in a file tells its state at its beginning, and a copy of it that comes through a pipe finds its place.
#[test]
fn what_was_made_from_archives_finds_its_place_from_a_pipe() {
    let states = states();
    let links = history(&states);
    let again = |archive: &Arc<Vec<u8>>, way| recompressed(archive, way, &RewriteRequest::default()).0;
    let merged = try_merge(&[&links[0].bytes, &links[1].bytes], &RewriteRequest::default()).unwrap().0;
    for full in [again(&merged, Way::File), again(&merged, Way::Pipe), merged] {
        let rest = [again(&links[2].bytes, Way::File), links[3].bytes.clone()];
        let named: Vec<_> = [&rest[1], &full, &rest[0]].map(|archive| (archive, Way::Pipe)).to_vec();
        let mut target = Memory::new(vec![0xff; states[3].len()]);
        restore_onto(&named, Base::Full, None, &mut target).unwrap();
        assert!(target.bytes()[..states[3].len()] == states[3]);
    }
}

/// By its id it fits; by its state, which a pipe tells at its end, it does not.
#[test]
fn from_a_pipe_the_state_is_held_against_the_next_before_that_writes() {
    let states = states();
    let links = history(&states[..2]);
    let mut other = states[0].clone();
    other[30 * BLOCK] ^= 1;
    let same_id = link(1, None, &other);
    let mut target = Memory::new(vec![0xff; other.len()]);
    let named = [(&same_id.bytes, Way::Pipe), (&links[1].bytes, Way::Pipe)];
    let error = restore_onto(&named, Base::Full, None, &mut target).unwrap_err();
    assert!(class(&error) == "wrong chain" && error.to_string().contains("in another state"), "{error}");
    assert!(target.bytes() == other, "the full is there, and nothing of the increment");
    refused(
        &[(&same_id.bytes, Way::File), (&links[1].bytes, Way::Pipe)],
        Base::Full,
        &[0xee; 4096],
        &["in another state"],
    );
}

#[test]
fn an_increment_goes_onto_its_parent_and_onto_nothing_else() {
    let states = states();
    let links = history(&states);
    for way in [Way::File, Way::Pipe] {
        let mut held = states[1].clone();
        held.resize(states[2].len(), 0xff);
        let mut target = Memory::new(held.clone());
        let restored = restore_onto(&[(&links[2].bytes, way)], Base::Target, None, &mut target).unwrap();
        assert!(target.bytes() == states[2] && restored.warnings.is_empty(), "{:?}", restored.warnings);
        // Two of them, in one go.
        let mut target = Memory::new(held.clone());
        restore_onto(&of(&links[2..=3], way), Base::Target, None, &mut target).unwrap();
        assert!(target.bytes()[..states[3].len()] == states[3]);
        held[0] ^= 1;
        refused(&[(&links[2].bytes, way)], Base::Target, &held, &["bytes 0 to 4095", "are not what they were"]);
    }
}

/// A file that holds the parent is seen in the size that it gets.
#[test]
fn samples_that_a_later_archive_cuts_off_are_no_obstacle() {
    let mut states = vec![pattern(1, 20 * BLOCK); 3];
    states[1][BLOCK..2 * BLOCK].fill(9);
    states[2].truncate(5 * BLOCK - 100);
    let links = history(&states);
    let mut target = Memory::new(states[0][..states[2].len()].to_vec());
    restore_onto(&of(&links[1..], Way::File), Base::Target, None, &mut target).unwrap();
    assert!(target.bytes() == states[2]);
}

#[test]
fn check_parent_holds_every_byte_against_the_target() {
    let states = states();
    let links = history(&states);
    let check = |held: &[u8], parent: &[Link]| {
        let parent = Chain::of(open(&of(parent, Way::File))?, Base::Full, None)?;
        let mut child = Chain::of(open(&of(&links[3..4], Way::File))?, Base::Target, None)?;
        let mut target = Memory::new(held.to_vec());
        let checked = check_parent(parent, &mut child, &mut target, 1, &Progress::default());
        assert!(target.bytes() == held, "it wrote");
        checked
    };
    check(&states[2], &links[..3]).unwrap();
    for at in [50, 9 * BLOCK, 10 * BLOCK, 29 * BLOCK] {
        let mut held = states[2].clone();
        held[at] ^= 1;
        let error = check(&held, &links[..3]).unwrap_err();
        assert_eq!(class(&error), "wrong chain", "{at}: {error}");
    }
    let error = check(&states[2], &links[..2]).unwrap_err();
    assert!(error.to_string().contains("does not leave its state"), "{error}");
}

#[test]
fn parts_of_several_archives_are_put_together() {
    let vectors = vector::all();
    let bytes = |name: &str| vectors.iter().find(|vector| vector.name == name).unwrap();
    let parts =
        ["part_2_of_2", "increment", "part_1_of_2"].map(|name| MemoryInput::boxed(&bytes(name).bytes, Way::File));
    let given = Inputs::by_archive(parts.into_iter().collect()).unwrap();
    assert_eq!(given.len(), 2);
    // They are of different histories, and each is read whole all the same.
    let opened: Vec<_> =
        given.into_iter().map(|one| OpenArchive::open(one, &OpenOptions::default()).unwrap()).collect();
    assert!(opened.iter().all(|archive| archive.end().is_some_and(|end| end.state.is_some())));
}

/// The vectors of the specification: each increment, with the full on which it builds, in either order.
#[test]
fn the_vectors_come_back_as_chains() {
    let vectors = vector::all();
    let full = vectors.iter().find(|vector| vector.name == "full_zstd").unwrap();
    let mut restored = 0;
    for vector in
        vectors.iter().filter(|vector| vector.outcome["after"] == "full_zstd" && !vector.name.contains("undo"))
    {
        for (way, other) in
            [(Way::File, Way::File), (Way::Pipe, Way::Pipe), (Way::Pipe, Way::File), (Way::File, Way::Pipe)]
        {
            let named = [(&vector.bytes, way), (&full.bytes, other)];
            let mut target = Memory::new(vec![0x11; vector.size()]);
            let outcome = restore_onto(&named, Base::Full, None, &mut target);
            let summary = outcome.unwrap_or_else(|error| panic!("{}: {error}", vector.name));
            let mut image = target.bytes().to_vec();
            let bad = vector.outcome["bad"].as_array().map_or(0, Vec::len);
            assert_eq!(summary.bad.count() as usize, bad, "{}", vector.name);
            // A bad range keeps what the parent has there.
            summary.bad.kept().iter().for_each(|range| {
                let bad = &mut image[range.start as usize..range.end() as usize];
                assert!(bad.iter().all(|byte| *byte != 0x11), "{}: the parent's bytes are missing", vector.name);
                bad.fill(0x33);
            });
            vector.check_image(&format!("{way:?} on {other:?}"), &image, 0x33);
            restored += 1;
        }
    }
    assert!(restored >= 20, "{restored}");
    let undo = vectors.iter().find(|vector| vector.name == "undo").unwrap();
    refused(&[(&full.bytes, Way::File), (&undo.bytes, Way::File)], Base::Full, &[0xee; 512], &["overwrote"]);
}

/// A step of a history.
#[derive(Clone, Debug)]
struct Step {
    /// Blocks and what fills them, or zeros.
    changes: Vec<(usize, usize, Option<u8>)>,
    /// The size behind it, if that changes.
    size: Option<usize>,
}

fn a_step() -> impl Strategy<Value = Step> {
    let change = (0usize..70, 1usize..12, proptest::option::weighted(0.6, 1u8..));
    let size = proptest::option::weighted(0.3, 0usize..70 * BLOCK);
    (proptest::collection::vec(change, 0..6), size).prop_map(|(changes, size)| Step { changes, size })
}

fn step(state: &[u8], step: &Step) -> Vec<u8> {
    let mut next = state.to_vec();
    step.size.iter().for_each(|size| next.resize(*size, 0));
    for (start, count, fill) in &step.changes {
        let (start, end) = ((start * BLOCK).min(next.len()), ((start + count) * BLOCK).min(next.len()));
        next[start..end].fill(fill.unwrap_or(0));
    }
    next
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_history_comes_back(
        size in 0usize..70 * BLOCK, steps in proptest::collection::vec(a_step(), 0..9),
        pipes in proptest::collection::vec(any::<bool>(), 10), onto in 0usize..10, turn in 0usize..10,
    ) {
        let mut states = vec![pattern(7, size)];
        for change in &steps {
            states.push(step(&states[states.len() - 1], change));
        }
        let links = history(&states);
        let last = &states[states.len() - 1];
        let ways = |all_files: bool| links.iter().zip(&pipes).map(|(link, pipe)| {
            (&link.bytes, if *pipe && !all_files { Way::Pipe } else { Way::File })
        }).collect::<Vec<_>>();
        for all_files in [true, false] {
            let mut named = ways(all_files);
            let turned = turn % named.len();
            named.rotate_left(turned);
            let mut target = Counting::new(last.len());
            let restored = restore_onto(&named, Base::Full, None, &mut target).unwrap();
            prop_assert!(target.memory.bytes() == last, "other bytes came back");
            if all_files {
                prop_assert!(target.writes.iter().all(|count| *count == 1), "each byte once");
                prop_assert_eq!(restored.data_bytes + restored.zero_bytes, last.len() as u64);
            }
        }
        // The newer ones onto what the older ones left.
        let onto = onto % states.len();
        if onto + 1 < states.len() {
            let mut held = states[onto].clone();
            held.resize(states.iter().map(Vec::len).max().unwrap(), 0xff);
            let mut target = Memory::new(held);
            restore_onto(&ways(false)[onto + 1..], Base::Target, None, &mut target).unwrap();
            prop_assert!(target.bytes()[..last.len()] == last[..], "onto state {}", onto);
        }
    }
}

#[test]
fn an_empty_list_is_no_chain() {
    assert!(matches!(Chain::of(Vec::<OpenArchive>::new(), Base::Full, None), Err(Error::WrongChain(_))));
}

#[test]
fn few_zeros_that_were_stored_as_data_are_unchanged_where_a_hole_is_now() {
    let mut image = pattern(1, 19 * BLOCK);
    image[15 * BLOCK..].fill(0);
    let request = BackupRequest { extent_limit_bytes: 16 * BLOCK as u64, ..small() };
    // The extent limit leaves a member that holds nothing but three blocks of zeros.
    let (full, _) = back_up_source(&mut scan(&image), &request).unwrap();
    let baseline = Baseline::of_chain(&mut open(&[(&full, Way::File)]).unwrap()).unwrap();
    let since = Since { parent: baseline.parent().clone(), changes: Changes::ByDigest(baseline), samples: Vec::new() };
    let hole = 15 * BLOCK as u64;
    let extents = [Extent::data(0, hole), Extent::hole(hole, 4 * BLOCK as u64)].into_iter().collect();
    let request = BackupRequest { since: Some(since), ..request };
    let (_, summary) = back_up_source(&mut Scan::new(MemoryImage::new(image, extents)), &request).unwrap();
    let end = summary.written.whole;
    assert_eq!((end.data_bytes, end.zero_bytes), (0, 0), "nothing changed");
}
