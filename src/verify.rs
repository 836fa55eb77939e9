//! Reads an archive through, trusting nothing, and says what of the device is affected by what it finds.

use crate::archive::reader::{Reading, Told};
use crate::archive::{BackupInfo, End, Inputs, OpenArchive, OpenOptions};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::ranges::RangeList;

/// Something that is wrong with an archive.
#[derive(Debug)]
pub struct Fault {
    /// What it is, as the error that a restore would end with.
    pub error: Error,
}

impl Fault {
    /// The device ranges that cannot be trusted because of it.
    pub fn affected(&self) -> &[Range] {
        self.error.affected()
    }
}

/// A part of an archive that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSeen {
    /// Its number, from 1.
    pub number: u64,
    /// The input that holds it, as the user named it.
    pub input: String,
    /// Whether nothing is wrong with it in itself; also if it lost its end, and the next part proves what it holds.
    pub sound: bool,
    /// Whether another follows it, as far as it could be read.
    pub goes_on: bool,
}

/// What is known of an archive after it was read through.
#[derive(Debug, Default)]
pub struct Report {
    /// What was backed up, if that much could be read.
    pub info: Option<BackupInfo>,
    /// The end member, if the archive is complete.
    pub end: Option<End>,
    /// What is wrong, in the order in which it was found; at most a thousand faults.
    pub faults: Vec<Fault>,
    /// How many more there are than `faults` holds.
    pub faults_left_out: u64,
    /// The parts that were read, of an archive in several parts.
    pub parts: Vec<PartSeen>,
    /// Bytes of the device whose digests were checked.
    pub checked_bytes: u64,
    /// The ranges that could not be read when the backup was made.
    pub bad: RangeList,
}

impl Report {
    /// The numbers of the parts that were not seen, first and last of each run: those between and before what was read, and the one behind it, if there is one.
    pub fn parts_not_seen(&self) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let mut next = 1;
        for part in &self.parts {
            if part.number > next {
                runs.push((next, part.number - 1));
            }
            next = part.number.saturating_add(1);
        }
        if self.parts.last().is_some_and(|last| last.goes_on) {
            runs.push((next, next));
        }
        runs
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Reads the archive front to back, every byte of it.
///
/// # Errors
/// Only what has nothing to do with the archive: failed reads and interruptions. What is wrong with the archive is in the report.
pub fn verify(inputs: impl Into<Inputs>, threads: usize, progress: &Progress) -> Result<Report> {
    let inputs = inputs.into();
    let mut name = inputs.first_name().to_owned();
    let mut report = Report::default();
    let archive = match OpenArchive::open(inputs, &OpenOptions { reading: Reading::Through, ..OpenOptions::default() })
    {
        Ok(archive) => archive,
        Err(error) => return report.with_fault(error),
    };
    report.info = Some(archive.info().clone());
    progress.set_total(archive.info().device.size_bytes);
    let mut parts = PartsSeen::begin(&archive);
    let outcome = archive.read_through(threads, |told| {
        progress.check()?;
        parts.enter(&told);
        name.clone_from(&parts.now().input);
        report.enter(told, &name, progress);
        Ok(())
    });
    report.parts = parts.finish(outcome.is_ok());
    match outcome {
        Ok(ending) => {
            report.faults.extend(ending.fault(&name).map(|error| Fault { error }));
            report.end = Some(ending.end);
            Ok(report)
        }
        Err(error) => report.with_fault(error),
    }
}

/// The parts on their way by.
struct PartsSeen {
    seen: Vec<PartSeen>,
    /// Whether the one that is read has ended in the way in which a part must.
    ended: bool,
}

impl PartsSeen {
    fn begin(archive: &OpenArchive) -> Self {
        let (number, input) = (archive.info().part_number(), archive.name().to_owned());
        let first = PartSeen { number, input, sound: true, goes_on: false };
        Self { seen: vec![first], ended: false }
    }

    fn now(&mut self) -> &mut PartSeen {
        let last = self.seen.len() - 1;
        &mut self.seen[last]
    }

    fn enter(&mut self, told: &Told<'_>) {
        match told {
            // What is wrong with a part that cannot be read at all comes behind the end of the one before it.
            Told::Damaged { .. } if self.ended => {}
            Told::Damaged { .. } => self.now().sound = false,
            Told::Part(part) if part.ended => {
                self.ended = true;
                self.now().goes_on = part.goes_on;
            }
            Told::Part(part) => {
                let (number, input) = (part.number, part.input.clone());
                // What a medium at its end kept of a part is none: the next medium has it.
                if !self.ended {
                    self.seen.pop_if(|last| last.number == number);
                }
                self.ended = false;
                self.seen.push(PartSeen { number, input, sound: true, goes_on: false });
            }
            Told::Data { .. } | Told::Zeros(_) | Told::Bad(_) => {}
        }
    }

    /// The parts, if there are several, or only one of several was read.
    fn finish(mut self, is_whole: bool) -> Vec<PartSeen> {
        if !is_whole && !self.ended {
            self.now().sound = false;
        }
        let is_one = matches!(&self.seen[..], [only] if only.number == 1) && (is_whole || !self.ended);
        if is_one { Vec::new() } else { self.seen }
    }
}

impl Report {
    fn with_fault(mut self, error: Error) -> Result<Self> {
        match error {
            Error::Incomplete { .. } | Error::Damaged { .. } | Error::Refused(_) | Error::WrongChain(_) => {
                self.faults.push(Fault { error });
                Ok(self)
            }
            Error::Io(_) | Error::Interrupted { .. } => Err(error),
        }
    }

    fn enter(&mut self, told: Told<'_>, archive: &str, progress: &Progress) {
        const FAULTS_KEPT: usize = 1000;
        match told {
            Told::Data { bytes, stored, .. } => {
                self.checked_bytes += bytes.len() as u64;
                progress.add_data(bytes.len() as u64, stored);
            }
            Told::Part(_) => {}
            Told::Zeros(range) => progress.add_zero(range.length),
            Told::Bad(range) => {
                progress.add_bad(range.length);
                self.bad.push(range);
            }
            Told::Damaged { range, why } => {
                progress.add_bad(range.length);
                let affected = if range.length > 0 { vec![range] } else { Vec::new() };
                let error = Error::Damaged { archive: archive.to_owned(), why, affected };
                if self.faults.len() < FAULTS_KEPT {
                    self.faults.push(Fault { error });
                } else {
                    self.faults_left_out += 1;
                }
            }
        }
    }
}
