//! What happens to cartridges after they were written.

use blocktar::media::tape::simulated::{Recorded, Unreadable};

use super::writing::History;

impl History {
    /// Spoils one or two places of a cartridge; all backups on it may be gone then.
    pub fn spoil(&mut self) {
        let number = self.a_cartridge();
        for _ in 0..1 + self.chance.below(2) {
            self.spoil_place(number);
        }
        let on_it = |backup: &&mut super::writing::Backup| backup.parts.iter().any(|part| part.cartridge == number);
        self.backups.iter_mut().filter(on_it).for_each(|backup| backup.spoilt = true);
    }

    fn spoil_place(&mut self, number: usize) {
        let cartridge = self.shelf[number].clone();
        let recorded = cartridge.recorded();
        if recorded.is_empty() {
            return;
        }
        let chance = &mut self.chance;
        let (one, other) = (chance.below(recorded.len() as u64) as usize, chance.below(recorded.len() as u64) as usize);
        let how = match chance.below(9) {
            0 => {
                cartridge.drop_block(one);
                "dropped"
            }
            1 => {
                cartridge.double_block(one);
                "doubled"
            }
            2 => {
                let other = if chance.below(2) == 0 { (one + 1).min(recorded.len() - 1) } else { other };
                cartridge.swap_blocks(one, other);
                "swapped"
            }
            3 => {
                cartridge.cut(one);
                "cut off"
            }
            4 | 5 if recorded[one] != Recorded::Filemark => {
                let (place, bit) = (chance.next() as usize, chance.below(8));
                cartridge.change_record(one, |record| change(record, place, bit));
                "changed"
            }
            how => {
                let failures = if how == 6 { 1 + chance.below(3) as u32 } else { u32::MAX };
                cartridge.make_unreadable(one, Unreadable { failures, passes: chance.below(2) == 0 });
                "made unreadable"
            }
        };
        self.log.push(format!("block {one} of cartridge {number}, which had {}, {how}", recorded.len()));
    }
}

fn change(record: &mut Vec<u8>, place: usize, bit: u64) {
    if place.is_multiple_of(5) {
        record.truncate(record.len() / 2);
    } else {
        let at = place % record.len();
        record[at] ^= 1 << bit;
    }
}
