//! Knows the cartridges again that hold a part of the archive already, so that `--overwrite` never costs what was just written.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::drive::Drive;
use crate::sys::errno::{EINVAL, ENOMEM};

/// A read of this length takes most records; others are met by doubling and halving it.
const READ_BYTES: usize = 1 << 20;
/// No read is longer: its length has three bytes (SSC-5).
const READ_BYTES_MAX: usize = (1 << 24) - 1;
/// So many lengths are tried.
const TRIES: u32 = 6;

/// Cartridges by their first records: those of labels and of archives hold an id that is never used twice.
#[derive(Debug, Default)]
pub struct UsedCartridges {
    first_records: Vec<u64>,
    /// Whether there are some whose first record could not be read.
    unknown: bool,
}

/// What a cartridge begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// A record, by what stands for it.
    Record(u64),
    /// Nothing is recorded there, or it begins with a filemark; or the descriptor is not for reading.
    Nothing,
    Unreadable,
}

impl UsedCartridges {
    /// Notes the cartridge that is in the drive, and leaves it at its beginning.
    pub fn note(&mut self, drive: &mut dyn Drive) {
        match first_record(drive) {
            First::Record(record) => self.first_records.push(record),
            First::Unreadable => self.unknown = true,
            First::Nothing => {}
        }
    }

    /// Why the cartridge in the drive is, or may be, one of these.
    pub fn why_used(&self, drive: &mut dyn Drive) -> Option<&'static str> {
        if self.first_records.is_empty() && !self.unknown {
            return None;
        }
        match first_record(drive) {
            First::Record(record) if self.first_records.contains(&record) => {
                Some("it holds a part of this very archive")
            }
            // It is never taken for another because a fault came or went.
            First::Record(_) if self.unknown => {
                Some("it is not blank, and may hold the part of this very archive whose beginning could not be read")
            }
            First::Unreadable => Some("its beginning cannot be read, so that it may hold a part of this very archive"),
            First::Record(_) | First::Nothing => None,
        }
    }
}

fn first_record(drive: &mut dyn Drive) -> First {
    if !drive.can_read() {
        return First::Nothing;
    }
    let mut buffer = vec![0; READ_BYTES];
    for _ in 0..TRIES {
        if drive.rewind().is_err() {
            return First::Unreadable;
        }
        let read = drive.read_record(&mut buffer);
        let other_bytes = match read.map_err(|cause| cause.raw_os_error()) {
            Ok(0) => return First::Nothing,
            // An emulation gives stale bytes there.
            Ok(_) | Err(_) if drive.status().is_ok_and(|status| status.at_end_of_data) => return First::Nothing,
            Ok(length) => {
                let mut hasher = DefaultHasher::new();
                buffer[..length].hash(&mut hasher);
                // At its beginning nothing is written by mistake.
                return if drive.rewind().is_ok() { First::Record(hasher.finish()) } else { First::Unreadable };
            }
            Err(Some(ENOMEM)) => (2 * buffer.len()).min(READ_BYTES_MAX),
            Err(Some(EINVAL)) => buffer.len() / 2,
            Err(_) => return First::Unreadable,
        };
        buffer.resize(other_bytes, 0);
    }
    First::Unreadable
}

#[cfg(test)]
mod tests {
    use super::super::simulated::{Access, Behaviour, Cartridge, Mechanism, Unreadable};
    use super::*;

    #[test]
    fn a_cartridge_is_known_again_whatever_the_size_of_its_records() {
        let of = |byte: u8, length: usize| Cartridge::with_files(&[vec![vec![byte; length], vec![9; 512]]]);
        for (length, largest) in [(512, 16 << 20), (5 << 20, 16 << 20), (100 << 10, 200 << 10)] {
            let mechanism = Mechanism::new(Behaviour { largest_record_bytes: largest, ..Behaviour::default() });
            let mut drive = mechanism.open(Access::Both).unwrap();
            let mut used = UsedCartridges::default();
            mechanism.insert(&of(1, length));
            assert_eq!(used.why_used(&mut drive), None);
            used.note(&mut drive);
            for (cartridge, known) in [(of(1, length), true), (of(2, length), false), (Cartridge::large(), false)] {
                mechanism.insert(&cartridge);
                assert_eq!(used.why_used(&mut drive).is_some(), known, "{length}");
            }
        }
    }

    #[test]
    fn a_fault_at_its_beginning_makes_no_cartridge_another() {
        let of = |byte: u8| Cartridge::with_files(&[vec![vec![byte; 512]]]);
        let (one, two, blank) = (of(1), of(2), Cartridge::large());
        let mechanism = Mechanism::holding(&one);
        let mut drive = mechanism.open(Access::Both).unwrap();
        let mut used = UsedCartridges::default();
        used.note(&mut drive);
        let known = |used: &UsedCartridges, drive: &mut dyn Drive, cartridge: &Cartridge| {
            mechanism.insert(cartridge);
            used.why_used(drive).is_some()
        };
        one.make_unreadable(0, Unreadable { failures: 1, passes: true });
        assert!(known(&used, &mut drive, &one));
        two.make_unreadable(0, Unreadable { failures: 1, passes: true });
        assert!(known(&used, &mut drive, &two) && !known(&used, &mut drive, &two) && !known(&used, &mut drive, &blank));
        // It could not be read when it was full, and can be now.
        two.make_unreadable(0, Unreadable { failures: 1, passes: true });
        mechanism.insert(&two);
        used.note(&mut drive);
        assert!(known(&used, &mut drive, &two) && !known(&used, &mut drive, &blank));
    }
}
