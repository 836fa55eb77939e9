//! The cartridges of a history and what lies on them, seen without the code that is tested.

use blocktar::media::tape::simulated::{Cartridge, Recorded};

/// A tape file that begins as an archive, or a part of one.
#[derive(Clone, Debug)]
pub struct Found {
    /// The cartridge, by its place on the shelf.
    pub cartridge: usize,
    /// Its tape file, from 0.
    pub file: u32,
    /// The address of its first record.
    pub address: usize,
    /// How many records it has.
    pub records: usize,
    /// The archive's id.
    pub id: String,
    /// The number of the part.
    pub part: u64,
}

/// Looks through what a cartridge holds.
pub fn archives(cartridge: usize, recorded: &[Recorded]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut address = 0;
    for (file, blocks) in recorded.split(|block| *block == Recorded::Filemark).enumerate() {
        let head: Vec<u8> = blocks.iter().flat_map(bytes).copied().take(16 << 10).collect();
        if let Some((id, part)) = archive(&head) {
            found.push(Found { cartridge, file: file as u32, address, records: blocks.len(), id, part });
        }
        address += blocks.len() + 1;
    }
    found
}

fn bytes(block: &Recorded) -> &[u8] {
    match block {
        Recorded::Record(record) => record,
        Recorded::Filemark => &[],
    }
}

/// The id and the number of the part with which these bytes begin.
fn archive(head: &[u8]) -> Option<(String, u64)> {
    let id = std::str::from_utf8(head.get(..36)?).ok()?;
    head[36..].starts_with(b"/PaxHeaders/backup-info.json\0").then_some(())?;
    let text = String::from_utf8_lossy(head);
    // Before the next member begins, it is not known which part this would have been.
    text.contains("/PaxHeaders/RESTORE.txt\0").then_some(())?;
    let part = text.split_once("\"part\":{\"number\":").map_or(1, |(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        // Without a part number it is a sentence of RESTORE.txt.
        digits.parse().unwrap_or(1)
    });
    Some((id.to_owned(), part))
}

/// Whether a tape file's records are still there as they were.
pub fn is_untouched(found: &Found, before: &[Recorded], after: &[Recorded]) -> bool {
    let range = found.address..found.address + found.records;
    after.get(range.clone()) == before.get(range)
}

/// What all cartridges hold.
pub fn snapshot(cartridges: &[Cartridge]) -> Vec<Vec<Recorded>> {
    cartridges.iter().map(Cartridge::recorded).collect()
}
