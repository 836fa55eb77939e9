//! Where an archive begins on a tape that a shell redirected to: where it stands, if nothing recorded follows.

use crate::drive::{Drive, DriveStatus, Place, Placed, explained};
use crate::error::{Error, Result};
use crate::stream::Medium;
use crate::sys::errno::EIO;

/// Writes where the tape stands, and never onto what is recorded, unless it may be overwritten.
///
/// It needs no reading: a descriptor that a shell opened for `>` is for writing only.
#[derive(Clone, Copy, Debug)]
pub struct AsItStands {
    /// Whether what is recorded may be cut off.
    pub overwrite: bool,
}

impl Place for AsItStands {
    fn first(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        self.refuse_unwritable(drive)?;
        if !self.overwrite && data_follows(drive)? {
            let request = format!("write to {}", drive.name());
            let why = "the tape stands before recorded data, which would be cut off";
            let remedy =
                "go behind it first, `mt -f /dev/nst0 eom`; or, if all from there on may be lost, add --overwrite";
            return Err(Error::refused(request, why, Some(remedy.to_owned())));
        }
        end_tape_file(drive)?;
        there(drive)
    }

    fn next(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        if drive.status().is_ok_and(|status| status.write_protected) {
            return Ok(Placed::Wrong("it is write-protected".to_owned()));
        }
        drive.rewind().map_err(|cause| failed(drive, "rewinding", cause))?;
        // What cannot be read may be the cartridge that was just given out, with the part before this one.
        if !(self.overwrite && drive.can_read()) && data_follows(drive)? {
            return Ok(Placed::Wrong("it is not blank".to_owned()));
        }
        there(drive)
    }
}

impl AsItStands {
    fn refuse_unwritable(&self, drive: &mut dyn Drive) -> Result<()> {
        let request = format!("write to {}", drive.name());
        let status = drive.status().map_err(|cause| failed(drive, "asking for the state of", cause))?;
        if !status.online {
            let remedy = "put a cartridge in and wait until it is loaded".to_owned();
            return Err(Error::refused(request, "no cartridge is loaded", Some(remedy)));
        }
        if status.write_protected {
            let remedy = "slide the cartridge's write protection open, or take another".to_owned();
            return Err(Error::refused(request, "the cartridge is write-protected", Some(remedy)));
        }
        Ok(())
    }
}

fn there(drive: &mut dyn Drive) -> Result<Placed> {
    let (transforms, status) = (drive.transforms(), drive.status().unwrap_or_default());
    let medium = Medium {
        file: status.file.map(u64::from),
        drive_compression: transforms.compression,
        drive_encryption: transforms.encryption,
        ..Medium::default()
    };
    Ok(Placed::There { medium, notes: Vec::new() })
}

/// Whether something recorded follows where the tape stands; then it stands there again.
///
/// Spacing over one record succeeds before recorded data and fails at its end. At a filemark it fails too, but the tape has moved; and before what is damaged, which is
/// no end.
fn data_follows(drive: &mut dyn Drive) -> Result<bool> {
    let before = drive.status().map_err(|cause| failed(drive, "asking for the state of", cause))?;
    let address = drive.address().ok();
    match drive.space_records(1) {
        Ok(()) => {
            drive.space_records(-1).map_err(|cause| failed(drive, "stepping back on", cause))?;
            return Ok(true);
        }
        Err(cause) if cause.raw_os_error() != Some(EIO) => return Err(failed(drive, "spacing on", cause)),
        Err(_) => {}
    }
    let status = drive.status().map_err(|cause| failed(drive, "asking for the state of", cause))?;
    let moved = match (address, drive.address().ok()) {
        (Some(address), Some(now)) => now != address,
        _ => {
            let same_mark = before.behind_filemark && status.file.is_some() && status.file == before.file;
            status.behind_filemark && !status.at_end_of_data && !same_mark
        }
    };
    if moved {
        drive.space_files(-1).map_err(|cause| failed(drive, "stepping back on", cause))?;
        return Ok(true);
    }
    if !status.at_end_of_data && unreadable_follows(drive, &before, address)? {
        return Ok(true);
    }
    // What the driver counts is off by one now; it stands where it stood.
    let anew = if before.at_beginning { drive.rewind() } else { drive.to_end_of_data() };
    anew.map_err(|cause| failed(drive, "going to the end of data on", cause))?;
    Ok(false)
}

