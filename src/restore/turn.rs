//! An archive of a chain, open already or opened when its turn comes.

use crate::archive::{BackupInfo, Digest, End, OpenArchive};
use crate::error::{Error, Result};
use crate::extent::ExtentMap;
use crate::plan::chain::Link;

/// Opens an archive.
pub type Opener = Box<dyn FnOnce() -> Result<OpenArchive> + Send>;

/// An archive of a chain.
pub enum ChainArchive {
    /// It is open.
    Open(Box<OpenArchive>),
    /// It is opened when the ones before it were read: on a tape only one can be read at a time.
    Later(Box<Later>),
}

/// What an inventory told of an archive that is opened later.
pub struct Later {
    /// What it is called.
    pub name: String,
    /// What its head says.
    pub info: BackupInfo,
    /// The state that it leaves, as far as that is known.
    pub state: Option<Digest>,
    /// Its end member, if that tells of all of it: that of a part does not.
    pub end: Option<End>,
    /// Opens it.
    pub open: Opener,
}

impl From<OpenArchive> for ChainArchive {
    fn from(archive: OpenArchive) -> Self {
        Self::Open(Box::new(archive))
    }
}

impl ChainArchive {
    /// The archive as the user named it.
    pub fn name(&self) -> &str {
        match self {
            Self::Open(archive) => archive.name(),
            Self::Later(later) => &later.name,
        }
    }

    /// What was backed up.
    pub fn info(&self) -> &BackupInfo {
        match self {
            Self::Open(archive) => archive.info(),
            Self::Later(later) => &later.info,
        }
    }

    /// Its end member, if that is known before it is read.
    pub fn end(&self) -> Option<&End> {
        match self {
            Self::Open(archive) => archive.end(),
            Self::Later(later) => later.end.as_ref(),
        }
    }

    /// Its map, if it is open.
    pub(super) fn map(&self) -> Option<&ExtentMap> {
        match self {
            Self::Open(archive) => Some(archive.map()),
            Self::Later(_) => None,
        }
    }

    /// The archive, if it is open and its indexes can be read.
    pub(super) fn seekable(&mut self) -> Option<&mut OpenArchive> {
        match self {
            Self::Open(archive) if archive.end().is_some() => Some(archive),
            _ => None,
        }
    }

    /// Its place in a chain.
    pub fn link(&self) -> Link<'_> {
        let state = match self {
            Self::Open(archive) => archive.state(),
            Self::Later(later) => later.state,
        };
        Link { name: self.name(), info: self.info(), state }
    }

    /// Opens it, now that its turn has come; it must still be the one that was found.
    pub(super) fn open(self) -> Result<OpenArchive> {
        match self {
            Self::Open(archive) => Ok(*archive),
            Self::Later(later) => {
                let archive = (later.open)()?;
                if archive.info().id != later.info.id {
                    let why = format!("archive {} was found there, and now it is {}", later.info.id, archive.info().id);
                    return Err(Error::damaged(later.name, why));
                }
                Ok(archive)
            }
        }
    }
}
