//! What is told at the end of an archive that was salvaged.

use super::super::super::info::BackupInfo;
use super::{DeviceSize, Faults};
use crate::range_set::RangeSet;

/// What became of an archive that was salvaged.
#[derive(Debug)]
pub struct Salvaged {
    /// The archive's id.
    pub id: String,
    /// The backup-info, if it was found, at the front or in the end member.
    pub info: Option<BackupInfo>,
    /// The size of the device.
    pub size: DeviceSize,
    /// Whether the end member was found.
    pub end_found: bool,
    /// What of the device is not certain, `bad` included.
    pub lost: RangeSet,
    /// Of this, what could not be read when the backup was made.
    pub bad: RangeSet,
    /// What was wrong, in the order in which it was met.
    pub faults: Faults,
    /// The archives whose members were passed over, and how many of each: stored in this one as data, or lying beside it.
    pub others: Vec<(String, u64)>,
    /// How many bytes of the input could not be read.
    pub unreadable_bytes: u64,
}
