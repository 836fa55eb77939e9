//! Chance that can be had again.

/// Numbers that look random and can be had again: SplitMix64.
pub struct Chance(u64);

impl Chance {
    /// Takes the seed from `BLOCKTAR_SEED`, or a new one, and prints it.
    pub fn new() -> Self {
        let given = std::env::var("BLOCKTAR_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
        });
        println!("BLOCKTAR_SEED={seed}");
        Self(seed)
    }

    /// The numbers of this seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Bytes in blocks of 4 KiB, some of which are zeros.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        for block in bytes.chunks_mut(4096) {
            if self.below(3) > 0 {
                block.iter_mut().for_each(|byte| *byte = self.next() as u8);
            }
        }
        bytes
    }
}
