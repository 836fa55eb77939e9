//! The half of a history that writes: backups onto cartridges, some of which fail, and what else people do with tapes.

use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex};

use blocktar::archive::{Compression, DigestKind};
use blocktar::backup::{BackupRequest, BackupSummary, backup};
use blocktar::cartridge::{self, Appending};
use blocktar::drive::Drive;
use blocktar::error::Result;
use blocktar::extent::ExtentMap;
use blocktar::media::next_medium::{Answer, NextMedium};
use blocktar::media::tape::simulated::{Access, Behaviour, Cartridge, EarlyWarning, Mechanism, Recorded};
use blocktar::media::tape::{AsItStands, TapeOutput, TapeOutputOptions};
use blocktar::progress::Progress;
use blocktar::source::{MemoryImage, Scan};
use blocktar::stream::Source;
use blocktar::sys::errno::{EIO, ENOSPC};

use super::archives::WithoutMap;
use super::archives::chance::image_of;
use super::chance::Chance;
use super::shelf::{self, Found};
use super::source::{Event, Eventful};

/// One backup that was tried.
pub struct Backup {
    /// Its archive's id, if anything of it came onto a cartridge.
    pub id: String,
    /// What the user called it.
    pub name: String,
    /// What a restore onto bytes 0xFF must give; nothing is written where the source could not be read.
    pub image: Vec<u8>,
    /// Whether the source could be read throughout.
    pub whole: bool,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// Its parts as they lie on the cartridges, in the order in which they were written.
    pub parts: Vec<Found>,
    /// Whether something happened to its cartridges afterwards.
    pub spoilt: bool,
}

impl Backup {
    /// Whether it must come back.
    pub fn must_come_back(&self) -> bool {
        self.failure.is_none() && !self.spoilt
    }

    /// Whether it is known where the source could not be read: a backup that failed does not tell.
    pub fn is_known(&self) -> bool {
        self.whole || self.failure.is_none()
    }
}

/// Everything that happened so far.
pub struct History {
    /// Where all decisions come from.
    pub chance: Chance,
    /// The cartridges.
    pub shelf: Vec<Cartridge>,
    /// The backups in order.
    pub backups: Vec<Backup>,
    /// How many were tried.
    tried: usize,
    /// What happened.
    pub log: Log,
}

/// What happened, a line each; also for who waits for a history that does not end.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<String>>);

impl Log {
    /// Adds a line.
    pub fn push(&self, line: impl Display) {
        *self.0.lock().unwrap() += &format!("{line}\n");
    }
}

impl Display for Log {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0.lock().unwrap())
    }
}

/// How one backup is made.
struct Plan {
    request: BackupRequest,
    record_bytes: Option<u64>,
    behaviour: Behaviour,
    event: Event,
    reads_before: u64,
    /// Whether blocktar knows the drive by name, or a shell redirected to it.
    by_name: bool,
    overwrite: bool,
    loaded: Vec<usize>,
}

impl History {
    /// Begins with some cartridges.
    pub fn begin(seed: u64) -> Self {
        let mut chance = Chance::from_seed(seed);
        let count = 1 + chance.below(6);
        let mut shelf = Vec::new();
        for number in 0..count {
            let zone = [0, 1, 30_000 + chance.below(200_000)][chance.below(5).min(2) as usize];
            let cartridge = Cartridge::new(150_000 + chance.below(900_000), zone);
            if chance.below(3) == 0 {
                let mut drive = Mechanism::holding(&cartridge).open(Access::Both).unwrap();
                // A small cartridge has no room for a label.
                let _ = cartridge::label(&mut drive, &format!("CART-{number}"), false, |_| ());
            }
            shelf.push(cartridge);
        }
        Self { chance, shelf, backups: Vec::new(), tried: 0, log: Log::default() }
    }