/// Whether something recorded follows, over which the drive failed to space without saying that it met the end of data; then the tape stands there again, or at
/// a filemark or the end of data behind it.
fn unreadable_follows(drive: &mut dyn Drive, before: &DriveStatus, address: Option<u32>) -> Result<bool> {
    // A filemark is found without reading what lies before it.
    let filemark_follows = address.is_none() && drive.space_files(1).is_ok();
    if !filemark_follows {
        drive.to_end_of_data().map_err(|cause| failed(drive, "going to the end of data on", cause))?;
    }
    let follows = match address {
        Some(address) => {
            drive.address().map_err(|cause| failed(drive, "asking for the position of", cause))? != address
        }
        // tgtd's drives do not tell the end of data from a fault: one that does so where it certainly is would have said so before.
        None => {
            filemark_follows || drive.space_records(1).is_ok() || {
                let status = drive.status().map_err(|cause| failed(drive, "asking for the state of", cause))?;
                status.at_end_of_data
            }
        }
    };
    if follows {
        let back = match address {
            Some(address) => drive.seek(address),
            None if before.at_beginning => drive.rewind(),
            None if filemark_follows => drive.space_files(-1),
            None => drive.to_end_of_data(),
        };
        back.map_err(|cause| failed(drive, "going back on", cause))?;
    }
    Ok(follows)
}

/// Writes the filemark that a tape file lacks in which the tape stands, as its writer was interrupted: else what follows would be the same tape file, and never be found.
fn end_tape_file(drive: &mut dyn Drive) -> Result<()> {
    let status = drive.status().map_err(|cause| failed(drive, "asking for the state of", cause))?;
    let inside = match status.at_end_of_data {
        _ if status.at_beginning => false,
        true => !is_closed(drive)?,
        false => status.record.is_some_and(|record| record > 0),
    };
    if inside {
        let written = drive.write_filemarks(1);
        written.map_err(|cause| failed(drive, "writing a filemark to", cause))?;
    }
    Ok(())
}

/// Whether a filemark ends what is recorded, at the end of which the tape stands. Goes by filemarks, as some drives pass them silently where records are counted.
fn is_closed(drive: &mut dyn Drive) -> Result<bool> {
    let closed = drive.space_files(-1).and_then(|()| drive.space_files(1)).is_ok() && drive.space_records(1).is_err();
    drive.to_end_of_data().map_err(|cause| failed(drive, "going to the end of data on", cause))?;
    Ok(closed)
}

fn failed(drive: &mut dyn Drive, doing: &'static str, cause: std::io::Error) -> Error {
    let cause = explained(drive, cause);
    Error::io(doing, drive.name(), cause)
}

#[cfg(test)]
mod tests {
    use super::super::simulated::{Access, Behaviour, Cartridge, Mechanism, Unreadable};
    use super::*;

    fn two_files() -> Cartridge {
        Cartridge::with_files(&[vec![vec![1; 512], vec![2; 512]], vec![vec![3; 512]]])
    }

    #[test]
    fn recorded_data_is_seen_on_a_write_only_descriptor_and_the_tape_stays_where_it_was() {
        for addresses in [true, false] {
            for (position, follows) in [(0, true), (1, true), (2, true), (3, true), (4, true), (5, false)] {
                let mechanism = Mechanism::new(Behaviour { addresses: true, ..Behaviour::default() });
                mechanism.insert(&two_files());
                let mut drive = mechanism.open(Access::Write).unwrap();
                drive.seek(position).unwrap();
                mechanism.change(|behaviour| behaviour.addresses = addresses);
                assert_eq!(data_follows(&mut drive).unwrap(), follows, "{position}");
                mechanism.change(|behaviour| behaviour.addresses = true);
                assert_eq!(drive.address().unwrap(), position);
                let placed = AsItStands { overwrite: false }.first(&mut drive);
                assert_eq!(placed.is_ok(), !follows);
                assert!(AsItStands { overwrite: true }.first(&mut drive).is_ok());
                assert_eq!(drive.address().unwrap(), position);
                assert_eq!(two_files().files().len(), 2);
            }
        }
    }

