//! A logical volume: a snapshot of it is taken and read, in full or what changed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::client::lvm::{
    MetadataSnapshot, Origin, ParentAndNow, Snapshot, SnapshotRequest, SnapshotWatch, changed_since, mapped,
    thin_changes,
};
use crate::error::{Advised, Error, Result};
use crate::extent::{Extent, ExtentMap};
use crate::location::{Location, VolumeName};
use crate::progress::Progress;
use crate::stream::{Device, Image, Source};
use crate::sys::host;

use super::{BlockImage, Scan, SourceOptions};

/// A volume that is there, of which no snapshot was taken yet.
#[derive(Clone, Debug)]
pub struct FoundVolume {
    origin: Origin,
    device: Device,
}

impl FoundVolume {
    /// Asks LVM for it.
    ///
    /// # Errors
    /// Those of [`Origin::find`].
    pub fn find(name: &VolumeName) -> Result<Self> {
        let device = Device {
            path: Location::Volume(name.clone()).to_string(),
            host: host::name(),
            vg: Some(name.group().to_owned()),
            lv: Some(name.volume().to_owned()),
            ..Device::default()
        };
        Ok(Self { origin: Origin::find(name)?, device })
    }

    /// Which one it is: its names, by which its archives are known. Its size only the snapshot tells.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// A volume as it was at one moment: a snapshot of it, which is removed when this is dropped, or the process is asked to stop.
#[derive(Debug)]
pub struct FrozenVolume {
    name: VolumeName,
    device: Device,
    snapshot: Snapshot,
}

/// What LVM tells of what changed on a volume.
#[derive(Debug)]
pub enum Tracking {
    /// This is all that changed, and how it is known, as a word.
    Known {
        /// What is data and what is zero now; all else is as it was.
        changed: ExtentMap,
        /// `thin` or `classic`.
        word: &'static str,
    },
    /// It is not known, for this reason.
    Lost(String),
}

impl FrozenVolume {
    /// Takes a snapshot of this volume. Beside it come sentences for the user.
    ///
    /// # Errors
    /// Those of [`Snapshot::take`]; a snapshot that cannot be opened, which is removed again.
    pub fn freeze(
        found: FoundVolume,
        request: &SnapshotRequest,
        progress: &Arc<Progress>,
    ) -> Result<(Self, Vec<String>)> {
        let FoundVolume { origin, device: Device { path, vg, lv, .. } } = found;
        let name = origin.name().clone();
        let (snapshot, mut notes) = Snapshot::take(origin, request, progress)?;
        if let Some((pool, _)) = snapshot.thin() {
            match MetadataSnapshot::release_left_over(pool, progress) {
                Ok(note) => notes.extend(note),
                Err(interrupted @ Error::Interrupted { .. }) => return Err(interrupted),
                // Whoever reserves them is told.
                Err(_) => {}
            }
        }
        let device = Device { path, vg, lv, ..BlockImage::open(snapshot.device())?.device().clone() };
        Ok((Self { name, device, snapshot }, notes))
    }

    /// The volume, not its snapshot.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The node of the snapshot.
    pub fn node(&self) -> &Path {
        self.snapshot.device()
    }

    /// What of it is used, which is all of it unless it is thin. Beside it come sentences for the user.
    ///
    /// # Errors
    /// An interruption.
    pub fn used(&self, progress: &Arc<Progress>) -> Result<(ExtentMap, Vec<String>)> {
        let whole = || [Extent::data(0, self.device.size_bytes)].into_iter().collect();
        match self.mapped(progress) {
            Ok(Some(map)) => Ok((map, Vec::new())),
            Ok(None) => Ok((whole(), Vec::new())),
            Err(interrupted @ Error::Interrupted { .. }) => Err(interrupted),
            Err(error) => {
                let why = error.sentence();
                let note = format!("all of {} is read, as it could not be asked what is used of it: {why}", self.name);
                Ok((whole(), vec![note]))
            }
        }
    }

