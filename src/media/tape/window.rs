//! The records that were read last, so that small steps on a tape cost no positioning.

use std::collections::VecDeque;

/// Neighbouring records, by their numbers; of too many the first ones go.
#[derive(Debug)]
pub(super) struct Window {
    records: VecDeque<Vec<u8>>,
    first: u64,
    bytes: usize,
    bytes_max: usize,
}

impl Window {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { records: VecDeque::new(), first: 0, bytes: 0, bytes_max }
    }

    /// Takes a record; those that are not its neighbours go.
    pub(super) fn push(&mut self, number: u64, record: Vec<u8>) {
        if number != self.first + self.records.len() as u64 {
            self.records.clear();
            (self.first, self.bytes) = (number, 0);
        }
        self.bytes += record.len();
        self.records.push_back(record);
        while self.bytes > self.bytes_max && self.records.len() > 1 {
            self.bytes -= self.records.pop_front().map_or(0, |gone| gone.len());
            self.first += 1;
        }
    }

    /// The record of this number, if it is still there.
    pub(super) fn get(&self, number: u64) -> Option<&[u8]> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.records.get(place).map(Vec::as_slice)
    }

    /// Their bytes, one behind the other.
    pub(super) fn content(&self) -> Vec<u8> {
        self.records.iter().flatten().copied().collect()
    }

    /// Numbers them anew, when it becomes known where they stand.
    pub(super) fn renumber(&mut self, first: u64) {
        self.first = first;
    }

    pub(super) fn len(&self) -> u64 {
        self.records.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_neighbours_up_to_its_size() {
        let mut window = Window::new(30);
        (5..9).for_each(|number| window.push(number, vec![number as u8; 10]));
        assert_eq!([window.get(5), window.get(9)], [None; 2]);
        assert_eq!(window.get(6), Some(&[6; 10][..]));
        assert_eq!(window.content(), [[6; 10], [7; 10], [8; 10]].concat());
        window.renumber(100);
        assert_eq!(window.get(102), Some(&[8; 10][..]));
        window.push(50, vec![1; 40]);
        assert_eq!((window.get(50), window.len()), (Some(&[1; 40][..]), 1));
    }
}
