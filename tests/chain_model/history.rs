//! The history of a device and of the chain of its backups.

use std::fmt::Write as _;
use std::sync::Arc;

use blocktar::archive::{Compression, DigestKind, Held, OpenArchive, OpenOptions, RewriteRequest, Told};
use blocktar::backup::{BackupRequest, Changes, Since, audit};
use blocktar::baseline::Baseline;
use blocktar::extent::Range;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::source::Scan;

use super::archives::{MemoryInput, Way, back_up_source, descent};
use super::chance::Chance;
use super::device::ModelDevice;
use super::restored::{self, Step};
use super::second_reader;

/// What came of a history, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub increments: u64,
    pub recompressed: u64,
    pub merged: u64,
    pub merged_onto: u64,
    pub copied_members: u64,
    pub packed_members: u64,
    pub resized: u64,
    pub told_bytes: u64,
    pub zero_bytes: u64,
    pub unchanged_bytes: u64,
    pub bad_ranges: u64,
    pub samples: u64,
    pub second_reader: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.increments += other.increments;
        self.recompressed += other.recompressed;
        self.merged += other.merged;
        self.merged_onto += other.merged_onto;
        self.copied_members += other.copied_members;
        self.packed_members += other.packed_members;
        self.resized += other.resized;
        self.told_bytes += other.told_bytes;
        self.zero_bytes += other.zero_bytes;
        self.unchanged_bytes += other.unchanged_bytes;
        self.bad_ranges += other.bad_ranges;
        self.samples += other.samples;
        self.second_reader += other.second_reader;
    }
}

/// One archive of the chain, and the image that a restore up to it leaves behind.
struct Link {
    archive: Arc<Vec<u8>>,
    image: Vec<u8>,
    has_samples: bool,
}

/// A device, its chain, and what happened.
pub struct History {
    chance: Chance,
    device: ModelDevice,
    chain: Vec<Link>,
    tally: Tally,
    pub log: String,
}

impl History {
    pub fn begin(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let device = ModelDevice::new(&mut chance);
        Self { chance, device, chain: Vec::new(), tally: Tally::default(), log: String::new() }
    }

    /// Lives through it, and restores every state at the end.
    pub fn live(&mut self) -> Tally {
        let length = 1 + self.chance.below(10);
        for _ in 0..length {
            self.back_up();
            let changes = self.chance.below(5);
            for _ in 0..changes {
                let before = self.device.bytes.len();
                let what = self.device.change(&mut self.chance);
                self.tally.resized += u64::from(before != self.device.bytes.len());
                let _ = writeln!(self.log, "{what}");
            }
            if self.chance.below(3) == 0 {
                self.recompress();
            }
            if self.chance.below(4) == 0 {
                self.merge();
            }
        }
        self.restore_all();
        self.tally
    }

    fn request(&mut self) -> BackupRequest {
        let chance = &mut self.chance;
        BackupRequest {
            compression: if chance.below(3) == 0 { Compression::Zstd(1) } else { Compression::None },
            digest: a_digest(chance),
            extent_limit_bytes: an_extent_limit(chance),
            record_bytes: 512 << chance.below(4),
            threads: 1 + chance.below(3) as usize,
            buffer_bytes: (chance.below(4) == 0).then(|| chance.below(500_000)),
            keep_going: true,
            ..BackupRequest::default()
        }
    }

    fn baseline(&self) -> Baseline {
        let mut opened: Vec<_> = self.chain.iter().map(|link| open(&link.archive, Way::File)).collect();
        Baseline::of_chain(&mut opened).unwrap()
    }

