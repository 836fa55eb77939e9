//! What backup-info and end member may say, rule by rule.

use serde_json::{Value, json};

use super::super::canonical::ParseFailure;
use super::super::{Attached, BackupInfo, DigestKind, End, Kind, limit};

const ID: &str = "0193f000-0000-7000-8000-000000000000";

/// The backup-info of a full of 1 MiB.
pub fn sound_info() -> BackupInfo {
    let text = json!({
        "format": 1, "requires": [], "id": ID, "created": "2024-01-01T00:00:00Z", "program": "test", "kind": "full",
        "device": {"size": 1 << 20, "sector_size": 512, "type": "file", "path": "disk"},
        "map": "first", "digest": "sha256", "compression": "none", "extent_limit": 65536, "record_size": 512
    });
    BackupInfo::parse(text.to_string().as_bytes()).expect("a sound backup-info")
}

/// An increment on a device of the same size.
fn increment() -> BackupInfo {
    let parent = json!({"id": ID, "state": "ab".repeat(32), "device_size": 1 << 20});
    BackupInfo { kind: Kind::Increment, parent: Some(serde_json::from_value(parent).unwrap()), ..sound_info() }
}

/// An object with these keys and the digests of these kinds.
fn with_digests(mut object: Value, kinds: &[DigestKind]) -> Value {
    for kind in kinds {
        object[kind.name()] = json!("cd".repeat(32));
    }
    object
}

#[test]
fn samples_and_attached_files_carry_the_archives_digest_alone() {
    let (sha256, blake3) = (DigestKind::Sha256, DigestKind::Blake3);
    for kind in [sha256, blake3] {
        for kinds in [&[][..], &[sha256], &[blake3], &[sha256, blake3]] {
            let sample = with_digests(json!({"offset": 0, "length": 4096}), kinds);
            let samples = Some(vec![serde_json::from_value(sample).unwrap()]);
            let file = with_digests(json!({"name": "vm.xml", "length": 7}), kinds);
            let attached = Some(vec![serde_json::from_value(file).unwrap()]);
            assert_eq!(
                BackupInfo { digest: kind, samples, ..increment() }.check().is_ok(),
                kinds == [kind],
                "{kinds:?}"
            );
            assert_eq!(
                BackupInfo { digest: kind, attached, ..sound_info() }.check().is_ok(),
                kinds == [kind],
                "{kinds:?}"
            );
        }
        let file = Attached::of("vm.xml", b"content", kind);
        assert_eq!(file.digest(), Some(kind.of(b"content")));
        assert_eq!(BackupInfo { digest: kind, attached: Some(vec![file]), ..sound_info() }.check(), Ok(()));
    }
}

#[test]
fn attached_files_are_few_short_and_of_different_names() {
    let file = |name: &str, length: u64| {
        let file = with_digests(json!({"name": name, "length": length}), &[DigestKind::Sha256]);
        serde_json::from_value::<Attached>(file).unwrap()
    };
    let fits = |attached: Vec<Attached>| BackupInfo { attached: Some(attached), ..sound_info() }.check().is_ok();
    let many = |count: usize| (0..count).map(|number| file(&number.to_string(), 1)).collect();
    assert!(fits(Vec::new()) && fits(many(limit::ATTACHED_FILES)));
    assert!(fits(vec![file(&"x".repeat(50), 0), file("y", limit::ATTACHED)]));
    assert!(!fits(many(limit::ATTACHED_FILES + 1)));
    for wrong in [file("", 1), file("a/b", 1), file(".x", 1), file(&"x".repeat(51), 1), file("y", limit::ATTACHED + 1)]
    {
        assert!(!fits(vec![wrong.clone()]) && !fits(vec![file("sound", 1), wrong]));
    }
    assert!(!fits(vec![file("x", 1), file("y", 2), file("x", 3)]));
}

#[test]
fn kinds_are_named_as_archives_spell_them() {
    for kind in [Kind::Full, Kind::Increment, Kind::Undo] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}

