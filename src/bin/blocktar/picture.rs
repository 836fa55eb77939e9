//! A picture of a device in characters: what lies where, at a glance.

use blocktar::extent::Range;

use crate::sizes;

/// Larger devices are shown in several rows, so that a character does not stand for too much.
const ONE_ROW_BYTES: u64 = 16 << 20;
const ROWS_MAX: u64 = 8;
/// Room beside the cells of a row: two blanks, an offset of at most ten characters, a blank, and the same behind.
const MARGIN_COLUMNS: usize = 2 + 10 + 1 + 1 + 10;
const CELLS_MIN: usize = 8;

/// What is shown of a byte of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The archive holds it.
    Data,
    /// It reads as zero.
    Zero,
    /// It could not be read when the backup was made.
    Bad,
    /// It is as in the parent.
    Unchanged,
    /// It should be in the archive, but was not found there.
    Missing,
}

/// The characters of a picture.
#[derive(Debug, PartialEq, Eq)]
pub struct Alphabet {
    /// From all of a cell down to a little of it.
    data: [char; 4],
    zero: char,
    bad: char,
    unchanged: char,
    missing: char,
}

/// For terminals that show Unicode: block characters.
pub const BLOCKS: Alphabet =
    Alphabet { data: ['█', '▓', '▒', '░'], zero: '·', bad: '×', unchanged: '-', missing: '?' };
/// For all others.
pub const ASCII: Alphabet = Alphabet { data: ['#', '%', '+', ':'], zero: '.', bad: '!', unchanged: '-', missing: '?' };

/// What lies in the slice of the device that one character stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    data_bytes: u64,
    zero: bool,
    bad: bool,
    unchanged: bool,
    missing: bool,
}

/// A picture of a device, filled range by range; it takes the same memory however many there are.
#[derive(Debug)]
pub struct Picture {
    size_bytes: u64,
    row_bytes: u64,
    row_cells: u64,
    cells: Vec<Cell>,
}

impl Picture {
    /// An empty picture of a device of this size, for a terminal of this width.
    pub fn new(size_bytes: u64, columns: usize) -> Self {
        // Rows of a power of two begin at offsets that are easily said.
        let row_bytes =
            if size_bytes <= ONE_ROW_BYTES { size_bytes } else { size_bytes.div_ceil(ROWS_MAX).next_power_of_two() };
        Self::with_rows(size_bytes, row_bytes, columns.saturating_sub(MARGIN_COLUMNS).max(CELLS_MIN))
    }

    fn with_rows(size_bytes: u64, row_bytes: u64, row_cells: usize) -> Self {
        let row_cells = (row_cells as u64).min(row_bytes);
        let mut picture = Self { size_bytes, row_bytes, row_cells, cells: Vec::new() };
        let count = if size_bytes == 0 { 0 } else { picture.cell_at(size_bytes - 1) + 1 };
        picture.cells = vec![Cell::default(); count];
        picture
    }

    /// The cell in which this byte of the device lies.
    fn cell_at(&self, offset: u64) -> usize {
        let (row, within) = (offset / self.row_bytes, offset % self.row_bytes);
        let column = u128::from(within) * u128::from(self.row_cells) / u128::from(self.row_bytes);
        (row * self.row_cells) as usize + column as usize
    }

    /// The first byte of a cell: the inverse of [`cell_at`](Self::cell_at). Of the cell behind the last, the end of the device.
    fn cell_start(&self, cell: usize) -> u64 {
        let (row, column) = (cell as u64 / self.row_cells, cell as u64 % self.row_cells);
        let within = (u128::from(column) * u128::from(self.row_bytes)).div_ceil(u128::from(self.row_cells));
        (row * self.row_bytes).saturating_add(within as u64).min(self.size_bytes)
    }

    /// Enters what lies in a range; what lies beyond the device is not shown.
    pub fn add(&mut self, range: Range, shown: Shown) {
        let end = range.end().min(self.size_bytes);
        if range.start >= end {
            return;
        }
        for place in self.cell_at(range.start)..=self.cell_at(end - 1) {
            let (from, to) = (self.cell_start(place).max(range.start), self.cell_start(place + 1).min(end));
            let cell = &mut self.cells[place];
            match shown {
                Shown::Data => cell.data_bytes += to - from,
                Shown::Zero => cell.zero = true,
                Shown::Bad => cell.bad = true,
                Shown::Unchanged => cell.unchanged = true,
                Shown::Missing => cell.missing = true,
            }
        }
    }