    /// Makes a backup, and holds what it did to the cartridges against what it was allowed to do.
    pub fn back_up(&mut self) {
        let (image, extents) = self.an_image();
        let plan = self.a_plan();
        let protected = (self.chance.below(8) == 0).then(|| self.a_cartridge());
        protected.into_iter().for_each(|number| self.shelf[number].protect(true));
        let before = shelf::snapshot(&self.shelf);
        self.log.push(format_args!(
            "backup of {} bytes onto {:?}, {:?}, {:?} at read {}, {}, overwrite {}",
            image.len(),
            plan.loaded,
            plan.behaviour,
            plan.event,
            plan.reads_before,
            if plan.by_name { "by name" } else { "redirected" },
            plan.overwrite,
        ));
        let outcome = self.run(&plan, &image, &extents);
        protected.into_iter().for_each(|number| self.shelf[number].protect(false));
        self.note_changes(&before, plan.overwrite);
        let known: Vec<_> = self.backups.iter().map(|backup| backup.id.clone()).collect();
        let parts: Vec<_> = plan.loaded.iter().flat_map(|number| self.new_archives(*number, &known)).collect();
        let said = outcome.as_ref().err().map_or("made".to_owned(), ToString::to_string);
        self.log.push(format_args!("  {said}; {parts:?}"));
        self.remember(plan, image, outcome, parts);
    }

    fn remember(&mut self, plan: Plan, mut image: Vec<u8>, outcome: Result<BackupSummary>, mut parts: Vec<Found>) {
        let name = plan.request.name.clone().unwrap();
        let mut seen = Vec::new();
        parts.retain(|part| {
            let new = !seen.contains(&(part.cartridge, part.file));
            seen.push((part.cartridge, part.file));
            new
        });
        let Some(id) = parts.first().map(|part| part.id.clone()) else {
            assert!(outcome.is_err(), "it was made, and nothing of it lies at the beginning of a tape file");
            return;
        };
        assert!(parts.iter().all(|part| part.id == id));
        let mut whole = plan.event != Event::Unreadable;
        if let Ok(summary) = &outcome {
            assert_eq!(summary.written.end.backup_info.id, id);
            for range in summary.bad.kept() {
                image[range.start as usize..range.end() as usize].fill(0xff);
                whole = false;
            }
        }
        let failure = outcome.err().map(|error| error.to_string());
        // These drives tell the truth of their addresses: whoever counts otherwise did not ask.
        assert!(!failure.as_ref().is_some_and(|why| why.contains("the drive counts")), "{failure:?}");
        self.backups.push(Backup { id, name, image, whole, failure, parts, spoilt: false });
    }

    fn run(&mut self, plan: &Plan, image: &[u8], extents: &ExtentMap) -> Result<BackupSummary> {
        let mechanism = Mechanism::new(plan.behaviour.clone());
        mechanism.insert(&self.shelf[plan.loaded[0]]);
        plan.loaded[1..].iter().for_each(|number| mechanism.lay_ready(&self.shelf[*number]));
        let access = if plan.by_name { Access::Both } else { Access::Write };
        let mut drive = mechanism.open(access).unwrap();
        self.position(&mut drive);
        let overwrite = plan.overwrite;
        let options = TapeOutputOptions {
            record_bytes: plan.record_bytes,
            place: if plan.by_name { Box::new(Appending::new(overwrite)) } else { Box::new(AsItStands { overwrite }) },
            next_medium: NextMedium::answered(|_| Answer::Changed),
            open: Box::new(|_| panic!("nobody named another drive")),
        };
        let mut output = TapeOutput::begin(Box::new(drive), options)?;
        let progress = Arc::new(Progress::default());
        let source = Scan::new(MemoryImage::new(image.to_vec(), extents.clone()));
        let source: Box<dyn Source> = if self.chance.below(4) == 0 {
            Box::new(WithoutMap(Scan::new(MemoryImage::new(image.to_vec(), extents.clone()))))
        } else {
            Box::new(source)
        };
        let mut source = Eventful::new(source, plan.event, plan.reads_before, &mechanism, &progress);
        backup(&mut source, &mut output, &plan.request, &progress)
    }

    /// Where whoever had the drive before left it.
    fn position(&mut self, drive: &mut dyn Drive) {
        let _ = match self.chance.below(8) {
            0 => Ok(()),
            1 => drive.space_files(1 + self.chance.below(3) as i32),
            2 => drive.space_records(1 + self.chance.below(40) as i32),
            _ => drive.to_end_of_data(),
        };
    }

    fn an_image(&mut self) -> (Vec<u8>, ExtentMap) {
        let chance = &mut self.chance;
        let spans: Vec<_> = (0..chance.below(14)).map(|_| (chance.below(4) as u8, 1 + chance.below(130_000))).collect();
        image_of(spans)
    }

