//! A cartridge in memory, which stays when the drive goes: tests put it into another drive, look at it, spoil it.

use std::sync::{Arc, Mutex, MutexGuard};

/// What lies on a tape. Its place in the order is its address: a filemark counts as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// One record with its bytes.
    Record(Vec<u8>),
    /// A filemark.
    Filemark,
}

/// How a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// So many reads of it fail, then one succeeds; `u32::MAX` for a record that is gone for good.
    pub failures: u32,
    /// Whether the tape stands behind it after a failed read; drives do either.
    pub passes: bool,
}

impl Unreadable {
    /// Gone for good; a failed read passes it.
    pub const FOR_GOOD: Self = Self { failures: u32::MAX, passes: true };
}

/// One block on the tape, and what is wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) recorded: Recorded,
    pub(super) unreadable: Option<Unreadable>,
}

impl Block {
    pub(super) fn new(recorded: Recorded) -> Self {
        Self { recorded, unreadable: None }
    }

    fn bytes(&self) -> u64 {
        match &self.recorded {
            Recorded::Record(record) => record.len() as u64,
            Recorded::Filemark => 0,
        }
    }
}

/// What a cartridge holds.
#[derive(Debug)]
pub(super) struct Reel {
    pub(super) capacity_bytes: u64,
    pub(super) warning_bytes: u64,
    pub(super) write_protected: bool,
    pub(super) blocks: Vec<Block>,
    used_bytes: u64,
    /// The end of the tape came behind what is recorded: however much the drive lost there, nothing more fits.
    ended: bool,
}

impl Reel {
    /// Cuts off everything from this address on.
    pub(super) fn cut(&mut self, address: usize) {
        let cut = self.blocks.drain(address.min(self.blocks.len())..);
        let cut_bytes = cut.map(|block| block.bytes());
        let gains_room = cut_bytes.len() > 0 || address == 0;
        self.used_bytes -= cut_bytes.sum::<u64>();
        self.ended &= !gains_room;
    }

    pub(super) fn push(&mut self, recorded: Recorded) {
        let block = Block::new(recorded);
        self.used_bytes += block.bytes();
        self.blocks.push(block);
    }

    /// How many bytes fit before the hard end.
    pub(super) fn room_bytes(&self) -> u64 {
        if self.ended { 0 } else { self.capacity_bytes.saturating_sub(self.used_bytes) }
    }

    /// Notes that the hard end was met.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether what is recorded reaches into the zone of early warning.
    pub(super) fn warns(&self) -> bool {
        self.warning_bytes > 0 && self.room_bytes() < self.warning_bytes
    }

    fn count_anew(&mut self) {
        self.used_bytes = self.blocks.iter().map(Block::bytes).sum();
    }
}

/// A cartridge: a handle that all share who hold a copy of it. Filemarks take no room.
#[derive(Clone, Debug)]
pub struct Cartridge(Arc<Mutex<Reel>>);

impl Cartridge {
    /// A blank one of this capacity, of which the last `warning_bytes` are the zone of early warning; 0 for none.
    pub fn new(capacity_bytes: u64, warning_bytes: u64) -> Self {
        let blocks = Vec::new();
        let reel = Reel { capacity_bytes, warning_bytes, write_protected: false, blocks, used_bytes: 0, ended: false };
        Self(Arc::new(Mutex::new(reel)))
    }

    /// One with room enough for any test, without early warning.
    pub fn large() -> Self {
        Self::new(1 << 50, 0)
    }

    /// A large one that holds these tape files, each of these records and ended by a filemark.
    pub fn with_files(files: &[Vec<Vec<u8>>]) -> Self {
        let cartridge = Self::large();
        for file in files {
            file.iter().for_each(|record| cartridge.reel().push(Recorded::Record(record.clone())));
            cartridge.reel().push(Recorded::Filemark);
        }
        cartridge
    }

    pub(super) fn reel(&self) -> MutexGuard<'_, Reel> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Everything on it, in order.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.reel().blocks.iter().map(|block| block.recorded.clone()).collect()
    }

    /// The records of each tape file; the last may lack its filemark.
    pub fn files(&self) -> Vec<Vec<Vec<u8>>> {
        let mut files = vec![Vec::new()];
        for block in &self.reel().blocks {
            match &block.recorded {
                Recorded::Record(record) => files.last_mut().expect("there is always one").push(record.clone()),
                Recorded::Filemark => files.push(Vec::new()),
            }
        }
        if files.last().is_some_and(Vec::is_empty) {
            files.pop();
        }
        files
    }

    /// Whether everything on it is ended by a filemark; true of a blank one.
    pub fn is_closed(&self) -> bool {
        self.reel().blocks.last().is_none_or(|block| block.recorded == Recorded::Filemark)
    }

    /// Slides the write protection.
    pub fn protect(&self, write_protected: bool) {
        self.reel().write_protected = write_protected;
    }

    /// Makes what lies at this address unreadable.
    pub fn make_unreadable(&self, address: usize, how: Unreadable) {
        self.reel().blocks[address].unreadable = Some(how);
    }

    /// Changes the bytes of the record at this address.
    ///
    /// # Panics
    /// If no record lies there.
    pub fn change_record(&self, address: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let mut reel = self.reel();
        match &mut reel.blocks[address].recorded {
            Recorded::Record(record) => change(record),
            Recorded::Filemark => panic!("at address {address} lies a filemark"),
        }
        reel.count_anew();
    }

    /// Takes out what lies at this address; everything behind it moves up.
    pub fn drop_block(&self, address: usize) {
        let mut reel = self.reel();
        reel.blocks.remove(address);
        reel.count_anew();
    }

    /// Puts what lies at this address there once more.
    pub fn double_block(&self, address: usize) {
        let mut reel = self.reel();
        let block = reel.blocks[address].clone();
        reel.blocks.insert(address, block);
        reel.count_anew();
    }

    /// Swaps what lies at two addresses.
    pub fn swap_blocks(&self, one: usize, other: usize) {
        self.reel().blocks.swap(one, other);
    }

    /// Cuts off everything from this address on, as a loss of power in the middle of a write does.
    pub fn cut(&self, address: usize) {
        self.reel().cut(address);
    }
}
