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
    /// What it has to give of the bytes before `up_to`.
    fn amounts(&self, up_to: u64) -> Amounts {
        let wanted_of = |range: Range| {
            let range = Range::between(range.start.min(up_to), range.end().min(up_to));
            self.wanted.within(range).iter().map(|piece| piece.length).sum::<u64>()
        };
        let of_all = wanted_of(Range { start: 0, length: up_to });
        match (self.map, self.end) {
            (Some(map), _) if self.link.info.map == MapKind::First => {
                let of = |is_data| {
                    let extents = map.iter().filter(|extent| (extent.kind == ExtentKind::Data) == is_data);
                    extents.map(|extent| wanted_of(extent.range())).sum()
                };
                Amounts { data_bytes: of(true), zero_bytes: of(false) }
            }
            (None, Some(end)) => Amounts {
                data_bytes: (end.data_bytes + end.bad_bytes).min(of_all),
                zero_bytes: end.zero_bytes.min(of_all),
            },
            // Without a map it may all be data.
            _ => Amounts { data_bytes: of_all, zero_bytes: 0 },
        }
    }

    /// Of how many bytes it will tell, as far as that is known.
    pub fn told_bytes(&self) -> u64 {
        let Amounts { data_bytes, zero_bytes } = self.amounts(self.link.info.device.size_bytes);
        data_bytes + zero_bytes
    }
}

/// How much an archive gives to a restore.
#[derive(Clone, Copy, Debug)]
struct Amounts {
    /// Bytes that may be data, at most.
    data_bytes: u64,
    /// Bytes that are certain to be zero.
    zero_bytes: u64,
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
    let amounts: Vec<_> = shares.iter().map(|share| share.amounts(restored_bytes)).collect();
    Ok(Plan {
        target: target.name.clone(),
        new_image: target.capacity.is_none(),
        onto_parent: base == Base::Target,
        chain: links.iter().map(planned).collect(),
        device_bytes,
        restored_bytes,
        data_bytes: amounts.iter().map(|amounts| amounts.data_bytes).sum(),
        zero_bytes: amounts.iter().map(|amounts| amounts.zero_bytes).sum(),
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
