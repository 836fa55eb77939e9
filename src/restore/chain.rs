//! The archives of a chain, in order, and what of each is wanted.

use super::turn::ChainArchive;
use crate::archive::{BackupInfo, Held, Kind, OpenArchive};
use crate::error::Result;
use crate::extent::Range;
use crate::plan::chain::{Base, order};
use crate::plan::overlay::Overlay;
use crate::plan::until::Until;
use crate::plan::{Plan, Share, TargetFacts, plan};
use crate::range_set::RangeSet;

/// Archives that are restored one after another, the oldest first: one full alone, or a full and what builds on it, or increments onto their parent.
pub struct Chain {
    pub(super) archives: Vec<WantedArchive>,
    pub(super) base: Base,
    /// Every byte of the target was held against the parent.
    pub(super) parent_is_checked: bool,
}

/// An archive and what of it is wanted.
pub(super) struct WantedArchive {
    pub archive: ChainArchive,
    /// What no newer archive overrides, as far as that is known before these are read, and what none has cut off.
    pub wanted: RangeSet,
}

impl From<OpenArchive> for Chain {
    fn from(archive: OpenArchive) -> Self {
        let wanted = RangeSet::from_iter([Range { start: 0, length: archive.info().device.size_bytes }]);
        Self {
            archives: vec![WantedArchive { archive: archive.into(), wanted }],
            base: Base::Full,
            parent_is_checked: false,
        }
    }
}

impl Chain {
    /// Orders archives that came in any order, up to what `until` names, and finds by their indexes what of each is still wanted.
    ///
    /// # Errors
    /// Those of [`order`]; an index that cannot be read.
    pub fn of<A: Into<ChainArchive>>(archives: Vec<A>, base: Base, until: Option<&Until>) -> Result<Self> {
        let archives: Vec<ChainArchive> = archives.into_iter().map(Into::into).collect();
        let links: Vec<_> = archives.iter().map(ChainArchive::link).collect();
        let order = order(&links, base, until)?;
        let mut given: Vec<_> = archives.into_iter().map(Some).collect();
        let archives = order.into_iter().filter_map(|place| given[place].take()).collect();
        Ok(Self { archives: wanted(archives)?, base, parent_is_checked: false })
    }

    /// What the newest archive says of the device.
    pub fn info(&self) -> &BackupInfo {
        self.newest().info()
    }

    /// What the oldest archive says: on what the chain builds.
    pub fn oldest_info(&self) -> &BackupInfo {
        self.archives[0].archive.info()
    }

    /// The archives' names, the oldest first.
    pub fn names(&self) -> Vec<String> {
        self.archives.iter().map(|wanted| wanted.archive.name().to_owned()).collect()
    }

    /// What a restore of it onto this target will do.
    ///
    /// # Errors
    /// Those of [`plan`].
    pub fn plan(&self, target: &TargetFacts, truncate: bool) -> Result<Plan> {
        let shares: Vec<_> = self.archives.iter().map(share).collect();
        plan(&shares, self.base, target, truncate)
    }

    /// How many bytes of the device the archives will tell of, as far as that is known.
    pub(super) fn told_bytes(&self) -> u64 {
        self.archives.iter().map(|wanted| share(wanted).told_bytes()).sum()
    }

    /// The archives and what is wanted of each, if there are several and each can be read by its indexes: then nothing is wanted of two.
    pub(super) fn into_indexed(self) -> std::result::Result<Vec<(OpenArchive, RangeSet)>, Self> {
        let is_indexed =
            |wanted: &WantedArchive| matches!(&wanted.archive, ChainArchive::Open(archive) if archive.end().is_some());
        if self.archives.len() == 1 || !self.archives.iter().all(is_indexed) {
            return Err(self);
        }
        let open = |WantedArchive { archive, wanted }| match archive {
            ChainArchive::Open(archive) => Some((*archive, wanted)),
            ChainArchive::Later(_) => None,
        };
        Ok(self.archives.into_iter().filter_map(open).collect())
    }

    pub(super) fn newest(&self) -> &ChainArchive {
        &self.archives[self.archives.len() - 1].archive
    }
}

fn share(wanted: &WantedArchive) -> Share<'_> {
    let archive = &wanted.archive;
    Share { link: archive.link(), map: archive.map(), end: archive.end(), wanted: &wanted.wanted }
}

/// Finds what of each archive is wanted, from the newest to the oldest.
fn wanted(archives: Vec<ChainArchive>) -> Result<Vec<WantedArchive>> {
    let mut found = Vec::with_capacity(archives.len());
    let mut overlay = Overlay::default();
    let is_alone = archives.len() == 1;
    for mut archive in archives.into_iter().rev() {
        overlay.go_down(archive.info().device.size_bytes);
        let overrides = archive.info().kind != Kind::Full && !is_alone;
        let Some(indexed) = archive.seekable().filter(|_| overrides) else {
            found.push(WantedArchive { archive, wanted: overlay.shown_of_all() });
            continue;
        };
        let (mut told, mut bad) = (RangeSet::default(), RangeSet::default());
        indexed.held(|range, held| if held == Held::Bad { bad.insert(range) } else { told.insert(range) })?;
        let wanted = told.iter().chain(bad.iter()).flat_map(|range| overlay.shown(range)).collect();
        // What could not be read is left to the archives below.
        overlay.cover(&told);
        found.push(WantedArchive { archive, wanted });
    }
    found.reverse();
    Ok(found)
}
