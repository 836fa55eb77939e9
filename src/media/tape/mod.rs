//! Tape drives: opened by name, or taken as somebody else opened them.

mod input;
mod output;
mod record;
mod records;
mod seeking;
pub mod simulated;
mod speed;
mod st;
mod standing;
mod telling;
mod used;
mod window;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub use input::TapeInput;
pub use output::{OpenDrive, RECORD_BYTES, TapeOutput, TapeOutputOptions};
pub use seeking::SeekableTapeInput;
pub use st::StDrive;
pub use standing::AsItStands;
pub use telling::{Tell, told_of};

use crate::drive::{Drive, explained};
use crate::error::{Advised, Error, Result};
use crate::sys::block::file_kind;
use crate::sys::errno;
use crate::sys::tape::{TapeNode, WITHOUT_CARTRIDGE};

/// What a drive is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For reading only.
    Read,
    /// For writing only, as a shell does for `>`.
    Write,
    /// For both.
    Both,
}

/// Whether stat says that it is a tape drive.
pub fn is_tape(metadata: &Metadata) -> bool {
    TapeNode::of(file_kind(metadata)).is_some()
}

/// Opens a drive by its name, waits until its cartridge is loaded, and leaves fixed block mode.
///
/// # Errors
/// Refuses the node that rewinds the tape when it is closed.
pub fn open(path: &Path, access: Access) -> Result<StDrive> {
    // An open that waits for a cartridge does so for two minutes, also where there is none.
    let mut drive = open_even_empty(path, access)?;
    if !drive.status().is_ok_and(|status| status.online) {
        let name = path.display().to_string();
        if drive.is_empty().unwrap_or(false) {
            let cause = io::Error::from_raw_os_error(errno::ENOMEDIUM);
            return Err(Error::io("opening", &name, open_failure(&name, cause)));
        }
        // The driver lets only one have it.
        drop(drive);
        drive = open_with_flags(path, access, 0)?;
    }
    leave_fixed_blocks(&mut drive)?;
    Ok(drive)
}

/// Opens a drive that need not hold a cartridge, and leaves it as it is: to ask it, or to change its cartridge.
///
/// # Errors
/// Refuses the node that rewinds the tape when it is closed.
pub fn open_even_empty(path: &Path, access: Access) -> Result<StDrive> {
    open_with_flags(path, access, WITHOUT_CARTRIDGE)
}

fn open_with_flags(path: &Path, access: Access, flags: i32) -> Result<StDrive> {
    let name = path.display().to_string();
    let opening = |cause| Error::io("opening", &name, cause);
    // Before it is opened: closing the node that rewinds does so.
    refuse_rewinding(&std::fs::metadata(path).map_err(opening)?, path)?;
    let mut options = File::options();
    options.read(access != Access::Write).write(access != Access::Read).custom_flags(flags);
    let file = options.open(path).map_err(|cause| opening(open_failure(&name, cause)))?;
    StDrive::new(file, name.clone()).map_err(opening)
}

/// Takes a drive that somebody else opened, as a shell does for `<` and `>`, and leaves fixed block mode. `name` is what the user calls it.
///
/// # Errors
/// Refuses the node that rewinds the tape when it is closed.
pub fn inherited(file: File, name: String) -> Result<StDrive> {
    let looking = |cause| Error::io("looking at", &name, cause);
    refuse_rewinding(&file.metadata().map_err(looking)?, Path::new(&name))?;
    let mut drive = StDrive::new(file, name.clone()).map_err(looking)?;
    leave_fixed_blocks(&mut drive)?;
    Ok(drive)
}

/// In fixed block mode a write would be cut into the blocks of whoever set it, and a read of our records fails.
///
/// # Errors
/// A drive that does not leave it. Whether it can be used at all, its first command tells.
pub fn leave_fixed_blocks(drive: &mut dyn Drive) -> Result<()> {
    if drive.status().is_ok_and(|status| status.online && status.block_bytes != 0) {
        let left = drive.set_variable_blocks();
        left.map_err(|cause| {
            let cause = explained(drive, cause);
            Error::io("leaving fixed block mode on", drive.name(), cause)
        })?;
    }
    Ok(())
}

