//! What an archive says while it is whole, and what may be lost of it when it is broken.

#![allow(dead_code)] // No test program uses all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use blocktar::archive::{Inputs, Kind, OpenArchive, OpenOptions, Proven, SalvageOptions, Salvaged, Salvager, Told};
use blocktar::error::Result;
use blocktar::extent::Range;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;

use super::archives::{MemoryInput, Way, positions};

/// What an archive holds.
pub struct Truth {
    /// The size of the device.
    pub size_bytes: u64,
    is_full: bool,
    data: BTreeMap<u64, Vec<u8>>,
    zeros: RangeSet,
    /// All that it tells: data and zeros.
    pub told: RangeSet,
    /// What could not be read when the backup was made.
    pub bad: RangeSet,
    archive: Arc<Vec<u8>>,
}

/// A member, where it lies.
struct Piece {
    bytes: std::ops::Range<usize>,
    name: String,
    range: Option<Range>,
}

/// A break of an archive.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Zeroed(usize),
    Flipped(usize),
    Removed(usize),
    Doubled(usize),
    Cut(usize),
}

impl Fault {
    /// The faults of a block that can happen to it, the cut before it included.
    pub fn of_block(block: usize) -> [Self; 5] {
        [Self::Zeroed, Self::Flipped, Self::Removed, Self::Doubled, Self::Cut].map(|fault| fault(block))
    }

    fn block(self) -> usize {
        let (Self::Zeroed(block)
        | Self::Flipped(block)
        | Self::Removed(block)
        | Self::Doubled(block)
        | Self::Cut(block)) = self;
        block
    }

    fn hits(self, piece: &Piece) -> bool {
        let place = self.block() * 512;
        piece.bytes.contains(&place) || (matches!(self, Self::Cut(_)) && piece.bytes.end > place)
    }

    /// Breaks an archive. Of two faults the later one goes first, so that positions are those of the whole archive.
    pub fn apply(self, archive: &mut Vec<u8>) {
        let place = self.block() * 512..((self.block() + 1) * 512).min(archive.len());
        match self {
            Self::Zeroed(_) => archive[place].fill(0),
            Self::Flipped(block) => {
                let at = place.start + block * 7919 % place.len();
                archive[at] ^= 1 << (block % 8);
            }
            Self::Removed(_) => drop(archive.drain(place)),
            Self::Doubled(_) => {
                let copy = archive[place.clone()].to_vec();
                drop(archive.splice(place.start..place.start, copy));
            }
            Self::Cut(_) => archive.truncate(place.start),
        }
    }
}

impl Truth {
    /// Reads a sound archive.
    pub fn of(archive: &Arc<Vec<u8>>) -> Self {
        let options = OpenOptions { single_part: true, ..OpenOptions::default() };
        let opened = OpenArchive::open(MemoryInput::boxed(archive, Way::File), &options).unwrap();
        let (size_bytes, is_full) = (opened.info().device.size_bytes, opened.info().kind == Kind::Full);
        let (mut data, mut zeros) = (BTreeMap::new(), RangeSet::default());
        let (mut told, mut bad) = (RangeSet::default(), RangeSet::default());
        opened
            .read_through(1, |one| {
                match one {
                    Told::Data { offset, bytes, .. } => {
                        told.insert(Range { start: offset, length: bytes.len() as u64 });
                        data.insert(offset, bytes.to_vec());
                    }
                    Told::Zeros(range) => {
                        told.insert(range);
                        zeros.insert(range);
                    }
                    Told::Part(_) => {}
                    Told::Bad(range) => bad.insert(range),
                    Told::Damaged { why, .. } => panic!("{why}"),
                }
                Ok(())
            })
            .unwrap();
        Self { size_bytes, is_full, data, zeros, told, bad, archive: archive.clone() }
    }

    /// Whether this is true.
    pub fn holds(&self, proven: Proven<'_>) -> bool {
        match proven {
            Proven::Zeros(range) => self
                .zeros
                .missing_in(range)
                .iter()
                .all(|part| (part.start..part.end()).all(|offset| self.byte(offset) == Some(0))),
            Proven::Data { offset, bytes } => {
                bytes.iter().zip(offset..).all(|(byte, offset)| self.byte(offset) == Some(*byte))
            }
        }
    }

    /// What a byte of the device is, if the archive tells.
    pub fn byte(&self, offset: u64) -> Option<u8> {
        let held = self.data.range(..=offset).next_back();
        let held = held.and_then(|(start, bytes)| bytes.get((offset - start) as usize).copied());
        held.or(self.zeros.touches(Range { start: offset, length: 1 }).then_some(0))
    }

    /// What these faults may cost at most. The index tells the zeros again, so that a fault costs what it hits; where it hit the index too, also the gaps beside it.
    pub fn may_cost(&self, faults: &[Fault]) -> RangeSet {
        self.cost_where(|piece| faults.iter().any(|fault| fault.hits(piece)))
    }

    /// The same of faults that hit the members of which this is true, by the bytes where they lie.
    pub fn may_cost_where(&self, hit: impl Fn(&std::ops::Range<usize>) -> bool) -> RangeSet {
        self.cost_where(|piece| hit(&piece.bytes))
    }

