//! Reads the first and the last records of a tape file, and nothing between.

use crate::archive::limit;
use crate::catalog::{Beginning, beginning};
use crate::error::Result;

use super::deck::{Deck, Met};

/// Where nothing tells the length of a tape file's records.
const RECORD_BYTES_GUESSED: u64 = 512 << 10;
/// How many records in a row may be unreadable before a tape file's end is given up.
const UNREADABLE_MAX: u32 = 4;

/// The beginning and the end of a tape file.
#[derive(Debug, Default)]
pub struct Ends {
    /// Its first records, as far as they could be read.
    pub head: Vec<u8>,
    /// Its last records, as far as they could be read: all of it, if it is short.
    pub tail: Vec<u8>,
    /// Length of its first record in bytes; 0 where it could not be read.
    pub record_bytes: u64,
    /// Whether head and tail are both all of it.
    pub is_whole: bool,
    /// Whether a filemark ends it.
    pub closed: bool,
    /// Its length in bytes, where that is known.
    pub length_bytes: Option<u64>,
    /// The address of its first record, where the drive has addresses.
    pub address: Option<u32>,
}

/// How many records hold an archive's end member: its last MiB before the zeros that fill the last record.
fn records_at_end(record_bytes: u64) -> u32 {
    let record_bytes = if record_bytes == 0 { RECORD_BYTES_GUESSED } else { record_bytes };
    u32::try_from(limit::CLOSING.div_ceil(record_bytes) + 1).unwrap_or(u32::MAX)
}

/// No more than this is kept of either end, whatever the size of its records.
const KEPT_BYTES: usize = 18 << 20;

/// Which of the records that are read stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    First,
    Last,
}

