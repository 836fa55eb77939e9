//! The half of a history that reads: every backup in all ways that there are, each on a drive of its own kind.

use std::collections::VecDeque;

use blocktar::archive::{Inputs, OpenArchive, OpenOptions, Reading, SalvageOptions, Salvager, Told};
use blocktar::cartridge::{self, Selector};
use blocktar::drive::{Drive, LentDrive};
use blocktar::error::{Error, Result};
use blocktar::extent::Range;
use blocktar::extract::{ExtractRequest, extract};
use blocktar::media::tape::simulated::{Access, Behaviour, Cartridge, Mechanism};
use blocktar::media::tape::{SeekableTapeInput, TapeInput};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::salvage::salvage;
use blocktar::stream::{Input, NextInput, WantedPart};
use blocktar::target::memory::Memory;
use blocktar::verify::verify;

use super::archives::{MemoryOutput, class};
use super::shelf::Found;
use super::writing::{Backup, History};

/// A way to read a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From where somebody positioned the tape, front to back.
    Forward,
    /// Chosen by its id.
    ById,
    /// Chosen by its name.
    ByName,
    /// Chosen by its tape file.
    ByFile,
    /// By its index.
    Seeking,
    /// A range of it, by its index.
    Pieces,
    /// One of its parts.
    SinglePart,
    /// Read through by verify.
    Verify,
    /// Whatever is certain.
    Salvage,
}

/// All ways.
pub const WAYS: [Way; 9] = [
    Way::Forward,
    Way::ById,
    Way::ByName,
    Way::ByFile,
    Way::Seeking,
    Way::Pieces,
    Way::SinglePart,
    Way::Verify,
    Way::Salvage,
];

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every byte that was asked for.
    Identical,
    /// An error, and nothing that passes for success.
    Refused,
}

/// A drive with a cartridge, and the hand that changes it.
struct Reader<'h> {
    history: &'h History,
    mechanism: Mechanism,
    drive: LentDrive,
}

/// Gives the cartridges on which the wanted part may lie, the wrong ones among them.
struct Hand {
    mechanism: Mechanism,
    drive: LentDrive,
    shelf: Vec<Cartridge>,
    parts: Vec<Found>,
    /// What is put in first, by mistake.
    wrong: VecDeque<Found>,
    offered: Vec<u64>,
}

impl NextInput for Hand {
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        assert!(self.offered.len() < 50, "it is asked for cartridges without end");
        self.offered.push(wanted.number);
        // The one that was written last of those with this number is the one that holds it.
        let found = match self.wrong.pop_front() {
            Some(wrong) => wrong,
            None if self.offered.iter().filter(|number| **number == wanted.number).count() > 4 => return Ok(None),
            None => match self.parts.iter().rev().find(|part| part.part == wanted.number) {
                Some(part) => part.clone(),
                None => return Ok(None),
            },
        };
        self.mechanism.insert(&self.shelf[found.cartridge]);
        go_to(&mut self.drive, found.file);
        Ok(Some(Box::new(TapeInput::new(Box::new(self.drive.clone())))))
    }
}

/// Puts the tape where a tape file begins, by hand.
fn go_to(drive: &mut dyn Drive, file: u32) {
    drive.rewind().unwrap();
    if file > 0 {
        // It may be gone; then the tape stands at the end.
        let _ = drive.space_files(file as i32);
    }
}

impl<'h> Reader<'h> {
    fn new(history: &'h History, cartridge: usize, behaviour: Behaviour) -> Self {
        let mechanism = Mechanism::new(behaviour);
        mechanism.insert(&history.shelf[cartridge]);
        let drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
        Self { history, mechanism, drive }
    }

    fn forward(&self) -> Box<dyn Input> {
        Box::new(TapeInput::new(Box::new(self.drive.clone())))
    }

    fn seekable(&self) -> Result<Box<dyn Input>> {
        let input = SeekableTapeInput::open(Box::new(self.drive.clone()));
        let input = input.map_err(|cause| Error::io("reading", "the tape", cause))?;
        Ok(Box::new(input))
    }

    fn with_others(&self, input: Box<dyn Input>, backup: &Backup, wrong: Vec<Found>) -> Inputs {
        let hand = Hand {
            mechanism: self.mechanism.clone(),
            drive: self.drive.clone(),
            shelf: self.history.shelf.clone(),
            parts: backup.parts.clone(),
            wrong: wrong.into(),
            offered: Vec::new(),
        };
        Inputs::from(input).with_next(Box::new(hand))
    }
}

