//! How long an index may be.

use super::super::input::tests::{Fake, input};
use super::*;
use crate::archive::block::HeaderMaker;
use crate::archive::digest::DigestKind;
use crate::archive::end::End;
use crate::archive::member::Record;
use crate::archive::tests::{sound_end, sound_info};

#[test]
fn an_index_stores_at_most_64_mib() {
    let said = |stored| {
        let info = sound_info();
        let digest = Digest([7; 32]);
        let record = Record { length: 100, digest: Some((DigestKind::Sha256, digest)), ..Record::default() };
        let mut bytes = Vec::new();
        HeaderMaker::new(&info.id, info.mtime()).push(&mut bytes, &MemberKind::Index(0), &record, stored);
        let end = End { indexes: vec![0], ..sound_end() };
        let common = Common { id: info.id.clone(), mtime: info.mtime() };
        let mut seeking = Seeking {
            parts: vec![SeekingPart {
                input: input(Fake { bytes, can_seek: true, ..Fake::default() }),
                ending: Ending::of_part(end.clone(), 0, true),
            }],
            unproven: None,
            told_of: Range { start: 0, length: 0 },
            common,
            info: info.clone(),
            ledger: Ledger::open(info, digest, Default::default(), digest, 0, ()),
            ending: Ending::of_part(end, 0, true),
            next_index: 0,
            lines: None,
            checked: Vec::new(),
            wanted: RangeSet::default(),
            pending: None,
            cursor: MapCursor::default(),
            at: 0,
        };
        assert_eq!(seeking.name(), "fake");
        seeking.open_index(0, 0, 0).err().expect("there are no bytes").to_string()
    };
    let other = "there is not the index that the end member names there";
    assert!(said((64 << 20) + 1).contains(other) && !said(64 << 20).contains(other));
}