    /// What the data members hold of which this is true.
    pub fn data_where(&self, hit: impl Fn(&std::ops::Range<usize>) -> bool) -> RangeSet {
        members(&self.archive).iter().filter(|piece| hit(&piece.bytes)).filter_map(|piece| piece.range).collect()
    }

    /// Whether this is true of the index.
    pub fn hits_index(&self, hit: impl Fn(&std::ops::Range<usize>) -> bool) -> bool {
        members(&self.archive).iter().any(|piece| piece.name.ends_with(".jsonl.zst") && hit(&piece.bytes))
    }

    fn cost_where(&self, hit: impl Fn(&Piece) -> bool) -> RangeSet {
        let hit = |piece: &&Piece| hit(piece);
        let members = members(&self.archive);
        let touched: Vec<_> = members.iter().filter(hit).collect();
        let is = |name: &str| touched.iter().any(|piece| piece.name.ends_with(name));
        let index_hit = is(".jsonl.zst");
        let mut cost: RangeSet = self.bad.iter().collect();
        if !self.is_full && (is("extents.json") || is("extents.json.zst")) {
            // Without its map, only the index says of an increment which gaps are zeros, and which are unchanged; only the end, that nothing follows it.
            let from = match (index_hit, is("end.json")) {
                (true, _) => 0,
                (false, true) => self.told.end(),
                (false, false) => self.size_bytes,
            };
            cost.insert(Range::between(from, self.size_bytes));
        }
        for piece in &touched {
            piece.range.into_iter().for_each(|range| cost.insert(range));
            if index_hit {
                let (before, behind): (Vec<_>, Vec<_>) = members
                    .iter()
                    .filter(|other| other.range.is_some() && other.bytes != piece.bytes)
                    .partition(|other| other.bytes.end <= piece.bytes.start);
                let from = before.last().and_then(|other| other.range).map_or(0, |range| range.end());
                let to = behind.first().and_then(|other| other.range).map_or(self.size_bytes, |range| range.start);
                cost.insert(Range::between(from, to));
            }
        }
        cost
    }

    /// Whether one of these faults hit the member of this name.
    pub fn is_hit(&self, name: &str, faults: &[Fault]) -> bool {
        let members = members(&self.archive);
        let mut named = members.iter().filter(|piece| piece.name.ends_with(name));
        named.any(|piece| faults.iter().any(|fault| fault.hits(piece)))
    }
}

fn members(archive: &[u8]) -> Vec<Piece> {
    let begins = positions(archive);
    let pieces = begins.windows(2).map(|pair| {
        let header = String::from_utf8_lossy(&archive[pair[0]..pair[0] + 100]).into_owned();
        let record = String::from_utf8_lossy(&archive[pair[0] + 512..pair[0] + 1024]).into_owned();
        let number = |key: &str| {
            let digits = record.split_once(key)?.1;
            digits.split(|one: char| !one.is_ascii_digit()).next()?.parse::<u64>().ok()
        };
        let range = number("\"offset\":").zip(number("\"length\":")).map(|(start, length)| Range { start, length });
        Piece { bytes: pair[0]..pair[1], name: header.trim_end_matches('\0').to_owned(), range }
    });
    pieces.collect()
}

/// Salvages what is in memory; holds all that is told against the truth.
pub fn salvaged(archive: &Arc<Vec<u8>>, way: Way, truth: &Truth, what: &str) -> Result<Salvaged> {
    salvaged_with(archive, way, truth, &SalvageOptions::default(), what)
}

/// The same with options.
pub fn salvaged_with(
    archive: &Arc<Vec<u8>>,
    way: Way,
    truth: &Truth,
    options: &SalvageOptions,
    what: &str,
) -> Result<Salvaged> {
    salvaged_from(MemoryInput::boxed(archive, way), truth, options, what)
}

/// The same from any inputs.
pub fn salvaged_from(
    inputs: impl Into<Inputs>,
    truth: &Truth,
    options: &SalvageOptions,
    what: &str,
) -> Result<Salvaged> {
    let salvager = Salvager::open(inputs, options, &Progress::default())?;
    let mut told = RangeSet::default();
    let salvaged = salvager.run(&Progress::default(), |proven| {
        let range = match proven {
            Proven::Data { offset, bytes } => Range { start: offset, length: bytes.len() as u64 },
            Proven::Zeros(range) => range,
        };
        assert!(truth.holds(proven), "{what}: {range:?} is not so");
        assert!(!told.touches(range), "{what}: {range:?} is told twice");
        told.insert(range);
        Ok(())
    })?;
    for range in salvaged.lost.iter() {
        assert!(!told.touches(range), "{what}: {range:?} is lost, and was told");
        assert!(range.end() <= truth.size_bytes, "{what}: {range:?} lies beyond the device");
    }
    let known = Range { start: 0, length: salvaged.size.bytes };
    for range in truth.told.within(known).into_iter().flat_map(|range| told.missing_in(range)) {
        assert!(salvaged.lost.missing_in(range).is_empty(), "{what}: {range:?} is neither told nor lost");
    }
    Ok(salvaged)
}
