//! What a user should know before a source is read: who else may write to it meanwhile.

use std::path::Path;

use crate::error::{Error, Result};
use crate::sys::uses::{How, uses};

/// Sentences on what makes the archive of this device or image a mixture of states: read-write mounts and swap, of itself, of
/// its partitions and of what is built on it; of an image, by way of loop devices.
///
/// Silence is no proof: a virtual machine or another host may write to it as well.
pub fn warnings_before(path: &Path) -> Result<Vec<String>> {
    let found = uses(path).map_err(|cause| Error::io("looking who uses", super::name(path), cause))?;
    let sentence = |device: &str, how: &How| match how {
        How::Mounted { read_write: false, .. } => None,
        How::Mounted { place, .. } => Some(format!(
            "{device} is mounted read-write at {}: what is read will be a mixture of states; take a snapshot, or mount it read-only",
            place.display()
        )),
        How::Swap => Some(format!("{device} is swapped to: what is read there will be a mixture of states")),
    };
    Ok(found.iter().filter_map(|used| sentence(&used.device, &used.how)).collect())
}
