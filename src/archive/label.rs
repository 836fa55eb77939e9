//! `medium.json`, both directions: the label of a medium, a tar of this one member (format-spec, section 15).

use serde::{Deserialize, Serialize};

use super::block::{BLOCK, HeaderMaker, padding};
use super::canonical::{ParseFailure, parse_canonical, unknown_fits};
use super::digest::DigestKind;
use super::info::{BackupInfo, check_novelty, is_id, is_time};
use super::member::{MemberKind, Record};
use super::{FORMAT, limit};

/// What names a medium: the first tape file of a labelled cartridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Version of the format: 1.
    pub format: u64,
    /// What a reader must know.
    pub requires: Vec<String>,
    /// The medium's id, a UUID version 7.
    pub id: String,
    /// What the user calls the medium.
    pub name: String,
    /// When it was labelled.
    pub created: jiff::Timestamp,
    /// What wrote it.
    pub program: String,
    /// The label's length is a multiple of this, in bytes.
    pub record_size: u64,
    /// Keys of a later writer, kept as they are.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

/// The name of its only member below its id.
pub(crate) const PATH: &str = "medium.json";

impl Label {
    /// The label of a medium that has none yet; fails if it cannot have this name or record size.
    pub fn new(name: &str, record_bytes: u64) -> Result<Self, String> {
        let now = jiff::Timestamp::now();
        let label = Self {
            format: FORMAT,
            requires: Vec::new(),
            id: BackupInfo::new_id(),
            name: name.to_owned(),
            created: jiff::Timestamp::from_second(now.as_second()).unwrap_or(now),
            program: BackupInfo::PROGRAM.to_owned(),
            record_size: record_bytes,
            unknown: serde_json::Map::new(),
        };
        label.check().map(|()| label)
    }

    /// The whole tape file.
    pub fn archive(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("a label has only string keys");
        let kind = DigestKind::Sha256;
        let length = text.len() as u64;
        let record = Record { length, digest: Some((kind, kind.of(&text))), ..Record::default() };
        let mut bytes = Vec::new();
        let mtime = u64::try_from(self.created.as_second()).unwrap_or(0);
        HeaderMaker::new(&self.id, mtime).push(&mut bytes, &MemberKind::Unknown(PATH.to_owned()), &record, length);
        bytes.extend_from_slice(&text);
        bytes.extend_from_slice(padding(length));
        let unpadded = bytes.len() + 2 * BLOCK;
        bytes.resize(unpadded.next_multiple_of(self.record_size as usize), 0);
        bytes
    }

    /// Reads the text of a `medium.json` whose digest was already checked.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ParseFailure> {
        check_novelty(text, PATH)?;
        let label: Self = parse_canonical(text)?;
        label.check().map_err(|why| ParseFailure::Damaged(format!("{PATH}: {why}")))?;
        Ok(label)
    }

    fn check(&self) -> Result<(), String> {
        let demand = |sound: bool, what: &str| if sound { Ok(()) } else { Err(what.to_owned()) };
        demand(is_id(&self.id), "the id is not a UUID version 7 in lower case")?;
        demand(is_name(&self.name), NAME_RULE)?;
        demand(is_time(self.created), "`created` is not in whole seconds from 1970 to 2241")?;
        let record = self.record_size;
        demand(
            limit::TAPE_RECORD.contains(&record) && record.is_multiple_of(limit::TAPE_RECORD_STEP),
            "the record size is out of bounds",
        )?;
        demand(unknown_fits(&self.unknown), "an unknown key holds what none may hold")
    }
}

const NAME_RULE: &str = "the name is not of 1 to 64 printable ASCII characters, or has a blank at its start or end";

/// Whether a medium may be called so.
fn is_name(name: &str) -> bool {
    let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (1..=limit::MEDIUM_NAME).contains(&name.len()) && name.bytes().all(printable) && name.trim() == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_reads_back_in_its_one_spelling_only() {
        let label = Label::new("WEEK 07/a", 512 << 10).unwrap();
        let text = serde_json::to_vec(&label).unwrap();
        assert_eq!(Label::parse(&text), Ok(label.clone()));
        assert_eq!(label.archive().len(), 512 << 10);
        let spelled = String::from_utf8(text).unwrap();
        let changed = |old: &str, new: &str| {
            assert!(spelled.contains(old), "{old}");
            Label::parse(spelled.replacen(old, new, 1).as_bytes())
        };
        assert!(matches!(changed("\"format\":1", "\"format\":2"), Err(ParseFailure::NotUnderstood(_))));
        assert!(matches!(changed("\"requires\":[]", "\"requires\":[\"x\"]"), Err(ParseFailure::NotUnderstood(_))));
        let mut version_4 = label.id.clone();
        version_4.replace_range(14..15, "4");
        for (old, new) in [
            ("{", "{ "),
            ("WEEK 07/a", ""),
            ("WEEK 07/a", " x"),
            ("WEEK 07/a", "\u{fc}"),
            ("524288", "524289"),
            (&label.id, &version_4),
            ("\"name\"", "\"label\""),
        ] {
            assert!(matches!(changed(old, new), Err(ParseFailure::Damaged(_))), "{old} {new}");
        }
        let later = changed("524288}", "524288,\"slot\":7}").unwrap();
        assert_eq!((later.unknown["slot"].as_u64(), later.id), (Some(7), label.id));
    }

    #[test]
    fn names_are_short_and_printable() {
        for name in ["", " ", "a ", "tab\t", "n\u{e4}me", &"n".repeat(65)] {
            assert_eq!(Label::new(name, 4096), Err(NAME_RULE.to_owned()), "{name:?}");
        }
        assert!(Label::new(&"n".repeat(64), 4096).is_ok() && Label::new("a", 4095).is_err());
    }
}
