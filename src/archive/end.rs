//! `end.json`, both directions: the commit (format-spec, section 9).

use serde::{Deserialize, Serialize};

use super::canonical::{ParseFailure, parse_canonical, unknown_fits};
use super::digest::Digest;
use super::info::{BackupInfo, is_time};

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
    /// Keys of a later writer, kept as they are.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl End {
    /// Reads the text of an `end.json` whose digest was already checked.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ParseFailure> {
        let end: Self = parse_canonical(text)?;
        if !is_time(end.finished) || !unknown_fits(&end.unknown) {
            return Err(ParseFailure::Damaged("end.json: a value is out of bounds".to_owned()));
        }
        Ok(end)
    }

    /// Whether this ends a part behind which another follows.
    pub(crate) fn goes_on(&self) -> bool {
        self.continues == Some(true) && self.digest.is_none() && self.state.is_none()
    }

    /// The text in its one spelling.
    pub(crate) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an end member has only string keys")
    }

    /// Whether this says the same as what a reader counted itself (and ended at this `finished`), apart from what only the writer can know.
    pub(crate) fn agrees_with(&self, counted: &Self) -> bool {
        let carried = Self { state: self.state, unknown: self.unknown.clone(), ..counted.clone() };
        let state_is_sound = self.state.is_some() == counted.state.is_some();
        state_is_sound && *self == carried
    }
}
