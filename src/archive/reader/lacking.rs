//! What an archive cannot give of a range: what is unchanged since its parent, and what could not be read.

use super::super::index::{Content, Line};
use super::super::info::{Kind, MapKind};
use super::super::ledger::Ledger;
use super::seeking::Seeking;
use crate::error::Result;
use crate::extent::{MapCursor, Range};
use crate::ranges::RangeList;

/// The parts of a range that an archive does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Unchanged since the parent, which holds them.
    pub unchanged: RangeList,
    /// Could not be read when the backup was made.
    pub bad: RangeList,
}

/// By the map alone: bad ranges are not known by it, and without a map nothing is.
pub fn by_map(ledger: &Ledger<()>, wanted: Range) -> Lacking {
    let mut lacking = Lacking::default();
    if ledger.info().map != MapKind::Inline {
        let mut at = wanted.start;
        MapCursor::default().covered(ledger.map(), wanted.start, wanted.end(), |held| {
            lacking.unchanged.push(Range::between(at, held.start));
            at = held.end();
        });
        lacking.unchanged.push(Range::between(at, wanted.end().max(at)));
    }
    lacking
}

/// By the indexes: all that is to be known.
pub fn by_indexes(archive: &mut Seeking, wanted: Range) -> Result<Lacking> {
    let mut lacking = Lacking::default();
    if archive.ledger().info().kind == Kind::Full && archive.ending().end.bad_members == 0 {
        return Ok(lacking);
    }
    let mut at = wanted.start;
    archive.outline(wanted, |line| {
        let Some(part) = line.range().intersection(&wanted) else { return };
        lacking.unchanged.push(Range::between(at, part.start.max(at)));
        at = at.max(part.end());
        if matches!(line, Line::Member(landed) if landed.content == Content::Bad) {
            lacking.bad.push(part);
        }
    })?;
    lacking.unchanged.push(Range::between(at, wanted.end().max(at)));
    Ok(lacking)
}
