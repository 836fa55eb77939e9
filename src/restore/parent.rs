//! Whether a target holds the state on which an increment builds.

use super::read_back::{has_digest, reads_zero};
use super::{Chain, RestoreRequest, restore};
use crate::archive::Held;
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::progress::Progress;
use crate::range_set::RangeSet;
use crate::stream::Target;

/// Holds the samples that the archives recorded of what they leave unchanged against a target that should hold the oldest one's parent, which is only read.
/// Gives how many there were.
///
/// # Errors
/// [`WrongChain`](Error::WrongChain) if one differs.
pub fn check_samples(chain: &mut Chain, target: &dyn Target, progress: &Progress) -> Result<u64> {
    let mut changed = RangeSet::default();
    let mut checked = 0;
    let mut buffer = Vec::new();
    for wanted in &mut chain.archives {
        let archive = &mut wanted.archive;
        let info = archive.info();
        // What a later archive cuts off is not there any more where an interrupted restore is run again.
        let is_left = |range: Range| range.end() <= target.capacity() && !changed.touches(range);
        for sample in info.samples.iter().flatten().filter(|sample| is_left(sample.range())) {
            progress.check()?;
            let Some(digest) = sample.digest() else { continue };
            if !has_digest(target, sample.range(), digest, info.digest, &mut buffer)? {
                return Err(differs(target, archive.name(), sample.range()));
            }
            checked += 1;
        }
        // Of what it changes on the way, nothing behind it can be held against what is there now.
        let Some(indexed) = archive.seekable() else { break };
        indexed.held(|range, held| {
            if held != Held::Bad {
                changed.insert(range);
            }
        })?;
    }
    Ok(checked)
}

/// What the user should know where nothing was held against the target.
pub(super) fn unchecked(target: &dyn Target) -> String {
    let name = target.name();
    format!("no samples were recorded: that {name} held the parent was not checked (--check-parent does that)")
}

fn differs(target: &dyn Target, archive: &str, range: Range) -> Error {
    let name = target.name();
    let (start, last) = (range.start, range.end().saturating_sub(1));
    let why = format!("bytes {start} to {last} of {name} are not what they were in the state on which it builds");
    let remedy = format!("restore the parent onto {name} first, or name the whole chain without --onto-parent");
    Error::wrong_chain(format!("restore {archive} onto {name}"), why, Some(remedy))
}

/// Holds all bytes of a parent, a full or a chain of archives that can seek, against the target on which an increment is to be restored. Nothing is written.
///
/// # Errors
/// [`WrongChain`](Error::WrongChain): the child does not build on it, or the target holds something else.
pub fn check_parent(
    parent: Chain,
    child: &mut Chain,
    target: &mut dyn Target,
    threads: usize,
    progress: &Progress,
) -> Result<()> {
    let (name, child_name) = (parent.newest().name().to_owned(), child.archives[0].archive.name().to_owned());
    let wanted = child.oldest_info().parent.as_ref();
    let state = parent.newest().link().state;
    if wanted.is_none() || wanted.map(|parent| parent.state) != state {
        let id = wanted.map_or_else(String::new, |parent| format!(" {}", parent.id));
        let why = match state {
            Some(_) => format!("it builds on the archive{id}, and {name} does not leave its state"),
            None => format!("{name} cannot seek, so its state is not known before it was read"),
        };
        let remedy = "name the archive's parent, and all that it builds on".to_owned();
        return Err(Error::wrong_chain(format!("restore {child_name}"), why, Some(remedy)));
    }
    let mut against = Against { target, child: child_name, buffer: Vec::new(), progress };
    // What the child has cut off is not looked at.
    let request = RestoreRequest { threads, truncate: true, ..RestoreRequest::default() };
    restore(parent, &mut against, &request, &Progress::default()).map_err(|failure| failure.error)?;
    child.parent_is_checked = true;
    Ok(())
}

/// A target that writes nothing, and refuses what it does not hold already.
struct Against<'a> {
    target: &'a mut dyn Target,
    child: String,
    buffer: Vec<u8>,
    progress: &'a Progress,
}

impl Target for Against<'_> {
    fn name(&self) -> &str {
        self.target.name()
    }

    fn capacity(&self) -> u64 {
        self.target.capacity()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.target.read_at(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.progress.check()?;
        self.buffer.resize(bytes.len(), 0);
        self.target.read_at(&mut self.buffer, offset)?;
        if self.buffer == bytes {
            return Ok(());
        }
        Err(differs(self.target, &self.child, Range { start: offset, length: bytes.len() as u64 }))
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        let range = Range { start: offset, length };
        match reads_zero(self.target, range, &mut self.buffer, self.progress)? {
            true => Ok(()),
            false => Err(differs(self.target, &self.child, range)),
        }
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