    #[test]
    fn what_cannot_be_spaced_over_is_not_taken_for_the_end_of_data() {
        for (addresses, tells) in [(true, true), (true, false), (false, true), (false, false)] {
            for (closed, access) in [(true, Access::Write), (false, Access::Write), (true, Access::Both)] {
                let cartridge = two_files();
                cartridge.make_unreadable(0, Unreadable::FOR_GOOD);
                if !closed {
                    // Nothing is damaged on the emulations that tell neither.
                    if !addresses && !tells {
                        continue;
                    }
                    cartridge.cut(2);
                }
                let before = cartridge.recorded();
                let mechanism = Mechanism::new(Behaviour {
                    addresses,
                    spaces_by_reading: true,
                    tells_end_of_spacing: tells,
                    ..Behaviour::default()
                });
                mechanism.insert(&cartridge);
                let mut drive = mechanism.open(access).unwrap();
                let mut place = AsItStands { overwrite: false };
                let refusal = place.first(&mut drive).unwrap_err();
                assert!(refusal.to_string().contains("recorded data"), "{refusal}");
                assert!(matches!(place.next(&mut drive).unwrap(), Placed::Wrong(_)), "{addresses} {tells} {closed}");
                assert_eq!(cartridge.recorded(), before);
            }
        }
    }

    #[test]
    fn the_end_of_data_is_found_on_drives_that_do_not_tell_it() {
        for addresses in [true, false] {
            for (cartridge, files) in [(Cartridge::large(), 0), (two_files(), 2)] {
                let behaviour = Behaviour { addresses, tells_end_of_spacing: false, ..Behaviour::default() };
                let mechanism = Mechanism::new(behaviour);
                mechanism.insert(&cartridge);
                let mut drive = mechanism.open(Access::Write).unwrap();
                drive.space_files(files).unwrap();
                AsItStands { overwrite: false }.first(&mut drive).unwrap();
                drive.write_record(&[9; 512]).unwrap();
                assert_eq!(cartridge.files().len(), files as usize + 1);
            }
        }
    }

    #[test]
    fn a_tape_file_that_was_not_closed_is_closed_first() {
        for addresses in [true, false] {
            for (closed, stops, overshoots) in
                [(false, true, false), (true, true, false), (false, false, true), (true, false, true)]
            {
                let cartridge = two_files();
                let mechanism = Mechanism::new(Behaviour {
                    addresses,
                    stops_at_filemarks: stops,
                    overshoots_filemarks: overshoots,
                    ..Behaviour::default()
                });
                if !closed {
                    cartridge.cut(4);
                }
                mechanism.insert(&cartridge);
                let mut drive = mechanism.open(Access::Write).unwrap();
                drive.to_end_of_data().unwrap();
                AsItStands { overwrite: false }.first(&mut drive).unwrap();
                drive.write_record(&[9; 512]).unwrap();
                assert_eq!(
                    cartridge.files(),
                    [vec![vec![1; 512], vec![2; 512]], vec![vec![3; 512]], vec![vec![9; 512]]]
                );
            }
        }
        let cartridge = two_files();
        let mut drive = Mechanism::holding(&cartridge).open(Access::Write).unwrap();
        drive.space_records(1).unwrap();
        AsItStands { overwrite: true }.first(&mut drive).unwrap();
        drive.write_record(&[9; 512]).unwrap();
        assert_eq!(cartridge.files(), [[vec![1; 512]], [vec![9; 512]]]);
    }

    #[test]
    fn a_blank_cartridge_will_do_and_one_with_anything_on_it_will_not() {
        for (cartridge, will_do) in [(Cartridge::large(), true), (two_files(), false)] {
            for access in [Access::Write, Access::Both] {
                let mechanism = Mechanism::holding(&cartridge);
                let mut drive = mechanism.open(access).unwrap();
                let place = |overwrite| AsItStands { overwrite }.next(&mut drive).unwrap();
                let placed = [false, true].map(place).map(|placed| matches!(placed, Placed::There { .. }));
                // What cannot be read may hold the part before.
                assert_eq!(placed, [will_do, will_do || access == Access::Both]);
            }
        }
        let protected = Cartridge::large();
        protected.protect(true);
        let mut drive = Mechanism::holding(&protected).open(Access::Write).unwrap();
        assert!(AsItStands { overwrite: true }.first(&mut drive).unwrap_err().to_string().contains("write-protected"));
        assert!(matches!(AsItStands { overwrite: true }.next(&mut drive).unwrap(), Placed::Wrong(_)));
        let mut empty = Mechanism::new(Behaviour::default()).open(Access::Write).unwrap();
        assert!(AsItStands { overwrite: true }.first(&mut empty).unwrap_err().to_string().contains("no cartridge"));
    }
}
