//! What of an archive has landed, in numbers.

use super::super::index::{Content, Landed};

/// Members and bytes of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub data_members: u64,
    pub data_bytes: u64,
    pub stored_bytes: u64,
    pub zero_bytes: u64,
    pub bad_members: u64,
    pub bad_bytes: u64,
}

impl Counts {
    /// Counts an `extent/` member.
    pub fn add(&mut self, landed: &Landed) {
        match landed.content {
            Content::Data { .. } => {
                self.data_members += 1;
                self.data_bytes += landed.range.length;
                self.stored_bytes += landed.stored;
            }
            Content::Bad => {
                self.bad_members += 1;
                self.bad_bytes += landed.range.length;
            }
            Content::Zero => self.zero_bytes += landed.range.length,
        }
    }

    /// What has been counted since `before`.
    pub fn without(self, before: Self) -> Self {
        Self {
            data_members: self.data_members - before.data_members,
            data_bytes: self.data_bytes - before.data_bytes,
            stored_bytes: self.stored_bytes - before.stored_bytes,
            zero_bytes: self.zero_bytes - before.zero_bytes,
            bad_members: self.bad_members - before.bad_members,
            bad_bytes: self.bad_bytes - before.bad_bytes,
        }
    }

    /// How much of the device this tells of.
    pub fn told_bytes(self) -> u64 {
        self.data_bytes + self.zero_bytes + self.bad_bytes
    }
}