impl History {
    /// Reads a backup in one way, and fails if something else comes of it than may.
    pub fn read(&mut self, number: usize, way: Way) -> Outcome {
        let behaviour = self.a_reading_drive();
        let seed = self.chance.next();
        let backup = &self.backups[number];
        let what = format!("{way:?} of {} on {behaviour:?}", backup.name);
        self.log.push(&what);
        let outcome = self.attempt(backup, way, behaviour, seed, &what);
        let said = outcome.as_ref().err().map_or("identical".to_owned(), ToString::to_string);
        self.log.push(format_args!("  {said}"));
        match &outcome {
            Err(error) => {
                let may = ["io", "incomplete", "damaged", "refused"].contains(&class(error));
                assert!(may, "{what}: {error}");
                assert!(!backup.must_come_back(), "{what}: it was made, and does not come back: {error}");
            }
            Ok(()) => {
                // A drive may fail when all is on the tape. What failed for another reason never gets there.
                let of_drive = |why: &String| !why.contains("reading the disk") && !why.contains("interrupted");
                let late = backup.failure.as_ref().is_none_or(of_drive);
                let complete = !matches!(way, Way::SinglePart | Way::Salvage | Way::Pieces);
                assert!(late || !complete, "{what}: it failed ({:?}), and looks complete", backup.failure);
            }
        }
        if outcome.is_ok() { Outcome::Identical } else { Outcome::Refused }
    }

    fn a_reading_drive(&mut self) -> Behaviour {
        let behaviour = self.a_drive();
        Behaviour { write_error_at: None, filemark_error: false, ..behaviour }
    }

    fn attempt(&self, backup: &Backup, way: Way, behaviour: Behaviour, seed: u64, what: &str) -> Result<()> {
        let mut chance = super::chance::Chance::from_seed(seed);
        // The one written last of those that are a first part: a medium without room for its head has one before it.
        let Some(first) = backup.parts.iter().rev().find(|part| part.part == 1) else {
            return Err(Error::incomplete("the history", "it has no first part"));
        };
        let wrong = self.some_wrong(&mut chance);
        let mut reader = Reader::new(self, first.cartridge, behaviour.clone());
        let name = |selector: Selector, reader: &mut Reader<'_>| cartridge::select(&mut reader.drive, &selector);
        match way {
            Way::ById => drop(name(Selector::Id(backup.id.clone()), &mut reader)?),
            Way::ByName => drop(name(Selector::Name(backup.name.clone()), &mut reader)?),
            Way::ByFile => drop(name(Selector::File(first.file), &mut reader)?),
            _ => go_to(&mut reader.drive, first.file),
        }
        let outcome = match way {
            Way::Forward | Way::ById | Way::ByName | Way::ByFile => {
                comes_back(reader.with_others(reader.forward(), backup, wrong), Reading::Best, backup, what)
            }
            Way::Seeking => {
                comes_back(reader.with_others(reader.seekable()?, backup, wrong), Reading::Ranges, backup, what)
            }
            Way::Pieces => {
                let range = a_range(&mut chance, backup.image.len() as u64);
                a_piece_comes(reader.with_others(reader.seekable()?, backup, wrong), range, backup, what)
            }
            Way::Verify => verified(reader.with_others(reader.forward(), backup, wrong), backup),
            Way::SinglePart => {
                let part = &backup.parts[chance.below(backup.parts.len() as u64) as usize];
                reader.mechanism.insert(&self.shelf[part.cartridge]);
                go_to(&mut reader.drive, part.file);
                let seeks = chance.below(2) == 0;
                let input = if seeks { reader.seekable()? } else { reader.forward() };
                let outcome = a_part_comes(input, backup, what);
                // One that lost its end is told as incomplete, alone.
                if backup.parts.len() > 1 { outcome.or(Ok(())) } else { outcome }
            }
            Way::Salvage => self.salvaged(backup, &behaviour, what),
        };
        let positionings = reader.mechanism.positionings();
        let files: usize = self.shelf.iter().map(|cartridge| cartridge.files().len()).sum();
        assert!(positionings < 500 + 50 * files as u64, "{what}: {positionings} positionings");
        outcome
    }

    fn some_wrong(&self, chance: &mut super::chance::Chance) -> Vec<Found> {
        // One that cannot be read, or is blank by now, is an error of the drive and not a wrong one.
        let readable = self.backups.iter().filter(|backup| !backup.spoilt);
        let all: Vec<_> = readable.flat_map(|backup| &backup.parts).collect();
        let count = if all.is_empty() { 0 } else { chance.below(3) };
        (0..count).map(|_| all[chance.below(all.len() as u64) as usize].clone()).collect()
    }

