//! The list of what is lost: written by a salvage, and read to bring exactly that from another copy. It has the map's own shape, one extent a line.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use blocktar::archive::limit;
use blocktar::error::{Error, Result};
use blocktar::extent::Range;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::sys::partial_file::{IfExists, PartialFile};
use serde::Deserialize;

use crate::identity;

/// A list on its way: it has its name when it is complete.
pub struct LostFile(PartialFile);

impl LostFile {
    /// Begins a list; nothing that is read or written for it may be overwritten by it.
    pub fn begin(path: &Path, if_exists: IfExists, others: &[&Path], progress: &Arc<Progress>) -> Result<Self> {
        let place = identity::of_path(path);
        let is_same = |other: &&&Path| **other == path || (place.is_some() && identity::of_path(other) == place);
        if let Some(other) = others.iter().find(is_same) {
            let why = format!("it is {}, which is in use here", other.display());
            let remedy = Some("name another file".to_owned());
            return Err(Error::refused(format!("write the list of what is lost to {}", path.display()), why, remedy));
        }
        PartialFile::create(path, if_exists, progress).map(Self)
    }

    /// Writes the list.
    pub fn write(&self, lost: &RangeSet) -> Result<()> {
        let mut file = BufWriter::new(self.0.file());
        let mut write = || {
            for (place, range) in lost.iter().enumerate() {
                let before = if place == 0 { "[" } else { ",\n" };
                let Range { start, length } = range;
                write!(file, "{before}{{\"start\":{start},\"length\":{length},\"zero\":false,\"hole\":false}}")?;
            }
            file.write_all(if lost.is_empty() { b"[]\n" } else { b"]\n" })?;
            file.flush()
        };
        write().map_err(|cause| Error::io("writing", self.0.name(), cause))
    }

    /// Brings it to stable storage and gives it its name.
    pub fn commit(mut self) -> Result<()> {
        self.0.commit()
    }
}

/// One extent of a list; what else a map says of it is of no matter.
#[derive(Deserialize)]
struct Listed {
    start: u64,
    length: u64,
}

/// Reads a list, or any map of that shape.
pub fn read(path: &Path) -> Result<RangeSet> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|cause| Error::io("opening", &name, cause))?;
    let listed: Vec<Listed> = serde_json::from_reader(BufReader::new(file)).map_err(|cause| match cause.is_io() {
        true => Error::io("reading", &name, std::io::Error::from(cause)),
        false => no_list(&name, &cause.to_string()),
    })?;
    let mut ranges = RangeSet::default();
    for Listed { start, length } in listed {
        if start.checked_add(length).is_none_or(|end| end > limit::NUMBER) {
            return Err(no_list(&name, &format!("{length} bytes from {start} on lie beyond any device")));
        }
        ranges.insert(Range { start, length });
    }
    Ok(ranges)
}

fn no_list(name: &str, why: &str) -> Error {
    let remedy = "name a file that `blocktar salvage --lost` wrote: an array of {\"start\":…,\"length\":…}".to_owned();
    Error::refused(format!("take {name} for a list of ranges"), why, Some(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_has_a_line_for_each_extent() {
        let folder = tempfile::tempdir().unwrap();
        for (count, ranges) in [(0, vec![]), (1, vec![(0, 5)]), (3, vec![(4096, 512), (8192, 1), ((1 << 53) - 2, 1)])] {
            let lost: RangeSet = ranges.into_iter().map(|(start, length)| Range { start, length }).collect();
            let path = folder.path().join(count.to_string());
            let list = LostFile::begin(&path, IfExists::Refuse, &[], &Arc::default()).unwrap();
            list.write(&lost).unwrap();
            assert!(!path.exists());
            list.commit().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), count.max(1));
            assert_eq!(read(&path).unwrap(), lost);
        }
        let text = std::fs::read_to_string(folder.path().join("1")).unwrap();
        assert_eq!(text, "[{\"start\":0,\"length\":5,\"zero\":false,\"hole\":false}]\n");
    }

    #[test]
    fn what_is_no_list_is_refused_and_an_increments_map_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path)
        };
        let dirty = r#"[{"start":1,"length":2,"zero":true,"hole":true,"dirty":true}]"#;
        assert_eq!(read(dirty).unwrap().bytes(), 2);
        for wrong in
            ["", "{}", "[1]", r#"[{"start":-1,"length":2}]"#, r#"[{"start":9007199254740991,"length":1}]"#, "[]x"]
        {
            assert!(matches!(read(wrong), Err(Error::Refused(_))), "{wrong}");
        }
    }

    #[test]
    fn it_overwrites_nothing_that_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        std::fs::write(&path, "x").unwrap();
        let begin = |others: &[&Path]| LostFile::begin(&path, IfExists::Replace, others, &Arc::default()).map(drop);
        assert!(matches!(begin(&[&path]), Err(Error::Refused(_))));
        assert!(begin(&[]).is_ok());
    }
}
