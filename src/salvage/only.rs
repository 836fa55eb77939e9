//! Some ranges of the device out of an archive, put where they are missing.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::{SalvageFailure, Writing};
use crate::archive::{Inputs, OpenArchive, OpenOptions, Proven, Reading, SalvageOptions, Salvager, Told};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::range_set::RangeSet;
use crate::stream::{Input, NextInput, Target, WantedPart};

/// Which ranges to bring, and how.
#[derive(Clone, Debug, Default)]
pub struct OnlyRequest {
    /// The ranges of the device.
    pub wanted: RangeSet,
    /// How many threads decompress and check, where the index shows what to read.
    pub threads: usize,
}

/// What became of the ranges.
#[derive(Debug)]
pub struct OnlySummary {
    /// The archive's id.
    pub id: String,
    /// The size of the device that was backed up, if the archive says so.
    pub device_bytes: Option<u64>,
    /// Bytes of data that were written.
    pub data_bytes: u64,
    /// Bytes that are zero now.
    pub zero_bytes: u64,
    /// What of the ranges the archive does not give either.
    pub lacking: RangeSet,
    /// What is wrong with the archive, as far as it was read.
    pub faults: Vec<String>,
}

/// Writes these ranges, and nothing else, as far as the archive proves them; returns when everything is on stable storage.
///
/// Of an input that can seek only these ranges are read, by the index. Where that cannot be done, because the archive is damaged or comes through a pipe, all of it
/// is gone through, and what is sound is taken.
///
/// # Errors
/// As those of [`salvage`](super::salvage).
pub fn restore_only(
    inputs: impl Into<Inputs>,
    request: &OnlyRequest,
    target: &mut dyn Target,
    progress: &Progress,
    keep: impl FnOnce(&OnlySummary) -> Result<()>,
) -> std::result::Result<OnlySummary, SalvageFailure> {
    progress.set_total(request.wanted.bytes());
    let mut writing = Writing::new(target, progress);
    let mut bringing = Bringing { done: RangeSet::default(), faults: Vec::new(), writing: &mut writing };
    let outcome = bringing.bring(inputs.into(), request).and_then(|summary| {
        progress.check()?;
        keep(&summary)?;
        bringing.writing.target.finish()?;
        Ok(summary)
    });
    outcome.map_err(|error| SalvageFailure { error, overwritten: writing.overwritten })
}

/// What was brought so far.
struct Bringing<'a, 'b> {
    done: RangeSet,
    faults: Vec<String>,
    writing: &'a mut Writing<'b>,
}

impl Bringing<'_, '_> {
    fn bring(&mut self, inputs: Inputs, request: &OnlyRequest) -> Result<OnlySummary> {
        let can_seek = inputs.length().is_some();
        let lent = LentInputs::new(inputs)?;
        let mut known = None;
        if can_seek {
            match self.by_index(lent.again()?, request) {
                // Parts behind one that was not given may hold more of it.
                Ok(found) => known = (lent.given.len() == 1 || self.missing(request).is_empty()).then_some(found),
                Err(error) => self.faults.push(fault_of_archive(error, self.writing.target.name())?),
            }
            lent.rewind()?;
        }
        let (id, device_bytes) = match known {
            Some(found) => found,
            None => self.through(lent.again()?, request)?,
        };
        let lacking = self.missing(request);
        let Writing { data_bytes, zero_bytes, .. } = *self.writing;
        Ok(OnlySummary { id, device_bytes, data_bytes, zero_bytes, lacking, faults: std::mem::take(&mut self.faults) })
    }

    /// What of the ranges was not brought yet.
    fn missing(&self, request: &OnlyRequest) -> RangeSet {
        request.wanted.iter().flat_map(|range| self.done.missing_in(range)).collect()
    }

    /// Reads only the ranges.
    fn by_index(&mut self, inputs: Inputs, request: &OnlyRequest) -> Result<(String, Option<u64>)> {
        let options = OpenOptions { reading: Reading::Ranges, ..OpenOptions::default() };
        let archive = OpenArchive::open(inputs, &options)?;
        let (id, device_bytes) = (archive.info().id.clone(), archive.info().device.size_bytes);
        // Of what the parts at hand do not tell, others are asked, or it is lacking.
        let wanted = match archive.told_of() {
            Some(told) => request.wanted.within(told).into_iter().collect(),
            None => request.wanted.clone(),
        };
        archive.read_ranges(wanted, request.threads, |told| self.take(told, &request.wanted))?;
        Ok((id, Some(device_bytes)))
    }

