//! What tells one reservation of a thin pool's tables from any other, so that what a killed process has left can be released, and nothing else.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::sys::direct::{self, AlignedBuffer};
use crate::sys::process::ProcessMark;

use super::tool;

/// The size of the blocks of a pool's tables, which the kernel counts them by (`THIN_METADATA_BLOCK_SIZE` in Linux' `drivers/md/dm-thin-metadata.h`).
const BLOCK_BYTES: u64 = 4096;

/// The number at byte 32 of a superblock of thin tables, of which the reserved block is a copy (`struct thin_disk_superblock`).
const MAGIC: u64 = 27_022_010;

/// What of a superblock its copies have too and a change in the pool changes: the version, the time and the transaction; the blocks of the tables' roots, which
/// may come again some changes later.
const TELLING: [std::ops::Range<usize>; 2] = [40..56, 320..336];

/// The hexadecimal digits of that.
const TOLD_DIGITS: usize = 64;

/// Where the pool's own superblock names the block that is reserved.
const RESERVED: std::ops::Range<usize> = 56..64;

/// What is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reserved {
    block: u64,
    told: String,
}

impl Reserved {
    /// What of this pool is reserved, if something is; `device` is that of its tables.
    pub(super) fn now(target: &str, device: &str) -> Result<Option<Self>> {
        let Some(block) = held_block(target)? else { return Ok(None) };
        let superblock = superblock(device, block)?;
        let told = telling(superblock.bytes()).ok_or_else(|| no_superblock(device, block))?;
        Ok(Some(Self { block, told }))
    }
}

/// Reads a block of the tables.
fn superblock(device: &str, block: u64) -> Result<AlignedBuffer> {
    let failed = |cause| Error::io("reading", device, cause);
    // The kernel writes below the page cache.
    let file = File::open(Path::new(device)).and_then(|file| direct::open(&file)).map_err(failed)?;
    let file = file.ok_or_else(|| failed(io::Error::other("it takes no direct reads")))?;
    let mut bytes = AlignedBuffer::new(BLOCK_BYTES as usize);
    let offset = block.checked_mul(BLOCK_BYTES).ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
    bytes.fill(&file, offset, BLOCK_BYTES as usize).map_err(failed)?;
    Ok(bytes)
}

fn no_superblock(device: &str, block: u64) -> Error {
    Error::io("reading", device, io::Error::other(format!("block {block} is no superblock")))
}

/// What a superblock says that tells it from any other.
fn telling(superblock: &[u8]) -> Option<String> {
    let magic = superblock.get(32..40).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes);
    let [first, second] = TELLING.map(|range| superblock.get(range));
    let bytes = [first?, second?].concat();
    (magic == Some(MAGIC)).then(|| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    })
}

/// The block that is reserved, if one is.
pub(super) fn held_block(target: &str) -> Result<Option<u64>> {
    let status = tool::run("dmsetup", &["status", "--target", "thin-pool", target])?;
    parse_held_block(&String::from_utf8_lossy(&status))
}

/// The seventh word: start, length, `thin-pool`, the transaction, used and all blocks of the tables, of the data, and then a number or a dash
/// (Linux' `Documentation/admin-guide/device-mapper/thin-provisioning.rst`).
fn parse_held_block(status: &str) -> Result<Option<u64>> {
    match status.split_whitespace().nth(6).map(|word| (word, word.parse())) {
        Some(("-", _)) => Ok(None),
        Some((_, Ok(block))) => Ok(Some(block)),
        _ => {
            let why = format!("the pool cannot be used: dmsetup says '{}'", status.trim());
            Err(Error::io("asking for", "the state of a thin pool", io::Error::other(why)))
        }
    }
}

/// Whether anybody but the pool itself has the device of its tables open, as all do who read them.
pub(super) fn is_being_read(device: &str) -> Result<bool> {
    let answer = tool::run("dmsetup", &["info", "--columns", "--noheadings", "--options", "open", device])?;
    Ok(parse_open_count(&String::from_utf8_lossy(&answer))? > 1)
}

fn parse_open_count(answer: &str) -> Result<u64> {
    answer.trim().parse().map_err(|_| {
        let why = io::Error::other(format!("it says '{}' of how many have a device open", answer.trim()));
        Error::io("understanding", "the answer of dmsetup", why)
    })
}

/// What a process notes of its reservation for whoever comes behind it: before it makes it, and when it has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) by: ProcessMark,
    /// Where it is not made yet, nothing; what will be reserved is what the tables say now.
    block: Option<u64>,
    told: String,
}

