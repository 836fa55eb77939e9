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
            let go_behind = format!("go behind it first, `mt -f {} eod`", drive.name());
            let remedy = format!("{go_behind}; or, if all from there on may be lost, add --overwrite");
            return Err(Error::refused(request, why, Some(remedy)));
        }
        end_tape_file(drive)?;
        there(drive)
    }

    fn may_overwrite(&self) -> bool {
        self.overwrite
    }

    fn next(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        if drive.status().is_ok_and(|status| status.write_protected) {
            return Ok(Placed::Wrong("it is write-protected".to_owned()));
        }
        rewind(drive)?;
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
        let status = state(drive)?;
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
    let before = state(drive)?;
    let address = drive.address().ok();
    match drive.space_records(1) {
        Ok(()) => {
            drive.space_records(-1).map_err(|cause| failed(drive, "stepping back on", cause))?;
            return Ok(true);
        }
        Err(cause) if cause.raw_os_error() != Some(EIO) => return Err(failed(drive, "spacing on", cause)),
        Err(_) => {}
    }
    let status = state(drive)?;
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
    match address {
        Some(0) => rewind(drive)?,
        None if before.at_beginning => {
            rewind(drive)?;
            // The driver counts from 0 behind a reset, too, wherever the tape stands then.
            let holds_something =
                drive.space_records(1).is_ok() || (rewind(drive).is_ok() && drive.space_files(1).is_ok());
            rewind(drive)?;
            return Ok(holds_something);
        }
        _ => to_end_of_data(drive)?,
    }
    Ok(false)
}

fn rewind(drive: &mut dyn Drive) -> Result<()> {
    drive.rewind().map_err(|cause| failed(drive, "rewinding", cause))
}

/// Whether something recorded follows, over which the drive failed to space without saying that it met the end of data; then the tape stands there again, or at
/// a filemark or the end of data behind it.
fn unreadable_follows(drive: &mut dyn Drive, before: &DriveStatus, address: Option<u32>) -> Result<bool> {
    // A filemark is found without reading what lies before it.
    let filemark_follows = address.is_none() && drive.space_files(1).is_ok();
    if !filemark_follows {
        to_end_of_data(drive)?;
    }
    let follows = match address {
        Some(address) => {
            drive.address().map_err(|cause| failed(drive, "asking for the position of", cause))? != address
        }
        None => filemark_follows || more_lies_at_the_end(drive, before)?,
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

/// Whether the end of data, where the drive without addresses has gone now, lies behind where it stood before; no filemark lies between.
///
/// A drive that tells nothing does not know a blank cartridge from one with nothing on it but a record that cannot be read.
fn more_lies_at_the_end(drive: &mut dyn Drive, before: &DriveStatus) -> Result<bool> {
    // A drive that tells the end of data where it certainly is would have told it before.
    if drive.space_records(1).is_ok() || state(drive)?.at_end_of_data {
        return Ok(true);
    }
    // tgtd's drives do not tell it from a fault. So many records lay in the tape file up to there; if there are no more, going back over them and one more passes the filemark before.
    let Some(records) = before.record.and_then(|records| i32::try_from(records).ok()) else { return Ok(false) };
    to_end_of_data(drive)?;
    let more = drive.space_records(-records).is_err() || {
        // What comes of it, the way forward shows: drives differ in how they stop at a filemark or at the beginning.
        let _ = drive.space_records(-1);
        if before.file == Some(0) { drive.space_records(records + 1).is_ok() } else { drive.space_files(1).is_err() }
    };
    to_end_of_data(drive)?;
    Ok(more)
}

/// Writes the filemark that a tape file lacks in which the tape stands, as its writer was interrupted: else what follows would be the same tape file, and never be found.
fn end_tape_file(drive: &mut dyn Drive) -> Result<()> {
    let status = state(drive)?;
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
    to_end_of_data(drive)?;
    Ok(closed)
}

fn state(drive: &mut dyn Drive) -> Result<DriveStatus> {
    drive.status().map_err(|cause| failed(drive, "asking for the state of", cause))
}

fn to_end_of_data(drive: &mut dyn Drive) -> Result<()> {
    drive.to_end_of_data().map_err(|cause| failed(drive, "going to the end of data on", cause))
}

fn failed(drive: &mut dyn Drive, doing: &'static str, cause: std::io::Error) -> Error {
    let cause = explained(drive, cause);
    Error::io(doing, drive.name(), cause)
}

#[cfg(test)]
mod tests {
    use super::super::simulated::{Access, Behaviour, Cartridge, Mechanism, Recorded, Unreadable};
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

    /// Cut behind so many blocks, and standing before this one: something follows if it is not the end, even if it cannot be read.
    #[test]
    fn the_end_of_data_is_found_on_drives_that_do_not_tell_it() {
        for number in 0..8 {
            let [addresses, stops_at_filemarks, spaces_by_reading] = [1, 2, 4].map(|bit| number & bit != 0);
            for (end, position) in (0..=5).flat_map(|end| (0..=end).map(move |position| (end, position))) {
                let cartridge = two_files();
                cartridge.cut(end);
                let mechanism = Mechanism::new(Behaviour {
                    addresses,
                    stops_at_filemarks,
                    spaces_by_reading,
                    tells_end_of_spacing: false,
                    ..Behaviour::default()
                });
                mechanism.insert(&cartridge);
                let mut drive = mechanism.open(Access::Write).unwrap();
                let (file, record) = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)][position];
                if file > 0 {
                    drive.space_files(file).unwrap();
                }
                drive.space_records(record).unwrap();
                // A drive that tells nothing does not know a blank cartridge from one with nothing but such a record.
                let only = end == 1 && !addresses;
                if position < end && two_files().recorded()[position] != Recorded::Filemark && !only {
                    cartridge.make_unreadable(position, Unreadable::FOR_GOOD);
                }
                let placed = AsItStands { overwrite: false }.first(&mut drive);
                assert_eq!(placed.is_ok(), position == end, "{number}: {position} of {end}");
                if position == end {
                    drive.write_record(&[9; 512]).unwrap();
                    assert_eq!(cartridge.files().last().unwrap(), &[[9; 512]], "{number}: {end}");
                }
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