/// `levels` objects or arrays, one in another.
fn nested(levels: usize, object: bool) -> Value {
    (1..levels).fold(if object { json!({}) } else { json!([]) }, |inner, _| match object {
        true => json!({"x": inner}),
        false => json!([inner]),
    })
}

/// What an unknown key of backup-info, of its device and of the end member holds.
fn unknown_may_hold(value: &Value) -> bool {
    let unknown: serde_json::Map<String, Value> = [("later".to_owned(), value.clone())].into_iter().collect();
    let info = BackupInfo { unknown: unknown.clone(), ..sound_info() };
    let mut device = sound_info();
    device.device.unknown = unknown;
    let fits = BackupInfo::parse(&info.text()).is_ok();
    assert_eq!(BackupInfo::parse(&device.text()).is_ok(), fits);
    let mut end = end();
    end["later"] = value.clone();
    assert_eq!(End::parse(end.to_string().as_bytes()).is_ok(), fits);
    fits
}

#[test]
fn unknown_keys_hold_no_number_beyond_the_limit_and_nest_32_deep() {
    for sound in [json!(null), json!(true), json!("x"), json!([0, {"x": limit::NUMBER}]), json!({"x": [{"y": []}]})] {
        assert!(unknown_may_hold(&sound), "{sound}");
    }
    for number in [json!(limit::NUMBER + 1), json!(-1), json!(0.5)] {
        for wrong in [json!(number), json!([number]), json!({"x": number}), json!({"x": {"y": [1, number]}})] {
            assert!(!unknown_may_hold(&wrong), "{wrong}");
        }
    }
    for object in [false, true] {
        assert!(unknown_may_hold(&nested(limit::NESTING, object)));
        for levels in 1..4 {
            assert!(!unknown_may_hold(&nested(limit::NESTING + levels, object)), "{levels}");
        }
    }
}

/// A sound end member, as JSON.
fn end() -> Value {
    let digest = "ef".repeat(32);
    let info = serde_json::to_value(sound_info()).unwrap();
    json!({
        "format": 1, "id": ID, "backup_info": info, "backup_info_digest": digest, "map_digest": digest, "map_position": 4096,
        "indexes": [8192], "members": 5, "to": 1 << 20, "data_members": 0, "data_bytes": 0, "stored_bytes": 0,
        "zero_bytes": 1 << 20, "bad_members": 0, "bad_bytes": 0, "running": digest, "digest": digest, "state": digest,
        "finished": "2024-01-01T00:00:01Z"
    })
}

/// The same, read.
pub fn sound_end() -> End {
    End::parse(end().to_string().as_bytes()).expect("a sound end member")
}

#[test]
fn an_end_member_has_a_time_in_whole_seconds_up_to_2241() {
    for (finished, fits) in [
        ("2024-01-01T00:00:01Z", true),
        ("2241-12-31T23:59:59Z", true),
        ("2024-01-01T00:00:01.5Z", false),
        ("2242-01-01T00:00:00Z", false),
        ("1969-12-31T23:59:59Z", false),
    ] {
        let mut end = end();
        end["finished"] = json!(finished);
        let parsed = End::parse(end.to_string().as_bytes());
        assert_eq!(parsed.is_ok(), fits, "{finished}");
        assert!(matches!(parsed, Ok(_) | Err(ParseFailure::Damaged(_))));
    }
}

#[test]
fn an_archive_goes_on_where_its_end_says_so_and_names_nothing_that_is_complete() {
    let digest = sound_end().digest;
    for continues in [None, Some(false), Some(true)] {
        for (digest, state) in [(None, None), (digest, None), (None, digest), (digest, digest)] {
            let end = End { continues, digest, state, ..sound_end() };
            assert_eq!(end.goes_on(), continues == Some(true) && digest.is_none() && state.is_none(), "{end:?}");
        }
    }
}
