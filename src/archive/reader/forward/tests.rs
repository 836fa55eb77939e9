//! What a batch holds, and what an index and an end member must be.

use super::super::input::tests::{Fake, input};
use super::*;
use crate::archive::Digest;
use crate::archive::member::Record;
use crate::archive::tests::{sound_end, sound_info};

const DIGEST: Digest = Digest([7; 32]);

/// A reader behind a sound head.
fn forward() -> Forward {
    let info = sound_info();
    let common = Common { id: info.id.clone(), mtime: info.mtime() };
    let head = Head {
        common,
        info,
        info_digest: DIGEST,
        map: [crate::extent::Extent::data(0, 1 << 20)].into_iter().collect(),
        map_digest: DIGEST,
        map_position: 4096,
        next_seq: 3,
        restore_text: Vec::new(),
        attached: Vec::new(),
        faults: Vec::new(),
    };
    Forward::new(input(Fake::default()), head, Reading::Through, Parts::none())
}

#[test]
fn a_batch_counts_the_bytes_that_it_holds() {
    let mut batch = StoredBatch::default();
    let (length, stored) = (1 << 20, 700);
    let content = Content::Data { compressed: true, digest: DIGEST };
    for place in 0..4 {
        assert_eq!(batch.fits(length, 3 << 20), place < 3, "{place}");
        let landed =
            Landed { range: Range { start: place * length, length }, content, position: 0, stored, seq: place };
        let bytes = [&[place as u8; 700][..], &[0; 324]].concat();
        read_piece(&mut input(Fake { bytes, ..Fake::default() }), &landed, false, &mut batch).unwrap();
        assert_eq!(batch.end(), Some(landed.range.end()));
    }
    for (place, piece) in batch.pieces.iter().enumerate() {
        let StoredPiece::Member { at, .. } = piece else { panic!("only members were read") };
        assert_eq!(batch.buffer[*at..at + 700], [place as u8; 700]);
    }
}

#[test]
fn an_index_stores_at_most_64_mib() {
    let said = |stored| {
        let mut forward = forward();
        let record = Record { length: 100, digest: Some((DigestKind::Sha256, DIGEST)), ..Record::default() };
        let member = Member { common: forward.common.clone(), kind: MemberKind::Index(0), record, stored, position: 0 };
        forward.read_index(&member, 0, &mut StoredBatch::default()).unwrap_err().to_string()
    };
    assert!(
        said((64 << 20) + 1).contains("longer than any may be") && !said(64 << 20).contains("longer than any may be")
    );
}

#[test]
fn behind_lost_members_the_end_must_still_be_that_of_the_archive() {
    let (forward, end) = (forward(), sound_end());
    assert!(forward.note_end_of_lost(&end).is_ok());
    let other_id = End { id: "0193f000-0000-7000-8000-000000000001".to_owned(), ..end.clone() };
    assert!(forward.note_end_of_lost(&other_id).is_err());
    let mut other_info = end;
    other_info.backup_info.program = "another".to_owned();
    assert!(forward.note_end_of_lost(&other_info).is_err());
}

#[test]
fn names_are_those_that_the_user_gave() {
    assert_eq!(forward().name(), "fake");
}

#[test]
fn a_batch_has_room_for_what_stores_nothing_until_it_has_4096_pieces() {
    let mut batch = StoredBatch { used: 1, plain_bytes: 1000, ..StoredBatch::default() };
    let member = |kind, length| {
        let record = Record { length, ..Record::default() };
        Member { common: forward().common, kind, record, stored: 0, position: 0 }
    };
    let data = |length| member(MemberKind::Data { offset: 0, compressed: false }, length);
    let bad = |length| member(MemberKind::Bad { offset: 0, length }, length);
    assert!(batch.has_room_for(&data(24), 1024) && !batch.has_room_for(&data(25), 1024));
    assert!(batch.has_room_for(&bad(1 << 50), 1024));
    for place in 0..4096 {
        assert!(batch.has_room_for(&bad(1), 1024), "{place}");
        batch.pieces.push(StoredPiece::Zeros(Range { start: place, length: 1 }));
    }
    assert!(!batch.has_room_for(&bad(1), 1024));
    batch.clear();
    assert!(batch.has_room_for(&data(1024), 1024) && batch.end().is_none());
}
