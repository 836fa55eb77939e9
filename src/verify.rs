//! Reads an archive through, trusting nothing, and says what of the device is affected by what it finds.

use crate::archive::reader::{Reading, Told};
use crate::archive::{BackupInfo, End, OpenArchive, OpenOptions};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Input;

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
    /// Bytes of the device whose digests were checked.
    pub checked_bytes: u64,
    /// The ranges that could not be read when the backup was made.
    pub bad: RangeList,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Reads the archive front to back, every byte of it.
///
/// # Errors
/// Only what has nothing to do with the archive: failed reads and interruptions. What is wrong with the archive is in the report.
pub fn verify(input: Box<dyn Input>, threads: usize, progress: &Progress) -> Result<Report> {
    let name = input.name().to_owned();
    let mut report = Report::default();
    let archive = match OpenArchive::open(input, &OpenOptions { attached: None, reading: Reading::Through }) {
        Ok(archive) => archive,
        Err(error) => return report.with_fault(error),
    };
    report.info = Some(archive.info().clone());
    progress.set_total(archive.info().device.size_bytes);
    let outcome = archive.read_through(threads, |told| {
        progress.check()?;
        report.enter(told, &name, progress);
        Ok(())
    });
    match outcome {
        Ok(ending) => {
            report.faults.extend(ending.fault(&name).map(|error| Fault { error }));
            report.end = Some(ending.end);
            Ok(report)
        }
        Err(error) => report.with_fault(error),
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