    fn back_up(&mut self) {
        let mut request = self.request();
        // Samples are taken before anything is found to be unreadable.
        if !self.chain.is_empty() {
            let since = self.since(&request);
            request.since = Some(since);
        }
        self.device.unreadable = (self.chance.below(6) == 0 && self.device.bytes.len() > 50_000).then(|| {
            let start = self.chance.below(self.device.bytes.len() as u64 - 20_000) as usize / 4096 * 4096;
            start..start + 4096 * (1 + self.chance.below(4) as usize)
        });
        let (archive, summary) = back_up_source(&mut Scan::new(self.device.image()), &request).unwrap();
        let end = &summary.written.whole;
        let told = end.data_bytes + end.zero_bytes + end.bad_bytes;
        let size = self.device.bytes.len() as u64;
        let _ = writeln!(self.log, "backed up {size} bytes, {told} told; unreadable {:?}", self.device.unreadable);
        // What cannot be read stays what it was, and what was never there is zero.
        let mut image = self.device.bytes.clone();
        let before = self.chain.last().map(|link| &link.image[..]).unwrap_or_default();
        for range in summary.bad.kept() {
            let inside = range.start as usize..range.end() as usize;
            let old: Vec<u8> = inside.clone().map(|byte| before.get(byte).copied().unwrap_or(0)).collect();
            image[inside].copy_from_slice(&old);
        }
        self.tally.bad_ranges += summary.bad.count();
        if let Some(last) = self.chain.last() {
            self.tally.increments += 1;
            self.tally.told_bytes += told;
            self.tally.zero_bytes += end.zero_bytes;
            self.tally.unchanged_bytes += size - told;
            // Archives that were cut otherwise may leave ranges of which nothing is known, and so do those that lack something.
            let all_known = !["unreadable Some", "recompressed", "merged"].iter().any(|word| self.log.contains(word));
            assert!(!all_known || image != last.image || told == 0, "{told} bytes of an unchanged device are told");
        }
        let has_samples = request.since.is_some_and(|since| !since.samples.is_empty());
        self.chain.push(Link { archive, image, has_samples });
        self.device.unreadable = None;
    }

    /// What the next increment builds on, with samples that hold what the model says.
    fn since(&mut self, request: &BackupRequest) -> Since {
        let baseline = self.baseline();
        let (size, count) = (self.device.bytes.len() as u64, self.chance.below(5) as usize);
        let chosen = baseline.sample(count, 4 << 20, size, request.digest, &RangeSet::default());
        let audit = audit(&self.device.image(), &chosen, request.digest, &Progress::default()).unwrap();
        let before = &self.chain.last().unwrap().image;
        for sample in &audit.samples {
            let inside = sample.range().start as usize..sample.range().end() as usize;
            assert_eq!(Some(request.digest.of(&before[inside.clone()])), sample.digest());
            assert!(before[inside.clone()] == self.device.bytes[inside], "a sample that changed");
        }
        assert_eq!(audit.samples.len() + audit.differing.len() + audit.unreadable.len(), chosen.len());
        self.tally.samples += audit.samples.len() as u64;
        Since { parent: baseline.parent().clone(), changes: Changes::ByDigest(baseline), samples: audit.samples }
    }

    /// Makes another archive of one of the chain.
    fn recompress(&mut self) {
        let place = self.chance.below(self.chain.len() as u64) as usize;
        let chance = &mut self.chance;
        let request = RewriteRequest {
            compression: Some(if chance.below(3) == 0 { Compression::Zstd(1) } else { Compression::None }),
            digest: (!self.chain[place].has_samples).then(|| a_digest(chance)),
            extent_limit_bytes: Some(an_extent_limit(chance)),
            threads: 1,
            ..RewriteRequest::default()
        };
        let _ = writeln!(self.log, "recompressed {place}: {request:?}");
        let link = &mut self.chain[place];
        link.archive = descent::recompressed(&link.archive, Way::File, &request).0;
        self.tally.recompressed += 1;
    }