/// Some records in a row, and what ended them.
struct Run {
    bytes: Vec<u8>,
    records: u32,
    unreadable: u32,
    end: RunEnd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RunEnd {
    Filemark,
    EndOfData,
    /// As many records as were wanted, or none that can be read.
    Elsewhere,
}

/// Reads the ends of the tape file at whose first record the drive stands, and leaves it behind that file. `None` at the end of data.
pub fn read_ends(deck: &mut Deck<'_>) -> Result<Option<Ends>> {
    let address = deck.address();
    let first = run(deck, 1, Keep::First)?;
    if first.end == RunEnd::EndOfData && first.records == 0 && first.unreadable == 0 {
        return Ok(None);
    }
    let record_bytes = first.bytes.len() as u64;
    let mut head = first;
    if head.end == RunEnd::Elsewhere && head.unreadable == 0 && beginning(&head.bytes) != Beginning::OtherTar {
        // So many that going back as many from the file's end never leads beyond its start, nor one more (tgtd's drives).
        let more = run(deck, records_at_end(record_bytes), Keep::First)?;
        head.bytes.extend_from_slice(&more.bytes);
        head = Run { bytes: head.bytes, records: 1 + more.records, ..more };
    }
    let ends = Ends { record_bytes, address, ..Ends::default() };
    if head.end == RunEnd::Elsewhere {
        return read_far_end(deck, head, ends).map(Some);
    }
    let (closed, is_whole) = (head.end == RunEnd::Filemark, head.unreadable == 0);
    let length_bytes = is_whole.then_some(head.bytes.len() as u64);
    let (tail, head) = (head.bytes.clone(), head.bytes);
    Ok(Some(Ends { head, tail, is_whole, closed, length_bytes, ..ends }))
}

/// The same of a file that is longer than its first records: goes to its end, and back over the last records.
fn read_far_end(deck: &mut Deck<'_>, head: Run, ends: Ends) -> Result<Ends> {
    let closed = deck.space_files(1)?;
    let ends = Ends { closed, ..ends };
    if head.unreadable == 0 && beginning(&head.bytes) == Beginning::OtherTar {
        return Ok(Ends { head: head.bytes, ..ends });
    }
    let (behind, file_behind) = (deck.address(), deck.status()?.file);
    let records = behind.zip(ends.address).and_then(|(behind, start)| records_between(start, behind, closed));
    let wanted = records_at_end(ends.record_bytes).min(records.unwrap_or(u32::MAX));
    let back = Back { address: behind, closed, wanted };
    let (mut tail, passed) = read_back(deck, &back)?;
    if let Some(number) = file_behind.filter(|_| behind.is_none() && closed) {
        let is_there = deck.status()?.file == Some(number + passed) && tail.end != RunEnd::Elsewhere;
        let is_ours = is_there && (head.records > 0 || has_record(deck, number.saturating_sub(1))?);
        if !is_ours {
            tail = Run { bytes: Vec::new(), records: 0, unreadable: 1, end: RunEnd::Elsewhere };
        }
        if !is_ours || passed > 0 || head.records == 0 {
            // It stands elsewhere, or its driver has lost count: whoever goes on from here would come by this file again and again.
            deck.go_to_file(number)?;
        }
    }
    let even = tail.unreadable == 0 && tail.bytes.len() as u64 == u64::from(tail.records) * ends.record_bytes;
    let length_bytes = records.filter(|_| even).map(|records| u64::from(records) * ends.record_bytes);
    Ok(Ends { head: head.bytes, tail: tail.bytes, length_bytes, ..ends })
}

/// Whether there is a record in this tape file, whose first block cannot be read: that may be the filemark that ends it, from which some drives go back into the
/// file before without a word. Leaves it there.
fn has_record(deck: &mut Deck<'_>, number: u32) -> Result<bool> {
    deck.go_to_file(number)?;
    Ok(deck.forward_records(1) || deck.status()?.file == Some(number))
}

/// How many records lie between two addresses, with a filemark behind them if it is closed. `None` where a drive tells what cannot be.
fn records_between(start: u32, behind: u32, closed: bool) -> Option<u32> {
    behind.checked_sub(start)?.checked_sub(u32::from(closed))
}

/// Which records to read: the last ones of a tape file behind which the drive stands.
struct Back {
    /// Where it stands, if that is known.
    address: Option<u32>,
    /// Whether a filemark lies between.
    closed: bool,
    /// How many records.
    wanted: u32,
}

/// Goes back, reads the last records, and stands behind the file again, unless they could not be read up to its end. Beside them, how many filemarks
/// it came by that the driver did not count on the way back.
fn read_back(deck: &mut Deck<'_>, back: &Back) -> Result<(Run, u32)> {
    let mut at_start = false;
    if let Some(behind) = back.address {
        deck.seek(behind.saturating_sub(back.wanted + u32::from(back.closed)))?;
    } else {
        if back.closed {
            deck.space_files(-1)?;
        }
        if !deck.back_records(back.wanted) {
            // Before the file's first record, at the far side of a filemark or at the beginning.
            at_start = deck.status()?.at_beginning || deck.space_files(1)?;
        }
    }
    // One more where the drive went back a record too far, and the filemark.
    let most = back.wanted.saturating_add(2);
    let mut run = run(deck, most, Keep::Last)?;
    let (mut blocks, mut passed) = (run.records + run.unreadable, 0);
    while run.end == RunEnd::Filemark && back.address.is_none() && !at_start && blocks < back.wanted {
        // The drive went back over this filemark without a word: it ends the file before.
        run = self::run(deck, most, Keep::Last)?;
        blocks += 1 + run.records + run.unreadable;
        passed += 1;
    }
    if run.end == RunEnd::Elsewhere {
        match back.address {
            Some(behind) => deck.seek(behind)?,
            None => {
                let reached = deck.space_files(1)?;
                run.end = if run.unreadable == 0 && reached { RunEnd::Filemark } else { RunEnd::Elsewhere };
            }
        }
    }
    Ok((run, passed))
}

/// Reads on, at most so many records.
fn run(deck: &mut Deck<'_>, most: u32, keep: Keep) -> Result<Run> {
    let mut run = Run { bytes: Vec::new(), records: 0, unreadable: 0, end: RunEnd::Elsewhere };
    while run.records < most && run.unreadable < UNREADABLE_MAX.min(most) {
        match deck.read()? {
            Met::Record(length) => {
                run.records += 1;
                if keep == Keep::Last || run.bytes.len() < KEPT_BYTES {
                    run.bytes.extend_from_slice(deck.record(length));
                }
                if run.bytes.len() > 2 * KEPT_BYTES {
                    let surplus = run.bytes.len() - KEPT_BYTES;
                    // The blocks of a tar stay where they were.
                    run.bytes.drain(..surplus / 512 * 512);
                }
            }
            Met::Unreadable(_) => run.unreadable += 1,
            Met::Filemark => return Ok(Run { end: RunEnd::Filemark, ..run }),
            Met::EndOfData => return Ok(Run { end: RunEnd::EndOfData, ..run }),
        }
    }
    Ok(run)
}

/// The last records of a cartridge.
#[derive(Debug)]
pub struct Last {
    /// Their bytes; all of the last tape file, if it is short.
    pub bytes: Vec<u8>,
    /// Whether a filemark lies behind them.
    pub closed: bool,
    /// The length of one, where all have the same.
    pub record_bytes: Option<u64>,
    /// Whether empty tape files lie behind them: some programs end a tape with two filemarks.
    pub before_nothing: bool,
}

/// Reads the last records before the end of data, where the drive stands, and stands there again. `None` if there are none.
///
/// Reads a few, and where they do not satisfy as many as can hold an end member.
pub fn read_last(deck: &mut Deck<'_>, satisfies: impl Fn(&[u8]) -> bool) -> Result<Option<Last>> {
    let mut wanted = records_at_end(0);
    loop {
        let end = deck.address();
        back_from_end(deck, end, wanted)?;
        let (run, closed, before_nothing) = read_to_end(deck, end, wanted)?;
        if end.is_none() || !closed {
            // A read at the end of data leaves st in a state in which it takes the end of the medium for near.
            deck.go_to_end()?;
        }
        let enough = run.bytes.len() as u64 >= limit::CLOSING || run.records < wanted || run.unreadable > 0;
        if enough || run.records == 0 || satisfies(&run.bytes) {
            return Ok((run.records > 0 || run.unreadable > 0).then_some(Last {
                record_bytes: even_length(&run),
                bytes: run.bytes,
                closed,
                before_nothing,
            }));
        }
        wanted = records_at_end(run.bytes.len() as u64 / u64::from(run.records)).max(wanted + 1);
    }
}

fn even_length(run: &Run) -> Option<u64> {
    let (length, records) = (run.bytes.len() as u64, u64::from(run.records));
    (records > 0 && length.is_multiple_of(records)).then(|| length / records)
}

/// Goes from the end of data to before so many records, or farther back, or to the beginning.
fn back_from_end(deck: &mut Deck<'_>, end: Option<u32>, wanted: u32) -> Result<()> {
    if let Some(end) = end {
        return deck.seek(end.saturating_sub(wanted + 1));
    }
    // Over the filemark that closes the last tape file; where it has none, over the one before it.
    match deck.space_files(-1)? {
        true => drop(deck.back_records(wanted)),
        false => deck.rewind()?,
    }
    Ok(())
}

/// Reads up to the end of data; the records of the last tape file that has any, whether a filemark lies behind them, and whether empty tape files do.
fn read_to_end(deck: &mut Deck<'_>, end: Option<u32>, wanted: u32) -> Result<(Run, bool, bool)> {
    let mut last = Run { bytes: Vec::new(), records: 0, unreadable: 0, end: RunEnd::Elsewhere };
    let mut before_nothing = false;
    loop {
        let found = run(deck, wanted.saturating_add(2), Keep::Last)?;
        match found.end {
            RunEnd::Filemark => {
                before_nothing = found.records == 0 && found.unreadable == 0;
                last = if before_nothing { last } else { found };
                if end.is_some() && deck.address() == end {
                    return Ok((last, true, before_nothing));
                }
            }
            RunEnd::EndOfData if found.records == 0 && found.unreadable == 0 => {
                return Ok((last, true, before_nothing));
            }
            RunEnd::EndOfData => return Ok((found, false, false)),
            RunEnd::Elsewhere => {
                // A long tape file without a filemark behind it, or one that cannot be read.
                deck.go_to_end()?;
                deck.back_records(wanted);
                return Ok((run(deck, wanted.saturating_add(1), Keep::Last)?, false, false));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_tell_no_number_of_records() {
        assert_eq!(
            [(3, 8, true), (3, 8, false), (3, 4, true)]
                .map(|(start, behind, closed)| records_between(start, behind, closed)),
            [Some(4), Some(5), Some(0)]
        );
        assert_eq!(
            [(8, 3, false), (3, 3, true)].map(|(start, behind, closed)| records_between(start, behind, closed)),
            [None; 2]
        );
    }
}
