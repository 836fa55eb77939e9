//! What a restore will do, decided before anything is written; pure.

pub mod chain;
pub mod newest;
pub mod overlay;
pub mod until;

use crate::archive::{BackupInfo, Digest, End, Kind, MapKind};
use crate::error::{Error, Result};
use crate::extent::{ExtentKind, ExtentMap, Range};
use crate::range_set::RangeSet;
use chain::{Base, Link};

/// What must be known of a target to plan a restore onto it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFacts {
    /// The target as the user named it.
    pub name: String,
    /// Size in bytes; `None` for a new image, which gets the size of the device.
    pub capacity: Option<u64>,
}

/// What of an archive a restore is about.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    /// The archive.
    pub link: Link<'a>,
    /// Its map; `None` while that has not been read.
    pub map: Option<&'a ExtentMap>,
    /// Its end, where that has been read.
    pub end: Option<&'a End>,
    /// What of the device is taken from it.
    pub wanted: &'a RangeSet,
}

impl Share<'_> {
    /// How many bytes of data or zeros it has at most to give, of those before `end`.
    fn bytes(&self, zero: bool, end: u64) -> u64 {
        let within = |range: Range| self.wanted.within(Range::between(range.start.min(end), range.end().min(end)));
        let count = |range| within(range).iter().map(|range| range.length).sum::<u64>();
        let told = |end: &End| if zero { end.zero_bytes } else { end.data_bytes + end.bad_bytes };
        let map = match (self.map, self.end) {
            (Some(map), _) if self.link.info.map == MapKind::First => map,
            (None, Some(counts)) => return told(counts).min(count(Range { start: 0, length: end })),
            // Without a map it may all be data.
            _ => return if zero { 0 } else { count(Range { start: 0, length: end }) },
        };
        let extents = map.iter().filter(|extent| (extent.kind != ExtentKind::Data) == zero);
        extents.map(|extent| count(extent.range())).sum()
    }

    /// Of how many bytes it will tell, as far as that is known.
    pub fn told_bytes(&self) -> u64 {
        let size_bytes = self.link.info.device.size_bytes;
        self.bytes(false, size_bytes) + self.bytes(true, size_bytes)
    }
}

/// A restore that fits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// The target as the user named it.
    pub target: String,
    /// Whether the target is an image that does not exist yet.
    pub new_image: bool,
    /// Whether the target must hold what the oldest archive builds on.
    pub onto_parent: bool,
    /// The archives, the oldest first.
    pub chain: Vec<PlannedArchive>,
    /// Size in bytes of the device that was backed up.
    pub device_bytes: u64,
    /// Bytes of the target that the restore is about.
    pub restored_bytes: u64,
    /// Bytes that may be data, at most: those in data extents of the map; everything, where an archive tells its extents inline.
    pub data_bytes: u64,
    /// Bytes that are certain to be zero: those in zero extents of the map.
    pub zero_bytes: u64,
    /// Bytes of the target behind the device's end, which are left as they are.
    pub tail_bytes: u64,
    /// Bytes of the device that do not fit onto the target and are left out.
    pub cut_bytes: u64,
    /// Bytes that could not be read when the backup was made, at most; `None` while an end has not been read.
    pub bad_bytes: Option<u64>,
}

/// One archive of a restore.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PlannedArchive {
    /// The archive as the user named it.
    pub archive: String,
    /// Its id.
    pub id: String,
    /// Full or increment.
    pub kind: Kind,
    /// When it was made.
    pub created: jiff::Timestamp,
    /// The state that it leaves; `None` where that stands in an end that has not been read.
    pub state: Option<Digest>,
}

/// Holds archives in order, the oldest first, against a target.
///
/// # Errors
/// [`Error::WrongChain`] for an increment without its parent; [`Error::Refused`] for a target that is too small, unless `truncate`.
pub fn plan(shares: &[Share<'_>], base: Base, target: &TargetFacts, truncate: bool) -> Result<Plan> {
    let links: Vec<_> = shares.iter().map(|share| share.link).collect();
    chain::order(&links, base, None)?;
    let info = links[links.len() - 1].info;
    let device_bytes = info.device.size_bytes;
    let capacity = target.capacity.unwrap_or(device_bytes);
    if capacity < device_bytes && !truncate {
        return Err(too_small(info, target, capacity));
    }
    let restored_bytes = device_bytes.min(capacity);
    let bytes = |zero| shares.iter().map(|share| share.bytes(zero, restored_bytes)).sum();
    Ok(Plan {
        target: target.name.clone(),
        new_image: target.capacity.is_none(),
        onto_parent: base == Base::Target,
        chain: links.iter().map(planned).collect(),
        device_bytes,
        restored_bytes,
        data_bytes: bytes(false),
        zero_bytes: bytes(true),
        tail_bytes: capacity.saturating_sub(device_bytes),
        cut_bytes: device_bytes.saturating_sub(capacity),
        bad_bytes: shares.iter().map(|share| share.end.map(|end| end.bad_bytes)).sum(),
    })
}

fn planned(link: &Link<'_>) -> PlannedArchive {
    let info = link.info;
    let (archive, id) = (link.name.to_owned(), info.id.clone());
    PlannedArchive { archive, id, kind: info.kind, created: info.created, state: link.state }
}

/// LVM makes volumes of whole extents of 4 MiB as a rule, so a size rounded up by lvcreate is always enough.
fn too_small(info: &BackupInfo, target: &TargetFacts, capacity: u64) -> Error {
    let device_bytes = info.device.size_bytes;
    let why = format!(
        "the device had {device_bytes} bytes, but {} has {capacity}, which is {} too few",
        target.name,
        device_bytes - capacity
    );
    let (vg, lv) = (info.device.vg.as_deref().unwrap_or("VG"), info.device.lv.as_deref().unwrap_or("NAME"));
    let sectors_bytes = device_bytes.next_multiple_of(512);
    let remedy = format!(
        "`lvcreate -L {sectors_bytes}b -n {lv} {vg}` makes a volume of the right size; or restore to a new image; --truncate leaves out the end, knowingly"
    );
    Error::refused(format!("restore onto {}", target.name), why, Some(remedy))
}