    /// Makes one archive of some that follow each other. Those behind them build on it as they built on the last of them.
    fn merge(&mut self) {
        let first = self.chance.below(self.chain.len() as u64) as usize;
        let end = first + 1 + self.chance.below((self.chain.len() - first) as u64) as usize;
        if end - first < 2 {
            return;
        }
        let chance = &mut self.chance;
        let kept_as_is = chance.below(2) == 0;
        let request = RewriteRequest {
            compression: (!kept_as_is).then_some(Compression::Zstd(1)),
            extent_limit_bytes: (!kept_as_is).then(|| an_extent_limit(chance)),
            threads: 1 + chance.below(2) as usize,
            ..RewriteRequest::default()
        };
        let _ = writeln!(self.log, "merged {first}..{end}: {request:?}");
        let turned = chance.below((end - first) as u64) as usize;
        let mut given: Vec<_> = self.chain[first..end].iter().map(|link| &link.archive).collect();
        given.rotate_left(turned);
        let (archive, summary) = descent::try_merge(&given, &request).unwrap();
        self.tally.merged += 1;
        self.tally.copied_members += summary.copied_members;
        self.tally.packed_members += summary.written.whole.data_members - summary.copied_members;
        let last = &self.chain[end - 1];
        let mut image = first.checked_sub(1).map_or(Vec::new(), |before| self.chain[before].image.clone());
        let mut lost = apply(&archive, Way::File, &mut image);
        check_but(&lost, &image, &last.image);
        let link = Link { archive, image, has_samples: summary.written.end.backup_info.samples.is_some() };
        self.tally.merged_onto += u64::from(end < self.chain.len());
        self.chain.splice(first..end, [link]);
        // What none of the merged archives could read is no longer what older ones held, until one behind them tells.
        for place in first + 1..self.chain.len() {
            let mut image = self.chain[place - 1].image.clone();
            let told = told_by(&self.chain[place].archive);
            told.iter().for_each(|range| lost.remove(range));
            apply(&self.chain[place].archive, Way::File, &mut image);
            check_but(&lost, &image, &self.chain[place].image);
            self.chain[place].image = image;
        }
    }

    fn restore_all(&mut self) {
        let mut image = Vec::new();
        let way = if self.chance.below(2) == 0 { Way::File } else { Way::Pipe };
        for (place, link) in self.chain.iter().enumerate() {
            apply(&link.archive, way, &mut image);
            assert!(image == link.image, "archive {place} leaves another image behind");
        }
        let steps = self.chain.iter().map(|link| Step { archive: &link.archive, image: &link.image });
        restored::check(&steps.collect::<Vec<_>>(), &mut self.chance);
        // It takes a process for each archive and for each frame.
        if self.chance.below(5) == 0 {
            let archives: Vec<_> = self.chain.iter().map(|link| &link.archive[..]).collect();
            let image = second_reader::restored(&archives);
            assert!(image == self.chain.last().unwrap().image, "the second reader leaves another image behind");
            self.tally.second_reader += 1;
        }
    }
}

fn a_digest(chance: &mut Chance) -> DigestKind {
    if chance.below(4) == 0 { DigestKind::Blake3 } else { DigestKind::Sha256 }
}

fn an_extent_limit(chance: &mut Chance) -> u64 {
    (64 << 10) + chance.below(50) * 4096
}

fn open(archive: &Arc<Vec<u8>>, way: Way) -> OpenArchive {
    OpenArchive::open(MemoryInput::boxed(archive, way), &OpenOptions::default()).unwrap()
}

/// Both hold the same but in these ranges.
fn check_but(lost: &RangeSet, one: &[u8], other: &[u8]) {
    assert_eq!(one.len(), other.len());
    for range in lost.missing_in(Range { start: 0, length: one.len() as u64 }) {
        let inside = range.start as usize..range.end() as usize;
        assert!(one[inside.clone()] == other[inside], "a merge changed what lies in {range:?}");
    }
}

/// What an archive holds, be it data or zero.
fn told_by(archive: &Arc<Vec<u8>>) -> RangeSet {
    let mut told = RangeSet::default();
    let enter = |range, held| {
        if held != Held::Bad {
            told.insert(range);
        }
    };
    open(archive, Way::File).held(enter).unwrap();
    told
}

/// Does to an image what the specification says that an archive does; gives what it could not tell.
fn apply(archive: &Arc<Vec<u8>>, way: Way, image: &mut Vec<u8>) -> RangeSet {
    let opened = open(archive, way);
    image.resize(opened.info().device.size_bytes as usize, 0);
    let mut bad = RangeSet::default();
    opened
        .read_through(1, |told| {
            match told {
                Told::Data { offset, bytes, .. } => image[offset as usize..][..bytes.len()].copy_from_slice(bytes),
                Told::Zeros(range) => image[range.start as usize..range.end() as usize].fill(0),
                Told::Bad(range) => bad.insert(range),
                Told::Part(_) => {}
                Told::Damaged { why, .. } => panic!("{why}"),
            }
            Ok(())
        })
        .unwrap();
    bad
}
