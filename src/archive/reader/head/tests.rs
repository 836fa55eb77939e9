//! What a record may say beside its member's name, and how long members may be.

use super::super::input::tests::{Fake, input};
use super::*;
use crate::archive::tests::sound_info;

const DIGEST: Option<(DigestKind, Digest)> = Some((DigestKind::Sha256, Digest([7; 32])));

/// What spoils a record.
type Change = fn(&mut Record);

fn member(kind: MemberKind, record: Record) -> Member {
    let common = Common { id: sound_info().id, mtime: 0 };
    Member { common, kind, stored: record.length, record, position: 512 }
}

/// One of each kind, with a record as it must be.
fn sound_members() -> Vec<Member> {
    let (offset, length) = (4096, 512);
    let extent = Record { seq: 5, offset: Some(offset), length, ..Record::default() };
    let document = Record { seq: 5, length, digest: DIGEST, ..Record::default() };
    let documents =
        [MemberKind::BackupInfo, MemberKind::Map { compressed: true }, MemberKind::Index(0), MemberKind::End];
    let mut members = vec![
        member(MemberKind::Data { offset, compressed: false }, Record { digest: DIGEST, ..extent.clone() }),
        member(MemberKind::Bad { offset, length }, Record { bad: true, ..extent.clone() }),
        member(MemberKind::Zero { offset, length }, Record { zero: true, ..extent }),
    ];
    members.extend(documents.map(|kind| member(kind, document.clone())));
    members
}

#[test]
fn a_record_says_what_the_name_says_and_nothing_else() {
    for sound in sound_members() {
        assert_eq!(check_shape(&sound), Ok(()), "{sound:?}");
        let changes: [(&str, Change); 8] = [
            ("offset", |record| record.offset = record.offset.map_or(Some(0), |offset| Some(offset + 1))),
            ("no offset", |record| record.offset = record.offset.map_or(Some(4096), |_| None)),
            ("digest", |record| record.digest = if record.digest.is_some() { None } else { DIGEST }),
            ("bad", |record| record.bad = !record.bad),
            ("zero", |record| record.zero = !record.zero),
            ("optional", |record| record.optional = true),
            ("stored", |record| record.stored_sha256 = Some(Digest([7; 32]))),
            ("length", |record| record.length += 1),
        ];
        for (what, change) in changes {
            let mut wrong = sound.clone();
            change(&mut wrong.record);
            // Only the names of bad and zero members tell a length.
            let named = matches!(sound.kind, MemberKind::Bad { .. } | MemberKind::Zero { .. });
            assert_eq!(check_shape(&wrong).is_err(), what != "length" || named, "{what}: {wrong:?}");
        }
    }
}

/// What a reading of so many stored bytes, of which not one is there, says.
fn said<T>(stored: u64, read: impl FnOnce(&mut ArchiveInput, &Member) -> Result<T>, kind: MemberKind) -> String {
    let record = Record { length: stored, digest: DIGEST, ..Record::default() };
    let mut input = input(Fake::default());
    read(&mut input, &member(kind, record)).err().expect("there are no bytes").to_string()
}

#[test]
fn sizes_are_checked_before_a_byte_is_read() {
    for (compressed, most) in [(false, 1 << 20), (true, 64 << 20)] {
        let map = |stored| {
            said(stored, |input, member| read_map(input, member, &sound_info()), MemberKind::Map { compressed })
        };
        assert!(map(most + 1).contains("longer than any may be") && !map(most).contains("longer than any may be"));
    }
    let document =
        |stored| said(stored, |input, member| read_document(input, member, DigestKind::Sha256, 1000), MemberKind::End);
    assert!(
        document(1001).contains("longer") && document(5000).contains("longer") && !document(1000).contains("longer")
    );
}

#[test]
fn a_document_stores_as_many_bytes_as_its_record_says() {
    let text = b"so many bytes";
    for (stored, sound) in [(text.len(), true), (text.len() - 1, false), (text.len() + 1, false)] {
        let digest = Some((DigestKind::Sha256, DigestKind::Sha256.of(text)));
        let record = Record { length: text.len() as u64, digest, ..Record::default() };
        let member = Member { stored: stored as u64, ..member(MemberKind::End, record) };
        let mut bytes = text.to_vec();
        bytes.resize(512, 0);
        let mut input = input(Fake { bytes, ..Fake::default() });
        assert_eq!(read_document(&mut input, &member, DigestKind::Sha256, 1000).is_ok(), sound, "{stored}");
        assert!(sound || input.position() == 0);
    }
}

#[test]
fn an_optional_member_is_passed_over_up_to_1_gib() {
    let skip = |length, change: Change| {
        let mut record = Record { length, digest: DIGEST, optional: true, ..Record::default() };
        change(&mut record);
        let member = member(MemberKind::Unknown("parity/0".to_owned()), record);
        // What is passed over is never read, so that it need not be there.
        let mut input = input(Fake { length_bytes: Some(2 << 30), can_seek: true, ..Fake::default() });
        skip_optional(&mut input, &member, DigestKind::Sha256).map(|()| input.position())
    };
    assert_eq!(skip(1 << 30, |_| ()).unwrap(), 1 << 30);
    assert!(skip((1 << 30) + 1, |_| ()).is_err());
    for wrong in [
        (|record| record.offset = Some(0)) as Change,
        |record| record.digest = None,
        |record| record.digest = Some((DigestKind::Blake3, Digest([7; 32]))),
        |record| record.bad = true,
        |record| record.zero = true,
    ] {
        assert!(skip(512, wrong).is_err());
    }
}