    /// The rows with their offsets, and the legend.
    pub fn lines(&self, alphabet: &Alphabet) -> Vec<String> {
        let characters: Vec<char> = (0..self.cells.len()).map(|place| self.character(place, alphabet)).collect();
        let mut lines = Vec::new();
        for (row, characters) in characters.chunks(self.row_cells.max(1) as usize).enumerate() {
            let start = row as u64 * self.row_bytes;
            let end = start.saturating_add(self.row_bytes).min(self.size_bytes);
            let from = if start == 0 { "0".to_owned() } else { sizes::short(start) };
            lines.push(format!("  {from:>10} {} {}", characters.iter().collect::<String>(), sizes::short(end)));
        }
        lines.extend(self.legend(&characters, alphabet));
        lines
    }

    /// What matters most wins: a bad byte is never hidden by anything, a byte of data never by zeros.
    fn character(&self, place: usize, alphabet: &Alphabet) -> char {
        let cell = &self.cells[place];
        let cell_bytes = self.cell_start(place + 1) - self.cell_start(place);
        // In 128 bits, as eight times a large cell would not fit.
        let eighths = u128::from(cell.data_bytes) * 8 / u128::from(cell_bytes);
        match (cell, eighths) {
            (Cell { bad: true, .. }, _) => alphabet.bad,
            (Cell { missing: true, .. }, _) => alphabet.missing,
            (Cell { data_bytes: 1.., .. }, 7..) => alphabet.data[0],
            (Cell { data_bytes: 1.., .. }, 4..) => alphabet.data[1],
            (Cell { data_bytes: 1.., .. }, 1..) => alphabet.data[2],
            (Cell { data_bytes: 1.., .. }, 0) => alphabet.data[3],
            (Cell { zero: true, .. }, _) => alphabet.zero,
            (Cell { unchanged: true, .. }, _) => alphabet.unchanged,
            _ => alphabet.missing,
        }
    }

    /// Explains the characters that occur.
    fn legend(&self, characters: &[char], alphabet: &Alphabet) -> Option<String> {
        let occurs = |wanted: &char| characters.contains(wanted);
        let [full, partial @ ..] = &alphabet.data;
        let mut parts = Vec::new();
        if partial.iter().any(occurs) {
            parts.push(format!("{} data, much to little", alphabet.data.iter().collect::<String>()));
        } else if occurs(full) {
            parts.push(format!("{full} data"));
        }
        let others = [
            (alphabet.zero, "zero"),
            (alphabet.bad, "bad: not read"),
            (alphabet.unchanged, "unchanged"),
            (alphabet.missing, "missing"),
        ];
        parts.extend(others.iter().filter(|(one, _)| occurs(one)).map(|(one, meaning)| format!("{one} {meaning}")));
        (!parts.is_empty()).then(|| format!("  {:>10} {}", "", parts.join("   ")))
    }

