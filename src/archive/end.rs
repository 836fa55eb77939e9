//! `end.json`, both directions: the commit (format-spec, section 9).

use serde::{Deserialize, Serialize};

use super::canonical::{ParseFailure, parse_canonical, unknown_fits};
use super::digest::Digest;
use super::info::{BackupInfo, is_time};
use super::limit;
use crate::stream::Medium;

/// What the end member says: only an archive that has it is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Version of the format: 1.
    pub format: u64,
    /// The archive's id.
    pub id: String,
    /// This part's backup-info again.
    pub backup_info: BackupInfo,
    /// The digest of the first part's backup-info.
    pub backup_info_digest: Digest,
    /// The digest of the map.
    pub map_digest: Digest,
    /// Where the map's `x` header begins.
    pub map_position: u64,
    /// Where this part's indexes begin.
    pub indexes: Vec<u64>,
    /// Members in this part, this one included.
    pub members: u64,
    /// End of what this part says something about.
    pub to: u64,
    /// Whether another part follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<bool>,
    /// Number of this part's data members.
    pub data_members: u64,
    /// Their bytes before compression.
    pub data_bytes: u64,
    /// Their bytes as stored.
    pub stored_bytes: u64,
    /// Bytes that read as zero by this part.
    pub zero_bytes: u64,
    /// Number of this part's bad members.
    pub bad_members: u64,
    /// Their bytes.
    pub bad_bytes: u64,
    /// SHA-256 of the identity text so far.
    pub running: Digest,
    /// Names the archive; only in the final part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Names the image that a restore leaves behind; only in the final part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Digest>,
    /// When the backup ended.
    pub finished: jiff::Timestamp,
    /// Where this part lies, if its backup-info names another medium: of a copy, which keeps that as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Medium>,
    /// Keys of a later writer, kept as they are.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl End {
    /// Reads the text of an `end.json` whose digest was already checked.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ParseFailure> {
        let end: Self = parse_canonical(text)?;
        if !is_time(end.finished) || !unknown_fits(&end.unknown) || !end.numbers().all(|number| number <= limit::NUMBER)
        {
            return Err(ParseFailure::Damaged("end.json: a value is out of bounds".to_owned()));
        }
        end.backup_info.check().map_err(ParseFailure::Damaged)?;
        if end.state.is_some() && end.backup_info.state.is_some_and(|told| end.state != Some(told)) {
            return Err(ParseFailure::Damaged(
                "end.json: the end member tells another state than backup-info.json".to_owned(),
            ));
        }
        Ok(end)
    }

    /// Its own numbers: an inventory shows them without holding them against members.
    fn numbers(&self) -> impl Iterator<Item = u64> {
        let counts = [self.data_members, self.data_bytes, self.stored_bytes, self.zero_bytes, self.bad_members];
        let others = [self.bad_bytes, self.map_position, self.members, self.to, self.format];
        let file = self.medium.as_ref().and_then(|medium| medium.file);
        self.indexes.iter().copied().chain(counts).chain(others).chain(file)
    }

    /// The medium on which this part was written, as far as its writer knew it.
    pub fn written_on(&self) -> Option<&Medium> {
        self.medium.as_ref().or(self.backup_info.medium.as_ref())
    }

    /// The same end of a part that is written on this medium.
    pub(crate) fn on_medium(self, here: Option<&Medium>) -> Self {
        let other = self.backup_info.medium.as_ref().filter(|named| Some(*named) != here);
        let medium = other.map(|_| here.cloned().unwrap_or_default());
        Self { medium, ..self }
    }

    /// Whether this ends a part behind which another follows.
    pub(crate) fn goes_on(&self) -> bool {
        self.continues == Some(true) && self.digest.is_none() && self.state.is_none()
    }

    /// Whether another part follows, and the backup began at this time or later.
    pub(crate) fn goes_on_from(&self, begun: jiff::Timestamp) -> bool {
        self.goes_on() && self.backup_info.created >= begun
    }

    /// The text in its one spelling.
    pub(crate) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an end member has only string keys")
    }

    /// Whether this says the same as what a reader counted itself (and ended at this `finished`), apart from what only the writer can know.
    pub(crate) fn agrees_with(&self, counted: &Self) -> bool {
        let (unknown, medium) = (self.unknown.clone(), self.medium.clone());
        let carried = Self { state: self.state, unknown, medium, ..counted.clone() };
        let state_is_sound = self.state.is_some() == counted.state.is_some();
        state_is_sound && *self == carried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"{"format":1,"id":"0193f000-0000-7000-8000-000000000000","backup_info":{"format":1,"requires":[],"id":"0193f000-0000-7000-8000-000000000000","created":"2024-01-01T00:00:00Z","program":"test","kind":"full","device":{"size":7,"sector_size":512,"type":"file","path":"disk"},"map":"first","digest":"sha256","compression":"none","extent_limit":65536,"record_size":512},"backup_info_digest":"<64>","map_digest":"<64>","map_position":4096,"indexes":[8192],"members":6,"to":7,"data_members":1,"data_bytes":3,"stored_bytes":5,"zero_bytes":4,"bad_members":0,"bad_bytes":0,"running":"<64>","digest":"<64>","state":"<64>","finished":"2024-01-01T00:00:01Z"}"#;

    #[test]
    fn numbers_that_none_may_be_are_refused() {
        let sound = SOUND.replace("<64>", &"0".repeat(64));
        let parse = |text: &str| End::parse(text.as_bytes()).map(|end| end.text());
        assert_eq!(parse(&sound), Ok(sound.clone().into_bytes()));
        let places = sound.match_indices(|one: char| one.is_ascii_digit());
        let numbers = places.filter(|(at, _)| sound[..*at].ends_with("\":") || sound[..*at].ends_with('['));
        let mut tried = 0;
        for (at, _) in numbers {
            let behind = sound[at..].trim_start_matches(|one: char| one.is_ascii_digit());
            let text = format!("{}{}{behind}", &sound[..at], limit::NUMBER + 1);
            assert!(matches!(parse(&text), Err(ParseFailure::Damaged(_))), "{text}");
            tried += 1;
        }
        assert_eq!(tried, 16);
    }
}
