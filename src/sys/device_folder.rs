//! Regular files in /dev: they lie in memory, and nobody wants them there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, NO_DEVICE_REMEDY, Result};

/// Refuses a regular file in this folder if it is `/dev` or one of those below it where devices have their nodes.
///
/// Whoever names a device that is not there (a volume that is not active, a tape drive without its driver) would get a
/// file of that name: in memory, gone with the next boot, and taken for the device until then. `/dev/shm` is meant for files.
pub fn refuse_file_in(folder: &Path, name: &str) -> Result<()> {
    let devices = Path::new("/dev");
    let (Ok(real), Ok(found), Ok(there)) = (fs::canonicalize(folder), fs::metadata(folder), fs::metadata(devices))
    else {
        return Ok(());
    };
    if !real.starts_with(devices) || real.starts_with("/dev/shm") || found.dev() != there.dev() {
        return Ok(());
    }
    let why = "there is no device of that name, and a file there would lie in memory, not on a disk";
    Err(Error::refused(format!("write {name}"), why, Some(NO_DEVICE_REMEDY.to_owned())))
}
