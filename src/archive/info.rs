//! `backup-info.json`, both directions (format-spec, section 4).

mod sample;

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::canonical::{ParseFailure, parse_canonical, unknown_fits};
use super::digest::{Digest, DigestKind};
use super::frame::Compression;
use super::{FORMAT, limit, member};
use crate::stream::{Device, Medium};

pub use sample::Sample;

/// What an archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A whole device.
    Full,
    /// What changed since a parent.
    Increment,
    /// What a restore overwrote.
    Undo,
}

impl Kind {
    /// Its name, as archives spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Increment => "increment",
            Self::Undo => "undo",
        }
    }
}

/// Where an archive's extents are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapKind {
    /// In a map before the data.
    First,
    /// By the members alone.
    Inline,
}

/// What an increment or undo builds on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// The archive's id.
    pub id: String,
    /// Its state: the only thing that decides what this one can be applied to.
    pub state: Digest,
    /// The device's size then, in bytes.
    pub device_size: u64,
}

/// A file that the user added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// Its name below `attached/`.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blake3: Option<Digest>,
}

impl Attached {
    /// Describes a file of this name and content.
    pub fn of(name: &str, content: &[u8], kind: DigestKind) -> Self {
        let digest = kind.of(content);
        let of_kind = |wanted| (kind == wanted).then_some(digest);
        let (sha256, blake3) = (of_kind(DigestKind::Sha256), of_kind(DigestKind::Blake3));
        Self { name: name.to_owned(), length: content.len() as u64, sha256, blake3 }
    }

    /// The digest of its content.
    pub fn digest(&self) -> Option<Digest> {
        self.sha256.or(self.blake3)
    }
}

/// Which piece of an archive a part is; the first part has none of this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Counted from 1; so at least 2.
    pub number: u64,
    /// The number of its first member.
    pub first_seq: u64,
    /// Offset on the device at which it goes on.
    pub from: u64,
    /// SHA-256 of the identity text of all before.
    pub running: Digest,
}

/// The disks of one machine (reserved).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Names the set.
    pub id: String,
    /// Which disk this is, from 1.
    pub number: u64,
    /// How many there are.
    pub of: u64,
}