impl Note {
    /// Of a reservation that this process is about to make; `None` where there is one already.
    pub(super) fn before(device: &str) -> Result<Option<Self>> {
        let superblock = superblock(device, 0)?;
        let told = telling(superblock.bytes()).ok_or_else(|| no_superblock(device, 0))?;
        let is_free = superblock.bytes()[RESERVED].iter().all(|byte| *byte == 0);
        Ok(is_free.then(|| Self { by: ProcessMark::of_this(), block: None, told }))
    }

    /// Of one that this process has made.
    pub(super) fn of(Reserved { block, told }: Reserved) -> Self {
        Self { by: ProcessMark::of_this(), block: Some(block), told }
    }

    /// Whether this is what was noted.
    pub(super) fn is_of(&self, Reserved { block, told }: &Reserved) -> bool {
        self.told == *told && self.block.is_none_or(|noted| noted == *block)
    }

    pub(super) fn to_text(&self) -> String {
        let block = self.block.map_or("-".to_owned(), |block| block.to_string());
        format!("{} {block} {}\n", self.by.to_word(), self.told)
    }

    /// Reads one; `None` if it is none, or was cut off.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words: Vec<_> = text.strip_suffix('\n')?.split(' ').collect();
        let [by, block, told] = words[..] else { return None };
        let block = if block == "-" { None } else { Some(block.parse().ok()?) };
        let told = Some(told).filter(|told| told.len() == TOLD_DIGITS)?.to_owned();
        Some(Self { by: ProcessMark::from_word(by)?, block, told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_what_is_reserved() {
        let status = |held: &str| {
            parse_held_block(&format!(
                "0 131072 thin-pool 2 112/1024 0/1024 {held} rw discard_passdown queue_if_no_space - 256 \n"
            ))
        };
        assert_eq!(status("-").unwrap(), None);
        assert_eq!(status("33").unwrap(), Some(33));
        for broken in ["0 131072 thin-pool Fail\n", "", "0 1 thin-pool 2 1/2 0/1 x rw\n", "0 131072 thin-pool Error\n"]
        {
            assert!(parse_held_block(broken).unwrap_err().to_string().contains("cannot be used"), "{broken}");
        }
    }

    #[test]
    fn only_a_number_counts_who_has_it_open() {
        assert_eq!(parse_open_count("  2\n").unwrap(), 2);
        assert!(parse_open_count("").is_err() && parse_open_count("Device does not exist.\n").is_err());
    }

    fn superblock() -> Vec<u8> {
        let mut bytes = vec![0; BLOCK_BYTES as usize];
        bytes[32..40].copy_from_slice(&MAGIC.to_le_bytes());
        bytes
    }

    fn reserved(block: u64, superblock: &[u8]) -> Reserved {
        Reserved { block, told: telling(superblock).unwrap() }
    }

    #[test]
    fn a_note_comes_back_and_what_was_cut_off_is_none() {
        let made = Note::of(reserved(44, &superblock()));
        let before = Note { block: None, ..Note::of(reserved(0, &superblock())) };
        for note in [made, before] {
            let text = note.to_text();
            assert_eq!(Note::parse(&text), Some(note));
            for length in 0..text.len() {
                assert_eq!(Note::parse(&text[..length]), None, "{length}");
            }
            assert_eq!(Note::parse(&text.replacen(' ', " x", 1)), None);
        }
    }

    #[test]
    fn another_block_or_other_tables_are_another_reservation() {
        let bytes = superblock();
        let made = Note::of(reserved(44, &bytes));
        let before = Note { block: None, ..Note::of(reserved(0, &bytes)) };
        assert!(made.is_of(&reserved(44, &bytes)) && !made.is_of(&reserved(45, &bytes)));
        assert!(before.is_of(&reserved(44, &bytes)) && before.is_of(&reserved(45, &bytes)));
        // The time, the transaction, and the roots of the mappings and of the details.
        for place in [44, 48, 320, 328] {
            let mut other = bytes.clone();
            other[place] ^= 1;
            let other = reserved(44, &other);
            assert!(!made.is_of(&other) && !before.is_of(&other), "{place}");
        }
        // What a copy has of its own: its checksum, its place, and no maps of free space.
        for place in [0, 8, 64, 192] {
            let mut copy = bytes.clone();
            copy[place] ^= 1;
            assert!(before.is_of(&reserved(44, &copy)), "{place}");
        }
        assert_eq!((telling(&[0; BLOCK_BYTES as usize]), telling(&bytes[..330])), (None, None));
    }
}
