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
pub struct UsedCartridges(Vec<u64>);

impl UsedCartridges {
    /// Notes the cartridge that is in the drive, and leaves it at its beginning.
    pub fn note(&mut self, drive: &mut dyn Drive) {
        self.0.extend(first_record(drive));
    }

    /// Whether the cartridge in the drive is one of these.
    pub fn holds(&self, drive: &mut dyn Drive) -> bool {
        !self.0.is_empty() && first_record(drive).is_some_and(|record| self.0.contains(&record))
    }
}

/// What stands for the first record; `None` where nothing can be read.
fn first_record(drive: &mut dyn Drive) -> Option<u64> {
    if !drive.can_read() {
        return None;
    }
    let mut buffer = vec![0; READ_BYTES];
    for _ in 0..TRIES {
        drive.rewind().ok()?;
        let read = drive.read_record(&mut buffer);
        let other_bytes = match read.map_err(|cause| cause.raw_os_error()) {
            Ok(0) => return None,
            Ok(length) => {
                let mut hasher = DefaultHasher::new();
                buffer[..length].hash(&mut hasher);
                // At its beginning nothing is written by mistake.
                drive.rewind().ok()?;
                return Some(hasher.finish());
            }
            Err(Some(ENOMEM)) => (2 * buffer.len()).min(READ_BYTES_MAX),
            Err(Some(EINVAL)) => buffer.len() / 2,
            Err(_) => return None,
        };
        buffer.resize(other_bytes, 0);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::simulated::{Access, Behaviour, Cartridge, Mechanism};
    use super::*;

    #[test]
    fn a_cartridge_is_known_again_whatever_the_size_of_its_records() {
        let of = |byte: u8, length: usize| Cartridge::with_files(&[vec![vec![byte; length], vec![9; 512]]]);
        for (length, largest) in [(512, 16 << 20), (5 << 20, 16 << 20), (100 << 10, 200 << 10)] {
            let mechanism = Mechanism::new(Behaviour { largest_record_bytes: largest, ..Behaviour::default() });
            let mut drive = mechanism.open(Access::Both).unwrap();
            let mut used = UsedCartridges::default();
            mechanism.insert(&of(1, length));
            assert!(!used.holds(&mut drive));
            used.note(&mut drive);
            for (cartridge, known) in [(of(1, length), true), (of(2, length), false), (Cartridge::large(), false)] {
                mechanism.insert(&cartridge);
                assert_eq!(used.holds(&mut drive), known, "{length}");
            }
        }
    }
}