/// What was backed up, when, from where and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupInfo {
    /// Version of the format: 1.
    pub format: u64,
    /// What a reader must know.
    pub requires: Vec<String>,
    /// The archive's id, a UUID version 7.
    pub id: String,
    /// When the backup began.
    pub created: jiff::Timestamp,
    /// What wrote it.
    pub program: String,
    /// What the user calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Full, increment or undo.
    pub kind: Kind,
    /// What it builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Ranges that an increment's target must already hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Vec<Sample>>,
    /// The device.
    pub device: Device,
    /// Where the extents are told.
    pub map: MapKind,
    /// The digest that members carry.
    pub digest: DigestKind,
    /// What compression was asked for.
    pub compression: Compression,
    /// The longest data member, in bytes.
    pub extent_limit: u64,
    /// The archive's length is a multiple of this, in bytes.
    pub record_size: u64,
    /// Which piece of the archive this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The medium on which this part lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<Medium>,
    /// The disks of one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Set>,
    /// What the user noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<BTreeMap<String, String>>,
    /// Files that the user added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Vec<Attached>>,
    /// How it was found what changed: a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// Of an archive made from others: the state that its end member names, where its maker knew it at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Digest>,
    /// Keys of a later writer, kept as they are.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl BackupInfo {
    /// How many bytes of members a worker gets at once; one member, if that is longer.
    pub(crate) fn batch_bytes(&self) -> u64 {
        let enough = match self.compression {
            Compression::None => self.digest.batch_bytes(self.extent_limit),
            // Compression takes as much memory again, and most of the time.
            Compression::Zstd(_) => self.digest.batch_bytes(limit::EXTENT_DEFAULT),
        };
        enough.max(self.extent_limit)
    }

    /// What this program calls itself in the archives that it makes.
    pub(crate) const PROGRAM: &str = concat!("blocktar ", env!("CARGO_PKG_VERSION"));

    /// An id that no archive has yet.
    pub(crate) fn new_id() -> String {
        uuid::Uuid::now_v7().to_string()
    }

    /// Now, in whole seconds.
    pub(crate) fn now() -> jiff::Timestamp {
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        jiff::Timestamp::from_second(seconds as i64).unwrap_or_default()
    }

    /// Reads the text of a `backup-info.json` whose digest was already checked.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ParseFailure> {
        check_novelty(text, "backup-info.json")?;
        let info: Self = parse_canonical(text)?;
        info.check().map_err(ParseFailure::Damaged)?;
        Ok(info)
    }

    /// From here to the end of the device something must be told of every byte: nothing there can be unchanged.
    pub(crate) fn told_from(&self) -> u64 {
        self.parent.as_ref().map_or(0, |parent| parent.device_size.min(self.device.size_bytes))
    }

    /// What a later part says, which lies on this medium in records of this size: all else is as in the first (format-spec, section 10).
    pub(crate) fn of_part(&self, part: Part, medium: Option<Medium>, record_size: u64) -> Self {
        Self { record_size, part: Some(part), medium, attached: None, ..self.clone() }
    }

    /// The number of the first member of this part.
    pub(crate) fn first_seq(&self) -> u64 {
        self.part.as_ref().map_or(0, |part| part.first_seq)
    }

    /// The number of this part, from 1.
    pub fn part_number(&self) -> u64 {
        self.part.as_ref().map_or(1, |part| part.number)
    }

    /// The text in its one spelling.
    pub(crate) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("backup-info has only string keys")
    }

    /// The mtime of every header: seconds after 1970.
    pub(crate) fn mtime(&self) -> u64 {
        u64::try_from(self.created.as_second()).unwrap_or(0)
    }

    /// What the specification demands of the values.
    pub(crate) fn check(&self) -> Result<(), String> {
        let demand = |sound: bool, what: &str| if sound { Ok(()) } else { Err(format!("backup-info.json: {what}")) };
        let numbers = [self.format, self.device.size_bytes, self.record_size, u64::from(self.device.sector_bytes)];
        demand(numbers.iter().all(|number| *number <= limit::NUMBER), "a number is beyond 2^53")?;
        demand(is_id(&self.id), "the id is not a UUID version 7 in lower case")?;
        demand(is_time(self.created), "`created` is not in whole seconds from 1970 to 2241")?;
        demand(
            self.name.as_ref().is_none_or(|name| (1..=limit::NAME).contains(&name.len())),
            "`name` is not of 1 to 255 bytes",
        )?;
        demand(
            (self.kind == Kind::Full) == self.parent.is_none(),
            "only increments and undos have a parent, and always",
        )?;
        demand(
            self.parent.as_ref().is_none_or(|parent| is_id(&parent.id) && parent.device_size <= limit::NUMBER),
            "the parent does not fit",
        )?;
        demand(
            self.set.as_ref().is_none_or(|set| is_id(&set.id) && set.number.max(set.of) <= limit::NUMBER),
            "the set does not fit",
        )?;
        demand(
            limit::EXTENT.contains(&self.extent_limit) && self.extent_limit.is_multiple_of(limit::EXTENT_STEP),
            "the extent limit is out of bounds",
        )?;
        let record = self.record_size;
        demand(
            limit::TAPE_RECORD.contains(&record) && record.is_multiple_of(limit::TAPE_RECORD_STEP),
            "the record size is out of bounds",
        )?;
        demand(self.samples.as_ref().is_none_or(|samples| self.samples_fit(samples)), "the samples do not fit")?;
        demand(self.part.as_ref().is_none_or(|part| self.part_fits(part)), "the part does not fit")?;
        demand(
            self.medium.as_ref().and_then(|medium| medium.file).is_none_or(|file| file <= limit::NUMBER),
            "the medium does not fit",
        )?;
        demand(self.meta.as_ref().is_none_or(meta_fits), "`meta` is out of bounds")?;
        demand(
            self.attached.as_ref().is_none_or(|attached| self.attached_fit(attached)),
            "the attached files do not fit",
        )?;
        demand(
            unknown_fits(&self.unknown) && unknown_fits(&self.device.unknown),
            "an unknown key holds what none may hold",
        )
    }

    fn samples_fit(&self, samples: &[Sample]) -> bool {
        self.kind == Kind::Increment
            && samples.len() <= limit::SAMPLES
            && samples.iter().all(|sample| {
                let end = sample.offset.checked_add(sample.length);
                (1..=limit::SAMPLE).contains(&sample.length)
                    && end.is_some_and(|end| end <= self.device.size_bytes)
                    && sample.is_of(self.digest)
            })
    }

    fn part_fits(&self, part: &Part) -> bool {
        part.number >= 2
            && part.number.max(part.first_seq) <= limit::NUMBER
            && part.from <= self.device.size_bytes
            && self.attached.is_none()
    }

    fn attached_fit(&self, attached: &[Attached]) -> bool {
        attached.len() <= limit::ATTACHED_FILES
            && attached.iter().enumerate().all(|(position, file)| {
                member::is_name_component(&file.name)
                    && file.name.len() <= limit::ATTACHED_NAME
                    && file.length <= limit::ATTACHED
                    && self.is_digest(file.sha256, file.blake3)
                    && attached[..position].iter().all(|other| other.name != file.name)
            })
    }

    fn is_digest(&self, sha256: Option<Digest>, blake3: Option<Digest>) -> bool {
        match self.digest {
            DigestKind::Sha256 => sha256.is_some() && blake3.is_none(),
            DigestKind::Blake3 => blake3.is_some() && sha256.is_none(),
        }
    }
}