    fn salvaged(&self, backup: &Backup, behaviour: &Behaviour, what: &str) -> Result<()> {
        let mut mechanisms = Vec::new();
        let inputs = backup.parts.iter().map(|part| {
            let reader = Reader::new(self, part.cartridge, behaviour.clone());
            let mut drive = reader.drive.clone();
            go_to(&mut drive, part.file);
            mechanisms.push(reader.mechanism.clone());
            reader.forward()
        });
        let options = SalvageOptions { id: Some(backup.id.clone()), ..SalvageOptions::default() };
        let progress = Progress::default();
        let salvager = Salvager::open(Inputs::all(inputs.collect())?, &options, &progress)?;
        let mut target = Memory::new(vec![0xa5; backup.image.len()]);
        let summary = salvage(salvager, &mut target, &progress, |_| Ok(())).map_err(|failure| failure.error)?;
        let lost = &summary.salvaged.lost;
        // Where nothing tells the size, what is lost beyond the last that was found is not known.
        for range in lost.missing_in(Range { start: 0, length: summary.salvaged.size.bytes }) {
            let range = range.start as usize..range.end() as usize;
            assert!(
                !backup.is_known() || target.bytes()[range.clone()] == backup.image[range.clone()],
                "{what}: {range:?} is wrong"
            );
        }
        let complete = (lost.is_empty() && summary.salvaged.size.bytes == backup.image.len() as u64) || !backup.whole;
        if backup.must_come_back() {
            assert!(complete, "{what}: {lost:?} is lost of what was whole: {:?}", summary.salvaged.faults.kept());
        }
        Ok(())
    }
}

/// Opens what should be this backup. What lies there may be another by now, and says so.
fn open(inputs: Inputs, options: &OpenOptions, backup: &Backup) -> Result<OpenArchive> {
    let archive = OpenArchive::open(inputs, options)?;
    if archive.info().id != backup.id {
        return Err(Error::refused("read a backup", "another lies there", None));
    }
    Ok(archive)
}

fn comes_back(inputs: Inputs, reading: Reading, backup: &Backup, what: &str) -> Result<()> {
    let archive = open(inputs, &OpenOptions { reading, ..OpenOptions::default() }, backup)?;
    let mut target = Memory::new(vec![0xff; backup.image.len()]);
    let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
    restore(archive, &mut target, &request, &Progress::default()).map_err(|failure| failure.error)?;
    assert!(target.bytes() == backup.image || !backup.is_known(), "{what}: other bytes came back");
    Ok(())
}

fn a_range(chance: &mut super::chance::Chance, size: u64) -> Range {
    let start = chance.below(size + 1);
    Range { start, length: chance.below(size - start + 1) }
}

fn a_piece_comes(inputs: Inputs, range: Range, backup: &Backup, what: &str) -> Result<()> {
    let archive = open(inputs, &OpenOptions { reading: Reading::PartByPart, ..OpenOptions::default() }, backup)?;
    let mut output = MemoryOutput::default();
    let request = ExtractRequest { offset_bytes: range.start, length_bytes: Some(range.length), threads: 1 };
    let outcome = extract(archive, &request, &mut output, &Progress::default());
    let bytes = output.bytes.lock().unwrap();
    let expected = &backup.image[range.start as usize..range.end() as usize];
    let given = &expected[..bytes.len().min(expected.len())];
    assert!(*bytes == given || !backup.whole, "{what}: other bytes in {range:?}");
    match outcome {
        Ok(_) => assert!(bytes.len() == expected.len(), "{what}: {range:?} is not all there"),
        // What could not be read cannot be given.
        Err(_) if !backup.whole => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn a_part_comes(input: Box<dyn Input>, backup: &Backup, what: &str) -> Result<()> {
    let options = OpenOptions { reading: Reading::Ranges, single_part: true, ..OpenOptions::default() };
    let archive = open(input.into(), &options, backup)?;
    let told_of = archive.told_of();
    let mut told_bytes = 0;
    archive.read_through(1, |told| {
        let range = match told {
            Told::Data { offset, bytes, .. } => {
                let held = &backup.image[offset as usize..offset as usize + bytes.len()];
                assert!(held == bytes || !backup.is_known(), "{what}: other bytes at {offset}");
                Range { start: offset, length: bytes.len() as u64 }
            }
            Told::Zeros(range) => {
                let held = &backup.image[range.start as usize..range.end() as usize];
                assert!(held.iter().all(|byte| *byte == 0), "{what}: {range:?} is not zero");
                range
            }
            Told::Bad(range) => range,
            Told::Damaged { why, .. } => return Err(Error::damaged("a part", why)),
            Told::Part(_) => return Ok(()),
        };
        told_bytes += range.length;
        assert!(told_of.is_none_or(|told_of| told_of.intersection(&range) == Some(range)), "{what}: {range:?}");
        Ok(())
    })?;
    assert!(told_of.is_none_or(|told_of| told_of.length == told_bytes), "{what}: not all of {told_of:?}");
    Ok(())
}

fn verified(inputs: Inputs, backup: &Backup) -> Result<()> {
    let mut report = verify(inputs, 1, &Progress::default())?;
    if report.info.as_ref().is_some_and(|info| info.id != backup.id) {
        return Err(Error::refused("verify a backup", "another lies there", None));
    }
    if report.is_sound() { Ok(()) } else { Err(report.faults.swap_remove(0).error) }
}
