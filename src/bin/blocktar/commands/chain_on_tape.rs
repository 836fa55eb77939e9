//! Opens an archive on a tape with all on which it builds, on as many cartridges as they lie.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use blocktar::archive::{Inputs, OpenArchive, OpenOptions, Parent};
use blocktar::cartridge::{self, ChainFile, Selector};
use blocktar::drive::{Drive, LentDrive};
use blocktar::error::{Error, Result};
use blocktar::media::further_media::{Further, FurtherMedia, TapeReading};
use blocktar::media::next_medium::NextMedium;
use blocktar::plan::chain::Link;
use blocktar::restore::{ChainArchive, Later};
use blocktar::stream::{Input, MediumReason, NextInput, WantedPart};

use super::parts::{further, go_to_part, with_further};
use crate::tape_device;

/// What to do where nobody can be asked.
const REMEDY: &str =
    "give `--next-medium COMMAND`, which changes the cartridge, or restore where there is a terminal to ask at";

/// The archive of this id and those on which it builds, the oldest first. What is not on the cartridge in the drive is asked for, from the newest to the oldest:
/// so the one that is restored first is in the drive then.
///
/// Each is opened when its turn comes: a drive can read only one at a time, and holds another cartridge by then.
pub fn open(drive: LentDrive, id: &str, next_medium: &NextMedium) -> Result<Vec<(String, ChainArchive)>> {
    let (found, drive_name) = (cartridge::chain(&mut drive.clone(), id)?, drive.name().to_owned());
    let media = Media { drives: Drives::of(drive), next_medium: next_medium.clone() };
    if found.is_empty() {
        return Err(Error::incomplete(drive_name, format!("archive {id} has no end member there")));
    }
    let mut archives = media.all_later(found)?;
    while let Some(parent) = archives.first().and_then(|(_, archive)| archive.info().parent.clone()) {
        // Archives that build on each other in a circle are refused when they are put in order.
        let is_it = |archive: &ChainArchive| archive.info().id == parent.id || archive.link().is_named_by(&parent);
        let is_known = archives.iter().any(|(_, archive)| is_it(archive));
        let older = if is_known || !next_medium.can_ask() { Vec::new() } else { media.bring(&parent)? };
        if older.is_empty() {
            break;
        }
        archives.splice(..0, older);
    }
    Ok(archives)
}

/// The drives on which a chain is read: the driver lets each be opened but once. The one that was used last is the last.
#[derive(Clone)]
struct Drives(Arc<Mutex<Vec<LentDrive>>>);

impl Drives {
    fn of(drive: LentDrive) -> Self {
        Self(Arc::new(Mutex::new(vec![drive])))
    }

    fn last(&self) -> Option<LentDrive> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    /// The drive that is named, or nothing if it is none.
    fn open(&self, path: &Path) -> Result<Option<Box<dyn Drive>>> {
        let mut drives = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let drive = match drives.iter().position(|drive| drive.is_at(path)) {
            Some(place) => {
                let mut drive = drives.remove(place);
                // It gave its cartridge out when another was asked for; what is wrong with it, the first read meets too.
                let _ = drive.load();
                drive
            }
            None => match tape_device::open_to_read(Some(path))? {
                Some(drive) => LentDrive::new(Box::new(drive)),
                None => return Ok(None),
            },
        };
        drives.push(drive.clone());
        Ok(Some(Box::new(drive)))
    }
}

/// Where the archives of a chain come from.
#[derive(Clone)]
struct Media {
    drives: Drives,
    next_medium: NextMedium,
}

impl Media {
    fn further(&self) -> Further {
        let drives = self.drives.clone();
        let open_drive = Box::new(move |path: &Path| drives.open(path));
        Further { open_drive, ..further(self.next_medium.clone(), TapeReading::Forward) }
    }