    fn mapped(&self, progress: &Arc<Progress>) -> Result<Option<ExtentMap>> {
        let Some((pool, thin_id)) = self.snapshot.thin() else { return Ok(None) };
        if self.snapshot.has_external_origin()? {
            return Ok(None);
        }
        let tables = MetadataSnapshot::reserve(pool, progress)?;
        let map = mapped(&tables, thin_id, self.device.size_bytes, progress)?;
        tables.release()?;
        Ok(Some(map))
    }

    /// What changed since a snapshot was kept for this state, when the volume had so many bytes.
    ///
    /// # Errors
    /// An interruption, or LVM that cannot be asked at all.
    pub fn changes(&self, state: &str, parent_bytes: u64, progress: &Arc<Progress>) -> Result<Tracking> {
        let Some(kept) = self.snapshot.kept_for(state)? else {
            return Ok(Tracking::Lost("no snapshot was kept for that state (--keep-snapshot keeps one)".to_owned()));
        };
        let sizes = ParentAndNow { parent: parent_bytes, now: self.device.size_bytes };
        let (word, changed) = match (self.snapshot.thin(), kept.thin_id) {
            (Some((pool, now)), Some(parent)) if kept.pool == pool.name => {
                if self.snapshot.has_external_origin()? {
                    return Ok(Tracking::Lost("it shows another volume where nothing is mapped".to_owned()));
                }
                let ids = ParentAndNow { parent, now };
                let changed = MetadataSnapshot::reserve(pool, progress).and_then(|tables| {
                    let changed = thin_changes(&tables, ids, sizes, progress)?;
                    tables.release().map(|()| changed)
                });
                ("thin", changed)
            }
            (None, None) => ("classic", changed_since(&kept, sizes, progress)),
            _ => return Ok(Tracking::Lost(format!("the kept snapshot {} is of another kind", kept.name))),
        };
        match changed {
            Ok(changed) => Ok(Tracking::Known { changed, word }),
            Err(interrupted @ Error::Interrupted { .. }) => Err(interrupted),
            Err(error) => Ok(Tracking::Lost(error.sentence())),
        }
    }

    /// Reads these extents of it, once from front to back.
    pub fn source(&self, extents: ExtentMap, options: &SourceOptions) -> Result<Box<dyn Source>> {
        let block = BlockImage::open(self.node())?;
        let image = SnapshotImage { device: self.device.clone(), block, watch: self.snapshot.watch()? };
        Ok(super::paced(Scan::new(image).with_map(extents), options))
    }

    /// Keeps the snapshot as the base of the next increment on this state, in place of those that were kept before. Nobody reads it any more.
    pub fn keep(self, state: &str) -> Result<()> {
        self.snapshot.keep(state)
    }

    /// Removes the snapshot. Nobody reads it any more, or ends within seconds.
    pub fn remove(self) -> Result<()> {
        self.snapshot.remove()
    }
}

/// A snapshot as an image of its origin.
struct SnapshotImage {
    device: Device,
    block: BlockImage,
    watch: SnapshotWatch,
}

impl Image for SnapshotImage {
    fn device(&self) -> &Device {
        &self.device
    }

    fn extents(&self) -> Result<ExtentMap> {
        self.block.extents()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.block.read_at(buffer, offset).map_err(|cause| match self.watch.check() {
            // No bad medium: nothing of it can be read any more, and nothing is to be left out instead.
            Err(error) => {
                let remedy = error.remedy().unwrap_or_default().to_owned();
                Advised { why: error.to_string(), remedy, cause: None }.into()
            }
            Ok(_) => cause,
        })
    }

    fn prefetch(&self, offset: u64, length: u64) {
        self.block.prefetch(offset, length);
    }

    fn release(&self, offset: u64, length: u64) {
        self.block.release(offset, length);
    }

    fn changes(&self) -> Result<Vec<String>> {
        let warnings = self.watch.warnings()?;
        Ok([self.block.changes()?, warnings].concat())
    }
}
