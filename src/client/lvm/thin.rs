//! What thin volumes have mapped, and what changed between two of them, as thin_dump and thin_delta print it.

use std::io::{self, BufRead, BufReader, Read};
use std::process::ChildStdout;

use crate::error::Result;
use crate::extent::{DirtyMapBuilder, ExtentMap, MapBuilder, Range};
use crate::progress::Progress;

use super::MetadataSnapshot;
use super::elements::{Element, Elements, broken};
use super::tool::Tool;

const SECTOR_BYTES: u64 = 512;

/// The map of a thin volume, by its number in the pool: what is not mapped is a hole.
///
/// The volume must not change meanwhile, as a read-only snapshot does not, and must not show another device where nothing is mapped.
///
/// # Errors
/// What thin_dump fails with; an answer that is cut or says something else than it should; an interruption.
pub fn mapped(tables: &MetadataSnapshot, thin_id: u64, size_bytes: u64, progress: &Progress) -> Result<ExtentMap> {
    let id = thin_id.to_string();
    // Last, as newer versions would take a word behind it for its value.
    let arguments = ["--dev-id", &id, tables.device(), "--metadata-snap"];
    read("thin_dump", &arguments, progress, |answer| read_mapped(answer, thin_id, size_bytes))
}

/// What differs between a thin volume as the parent archive holds it and as it is now, by their numbers in the pool: the map of an increment.
///
/// What was discarded since is zero, as is what a volume that grew has not mapped. Neither volume may change meanwhile.
///
/// # Errors
/// What thin_delta fails with; an answer that is cut or says something else than it should; an interruption.
pub fn thin_changes(
    tables: &MetadataSnapshot,
    ids: ParentAndNow,
    sizes: ParentAndNow,
    progress: &Progress,
) -> Result<ExtentMap> {
    let (parent, now) = (ids.parent.to_string(), ids.now.to_string());
    let arguments = ["--thin1", &parent, "--thin2", &now, tables.device(), "--metadata-snap"];
    read("thin_delta", &arguments, progress, |answer| read_changes(answer, ids, sizes))
}

/// A number of the parent's state and of the present one: thin ids in a pool, or sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentAndNow {
    /// As the parent archive holds it.
    pub parent: u64,
    /// As it is now.
    pub now: u64,
}

fn read<T>(
    program: &'static str,
    arguments: &[&str],
    progress: &Progress,
    read: impl FnOnce(BufReader<Interruptible<'_>>) -> io::Result<T>,
) -> Result<T> {
    let mut tool = Tool::start(program, arguments)?;
    let answer = BufReader::with_capacity(64 << 10, Interruptible { answer: tool.output()?, progress });
    let outcome = read(answer);
    progress.check()?;
    match outcome {
        // An answer that ends too early is not the failure, but what came of it: the program says why.
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
            let failure = tool.failed(cause);
            Err(tool.finish().err().unwrap_or(failure))
        }
        Err(cause) => Err(tool.failed(cause)),
        Ok(value) => tool.finish().map(|()| value),
    }
}

/// An answer that ends when somebody asked to stop.
struct Interruptible<'p> {
    answer: ChildStdout,
    progress: &'p Progress,
}

impl Read for Interruptible<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.progress.check().map_err(io::Error::other)?;
        self.answer.read(buffer)
    }
}

/// Runs of blocks in ascending order, as bytes.
struct Runs {
    block_bytes: u64,
    end: u64,
}

impl Runs {
    fn new(superblock: &Element) -> io::Result<Self> {
        let sectors = superblock.number("data_block_size")?;
        let block_bytes = sectors.checked_mul(SECTOR_BYTES).filter(|bytes| *bytes > 0);
        Ok(Self { block_bytes: block_bytes.ok_or_else(|| broken("its blocks have no size"))?, end: 0 })
    }

    fn next(&mut self, begin: u64, blocks: u64) -> io::Result<Range> {
        let bytes = |blocks: u64| blocks.checked_mul(self.block_bytes);
        let end = begin.checked_add(blocks).and_then(bytes);
        match (bytes(begin), end) {
            (Some(start), Some(end)) if blocks > 0 && start >= self.end => {
                self.end = end;
                Ok(Range::between(start, end))
            }
            _ => Err(broken("its blocks do not ascend")),
        }
    }
}

