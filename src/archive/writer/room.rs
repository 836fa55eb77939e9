//! What an archive's part takes beside its data, and whether a medium has room for it.

use super::super::block::{BLOCK, padded};
use super::super::{BackupInfo, limit};
use super::{HEADERS_MAX, PartHead, record_bytes};
use crate::error::{Error, Result};
use crate::stream::Output;

/// The longest text of an end member without its backup-info and the positions of its indexes.
const END_TEXT_MAX: u64 = 4096;
/// What a later part's backup-info says beside that of the first.
const PART_TEXT_MAX: u64 = 1024;
/// The stored bytes of an index that lists nothing, and its headers.
const INDEX_MIN: u64 = 4096;

/// At most so many bytes close a part, if its current index is stored in so many and has so many before it.
pub fn closing_bound(record_bytes: u64, info_bytes: u64, index_bytes: u64, index_count: u64) -> u64 {
    // An index that is full is followed by the last one; each position has up to 16 digits and a comma.
    let end_text = info_bytes + END_TEXT_MAX + 17 * (index_count + 2);
    let members = 3 * HEADERS_MAX + padded(index_bytes) + INDEX_MIN + padded(end_text);
    members + 2 * BLOCK as u64 + record_bytes
}

/// What a part begins with and what closes it, of an archive with a short map and little noted about it, without the record that its length is a multiple of.
const PART_WITHOUT_DATA: u64 = 60 << 10;

/// The longest data member, by its bytes before compression, for which a part of so many bytes has room as a rule: a power of two; `None` where it has room for none.
pub fn extent_limit_within(part_bytes: u64, record_bytes: u64) -> Option<u64> {
    let room = part_bytes.checked_sub(PART_WITHOUT_DATA + record_bytes)?.min(*limit::EXTENT.end());
    let most = 1 << room.checked_ilog2()?;
    (most >= *limit::EXTENT.start()).then_some(most)
}

/// The bytes of the shortest part that has room for data members, however short these are cut, as a rule.
pub fn part_bytes_min(record_bytes: u64) -> u64 {
    PART_WITHOUT_DATA + record_bytes + limit::EXTENT.start()
}

/// Refuses an output whose parts have no room for the longest member of the archive that begins here, beside what they begin with and what closes them.
pub fn demand_room_for_members(output: &mut dyn Output, head: &PartHead<'_>) -> Result<()> {
    let documents = [head.text.len(), head.restore_text.len(), head.map.bytes.len()];
    let head_bytes: u64 = documents.into_iter().map(|length| HEADERS_MAX + padded(length as u64)).sum();
    // A later part says of itself where it begins.
    let (info, info_bytes) = (head.info, head.text.len() as u64 + PART_TEXT_MAX);
    let longest = info.extent_limit.min(info.device.size_bytes);
    let closing = closing_bound(record_bytes(output, info), info_bytes, INDEX_MIN, 0);
    let needed = head_bytes + PART_TEXT_MAX + HEADERS_MAX + padded(longest) + closing;
    let most = output.spanning().and_then(|output| output.part_bytes_max());
    if most.is_some_and(|most| needed > most) {
        return Err(too_small(output.name(), longest));
    }
    Ok(())
}

/// Refuses a medium that has no room for a head of so many bytes and what closes it.
pub fn demand_room(output: &mut dyn Output, head_bytes: u64, info: &BackupInfo, info_bytes: u64) -> Result<()> {
    let needed = head_bytes + closing_bound(record_bytes(output, info), info_bytes, INDEX_MIN, 0);
    if output.spanning().is_some_and(|output| !output.has_room(needed)) {
        return Err(too_small(output.name(), head_bytes));
    }
    Ok(())
}

/// That an output has no room for so many bytes more.
pub fn too_small(output: &str, bytes: u64) -> Error {
    let why = format!("it has no room for {bytes} bytes more and for what closes an archive's part behind them");
    let remedy = "use a larger medium or --part-size, or a smaller --extent-limit".to_owned();
    Error::refused(format!("write an archive onto {output}"), why, Some(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_as_long_as_a_part_has_room_for() {
        let within = |part_kib: u64, record_kib: u64| {
            extent_limit_within(part_kib << 10, record_kib << 10).map(|most| most >> 10)
        };
        assert_eq!(
            [(10, 4), (127, 4), (128, 4), (200, 4), (1024, 4)].map(|(part, record)| within(part, record)),
            [None, None, Some(64), Some(128), Some(512)]
        );
        assert_eq!([(1024, 512), (600, 512)].map(|(part, record)| within(part, record)), [Some(256), None]);
        assert_eq!((within(4 << 20, 4), within(0, 0)), (Some(64 << 10), None));
        assert_eq!(extent_limit_within(u64::MAX, 512), Some(64 << 20));
    }

    #[test]
    fn the_shortest_part_has_room_for_members_and_none_that_is_shorter() {
        for record_bytes in [512, 4 << 10, 16 << 10, 512 << 10, 16 << 20] {
            let least = part_bytes_min(record_bytes);
            assert_eq!(extent_limit_within(least, record_bytes), Some(*limit::EXTENT.start()), "{record_bytes}");
            assert_eq!(extent_limit_within(least - 1, record_bytes), None, "{record_bytes}");
        }
    }
}
