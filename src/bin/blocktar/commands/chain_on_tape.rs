//! Opens an archive on a tape with all on which it builds, on as many cartridges as they lie.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use blocktar::archive::{Inputs, OpenArchive, OpenOptions, Parent};
use blocktar::cartridge::{self, ChainFile, Selector};
use blocktar::drive::{Drive, LentDrive};
use blocktar::error::{Error, Result};
use blocktar::media::further_media::{Further, FurtherMedia, TapeReading};
use blocktar::media::next_medium::NextMedium;
use blocktar::restore::{ChainArchive, Later};
use blocktar::stream::{MediumReason, NextInput, WantedPart};

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
    let found = cartridge::chain(&mut drive.clone(), id)?;
    let media = Media { drives: Drives::of(drive), next_medium: next_medium.clone() };
    let mut archives = media.all_later(found)?;
    while let Some(parent) = archives.first().and_then(|(_, archive)| archive.info().parent.clone()) {
        let is_known = archives.iter().any(|(_, archive)| archive.info().id == parent.id);
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
        let wanted = WantedPart { id: parent.id.clone(), number: 1, reason: MediumReason::Next };
        let Some(input) = media.next_input(&wanted)? else { return Ok(Vec::new()) };
        let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        if !found.is_empty() {
            return self.all_later(found);
        }
        let name = input.name().to_owned();
        let inputs = with_further(input.into(), None, name.clone(), self.next_medium.clone(), TapeReading::Forward);
        Ok(vec![(name, OpenArchive::open(inputs, &OpenOptions::default())?.into())])
    }

    /// Those that were found on the cartridge in the drive that was used last.
    fn all_later(&self, found: Vec<ChainFile>) -> Result<Vec<(String, ChainArchive)>> {
        found.into_iter().filter_map(|file| self.later(file).transpose()).collect()
    }

    /// The archive of which all or a part lies in this tape file, opened when its turn comes.
    fn later(&self, found: ChainFile) -> Result<Option<(String, ChainArchive)>> {
        let state = found.state();
        let ChainFile { file, entry } = found;
        let (Some(info), Some(end), Some(drive)) = (entry.info, entry.end, self.drives.last()) else { return Ok(None) };
        let (name, id) = (entry.location, info.id.clone());
        let is_whole = info.part.is_none() && end.digest.is_some();
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
mod tests {
    use std::fs;

    use super::*;
    use blocktar::archive::Compression;
    use blocktar::backup::{BackupRequest, Changes, Since, backup};
    use blocktar::cartridge::Appending;
    use blocktar::extent::{Extent, ExtentMap};
    use blocktar::media::next_medium::Answer;
    use blocktar::media::tape::simulated::{Access, Cartridge, Mechanism};
    use blocktar::media::tape::{TapeOutput, TapeOutputOptions};
    use blocktar::plan::chain::Base;
    use blocktar::progress::Progress;
    use blocktar::restore::{Chain, RestoreRequest, restore};
    use blocktar::source::{MemoryImage, Scan};
    use blocktar::target::memory::Memory;

    const SIZE: usize = 600_000;

    /// A full on the first and second cartridge, an increment on the second and third, and another on the third.
    struct Shelf {
        cartridges: [Cartridge; 3],
        ids: Vec<String>,
        states: Vec<Vec<u8>>,
    }

    impl Shelf {
        fn new() -> Self {
            let cartridges = [
                Cartridge::new(300_000, 100_000),
                Cartridge::new(700_000, 100_000),
                Cartridge::new(4_000_000, 100_000),
            ];
            let [first, second, third] = &cartridges;
            let mut image: Vec<u8> = (0..SIZE as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let mut states = vec![image.clone()];
            let mut parents = vec![written(&[first, second], &image, 0..SIZE, None)];
            for (changed, onto) in [(100_000..500_000, &[second, third][..]), (0..50_000, &[third][..])] {
                image[changed.clone()].iter_mut().for_each(|byte| *byte ^= 0x55);
                states.push(image.clone());
                parents.push(written(onto, &image, changed, parents.last()));
            }
            let ids = parents.into_iter().map(|parent| parent.id).collect();
            Self { cartridges, ids, states }
        }

        /// What comes back of this archive, with the cartridges in this order, and which parts of which archives were asked for.
        fn restored(&self, number: usize, order: &[usize]) -> (Vec<u8>, Vec<(u64, usize)>) {
            let folder = tempfile::tempdir().unwrap();
            let notes = folder.path().join("notes");
            let command = format!("echo $BLOCKTAR_PART $BLOCKTAR_ARCHIVE >> {}", notes.display());
            let mechanism = Mechanism::holding(&self.cartridges[order[0]]);
            order[1..].iter().for_each(|place| mechanism.lay_ready(&self.cartridges[*place]));
            let drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
            let next_medium = NextMedium::new(Some(command), &Arc::default());
            let archives = open(drive, &self.ids[number], &next_medium).unwrap();
            let archives: Vec<_> = archives.into_iter().map(|(_, archive)| archive).collect();
            let chain = Chain::of(archives, Base::Full, None).unwrap();
            let mut target = Memory::new(vec![0xff; SIZE]);
            let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
            restore(chain, &mut target, &request, &Progress::default()).unwrap();
            let asked = fs::read_to_string(notes).unwrap_or_default();
            let asked = asked.lines().map(|line| {
                let (part, id) = line.split_once(' ').unwrap();
                (part.parse().unwrap(), self.ids.iter().position(|known| known == id).unwrap())
            });
            (target.bytes().to_vec(), asked.collect())
        }
    }

    /// Backs up this range onto these cartridges, behind what they hold.
    fn written(onto: &[&Cartridge], image: &[u8], range: std::ops::Range<usize>, parent: Option<&Parent>) -> Parent {
        let mechanism = Mechanism::holding(onto[0]);
        onto[1..].iter().for_each(|cartridge| mechanism.lay_ready(cartridge));
        let options = TapeOutputOptions {
            record_bytes: Some(16 << 10),
            place: Box::new(Appending::new(false)),
            next_medium: NextMedium::answered(|_| Answer::Changed),
            open: Box::new(|_| panic!("nobody named another drive")),
        };
        let mut output = TapeOutput::begin(Box::new(mechanism.open(Access::Both).unwrap()), options).unwrap();
        let request = BackupRequest {
            compression: Compression::None,
            extent_limit_bytes: 64 << 10,
            since: parent.cloned().map(|parent| Since {
                parent,
                changes: Changes::Mapped("test"),
                samples: Vec::new(),
            }),
            ..BackupRequest::default()
        };
        let map = |range: std::ops::Range<usize>| -> ExtentMap {
            [Extent::data(range.start as u64, range.len() as u64)].into_iter().collect()
        };
        let mut source = Scan::new(MemoryImage::new(image.to_vec(), map(0..SIZE))).with_map(map(range));
        let made = backup(&mut source, &mut output, &request, &Progress::default()).unwrap().written;
        assert_eq!(made.parts.len(), onto.len(), "{:?}", made.parts);
        Parent { id: made.end.id, state: made.end.state.unwrap(), device_size: SIZE as u64 }
    }

    #[test]
    fn a_chain_is_restored_from_cartridge_to_cartridge() {
        let shelf = Shelf::new();
        for (number, order, asked) in [
            // From the newest to the full, and back.
            (2, &[2, 0, 1, 2][..], &[(1, 0), (2, 0), (2, 1)][..]),
            // The second has the full's last part: with that in the drive, the first is asked for when the restore begins.
            (2, &[2, 1, 0, 1, 2], &[(1, 0), (1, 0), (2, 0), (2, 1)]),
            (1, &[1, 0, 1, 2], &[(1, 0), (2, 0), (2, 1)]),
            (0, &[0, 1], &[(2, 0)]),
            (0, &[1, 0, 1], &[(1, 0), (2, 0)]),
            // Wrong ones in between.
            (2, &[2, 2, 0, 0, 1, 1, 2], &[(1, 0), (1, 0), (2, 0), (2, 0), (2, 1), (2, 1)]),
        ] {
            let (bytes, told) = shelf.restored(number, order);
            assert!(bytes == shelf.states[number], "archive {number} by {order:?}");
            assert_eq!(told, asked, "archive {number} by {order:?}");
        }
    }

    #[test]
    fn a_file_may_be_named_for_what_is_on_no_cartridge_at_hand() {
        let shelf = Shelf::new();
        let folder = tempfile::tempdir().unwrap();
        for (place, cartridge) in shelf.cartridges[..2].iter().enumerate() {
            fs::write(folder.path().join(format!("{}.tar", place + 1)), cartridge.files()[0].concat()).unwrap();
        }
        let command = format!("echo {}/$BLOCKTAR_PART.tar", folder.path().display());
        let second = &shelf.cartridges[1];
        let drive = LentDrive::new(Box::new(Mechanism::holding(&shelf.cartridges[2]).open(Access::Read).unwrap()));
        let archives = open(drive, &shelf.ids[2], &NextMedium::new(Some(command), &Arc::default())).unwrap();
        assert_eq!(archives.len(), 3, "{second:?}");
        assert!(archives[0].0.ends_with("1.tar"), "{}", archives[0].0);
        assert_eq!(archives[0].1.info().id, shelf.ids[0]);
    }
}