fn refuse_rewinding(metadata: &Metadata, path: &Path) -> Result<()> {
    let name = path.display();
    match TapeNode::of(file_kind(metadata)) {
        Some(node) if node.rewinds => {
            let right = name_without_rewind(path, node);
            let why = "it rewinds the tape when it is closed, so that the next backup would overwrite this one";
            Err(Error::refused(
                format!("use {name}"),
                why,
                Some(format!("use {right}, which leaves the tape where it is")),
            ))
        }
        Some(_) => Ok(()),
        None => {
            let remedy = "name a drive, such as /dev/nst0".to_owned();
            Err(Error::refused(format!("use {name} as a tape drive"), "it is none", Some(remedy)))
        }
    }
}

/// The name of the node that does not rewind; udev puts a second link beside each that it makes in `/dev/tape`.
fn name_without_rewind(path: &Path, node: TapeNode) -> String {
    if path.starts_with("/dev/tape") { format!("{}-nst", path.display()) } else { node.path_without_rewind() }
}

/// Why a drive cannot be opened.
fn open_failure(name: &str, cause: io::Error) -> io::Error {
    let (why, remedy) = match cause.raw_os_error() {
        Some(errno::EBUSY) => {
            ("another program has it open", format!("`fuser -v {name}` shows which; wait until it ends"))
        }
        Some(errno::ENOMEDIUM) => {
            ("no cartridge is loaded", "put one in, wait until the drive is ready, and run this again".to_owned())
        }
        Some(errno::EROFS) => {
            ("the cartridge is write-protected", "open its write protection, or take another cartridge".to_owned())
        }
        Some(errno::ENXIO | errno::ENODEV) => {
            ("no drive is there", "`lsscsi -g` lists the drives; `dmesg` says whether the system found it".to_owned())
        }
        Some(errno::EIO) => {
            let remedy =
                format!("wait until it is; or have it take in a cartridge that it gave out: `mt -f {name} load`");
            ("the drive is not ready", remedy)
        }
        _ => return cause,
    };
    Advised { why: why.to_owned(), remedy, cause: Some(cause) }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::block::{DeviceNumber, FileKind};

    #[test]
    fn the_right_node_is_named_by_the_kind_of_path() {
        let node = TapeNode::of(FileKind::Character(DeviceNumber { major: 9, minor: 1 })).unwrap();
        assert_eq!(name_without_rewind(Path::new("/dev/st1"), node), "/dev/nst1");
        assert_eq!(name_without_rewind(Path::new("standard input"), node), "/dev/nst1");
        assert_eq!(name_without_rewind(Path::new("/dev/tape/by-id/scsi-350"), node), "/dev/tape/by-id/scsi-350-nst");
    }

    #[test]
    fn what_is_no_tape_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for access in [Access::Read, Access::Write, Access::Both] {
            assert!(matches!(open(file.path(), access), Err(Error::Refused(_))));
        }
        assert!(matches!(open(Path::new("/dev/no-such-drive"), Access::Read), Err(Error::Io(_))));
        assert!(matches!(inherited(file.reopen().unwrap(), "standard input".to_owned()), Err(Error::Refused(_))));
    }

    #[test]
    fn a_drive_that_cannot_be_opened_is_explained() {
        for (number, why) in [
            (errno::EBUSY, "another program"),
            (errno::ENOMEDIUM, "no cartridge"),
            (errno::EROFS, "write-protected"),
            (errno::ENXIO, "no drive"),
            (errno::EIO, "not ready"),
        ] {
            let error =
                Error::io("opening", "/dev/nst0", open_failure("/dev/nst0", io::Error::from_raw_os_error(number)));
            assert!(error.to_string().contains(why) && error.remedy().is_some(), "{error}");
        }
    }

    #[test]
    fn fixed_block_mode_is_left() {
        let mechanism = simulated::Mechanism::holding(&simulated::Cartridge::large());
        mechanism.set_block_bytes(512);
        let mut drive = mechanism.open(Access::Both).unwrap();
        leave_fixed_blocks(&mut drive).unwrap();
        assert_eq!(drive.status().unwrap().block_bytes, 0);
    }
}
