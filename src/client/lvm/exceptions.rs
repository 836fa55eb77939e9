//! Which blocks of a volume were written to since a classic snapshot of it was taken: the exception tables in the snapshot's store
//! (Linux' `drivers/md/dm-snap-persistent.c`).

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Advised, Error, Result};
use crate::extent::{DirtyMapBuilder, ExtentMap, Range};
use crate::progress::Progress;
use crate::sys::block;
use crate::sys::direct::{self, ALIGNMENT, AlignedBuffer};

use super::Volume;
use super::thin::ParentAndNow;

/// "SnAp", the first word of a store.
const MAGIC: u32 = 0x7041_6e53;
const VERSION: u32 = 1;
const SECTOR_BYTES: u64 = 512;
/// LVM gives chunks of 4 KiB to 512 KiB.
const CHUNK_BYTES_MAX: u64 = 16 << 20;
/// Two numbers of eight bytes: the chunk of the origin, and that of the store.
const EXCEPTION_BYTES: u64 = 16;
/// What has changed is held with a bit for each chunk, or for several chunks of a very large volume: 16 MiB at most.
const BITS_MAX: u64 = 1 << 27;

/// What changed on a volume since this classic snapshot of it was taken, which holds what the parent archive does: the map of an increment.
///
/// Of the snapshot that is read now only that is told which was written up to now: it was taken before this is called.
///
/// # Errors
/// A snapshot that overflowed, and tables that say what cannot be: then nothing is known of what changed.
pub fn changed_since(snapshot: &Volume, sizes: ParentAndNow, progress: &Progress) -> Result<ExtentMap> {
    // The kernel writes below the page cache, in which an older state of the tables may lie.
    let path = format!("/dev/mapper/{}-cow", snapshot.mapper_name()?);
    let failed = |cause| Error::io("reading", &path, cause);
    let file = File::open(Path::new(&path)).map_err(failed)?;
    let size_bytes = block::size_bytes(&file).map_err(failed)?;
    let file =
        direct::open(&file).map_err(failed)?.ok_or_else(|| failed(io::Error::other("it takes no direct reads")))?;
    let read = |buffer: &mut AlignedBuffer, offset: u64, length: usize| {
        progress.check().map_err(io::Error::other)?;
        match buffer.fill(&file, offset, length)? {
            filled if filled == length => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    let outcome = read_exceptions(size_bytes, sizes, read);
    progress.check()?;
    outcome.map_err(failed)
}

/// Reads the tables of a store of so many bytes, by a function that fills a buffer from an offset on; both are multiples of 4 KiB.
///
/// # Errors
/// A read that fails; a store that overflowed, or of another version; tables that say what cannot be.
pub fn read_exceptions(
    store_bytes: u64,
    sizes: ParentAndNow,
    read: impl Fn(&mut AlignedBuffer, u64, usize) -> io::Result<()>,
) -> io::Result<ExtentMap> {
    let mut header = AlignedBuffer::new(ALIGNMENT as usize);
    read(&mut header, 0, ALIGNMENT as usize)?;
    let chunk_bytes = read_header(header.bytes())?;
    let store_chunks = store_bytes / chunk_bytes;
    let mut changed = Bits::new(sizes.parent.max(sizes.now), chunk_bytes);
    let mut table = AlignedBuffer::new(chunk_bytes as usize);
    let per_table = chunk_bytes / EXCEPTION_BYTES;
    // Tables and as many chunks as one of them tells of lie in turn.
    let mut place = 1;
    'tables: loop {
        if place >= store_chunks {
            return Err(broken("its tables have no end"));
        }
        read(&mut table, place * chunk_bytes, chunk_bytes as usize)?;
        for exception in table.bytes().chunks_exact(EXCEPTION_BYTES as usize) {
            let (origin_chunk, store_chunk) = (number(&exception[..8]), number(&exception[8..]));
            if store_chunk == 0 {
                break 'tables;
            }
            let is_table = store_chunk % (per_table + 1) == 1;
            if store_chunk < 2 || is_table || store_chunk >= store_chunks {
                return Err(broken(&format!("chunk {origin_chunk} cannot lie in chunk {store_chunk} of the store")));
            }
            if !changed.set(origin_chunk) {
                return Err(broken(&format!("chunk {origin_chunk} lies behind the end of the volume")));
            }
        }
        place += per_table + 1;
    }
    // An overflow while this was read leaves out what was written behind it.
    read(&mut header, 0, ALIGNMENT as usize)?;
    read_header(header.bytes())?;
    Ok(changed.into_map(sizes))
}

/// Checks the header, four words of 32 bits, and gives the size of a chunk in bytes.
fn read_header(header: &[u8]) -> io::Result<u64> {
    let word = |place: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[4 * place + byte]));
    if word(0) != MAGIC {
        return Err(broken("it does not begin as a snapshot's store does"));
    }
    if word(1) != 1 {
        let why = "the snapshot overflowed, so that what changed is not known".to_owned();
        let remedy = "give it more room, by --snapshot-size".to_owned();
        return Err(Advised { why, remedy, cause: None }.into());
    }
    if word(2) != VERSION {
        return Err(broken(&format!("its version is {}, and only {VERSION} is known", word(2))));
    }
    let chunk_bytes = u64::from(word(3)) * SECTOR_BYTES;
    if !chunk_bytes.is_power_of_two() || !(ALIGNMENT..=CHUNK_BYTES_MAX).contains(&chunk_bytes) {
        return Err(broken(&format!("its chunks have {chunk_bytes} bytes")));
    }
    Ok(chunk_bytes)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is no table of what changed: {why}"))
}

/// Chunks of a volume, each of them set or not; several by one bit, where there are too many.
struct Bits {
    words: Vec<u64>,
    chunks: u64,
    bit_bytes: u64,
    /// How many times a chunk was doubled to give what one bit stands for.
    shift: u32,
}

impl Bits {
    fn new(size_bytes: u64, chunk_bytes: u64) -> Self {
        let chunks = size_bytes.div_ceil(chunk_bytes);
        let shift = (0..64).find(|shift| chunks >> shift < BITS_MAX).unwrap_or(63);
        let words = vec![0; ((chunks >> shift) / 64 + 1) as usize];
        Self { words, chunks, bit_bytes: chunk_bytes << shift, shift }
    }

    /// Sets a chunk; `false` if there is no such chunk.
    fn set(&mut self, chunk: u64) -> bool {
        if chunk < self.chunks {
            let bit = chunk >> self.shift;
            self.words[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        chunk < self.chunks
    }

    fn into_map(self, sizes: ParentAndNow) -> ExtentMap {
        let mut builder = DirtyMapBuilder::new(sizes.now);
        for (place, word) in (0u64..).zip(self.words) {
            let mut left = word;
            while left != 0 {
                let bit = place * 64 + u64::from(left.trailing_zeros());
                left &= left - 1;
                let start = bit * self.bit_bytes;
                let within = |offset: u64| offset.min(sizes.parent);
                builder.add_data(Range::between(within(start), within(start.saturating_add(self.bit_bytes))));
            }
        }
        // Behind the parent's end nothing is unchanged, whatever a table says.
        builder.add_data(Range::rest(sizes.parent, sizes.now));
        builder.finish()
    }
}

#[cfg(test)]
mod tests;