/// Reads what thin_dump prints of one volume.
fn read_mapped(answer: impl BufRead, thin_id: u64, size_bytes: u64) -> io::Result<ExtentMap> {
    let mut elements = Elements::new(answer);
    let superblock = elements.next()?.unwrap_or_default();
    let mut runs = Runs::new(&superblock)?;
    let mut builder = MapBuilder::default();
    // How many blocks the volume says it has, and how many were seen.
    let (mut blocks, mut seen) = (None, 0u64);
    while let Some(element) = elements.next()? {
        let (begin, length) = match element.name.as_str() {
            "device" if element.number("dev_id")? == thin_id && blocks.is_none() => {
                blocks = Some(element.number("mapped_blocks")?);
                continue;
            }
            "/device" | "/superblock" => continue,
            "single_mapping" if blocks.is_some() => (element.number("origin_block")?, 1),
            "range_mapping" if blocks.is_some() => (element.number("origin_begin")?, element.number("length")?),
            other => return Err(broken(&format!("<{other}> is not expected there"))),
        };
        seen = seen.saturating_add(length);
        let run = runs.next(begin, length)?;
        if let Some(range) = run.intersection(&Range { start: 0, length: size_bytes }) {
            builder.add_data(range);
        }
    }
    if blocks != Some(seen) {
        return Err(broken("it does not hold as many blocks as it says"));
    }
    Ok(builder.finish(size_bytes))
}

/// Reads what thin_delta prints.
fn read_changes(answer: impl BufRead, ids: ParentAndNow, sizes: ParentAndNow) -> io::Result<ExtentMap> {
    let mut elements = Elements::new(answer);
    let superblock = elements.next()?.unwrap_or_default();
    let mut runs = Runs::new(&superblock)?;
    let mut changes =
        Changes { builder: DirtyMapBuilder::new(sizes.now), grown_from: sizes.parent, told: sizes.parent };
    let (mut has_begun, mut has_ended) = (false, false);
    while let Some(element) = elements.next()? {
        let change = match element.name.as_str() {
            "diff" if !has_begun && element.number("left")? == ids.parent && element.number("right")? == ids.now => {
                has_begun = true;
                continue;
            }
            "/diff" if has_begun => {
                has_ended = true;
                continue;
            }
            "/superblock" => continue,
            "same" => Change::None,
            "different" | "right_only" => Change::Data,
            "left_only" => Change::Discarded,
            other => return Err(broken(&format!("<{other}> is not expected there"))),
        };
        if !has_begun || has_ended {
            return Err(broken("it does not compare what it should"));
        }
        changes.add(runs.next(element.number("begin")?, element.number("length")?)?, change);
    }
    if !has_ended {
        return Err(broken("it compares nothing"));
    }
    Ok(changes.finish(sizes.now))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Data,
    Discarded,
}

struct Changes {
    builder: DirtyMapBuilder,
    /// The size of the parent: what lies behind it cannot be unchanged.
    grown_from: u64,
    /// Up to here all behind the parent's end was told.
    told: u64,
}

impl Changes {
    fn add(&mut self, run: Range, change: Change) {
        let cut = self.grown_from.clamp(run.start, run.end());
        self.put(Range::between(run.start, cut), change);
        let grown = Range::between(cut, run.end());
        if grown.length > 0 {
            self.builder.add_hole(Range::rest(self.told, grown.start));
            self.told = grown.end();
            self.put(grown, if change == Change::None { Change::Data } else { change });
        }
    }

    fn put(&mut self, range: Range, change: Change) {
        match change {
            Change::None => {}
            Change::Data => self.builder.add_data(range),
            Change::Discarded => self.builder.add_hole(range),
        }
    }

    fn finish(mut self, size_bytes: u64) -> ExtentMap {
        self.builder.add_hole(Range::rest(self.told, size_bytes));
        self.builder.finish()
    }
}

#[cfg(test)]
mod tests;
