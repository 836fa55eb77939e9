//! An archive against a device or image: whether it still holds the same, and where not.

mod device_side;

use crate::archive::{End, Ending, Kind, MapKind, OpenArchive, Told};
use crate::error::{Error, Result};
use crate::extent::{Extent, Range};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Image;
use device_side::DeviceSide;

/// Differences are told in blocks of this size, at multiples of it.
pub const BLOCK_BYTES: u64 = 4096;

/// What was found.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The archive's end member, its backup-info included.
    pub end: End,
    /// Size of the device in bytes, as it is now.
    pub device_bytes: u64,
    /// Where the device differs: whole blocks, cut only where what was compared ends; what only one of both has, if their sizes differ.
    pub differing: RangeList,
    /// What could not be read when the backup was made, and so was not compared.
    pub bad: RangeList,
    /// How many bytes were compared.
    pub compared_bytes: u64,
    /// How many bytes an increment leaves to its parent, and so were not compared.
    pub unchanged_bytes: u64,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// How to compare.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompareRequest {
    /// How many threads decompress and check.
    pub threads: usize,
    /// Take no offence at a device that goes on behind what was backed up, as it does where a restore found a larger one.
    pub may_be_larger: bool,
}

/// Reads the archive and the device once each, side by side, and holds every byte against the other's, zeros included.
///
/// What the device has as a hole is known to be zero and is not read.
///
/// # Errors
/// An archive that is not sound, which is no difference; a device that cannot be read.
pub fn compare(
    archive: OpenArchive,
    image: &mut dyn Image,
    request: &CompareRequest,
    progress: &Progress,
) -> Result<Comparison> {
    let (mut name, info) = (archive.name().to_owned(), archive.info().clone());
    let all = (info.device.size_bytes > 0).then(|| Extent::data(0, info.device.size_bytes)).into_iter().collect();
    let held = match (info.map, info.kind) {
        (MapKind::Inline, Kind::Full) => Some(&all),
        // Which ranges it holds is known only when they come.
        (MapKind::Inline, _) => None,
        _ => Some(archive.map()),
    };
    let both_bytes = info.device.size_bytes.min(image.device().size_bytes);
    let mut comparing = Comparing {
        device: DeviceSide::begin(image, held)?,
        progress,
        both_bytes,
        at: 0,
        differing: RangeList::default(),
        bad: RangeList::default(),
        compared_bytes: 0,
        unchanged_bytes: 0,
    };
    progress.set_total(info.device.size_bytes);
    let ending = archive.read_through(request.threads, |told| comparing.take(told, &mut name))?;
    comparing.finish(ending, info.device.size_bytes, request.may_be_larger)
}

/// Where the comparison stands.
struct Comparing<'a> {
    device: DeviceSide<'a>,
    progress: &'a Progress,
    /// What both have.
    both_bytes: u64,
    /// Everything before this was told.
    at: u64,
    differing: RangeList,
    bad: RangeList,
    compared_bytes: u64,
    unchanged_bytes: u64,
}

impl Comparing<'_> {
    fn take(&mut self, told: Told<'_>, archive: &mut String) -> Result<()> {
        self.progress.check()?;
        match told {
            Told::Data { offset, bytes, stored, .. } => {
                let range = self.pass_to(Range { start: offset, length: bytes.len() as u64 });
                self.device.hold_against(&bytes[..range.length as usize], offset, &mut self.differing)?;
                self.compared_bytes += range.length;
                self.progress.add_data(bytes.len() as u64, stored);
            }
            Told::Zeros(range) => {
                let both = self.pass_to(range);
                let progress = self.progress;
                self.device.hold_against_zeros(both, &mut self.differing, || progress.check())?;
                self.compared_bytes += both.length;
                progress.add_zero(range.length);
            }
            Told::Bad(range) => {
                let both = self.pass_to(range);
                self.bad.push(both);
                self.progress.add_bad(range.length);
            }
            Told::Part(part) => archive.clone_from(&part.input),
            Told::Damaged { range, why } => return Err(Error::damaged(&**archive, why).with_affected(range)),
        }
        Ok(())
    }

    /// Counts what lies before this range as unchanged; gives what of it both have.
    fn pass_to(&mut self, range: Range) -> Range {
        let both = |offset: u64| offset.min(self.both_bytes);
        self.unchanged_bytes += both(range.start) - both(self.at);
        self.at = range.end();
        Range { start: range.start, length: both(range.end()) - both(range.start) }
    }

    fn finish(mut self, ending: Ending, archive_bytes: u64, may_be_larger: bool) -> Result<Comparison> {
        self.pass_to(Range { start: self.at.max(self.both_bytes), length: 0 });
        let image = self.device.image();
        let device_bytes = image.device().size_bytes;
        let end = if may_be_larger { archive_bytes } else { archive_bytes.max(device_bytes) };
        self.differing.push(Range::between(self.both_bytes, end));
        let mut warnings = image.changes()?;
        warnings.extend(ending.warning());
        Ok(Comparison {
            end: ending.end,
            device_bytes,
            differing: self.differing,
            bad: self.bad,
            compared_bytes: self.compared_bytes,
            unchanged_bytes: self.unchanged_bytes,
            warnings,
        })
    }
}