    /// Writes of what was told what is wanted.
    fn take(&mut self, told: Told<'_>, wanted: &RangeSet) -> Result<()> {
        self.writing.progress.check()?;
        match told {
            Told::Data { offset, bytes, .. } => {
                for part in wanted.within(Range { start: offset, length: bytes.len() as u64 }) {
                    let (from, to) = (part.start - offset, part.end() - offset);
                    self.put(part, Proven::Data { offset: part.start, bytes: &bytes[from as usize..to as usize] })?;
                }
            }
            Told::Zeros(range) => {
                for part in wanted.within(range) {
                    self.put(part, Proven::Zeros(part))?;
                }
            }
            Told::Bad(_) | Told::Part(_) => {}
            Told::Damaged { why, .. } => self.faults.push(why),
        }
        Ok(())
    }

    fn put(&mut self, range: Range, proven: Proven<'_>) -> Result<()> {
        self.writing.write(proven)?;
        self.done.insert(range);
        Ok(())
    }

    /// Goes through all of it for what is still missing.
    fn through(&mut self, inputs: Inputs, request: &OnlyRequest) -> Result<(String, Option<u64>)> {
        let options = SalvageOptions { id: None, wanted: Some(self.missing(request)) };
        let progress = self.writing.progress;
        let salvager = Salvager::open(inputs, &options, progress)?;
        let salvaged = salvager.run(progress, |proven| {
            let range = match proven {
                Proven::Data { offset, bytes } => Range { start: offset, length: bytes.len() as u64 },
                Proven::Zeros(range) => range,
            };
            self.put(range, proven)
        })?;
        self.faults.extend(salvaged.faults.kept().iter().cloned());
        let size = salvaged.size;
        Ok((salvaged.id, size.certain.then_some(size.bytes)))
    }
}

/// What is wrong with an archive, if it is that behind which something may still be found: also that a part of it cannot be had.
fn fault_of_archive(error: Error, target: &str) -> Result<String> {
    match error {
        Error::Damaged { why, .. } | Error::Incomplete { why, .. } => Ok(why),
        Error::Io(failure) if !failure.what.starts_with(target) => {
            Ok(format!("{} {}: {}", failure.doing, failure.what, failure.cause))
        }
        other => Err(other),
    }
}

/// The inputs of an archive, and whoever brings others, which are read a second time where the first way through them failed.
struct LentInputs {
    given: Vec<Lent>,
    next: Option<LentNext>,
}

impl LentInputs {
    fn new(mut inputs: Inputs) -> Result<Self> {
        let lent = |input: Box<dyn Input>| Lent { name: input.name().to_owned(), input: Arc::new(Mutex::new(input)) };
        let next = inputs.take_next().map(|next| LentNext(Arc::new(Mutex::new(next))));
        Ok(Self { given: inputs.into_untouched()?.into_iter().map(lent).collect(), next })
    }

    fn again(&self) -> Result<Inputs> {
        let given = self.given.iter().map(|input| Box::new(input.again()) as Box<dyn Input>).collect();
        let inputs = Inputs::all(given)?;
        Ok(match &self.next {
            Some(next) => inputs.with_next(Box::new(LentNext(Arc::clone(&next.0)))),
            None => inputs,
        })
    }

    fn rewind(&self) -> Result<()> {
        let rewind =
            |input: &Lent| input.again().seek_to(0).map_err(|cause| Error::io("seeking in", input.name(), cause));
        self.given.iter().try_for_each(rewind)
    }
}

struct LentNext(Arc<Mutex<Box<dyn NextInput>>>);

impl NextInput for LentNext {
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_input(wanted)
    }
}

/// An input that is read a second time where the first way through it failed.
struct Lent {
    input: Arc<Mutex<Box<dyn Input>>>,
    name: String,
}

impl Lent {
    fn again(&self) -> Self {
        Self { input: Arc::clone(&self.input), name: self.name.clone() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut dyn Input) -> T) -> T {
        act(&mut **self.input.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Input for Lent {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> Option<u64> {
        self.with(|input| input.length())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|input| input.read(buffer))
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        self.with(|input| input.seek_to(position))
    }

    fn pass_unreadable(&mut self, cause: &io::Error) -> Option<io::Result<u64>> {
        self.with(|input| input.pass_unreadable(cause))
    }
}
