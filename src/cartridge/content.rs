//! What one tape file is.

use crate::archive::{BackupInfo, Label};
use crate::catalog::{self, Beginning, Entry, beginning};
use crate::error::Result;

use super::tail::Ends;

/// What a tape file holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// A backup, or a part of one, whole or not.
    Archive(Box<Entry>),
    /// The cartridge's label.
    Label(Label),
    /// A label that cannot be used, for this reason.
    BrokenLabel(String),
    /// A tar of another program, whose first member has this name.
    OtherTar(String),
    /// Nothing: two filemarks in a row.
    Nothing,
    /// Anything else.
    Unknown,
}

impl Content {
    /// What it is, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Archive(entry) => format!("a backup{}", entry.info.as_ref().map(name_of).unwrap_or_default()),
            Self::Label(label) => format!("the label of medium {}", label.name),
            Self::BrokenLabel(why) => format!("a label that cannot be used ({why})"),
            Self::OtherTar(first) => format!("a tar of another program ({first})"),
            Self::Nothing => "an empty tape file".to_owned(),
            Self::Unknown => "something that blocktar did not write".to_owned(),
        }
    }
}

/// A backup's name, id and time, to stand behind a noun.
pub(super) fn name_of(info: &BackupInfo) -> String {
    let name = info.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    format!("{name} ({} of {}, id {})", info.device.path, info.created, info.id)
}

/// One tape file.
#[derive(Clone, Debug)]
pub struct TapeFile {
    /// Its number, from 0, where it is known.
    pub number: Option<u32>,
    /// The address of its first record, where the drive has addresses.
    pub address: Option<u32>,
    /// What it is.
    pub content: Content,
    /// Length of its first record in bytes; 0 where it could not be read.
    pub record_bytes: u64,
    /// Whether a filemark ends it; else what is recorded ends with it.
    pub closed: bool,
}

impl TapeFile {
    /// The archive that it holds.
    pub fn archive(&self) -> Option<&Entry> {
        match &self.content {
            Content::Archive(entry) => Some(entry),
            _ => None,
        }
    }

    /// Whether blocktar wrote it.
    pub fn is_ours(&self) -> bool {
        matches!(self.content, Content::Archive(_) | Content::Label(_))
    }
}

/// Tells what a tape file of this name is from its ends.
pub fn content(location: &str, ends: &Ends) -> Result<Content> {
    match beginning(&ends.head) {
        Beginning::Label => Ok(match catalog::label(location, &ends.tail) {
            Ok(label) if ends.is_whole => Content::Label(label),
            Ok(_) => Content::BrokenLabel("it is longer than a label is".to_owned()),
            Err(error) => Content::BrokenLabel(error.to_string()),
        }),
        Beginning::OtherTar => Ok(Content::OtherTar(catalog::first_name(&ends.head))),
        _ => {
            let entry = catalog::examine_ends(location, ends.length_bytes, &ends.head, &ends.tail)?;
            Ok(match entry {
                Some(entry) => Content::Archive(Box::new(entry)),
                None if ends.head.is_empty() && ends.is_whole => Content::Nothing,
                None => Content::Unknown,
            })
        }
    }
}