    /// How much of the device one character stands for.
    pub fn cell_text(&self) -> String {
        sizes::short(self.row_bytes.checked_div(self.row_cells).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Shown; 5] = [Shown::Data, Shown::Zero, Shown::Bad, Shown::Unchanged, Shown::Missing];

    /// The characters of the rows, without offsets and legend.
    fn cells(picture: &Picture, alphabet: &Alphabet) -> Vec<char> {
        (0..picture.cells.len()).map(|place| picture.character(place, alphabet)).collect()
    }

    fn of_ranges(mut picture: Picture, ranges: &[(u64, u64, Shown)]) -> Picture {
        ranges.iter().for_each(|&(start, length, shown)| picture.add(Range { start, length }, shown));
        picture
    }

    #[test]
    fn a_little_data_is_seen_among_zeros_and_a_bad_byte_everywhere() {
        let size = 8u64 << 30;
        let found = [(0, size, Shown::Zero), (5 << 30, 1, Shown::Data), (0, 1 << 30, Shown::Data), (7, 1, Shown::Bad)];
        let text = of_ranges(Picture::new(size, 80), &found).lines(&BLOCKS);
        assert_eq!(text.len(), 9, "{text:#?}");
        assert_eq!(text[0], format!("           0 ×{} 1 GiB", "█".repeat(55)));
        assert_eq!(text[5], format!("       5 GiB ░{} 6 GiB", "·".repeat(55)));
        assert_eq!(text[7], format!("       7 GiB {} 8 GiB", "·".repeat(56)));
        assert!(text[8].ends_with("█▓▒░ data, much to little   · zero   × bad: not read"), "{}", text[8]);
        let ascii = of_ranges(Picture::new(size, 80), &found).lines(&ASCII);
        assert!(ascii.iter().all(|line| line.is_ascii()) && ascii[0].contains(" !##"), "{ascii:#?}");
    }

    #[test]
    fn characters_grow_darker_with_the_share_of_data() {
        let of_share = |bytes| {
            let picture =
                of_ranges(Picture::with_rows(1000, 1000, 1), &[(0, 1000, Shown::Zero), (0, bytes, Shown::Data)]);
            cells(&picture, &BLOCKS)[0]
        };
        assert_eq!([0, 1, 124, 125, 500, 874, 875, 1000].map(of_share), ['·', '░', '░', '▒', '▓', '▓', '█', '█']);
    }

    #[test]
    fn devices_of_any_size_fit() {
        for size in [0, 1, 7, 56, 57, 16 << 20, (16 << 20) + 1, 500_107_862_016, (1 << 53) - 1] {
            for columns in [0, 32, 80, 81, 1000] {
                let mut picture = Picture::new(size, columns);
                picture.add(Range { start: 0, length: size }, Shown::Data);
                let lines = picture.lines(&BLOCKS);
                assert_eq!(lines.is_empty(), size == 0, "{size}");
                assert!(lines.len() <= 9, "{size}: {lines:#?}");
                let widest = lines.iter().take(lines.len().saturating_sub(1)).map(|line| line.chars().count()).max();
                assert!(widest.unwrap_or(0) <= columns.max(32), "{size} in {columns}: {lines:#?}");
                assert!(cells(&picture, &BLOCKS).iter().all(|one| *one == '█'), "{size}: {lines:#?}");
            }
        }
    }

    proptest! {
        /// Against a model that knows of each byte what lies there.
        #[test]
        fn every_cell_shows_what_matters_most_of_its_bytes(
            row_bytes in 1u64..120, row_cells in 1usize..40, spans in proptest::collection::vec((1u64..40, 0usize..5), 1..30)
        ) {
            let size: u64 = spans.iter().map(|(length, _)| length).sum();
            let mut picture = Picture::with_rows(size, row_bytes, row_cells);
            let mut model = Vec::new();
            for (length, kind) in spans {
                picture.add(Range { start: model.len() as u64, length }, ALL[kind]);
                model.resize(model.len() + length as usize, ALL[kind]);
            }
            let shown = cells(&picture, &BLOCKS);
            let mut at = 0;
            for (place, one) in shown.iter().enumerate() {
                let (from, to) = (picture.cell_start(place), picture.cell_start(place + 1));
                prop_assert!(from == at && to > from, "cells lie one behind another and are not empty");
                prop_assert!((from..to).all(|offset| picture.cell_at(offset) == place));
                at = to;
                let slice = &model[from as usize..to as usize];
                let holds = |wanted: Shown| slice.contains(&wanted);
                let expected = if holds(Shown::Bad) {
                    "×"
                } else if holds(Shown::Missing) {
                    "?"
                } else if holds(Shown::Data) {
                    "█▓▒░"
                } else if holds(Shown::Zero) {
                    "·"
                } else {
                    "-"
                };
                prop_assert!(expected.contains(*one), "{} in {:?}", one, slice);
                let data = slice.iter().filter(|found| **found == Shown::Data).count();
                prop_assert_eq!(*one == '█', expected == "█▓▒░" && data * 8 >= slice.len() * 7);
            }
            prop_assert_eq!(at, size);
        }
    }
}
