//! Turns what a drive answered into a sentence, and what helps.

use std::io;

use super::{Drive, DriveStatus};
use crate::error::Advised;

// Numbers of Linux, for which the standard library has no words.
const EIO: i32 = 5;
const EBADF: i32 = 9;
const ENOMEDIUM: i32 = 123;

/// The same failure of this drive, with why it is so and what helps, as far as the drive's state shows it.
///
/// Whoever needs the error's number looks at it before.
pub fn explained(drive: &mut dyn Drive, cause: io::Error) -> io::Error {
    if cause.raw_os_error().is_none() {
        return cause;
    }
    let status = drive.status();
    let (why, remedy) = explain(drive.name(), status.as_ref(), &cause);
    Advised { why: why.to_owned(), remedy, cause: Some(cause) }.into()
}

fn explain(name: &str, status: Result<&DriveStatus, &io::Error>, cause: &io::Error) -> (&'static str, String) {
    let at_end = status.is_ok_and(|status| status.at_end_of_data);
    let device = if name.starts_with('/') { name } else { "DRIVE" };
    let position = format!("rewind it, `mt -f {device} rewind`, or position it anew, and run this again");
    match (cause.raw_os_error(), cause.kind()) {
        _ if status.is_ok_and(|status| !status.online) => no_cartridge(),
        (Some(ENOMEDIUM), _) => no_cartridge(),
        (Some(EIO), _)
            if status.map_or_else(|error| error.raw_os_error() == Some(EIO), |status| status.position_lost) =>
        {
            ("the drive was reset in between, so that its position is lost", position)
        }
        (Some(EBADF), _) => {
            let remedy = format!("name {name} instead of redirecting to it, or redirect in the other direction");
            ("it was opened for the other direction only", remedy)
        }
        (_, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            ("the cartridge is write-protected", "open its write protection, or take another cartridge".to_owned())
        }
        (_, io::ErrorKind::ResourceBusy) => {
            ("another program has it open", format!("`fuser -v {name}` shows which; wait until it ends"))
        }
        (_, io::ErrorKind::InvalidInput) => {
            let remedy = "choose another record size; `dmesg` says what the driver takes".to_owned();
            ("neither the drive nor its driver takes a record of this size", remedy)
        }
        (_, io::ErrorKind::OutOfMemory) => (
            "the record there is longer than what was asked for",
            format!("read it with a larger block: `dd if={name} bs=16M`"),
        ),
        (_, io::ErrorKind::StorageFull) => {
            ("the cartridge is full", "go on with another cartridge: `--next-medium`".to_owned())
        }
        (Some(EIO), _) if at_end => ("nothing more is recorded there", position),
        (Some(EIO), _) => {
            let remedy = "clean the drive and try again, or try another drive; `dmesg` says more".to_owned();
            ("the drive reports an error of the tape or of itself", remedy)
        }
        _ => ("the drive does not do it", "`dmesg` says more".to_owned()),
    }
}

fn no_cartridge() -> (&'static str, String) {
    ("no cartridge is loaded", "put one in, wait until the drive is ready, and run this again".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_sentence() {
        let ready = DriveStatus { online: true, ..DriveStatus::default() };
        let at_end = DriveStatus { at_end_of_data: true, ..ready.clone() };
        let reset = DriveStatus { position_lost: true, ..ready.clone() };
        let empty = DriveStatus::default();
        let lost = || io::Error::from_raw_os_error(EIO);
        let (enomem, eacces, ebusy, einval, enospc, enosys) = (12, 13, 16, 22, 28, 38);
        let cases = [
            (Ok(&ready), ENOMEDIUM, "no cartridge", "put one in"),
            (Ok(&empty), EIO, "no cartridge", "put one in"),
            (Err(&lost()), EIO, "reset in between", "mt -f /dev/nst0 rewind"),
            (Ok(&reset), EIO, "reset in between", "mt -f /dev/nst0 rewind"),
            (Ok(&ready), EBADF, "other direction", "name /dev/nst0"),
            (Ok(&ready), eacces, "write-protected", "another cartridge"),
            (Ok(&ready), ebusy, "another program", "fuser -v /dev/nst0"),
            (Ok(&ready), einval, "record of this size", "another record size"),
            (Ok(&ready), enomem, "longer", "bs=16M"),
            (Ok(&ready), enospc, "full", "another cartridge"),
            (Ok(&at_end), EIO, "nothing more is recorded", "position it anew"),
            (Ok(&ready), EIO, "error of the tape", "clean the drive"),
            (Ok(&ready), enosys, "does not do it", "dmesg"),
        ];
        for (status, number, why, remedy) in cases {
            let told = explain("/dev/nst0", status, &io::Error::from_raw_os_error(number));
            assert!(told.0.contains(why) && told.1.contains(remedy), "{number}: {told:?}");
        }
        let inherited = explain("standard input", Ok(&reset), &lost());
        assert!(inherited.1.contains("`mt -f DRIVE rewind`"), "{inherited:?}");
    }
}
