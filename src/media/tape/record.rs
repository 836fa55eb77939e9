//! A record in memory, aligned as drivers want it.

/// What the memory of a record is aligned to: from there st writes without a copy of its own, so that errors come with the write that they belong to.
const ALIGNMENT: usize = 4096;

/// A record that is being filled.
pub struct Record {
    memory: Vec<u8>,
    begin: usize,
    size: usize,
    filled: usize,
}

impl Record {
    /// An empty record of this size.
    pub fn new(size: usize) -> Self {
        let memory = vec![0; size + ALIGNMENT];
        let begin = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, begin, size, filled: 0 }
    }

    /// Its size when it is full.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Takes as many bytes as fit, and gives the others back.
    pub fn take<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (fitting, rest) = bytes.split_at(bytes.len().min(self.size - self.filled));
        let at = self.begin + self.filled;
        self.memory[at..at + fitting.len()].copy_from_slice(fitting);
        self.filled += fitting.len();
        rest
    }

    /// Fills what is left with zeros.
    pub fn fill_with_zeros(&mut self) {
        self.memory[self.begin + self.filled..self.begin + self.size].fill(0);
        self.filled = self.size;
    }

    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.filled == self.size
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// The whole record.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.begin..self.begin + self.size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_aligned_and_takes_what_fits() {
        for size in [512, 4096, 512 << 10] {
            let mut record = Record::new(size);
            assert_eq!(record.bytes().as_ptr().align_offset(ALIGNMENT), 0);
            let bytes = vec![7; size + 3];
            assert!(record.is_empty());
            assert_eq!(record.take(&bytes[..size - 1]).len(), 0);
            assert!(!record.is_full());
            assert_eq!(record.take(&bytes).len(), size + 2);
            assert!(record.is_full() && record.bytes() == &bytes[..size]);
            record.clear();
            record.take(&[1]);
            record.fill_with_zeros();
            assert!(record.is_full() && record.bytes()[1..].iter().all(|byte| *byte == 0));
        }
    }
}
