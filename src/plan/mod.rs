//! What a restore will do, decided before anything is written; pure.

pub mod chain;
pub mod until;

use crate::archive::{BackupInfo, End, Kind, MapKind};
use crate::error::{Error, Result};
use crate::extent::{ExtentKind, ExtentMap, Range};

/// What must be known of a target to plan a restore onto it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFacts {
    /// The target as the user named it.
    pub name: String,
    /// Size in bytes; `None` for a new image, which gets the size of the device.
    pub capacity: Option<u64>,
}

/// A restore that fits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// The target as the user named it.
    pub target: String,
    /// Whether the target is an image that does not exist yet.
    pub new_image: bool,
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
    /// Bytes that could not be read when the backup was made; `None` while the end has not been read.
    pub bad_bytes: Option<u64>,
}

/// Holds an archive against a target.
///
/// # Errors
/// [`Error::WrongChain`] for an increment without its parent; [`Error::Refused`] for a target that is too small, unless `truncate`.
pub fn plan(
    info: &BackupInfo,
    map: &ExtentMap,
    end: Option<&End>,
    target: &TargetFacts,
    truncate: bool,
) -> Result<Plan> {
    if info.kind != Kind::Full {
        let parent = info.parent.as_ref().map_or_else(String::new, |parent| format!(" {}", parent.id));
        let why = format!("it holds only what changed since its parent{parent}, which must be restored first");
        let remedy = "restore the chain with stock tools as its RESTORE.txt tells; this version restores fulls only";
        return Err(Error::wrong_chain(format!("restore this {}", info.kind.name()), why, Some(remedy.to_owned())));
    }
    let device_bytes = info.device.size_bytes;
    let capacity = target.capacity.unwrap_or(device_bytes);
    if capacity < device_bytes && !truncate {
        return Err(too_small(info, target, capacity));
    }
    let bytes = |zero: bool| {
        let wanted = map.iter().filter(|extent| (extent.kind != ExtentKind::Data) == zero);
        wanted.map(|extent| Range::between(extent.start.min(capacity), extent.end().min(capacity)).length).sum()
    };
    let restored_bytes = device_bytes.min(capacity);
    Ok(Plan {
        target: target.name.clone(),
        new_image: target.capacity.is_none(),
        device_bytes,
        restored_bytes,
        data_bytes: if info.map == MapKind::Inline { restored_bytes } else { bytes(false) },
        zero_bytes: bytes(true),
        tail_bytes: capacity.saturating_sub(device_bytes),
        cut_bytes: device_bytes.saturating_sub(capacity),
        bad_bytes: end.map(|end| end.bad_bytes),
    })
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
