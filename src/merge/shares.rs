//! What each archive of a chain gives to the one that is made of all, as their indexes tell.

use crate::archive::{BackupInfo, Held, Kind, OpenArchive};
use crate::error::{Error, Result};
use crate::extent::{ExtentMap, MapBuilder, Range};
use crate::plan::overlay::Overlay;
use crate::range_set::RangeSet;

/// What the merged archive holds, and from which archive each range of it comes.
pub struct Shares {
    /// What shows of each archive, the oldest first: data, and what could not be read.
    of_each: Vec<RangeSet>,
    /// All of that.
    data: RangeSet,
    /// What reads as zero.
    zeros: RangeSet,
    /// Where members are packed anew, as one of them shows in part only; whole steps of the extent limit.
    torn: RangeSet,
    /// Bytes that a newer archive could not read and an older one holds.
    pub hidden_by_bad_bytes: u64,
    device_bytes: u64,
    is_full: bool,
}

impl Shares {
    /// Of these archives, the oldest first, in one that is described so and has members of at most so many bytes.
    ///
    /// # Errors
    /// Indexes that cannot be read; bytes of a full of which no archive tells.
    pub fn of(archives: &mut [OpenArchive], info: &BackupInfo, extent_limit: u64) -> Result<Self> {
        let mut shares = Self {
            of_each: Vec::with_capacity(archives.len()),
            data: RangeSet::default(),
            zeros: RangeSet::default(),
            torn: RangeSet::default(),
            hidden_by_bad_bytes: 0,
            device_bytes: info.device.size_bytes,
            is_full: info.kind == Kind::Full,
        };
        let (mut overlay, mut bad) = (Overlay::default(), RangeSet::default());
        for archive in archives.iter_mut().rev() {
            overlay.go_down(archive.info().device.size_bytes);
            shares.enter(archive, &mut overlay, &mut bad, extent_limit)?;
        }
        shares.of_each.reverse();
        shares.refuse_untold(archives)?;
        Ok(shares)
    }

    /// Enters an archive below those that were entered before.
    fn enter(
        &mut self,
        archive: &mut OpenArchive,
        overlay: &mut Overlay,
        bad: &mut RangeSet,
        extent_limit: u64,
    ) -> Result<()> {
        let (mut share, mut told, mut own_bad) = (RangeSet::default(), RangeSet::default(), RangeSet::default());
        archive.held(|range, held| {
            told.insert(range);
            let shown = overlay.shown(range);
            if held != Held::Bad {
                self.hidden_by_bad_bytes += bad.within(range).iter().map(|range| range.length).sum::<u64>();
            }
            match held {
                Held::Zero => shown.into_iter().for_each(|piece| self.zeros.insert(piece)),
                Held::Data(_) | Held::Bad => {
                    let is_torn = !shown.is_empty() && shown != [range];
                    if is_torn && held != Held::Bad {
                        self.torn.insert(steps(range, extent_limit));
                    }
                    for piece in shown {
                        share.insert(piece);
                        self.data.insert(piece);
                        if held == Held::Bad {
                            own_bad.insert(piece);
                        }
                    }
                }
            }
        })?;
        overlay.cover(&told);
        // Whatever an older archive holds below it is counted once.
        told.iter().for_each(|range| bad.remove(range));
        own_bad.iter().for_each(|range| bad.insert(range));
        self.of_each.push(share);
        Ok(())
    }

    /// A full tells of all of its device; growth is told by the archive that saw it.
    fn refuse_untold(&self, archives: &[OpenArchive]) -> Result<()> {
        let told = self.told_bytes();
        if !self.is_full || told == self.device_bytes {
            return Ok(());
        }
        let name = archives.last().map_or("", OpenArchive::name);
        let why = format!("the chain tells of {told} of its device's {} bytes only", self.device_bytes);
        Err(Error::damaged(name, why))
    }

    /// The map of a full; increments have none.
    pub fn map(&self) -> ExtentMap {
        if !self.is_full {
            return ExtentMap::new();
        }
        let mut map = MapBuilder::default();
        self.data.iter().for_each(|range| map.add_data(range));
        map.finish(self.device_bytes)
    }

    /// How many bytes of the device the merged archive tells of.
    pub fn told_bytes(&self) -> u64 {
        self.data.bytes() + self.zeros.bytes()
    }

    /// Whether none of a range changes, and none of it is cut off.
    pub fn leaves(&self, range: Range) -> bool {
        range.end() <= self.device_bytes && !self.data.touches(range) && !self.zeros.touches(range)
    }

    /// What shows of a member of this archive.
    pub fn shown(&self, archive: usize, range: Range) -> Vec<Range> {
        self.of_each[archive].within(range)
    }

    /// Whether a range lies where members are packed anew.
    pub fn is_torn(&self, range: Range) -> bool {
        self.torn.touches(range)
    }

    /// The ranges that read as zero, ascending.
    pub fn zeros(&self) -> impl Iterator<Item = Range> + '_ {
        self.zeros.iter()
    }

    /// How many archives there are.
    pub fn count(&self) -> usize {
        self.of_each.len()
    }
}

/// The steps of so many bytes in which a range lies.
fn steps(range: Range, step: u64) -> Range {
    Range::between(range.start / step * step, range.end().next_multiple_of(step))
}