    fn a_plan(&mut self) -> Plan {
        self.tried += 1;
        let loaded = (0..1 + self.chance.below(6)).map(|_| self.a_cartridge()).collect();
        let behaviour = self.a_drive();
        let chance = &mut self.chance;
        let events = [Event::Fails, Event::Unreadable, Event::Interrupted, Event::Reset, Event::PowerLost];
        let request = BackupRequest {
            compression: if chance.below(2) == 0 { Compression::None } else { Compression::Zstd(1) },
            digest: if chance.below(2) == 0 { DigestKind::Sha256 } else { DigestKind::Blake3 },
            extent_limit_bytes: (64 << 10) << chance.below(3),
            record_bytes: 512,
            threads: 1 + chance.below(2) as usize,
            name: Some(format!("backup-{}", self.tried)),
            keep_going: chance.below(2) == 0,
            buffer_bytes: (chance.below(2) == 0).then(|| chance.below(1_000_000)),
            ..BackupRequest::default()
        };
        Plan {
            request,
            record_bytes: Some([512, 4096, 16 << 10, 40 << 10, 64 << 10][chance.below(5) as usize]),
            behaviour,
            event: events.get(chance.below(14) as usize).copied().unwrap_or(Event::Nothing),
            reads_before: chance.below(12),
            by_name: chance.below(3) > 0,
            overwrite: chance.below(12) == 0,
            loaded,
        }
    }

    /// A drive of some kind.
    pub fn a_drive(&mut self) -> Behaviour {
        let chance = &mut self.chance;
        // Of 12 drives 8 have addresses; 2 record what they refuse and tell nobody.
        let manner = chance.below(12);
        let early_warning = match manner {
            0 | 10 => EarlyWarning::RecordedYetRefusedOnce,
            1 | 2 | 11 => EarlyWarning::RecordedYetRefused,
            _ => EarlyWarning::Documented,
        };
        Behaviour {
            early_warning,
            hard_end: [ENOSPC, EIO][chance.below(2) as usize],
            buffered_records: chance.below(2) as usize * chance.below(9) as usize,
            write_error_at: (chance.below(14) == 0).then(|| chance.below(120) as usize),
            filemark_error: chance.below(14) == 0,
            addresses: manner < 8,
            stops_at_filemarks: manner < 8 || chance.below(2) == 0,
            overshoots_filemarks: manner >= 8 && chance.below(2) == 0,
            ..Behaviour::default()
        }
    }

    /// One of the shelf.
    pub fn a_cartridge(&mut self) -> usize {
        self.chance.below(self.shelf.len() as u64) as usize
    }

    /// Something else is written behind what a cartridge holds.
    pub fn write_something_else(&mut self) {
        let number = self.a_cartridge();
        let mut drive = Mechanism::holding(&self.shelf[number]).open(Access::Both).unwrap();
        drive.to_end_of_data().unwrap();
        let records = self.chance.below(4);
        let bytes = 512 * (1 + self.chance.below(20) as usize);
        for _ in 0..records {
            let _ = drive.write_record(&self.chance.bytes(bytes));
        }
        let _ = drive.write_filemarks(1);
        self.log.push(format!("{records} records of another program onto {number}"));
    }

    /// What was recorded before must be there still, or be known to be gone where that was asked for.
    fn note_changes(&mut self, before: &[Vec<Recorded>], overwrite: bool) {
        let after = shelf::snapshot(&self.shelf);
        for (number, (before, after)) in before.iter().zip(&after).enumerate() {
            // A filemark alone is nothing.
            if after.starts_with(before) || before[..] == [Recorded::Filemark] {
                continue;
            }
            assert!(overwrite, "cartridge {number} held {} blocks, and they were not left alone", before.len());
            for backup in &mut self.backups {
                let mut on_it = backup.parts.iter().filter(|part| part.cartridge == number);
                backup.spoilt |= on_it.any(|part| !shelf::is_untouched(part, before, after));
            }
        }
    }

    fn new_archives(&self, number: usize, known: &[String]) -> Vec<Found> {
        let found = shelf::archives(number, &self.shelf[number].recorded());
        found.into_iter().filter(|found| !known.contains(&found.id)).collect()
    }
}
