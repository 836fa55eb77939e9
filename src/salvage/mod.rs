//! A broken archive to a target: everything that is certain, and what is not.

pub mod only;

use crate::archive::{Proven, Salvaged, Salvager};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::stream::Target;

/// What was saved of an archive.
#[derive(Debug)]
pub struct SalvageSummary {
    /// What became of the archive.
    pub salvaged: Salvaged,
    /// Bytes of data that were written.
    pub data_bytes: u64,
    /// Bytes that are zero now.
    pub zero_bytes: u64,
}

/// A salvage that did not come to its end, and what it has overwritten until then.
#[derive(Debug)]
pub struct SalvageFailure {
    /// Why.
    pub error: Error,
    /// What of the target no longer holds what it held; `None` if nothing was written.
    pub overwritten: Option<Range>,
}

/// Writes everything that is certain onto a target, and leaves all else of it as it is; returns when everything is on stable storage.
///
/// `keep` is given what is lost before the target gets its name: whoever has the image has the list too.
///
/// # Errors
/// What is wrong with the target, and an interruption. A read behind which nothing can be read is only the end of its input, and one of the faults.
pub fn salvage(
    salvager: Salvager,
    target: &mut dyn Target,
    progress: &Progress,
    keep: impl FnOnce(&Salvaged) -> Result<()>,
) -> std::result::Result<SalvageSummary, SalvageFailure> {
    let mut writing = Writing::new(target, progress);
    if let Some(info) = salvager.info() {
        progress.set_total(info.device.size_bytes);
    }
    let outcome = writing.salvage(salvager).and_then(|salvaged| {
        progress.check()?;
        keep(&salvaged)?;
        writing.target.finish()?;
        Ok(salvaged)
    });
    let Writing { data_bytes, zero_bytes, overwritten, .. } = writing;
    match outcome {
        Ok(salvaged) => Ok(SalvageSummary { salvaged, data_bytes, zero_bytes }),
        Err(error) => Err(SalvageFailure { error, overwritten }),
    }
}

/// Where the write loop stands.
struct Writing<'a> {
    target: &'a mut dyn Target,
    progress: &'a Progress,
    data_bytes: u64,
    zero_bytes: u64,
    overwritten: Option<Range>,
}

impl<'a> Writing<'a> {
    fn new(target: &'a mut dyn Target, progress: &'a Progress) -> Self {
        Self { target, progress, data_bytes: 0, zero_bytes: 0, overwritten: None }
    }

    /// Writes what is certain, and gives an image its size.
    fn salvage(&mut self, salvager: Salvager) -> Result<Salvaged> {
        let progress = self.progress;
        let salvaged = salvager.run(progress, |proven| self.write(proven))?;
        let size_bytes = salvaged.size.bytes;
        if self.target.capacity() < size_bytes {
            return Err(self.too_small(size_bytes));
        }
        self.target.set_size(size_bytes)?;
        Ok(salvaged)
    }

    fn write(&mut self, proven: Proven<'_>) -> Result<()> {
        let range = match proven {
            Proven::Data { offset, bytes } => Range { start: offset, length: bytes.len() as u64 },
            Proven::Zeros(range) => range,
        };
        if self.target.capacity() < range.end() {
            return Err(self.too_small(range.end()));
        }
        let (start, end) = self.overwritten.map_or((range.start, range.end()), |before| {
            (before.start.min(range.start), before.end().max(range.end()))
        });
        self.overwritten = Some(Range::between(start, end));
        match proven {
            Proven::Data { offset, bytes } => {
                self.target.write_at(bytes, offset)?;
                self.data_bytes += range.length;
                self.progress.add_data(range.length, range.length);
            }
            Proven::Zeros(_) => {
                self.target.write_zeros(range.start, range.length)?;
                self.zero_bytes += range.length;
                self.progress.add_zero(range.length);
            }
        }
        Ok(())
    }

    fn too_small(&self, size_bytes: u64) -> Error {
        let why = format!("it has {} bytes, and the device had {size_bytes} at least", self.target.capacity());
        let remedy = "use a larger device, or a new image".to_owned();
        Error::refused(format!("salvage onto {}", self.target.name()), why, Some(remedy))
    }
}