    /// Has the cartridge brought, or is named the file, that holds what an increment builds on; and what that builds on in turn, as far as it is there too.
    fn bring(&self, parent: &Parent) -> Result<Vec<(String, ChainArchive)>> {
        let Some(drive) = self.drives.last() else { return Ok(Vec::new()) };
        let found = Arc::<Mutex<Vec<ChainFile>>>::default();
        let (seen, sought) = (Arc::clone(&found), parent.clone());
        let position = move |drive: &mut dyn Drive, _: &WantedPart| {
            let chain = cartridge::chain_below(drive, &sought)?;
            let why = "it does not hold the archive on which the increment builds".to_owned();
            let why_not = chain.is_empty().then_some(why);
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = chain;
            Ok(why_not)
        };
        let name = drive.name().to_owned();
        let mut media =
            FurtherMedia::new(Some(drive), name, Further { position: Box::new(position), ..self.further() });
        let mut wanted = WantedPart { id: parent.id.clone(), number: 1, reason: MediumReason::Next };
        while let Some(input) = media.next_input(&wanted)? {
            let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
            if !found.is_empty() {
                return self.all_later(found);
            }
            match self.open_named(input, parent) {
                Ok(archive) => return Ok(vec![archive]),
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                // A slip of whoever named it.
                Err(error) => wanted.reason = MediumReason::Wrong(error.to_string()),
            }
        }
        Ok(Vec::new())
    }

    /// The archive in a file that was named for the one on which an increment builds.
    fn open_named(&self, input: Box<dyn Input>, parent: &Parent) -> Result<(String, ChainArchive)> {
        let name = input.name().to_owned();
        let inputs = with_further(input.into(), None, name.clone(), self.next_medium.clone(), TapeReading::Forward);
        let archive = OpenArchive::open(inputs, &OpenOptions::default())?;
        if !Link::from(&archive).is_named_by(parent) {
            let why = format!("it is the archive {}, on which the increment does not build", archive.info().id);
            return Err(Error::wrong_chain(format!("read {name}"), why, None));
        }
        Ok((name, archive.into()))
    }

    /// Those that were found on the cartridge in the drive that was used last.
    fn all_later(&self, found: Vec<ChainFile>) -> Result<Vec<(String, ChainArchive)>> {
        found.into_iter().filter_map(|file| self.later(file).transpose()).collect()
    }

    /// The archive of which all or a part lies in this tape file, opened when its turn comes.
    fn later(&self, found: ChainFile) -> Result<Option<(String, ChainArchive)>> {
        let (state, is_whole) = (found.state(), found.is_whole());
        let ChainFile { file, entry } = found;
        let (Some(info), Some(end), Some(drive)) = (entry.info, entry.end, self.drives.last()) else { return Ok(None) };
        let (name, id) = (entry.location, info.id.clone());
        if !is_whole && !self.next_medium.can_ask() {
            let why = format!(
                "only part {} of it is on this cartridge, and nobody can be asked for the others",
                info.part_number()
            );
            return Err(Error::refused(format!("restore {name}"), why, Some(REMEDY.to_owned())));
        }
        let place = FoundAt { id, file: info.part.is_none().then_some(file), given_out: drive.given_out(), drive };
        let media = self.clone();
        let open = Box::new(move || OpenArchive::open(media.begin(place)?, &OpenOptions::default()));
        let later = Later { name: name.clone(), info, state, end: is_whole.then_some(end), open };
        Ok(Some((name, ChainArchive::Later(Box::new(later)))))
    }

    /// The first part, to which the tape is sent if it is on the cartridge in the drive, and which is asked for otherwise; and whoever brings the others.
    fn begin(&self, place: FoundAt) -> Result<Inputs> {
        let FoundAt { id, file, given_out, mut drive } = place;
        let wanted = WantedPart { id, number: 1, reason: MediumReason::Next };
        let is_there = match file.filter(|_| drive.given_out() == given_out) {
            Some(file) => cartridge::select(&mut drive, &Selector::File(file)).map(|_| true)?,
            None => go_to_part(&mut drive, &wanted)?.is_none(),
        };
        let mut media = FurtherMedia::new(Some(drive.clone()), drive.name().to_owned(), self.further());
        let first = match is_there {
            true => Some(TapeReading::Forward.input(drive)?),
            false => media.next_input(&wanted)?,
        };
        let first = first.ok_or_else(|| {
            let why = "its first part is not on the cartridge in the drive, and nobody brings it";
            Error::refused(format!("read the archive {}", wanted.id), why, Some(REMEDY.to_owned()))
        })?;
        Ok(Inputs::from(first).with_next(Box::new(media)))
    }
}

/// Where an archive was found.
struct FoundAt {
    id: String,
    /// The tape file in which it begins, if it begins on that cartridge.
    file: Option<u32>,
    /// How often the drive had given a cartridge out by then.
    given_out: u64,
    drive: LentDrive,
}

#[cfg(test)]
mod tests;
