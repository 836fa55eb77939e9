//! What the account lets in, and where.

use super::super::info::{Parent, Part};
use super::super::tests::{sound_end, sound_info};
use super::*;
use crate::extent::Extent;

const SIZE: u64 = 1 << 20;
const DIGEST: Digest = Digest([7; 32]);

/// The account of an archive of a device of [`SIZE`] bytes.
fn ledger(info: BackupInfo, map: &[Extent]) -> Ledger<()> {
    Ledger::open(info, DIGEST, map.iter().copied().collect(), DIGEST, 4096, ())
}

fn data(start: u64, length: u64) -> Landed {
    let content = Content::Data { compressed: false, digest: DIGEST };
    Landed { range: Range { start, length }, content, position: 8192, stored: length, seq: 3 }
}

/// The backup-info of an archive whose members alone tell the extents; of an increment, if there is a parent of this size.
fn inline(parent_bytes: Option<u64>) -> BackupInfo {
    let parent = |device_size| Parent { id: sound_info().id, state: DIGEST, device_size };
    let kind = if parent_bytes.is_some() { Kind::Increment } else { Kind::Full };
    BackupInfo { map: MapKind::Inline, kind, parent: parent_bytes.map(parent), ..sound_info() }
}

#[test]
fn a_frame_is_shorter_than_what_it_holds_and_plain_bytes_are_as_long() {
    let ledger = ledger(sound_info(), &[Extent::data(0, SIZE)]);
    let check = |compressed, stored, length| {
        let content = Content::Data { compressed, digest: DIGEST };
        ledger.check_sizes(&Landed { content, stored, ..data(0, length) }).is_ok()
    };
    assert!(check(true, 99, 100) && !check(true, 100, 100) && !check(true, 101, 100));
    assert!(check(false, 100, 100) && !check(false, 99, 100) && !check(false, 101, 100));
    let limit = ledger.info().extent_limit;
    assert!(check(false, limit, limit) && !check(false, limit + 1, limit + 1) && !check(true, 1, limit + 1));
}

#[test]
fn an_inline_increment_may_end_where_the_parent_reaches_and_no_sooner() {
    for (parent_bytes, covered) in [(SIZE, true), (2 * SIZE, true), (SIZE - 1, false), (4096, false)] {
        let mut ledger = ledger(inline(Some(parent_bytes)), &[]);
        ledger.land(&data(0, 4096), |_| ()).unwrap();
        assert_eq!(ledger.close_device(|_| ()).is_ok(), covered, "{parent_bytes}");
    }
    let mut full = ledger(inline(None), &[]);
    full.land(&data(0, 4096), |_| ()).unwrap();
    assert!(full.close_device(|_| ()).is_err());
}

#[test]
fn an_index_lists_65536_members_and_then_another_begins() {
    let mut ledger = ledger(sound_info(), &[Extent::data(0, SIZE)]);
    for place in 0..limit::INDEX_MEMBERS {
        assert!(!ledger.index_is_full());
        ledger.land(&data(place * 2, 1), |_| ()).unwrap();
        assert_eq!(ledger.at(), place * 2 + 1);
    }
    assert!(ledger.index_is_full());
    assert!(ledger.land(&data(SIZE - 1, 1), |_| ()).is_err());
    assert_eq!(ledger.close_index(1 << 30, ()).number, 0);
    assert!(!ledger.index_is_full());
    ledger.land(&data(SIZE - 1, 1), |_| ()).unwrap();
    assert_eq!(ledger.close_index(1 << 31, ()).number, 1);
}

#[test]
fn behind_a_loss_the_account_goes_on_further_back_never() {
    let mut ledger = ledger(sound_info(), &[Extent::data(0, SIZE)]);
    ledger.land(&data(4096, 4096), |_| ()).unwrap();
    ledger.resume(65_536);
    assert_eq!(ledger.at(), 65_536);
    ledger.resume(0);
    assert_eq!(ledger.at(), 65_536);
    let mut zeros = Vec::new();
    ledger.land(&data(70_000, 1), |range| zeros.push(range)).unwrap();
    assert_eq!(zeros, [Range::between(65_536, 70_000)], "of what was lost nothing is told");
}

#[test]
fn a_part_begins_where_a_mark_was_made_and_its_own_account_anew() {
    let map = [Extent::data(0, 16_384), Extent::hole(16_384, SIZE - 16_384)];
    let mut broken = ledger(sound_info(), &map);
    broken.land(&data(0, 4096), |_| ()).unwrap();
    broken.close_index(10_000, ());
    broken.land(&data(4096, 4096), |_| ()).unwrap();
    let mark = broken.mark();
    broken.land(&data(12_288, 4096), |_| ()).unwrap();
    broken.close_index(20_000, ());

    let part = Part { number: 2, first_seq: 9, from: mark.at(), running: mark.running() };
    assert_eq!(part.from, 8192);
    let info = sound_info().of_part(part.clone(), None, 512);
    broken.begin_part(mark, info, 2048, ());
    let end = broken.end_of_part(20, sound_end().finished);
    assert_eq!((end.members, end.to, end.data_members, end.running), (12, 8192, 0, part.running));
    assert_eq!((end.map_position, end.indexes.len()), (2048, 0));
    broken.land(&data(8192, 8192), |_| ()).unwrap();
    broken.close_device(|_| ()).unwrap();
    assert_eq!(broken.close_index(4096, ()).number, 1, "the index behind the mark does not count");

    let mut whole = ledger(sound_info(), &map);
    for (start, length) in [(0, 4096), (4096, 4096), (8192, 8192)] {
        whole.land(&data(start, length), |_| ()).unwrap();
    }
    let (whole, end) = (whole.end(30, end.finished), broken.end(30, end.finished));
    assert_eq!((end.digest, end.data_members), (whole.digest, 1));
    assert_eq!(broken.of_all_parts(&end).data_members, 3);
}
