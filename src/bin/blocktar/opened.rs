//! The source of a backup: a path that is read as it stands, or a volume of which a snapshot was taken.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blocktar::archive::Parent;
use blocktar::error::Result;
use blocktar::extent::ExtentMap;
use blocktar::location::Location;
use blocktar::progress::Progress;
use blocktar::source::{self, FoundVolume, FrozenVolume, SourceOptions, Tracking};
use blocktar::stream::{Device, Source};

use crate::arguments::BackupArguments;

/// A source that is there, and of which no snapshot was taken yet.
pub enum Found {
    /// A device or image.
    AsItStands {
        /// Where it is.
        path: PathBuf,
        /// All of it.
        source: Box<dyn Source>,
    },
    /// A volume.
    Volume(Box<FoundVolume>),
}

impl Found {
    /// Opens a device or image, and asks LVM for a volume.
    pub fn find(arguments: &BackupArguments) -> Result<Self> {
        Ok(match &arguments.source {
            Location::Path(path) => {
                Self::AsItStands { path: path.clone(), source: source::open(path, &options(arguments))? }
            }
            Location::Volume(name) => Self::Volume(Box::new(FoundVolume::find(name)?)),
        })
    }

    /// Which device it is; the size of a volume is not known yet.
    pub fn device(&self) -> &Device {
        match self {
            Self::AsItStands { source, .. } => source.device(),
            Self::Volume(found) => found.device(),
        }
    }

    /// Takes a snapshot of a volume, between the user's commands. Beside it comes what the user should know before it is read.
    pub fn open(self, arguments: &BackupArguments, progress: &Arc<Progress>) -> Result<(Opened, Vec<String>)> {
        match self {
            Self::AsItStands { path, source } => {
                let warnings = source::warnings_before(&path)?;
                Ok((Opened::AsItStands { path, source }, warnings))
            }
            Self::Volume(found) => {
                let (frozen, notes) = FrozenVolume::freeze(*found, &arguments.snapshot.request(), progress)?;
                Ok((Opened::Frozen(Box::new(frozen)), notes))
            }
        }
    }
}

/// A source before it is known what of it is read.
pub enum Opened {
    /// A device or image.
    AsItStands {
        /// Where it is.
        path: PathBuf,
        /// All of it.
        source: Box<dyn Source>,
    },
    /// A volume.
    Frozen(Box<FrozenVolume>),
}

impl Opened {
    /// What it is.
    pub fn device(&self) -> &Device {
        match self {
            Self::AsItStands { source, .. } => source.device(),
            Self::Frozen(frozen) => frozen.device(),
        }
    }

    /// Where the bytes lie that are read.
    pub fn node(&self) -> &Path {
        match self {
            Self::AsItStands { path, .. } => path,
            Self::Frozen(frozen) => frozen.node(),
        }
    }

    /// What is told of what changed since this archive.
    pub fn tracking(&self, parent: &Parent, progress: &Arc<Progress>) -> Result<Tracking> {
        match self {
            Self::AsItStands { .. } => Ok(Tracking::Lost("nothing keeps track of what changes on it".to_owned())),
            Self::Frozen(frozen) => frozen.changes(&parent.state.to_string(), parent.device_size, progress),
        }
    }

    /// The source with what changed, if that is known, or everything; and the volume, whose snapshot lasts as long as this.
    pub fn source(
        self,
        changed: Option<ExtentMap>,
        arguments: &BackupArguments,
        warnings: &mut Vec<String>,
        progress: &Arc<Progress>,
    ) -> Result<(Option<FrozenVolume>, Box<dyn Source>)> {
        let frozen = match self {
            Self::AsItStands { source, .. } => return Ok((None, source)),
            Self::Frozen(frozen) => *frozen,
        };
        let extents = match changed {
            Some(changed) => changed,
            None => {
                let (used, notes) = frozen.used(progress)?;
                warnings.extend(notes);
                used
            }
        };
        let source = frozen.source(extents, &options(arguments))?;
        Ok((Some(frozen), source))
    }
}

/// Keeps the snapshot of a volume for this state, or removes it: when the archive is complete, and nobody reads it any more. What failed is told: the archive is none the worse.
pub fn conclude(frozen: Option<FrozenVolume>, keep_for: Option<String>) -> Vec<String> {
    let concluded = match (frozen, keep_for) {
        (None, _) => Ok(()),
        (Some(frozen), Some(state)) => frozen.keep(&state),
        (Some(frozen), None) => frozen.remove(),
    };
    concluded.err().map(|error| error.sentence()).into_iter().collect()
}

fn options(arguments: &BackupArguments) -> SourceOptions {
    SourceOptions { bytes_per_second: arguments.bwlimit }
}
