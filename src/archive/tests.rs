//! The limits of the code are those that the specification writes down. Below: what backup-info and end member may say.

mod info;

pub(in crate::archive) use info::sound_end;
pub(crate) use info::sound_info;

use super::limit;
use crate::extent::{JOIN_BYTES, MAP_EXTENTS_MAX};

const SPECIFICATION: &str = include_str!("../../format-spec/README.md");

/// With commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// In the largest binary unit that leaves no fraction.
fn binary(bytes: u64) -> String {
    let (shift, unit) = [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| bytes.is_multiple_of(1 << shift))
        .expect("a limit in whole KiB");
    format!("{} {unit}", bytes >> shift)
}

#[test]
fn the_specification_names_every_limit() {
    assert_eq!(limit::NUMBER, 2u64.pow(53) - 1);
    let (extent, record) = (limit::EXTENT, limit::TAPE_RECORD);
    for sentence in [
        "| device, offset, position, any number | 2^53 − 1 |".to_owned(),
        format!("| record of a member | {} bytes |", grouped(limit::RECORD as u64)),
        format!(
            "| backup-info.json; RESTORE.txt; attached file; end.json | {}; {}; {}; {} |",
            binary(limit::BACKUP_INFO),
            binary(limit::RESTORE_TEXT),
            binary(limit::ATTACHED),
            binary(limit::END)
        ),
        format!(
            "| map: extents; plain text; stored | {}; 160 MiB; {} |",
            grouped(MAP_EXTENTS_MAX as u64),
            binary(limit::TABLE_STORED)
        ),
        format!("| data member | `extent_limit`, at most {} |", binary(*extent.end())),
        format!("| index: members listed; plain text; stored | {};", grouped(limit::INDEX_MEMBERS)),
        format!(
            "| label (section 15): medium.json; its `name` | {}; {} characters |",
            binary(limit::LABEL),
            limit::MEDIUM_NAME
        ),
        format!("| optional member of an unknown kind: stored | {} |", binary(limit::OPTIONAL_STORED)),
        format!("The text is stored plain up to {},", binary(limit::MAP_PLAIN)),
        format!("end of the second zero block there are at most {}.", binary(limit::CLOSING)),
        format!(
            "the longest data member: {} to {}, a multiple of {} |",
            grouped(*extent.start()),
            grouped(*extent.end()),
            grouped(limit::EXTENT_STEP)
        ),
        format!(
            "the archive's length is a multiple of it: {} to {}, a multiple of {} |",
            grouped(*record.start()),
            grouped(*record.end()),
            grouped(limit::TAPE_RECORD_STEP)
        ),
        format!("Their values nest at most {} deep.", limit::NESTING),
        format!("what the user calls it, 1 to {} bytes |", limit::NAME),
        format!("in order; at most {}, each at most {} |", limit::ATTACHED_FILES, binary(limit::ATTACHED)),
        format!("the name is 1 to {} of the characters", limit::ATTACHED_NAME),
        format!("at most {}, each at most 4 MiB |", limit::SAMPLES),
        format!(
            "at most {} keys of 1 to {} bytes, values at most {} bytes;",
            limit::META_KEYS,
            limit::META_KEY,
            grouped(limit::META_VALUE as u64)
        ),
        format!("joins data extents that have less than {} between them.", binary(JOIN_BYTES)),
    ] {
        assert!(SPECIFICATION.contains(&sentence), "the specification does not say: {sentence}");
    }
}
