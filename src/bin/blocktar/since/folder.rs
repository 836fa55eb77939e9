//! Finds the newest chain of a device in a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use blocktar::archive::{BackupInfo, Digest};
use blocktar::catalog::{self, Entry, State};
use blocktar::error::Result;
use blocktar::media;
use blocktar::plan::chain::Link;
use blocktar::plan::newest::newest;
use blocktar::stream::Device;

use crate::{entry, inventory, talk};

/// An archive in a folder, with all of its parts.
#[derive(Default)]
struct Found {
    name: String,
    paths: Vec<PathBuf>,
    numbers: BTreeSet<u64>,
    info: Option<BackupInfo>,
    state: Option<Digest>,
}

/// The files of the newest chain of this device and name in a folder and the folders in it; `None` if there is no archive of it.
pub fn newest_chain(folder: &Path, device: &Device, name: Option<&str>) -> Result<Option<Vec<PathBuf>>> {
    let archives = archives_in(folder)?;
    // Their names do not tell them apart: what is no text is shown as something else.
    let (paths, links): (Vec<_>, Vec<_>) =
        archives.iter().filter_map(|found| Some((&found.paths, found.link()?))).unzip();
    let Some(chain) = newest(&links, device, name)? else { return Ok(None) };
    Ok(Some(chain.into_iter().flat_map(|place| paths[place]).cloned().collect()))
}

/// The archives that are complete; of the others is told that they are passed over.
fn archives_in(folder: &Path) -> Result<Vec<Found>> {
    let inventory = inventory::take(folder)?;
    inventory.failures.iter().for_each(talk::report);
    let mut entries = Vec::new();
    for path in inventory.archives {
        match media::open_input(Some(&path)).and_then(catalog::examine) {
            Ok(entry) => entries.push((path, entry)),
            Err(error) => talk::report(&error),
        }
    }
    let (paths, mut entries): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
    catalog::find_whole_sets(&mut entries);
    let mut whole = Vec::new();
    let mut parts: BTreeMap<String, Found> = BTreeMap::new();
    for (path, entry) in paths.into_iter().zip(entries) {
        match entry.state {
            State::Complete | State::WithBadRanges => {
                let mut found = Found::default();
                found.enter(path, entry);
                whole.push(found);
            }
            State::PartOf(_) => {
                let id = entry.info.as_ref().map(|info| info.id.clone()).unwrap_or_default();
                parts.entry(id).or_default().enter(path, entry);
            }
            _ => talk::warn(&format!("{}: passed over, as it is {}", path.display(), entry::state_of(&entry))),
        }
    }
    whole.extend(parts.into_values());
    Ok(whole)
}

impl Found {
    fn link(&self) -> Option<Link<'_>> {
        Some(Link { name: &self.name, info: self.info.as_ref()?, state: self.state })
    }

    /// Adds a part, or all of it; of copies of a part the first.
    fn enter(&mut self, path: PathBuf, entry: Entry) {
        let number = entry.info.as_ref().map_or(1, BackupInfo::part_number);
        if !self.numbers.insert(number) {
            return;
        }
        if self.paths.is_empty() {
            self.name = path.display().to_string();
        }
        self.paths.push(path);
        self.state = self.state.or(entry.end.and_then(|end| end.state));
        // The first part says all; what later ones say of the backup is the same.
        self.info = self.info.take().or(entry.info);
    }
}