/// Whether this is a time that an archive may name: in whole seconds, and small enough for a header's mtime.
pub(crate) fn is_time(time: jiff::Timestamp) -> bool {
    const END_OF_2241: i64 = 8_583_494_399;
    time.subsec_nanosecond() == 0 && (0..=END_OF_2241).contains(&time.as_second())
}

/// Whether this is a UUID version 7 (RFC 9562) in lower case.
pub(crate) fn is_id(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok_and(|uuid| {
        uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122 && uuid.to_string() == id
    })
}

fn meta_fits(meta: &BTreeMap<String, String>) -> bool {
    meta.len() <= limit::META_KEYS
        && meta
            .iter()
            .all(|(key, value)| (1..=limit::META_KEY).contains(&key.len()) && value.len() <= limit::META_VALUE)
}

/// Looks for a newer format or requirements before the keys are held against those of version 1.
pub(crate) fn check_novelty(text: &[u8], path: &str) -> Result<(), ParseFailure> {
    #[derive(Deserialize)]
    struct Novelty {
        format: u64,
        // A later version may spell it otherwise, which must not look like damage.
        #[serde(default)]
        requires: serde_json::Value,
    }
    let damaged = |error: serde_json::Error| ParseFailure::Damaged(format!("{path}: {error}"));
    // An array is read as the fields in their order.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(ParseFailure::Damaged(format!("{path}: it is not a JSON object")));
    }
    let novelty: Novelty = serde_json::from_slice(text).map_err(damaged)?;
    if novelty.format != FORMAT {
        return Err(ParseFailure::NotUnderstood(format!("it is written in version {} of the format", novelty.format)));
    }
    check_requires(&serde_json::from_value::<Vec<String>>(novelty.requires).map_err(damaged)?)
}

/// Refuses what this reader does not know: everything, as version 1 names nothing.
pub(crate) fn check_requires(requires: &[String]) -> Result<(), ParseFailure> {
    match requires.first() {
        None => Ok(()),
        Some(name) => {
            Err(ParseFailure::NotUnderstood(format!("it requires `{name}`, which this version does not know")))
        }
    }
}
