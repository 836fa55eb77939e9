//! Reads archives: forward from anything, by the index where the input can seek. Both tell the same of the same archive.

mod by_index;
mod ending;
mod forward;
mod glance;
mod head;
mod held;
mod input;
mod inputs;
mod lacking;
mod length;
mod look;
mod missing;
mod onward;
mod parts;
mod pieces;
mod resync;
mod salvage;
mod seeking;
mod several;
mod surplus;
mod survey;
mod tail;
mod trail;
mod unpack;

pub use ending::Ending;
pub use glance::{end_in, glance, label};
pub use held::Held;
pub use inputs::Inputs;
pub use lacking::Lacking;
pub use look::look;
pub use missing::part_words;
pub(crate) use pieces::Beside;
pub use salvage::{DeviceSize, Faults, Proven, SalvageOptions, Salvaged, Salvager};
pub(crate) use several::{Checked, read_abreast, read_in_turn};
pub use survey::{Found, Known, Structure, survey};
pub use unpack::{PartNews, Told};

use super::digest::Digest;
use super::end::End;
use super::info::BackupInfo;
use super::ledger::Ledger;
use super::pack::PackedBatch;
use crate::error::Result;
use crate::extent::{ExtentMap, Range};
use crate::pipeline::Pool;
use crate::range_set::RangeSet;
use forward::Forward;
use head::{Attachments, Head};
pub(super) use input::ArchiveInput;
use parts::{PartInput, Parts};
use seeking::Seeking;
use unpack::{StoredBatch, Unpacked};

/// How to open an archive.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Keep the content of the attached file of this name.
    pub attached: Option<String>,
    /// In which way to read.
    pub reading: Reading,
    /// Take a single part of an archive for all that there is to read: it tells of its own range only, and cannot prove that it belongs to the others.
    pub single_part: bool,
}

/// In which way an archive is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// By the index where the input can seek, else front to back; stops at the first fault.
    #[default]
    Best,
    /// The same for whoever wants ranges: of an archive in parts those are enough that tell of them.
    Ranges,
    /// The same for whoever goes on to the other parts himself, as they are brought one by one: an archive that begins with a part of several tells of that alone.
    PartByPart,
    /// Front to back, every byte; tells what is damaged and goes on with what is sound behind it.
    Through,
}

/// What an archive's head holds beside backup-info and map.
pub(crate) struct Documents {
    /// RESTORE.txt.
    pub restore_text: Vec<u8>,
    /// The contents of the attached files, in order.
    pub attached: Vec<Vec<u8>>,
}

/// What a reader keeps batches in that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    batches: Pool<StoredBatch>,
    results: Pool<Unpacked>,
}

/// An archive whose head has been read and checked.
pub struct OpenArchive {
    reader: Reader,
    attached: Option<Vec<u8>>,
    /// What brings the other parts, where this is one that is read by its own indexes.
    others: Option<Parts>,
    /// Whether a single part is to be taken for all that there is.
    single_part: bool,
    /// The state that its end names, where that was looked for before it is read front to back.
    foretold: Option<Digest>,
}

enum Reader {
    Forward(Box<Forward>),
    Seeking(Box<Seeking>),
}

impl Reader {
    /// Goes on front to back. What is known to be missing already is an error, unless all that there is is to be seen.
    fn forward(input: ArchiveInput, head: Head, parts: Parts, options: &OpenOptions) -> Result<Self> {
        let forward = Forward::new(input, head, options.reading, parts);
        let forward = if options.single_part { forward.of_single_part() } else { forward };
        if options.reading != Reading::Through && forward.begins_late() {
            return Err(forward.not_seen(None));
        }
        Ok(Self::Forward(Box::new(forward)))
    }
}

impl OpenArchive {
    /// Reads the head; of inputs that can seek, also the ends and all indexes, and checks that they fit.
    ///
    /// # Errors
    /// [`Incomplete`](crate::error::Error::Incomplete), [`Damaged`](crate::error::Error::Damaged) or [`Refused`](crate::error::Error::Refused) by the
    /// table in section 12 of the specification.
    pub fn open(inputs: impl Into<Inputs>, options: &OpenOptions) -> Result<Self> {
        let mut faults = Vec::new();
        let noted = (options.reading == Reading::Through).then_some(&mut faults);
        let (part, parts) = Parts::gather(inputs.into(), noted)?;
        if options.single_part {
            parts.refuse_others(&part)?;
        }
        Self::open_part(part, parts, options, faults)
    }

    /// Goes on behind the first member, where so much is known to be wrong already.
    fn open_part(part: PartInput, parts: Parts, options: &OpenOptions, faults: Vec<String>) -> Result<Self> {
        let wanted = Attachments::Named(options.attached.as_deref());
        let (mut opened, mut documents) = Self::open_part_keeping(wanted, part, parts, options, faults)?;
        opened.attached = documents.attached.pop();
        Ok(opened)
    }

    /// The same, and gives RESTORE.txt and the contents of the attached files that are wanted.
    fn open_part_keeping(
        wanted: Attachments<'_>,
        part: PartInput,
        parts: Parts,
        options: &OpenOptions,
        mut faults: Vec<String>,
    ) -> Result<(Self, Documents)> {
        let PartInput { mut input, first } = part;
        let mut head = head::read_behind_info(&mut input, first, wanted, options.reading)?;
        length::learn(&mut input, &head.common, head.info.digest)?;
        faults.append(&mut head.faults);
        head.faults = faults;
        let documents = head.take_documents();
        let (attached, single_part) = (None, options.single_part);
        if !by_index::is_possible(&input, &parts, options.reading) {
            let reader = match by_index::is_one_of_several(&head, &parts, options) {
                true => by_index::from_the_first(&head.common.id, parts, options)?,
                false => Reader::forward(input, head, parts, options)?,
            };
            return Ok((Self { reader, attached, others: None, single_part, foretold: None }, documents));
        }
        let (reader, others) = by_index::open_piece(input, head, parts, options, &mut |_| ())?;
        Ok((Self { reader, attached, others, single_part, foretold: None }, documents))
    }

    /// Opens like [`open`](Self::open), and keeps RESTORE.txt and the contents of all attached files: for whoever makes another archive of this one and others.
    ///
    /// # Errors
    /// As those of [`open`](Self::open).
    pub(crate) fn open_keeping_documents(inputs: impl Into<Inputs>) -> Result<(Self, Documents)> {
        let (part, parts) = Parts::gather(inputs.into(), None)?;
        Self::open_part_keeping(Attachments::All, part, parts, &OpenOptions::default(), Vec::new())
    }

    /// Reads the head with RESTORE.txt and the contents of all attached files, to go on front to back, byte by byte, up to the first fault: for whoever makes
    /// another archive of this one.
    ///
    /// # Errors
    /// As those of [`open`](Self::open).
    pub(crate) fn open_with_documents(inputs: impl Into<Inputs>) -> Result<(Self, Documents)> {
        let (mut part, mut parts) = Parts::gather(inputs.into(), None)?;
        let foretold = tail::foretell_state(parts.last_at_hand().unwrap_or(&mut part))?;
        let PartInput { mut input, first } = part;
        let mut head = head::read_behind_info(&mut input, first, Attachments::All, Reading::Best)?;
        let documents = head.take_documents();
        let reader = Reader::forward(input, head, parts, &OpenOptions::default())?;
        Ok((Self { reader, attached: None, others: None, single_part: false, foretold }, documents))
    }

    fn ledger(&self) -> &Ledger<()> {
        match &self.reader {
            Reader::Forward(forward) => forward.ledger(),
            Reader::Seeking(seeking) => seeking.ledger(),
        }
    }

    /// The archive as the user named it.
    pub fn name(&self) -> &str {
        match &self.reader {
            Reader::Forward(forward) => forward.name(),
            Reader::Seeking(seeking) => seeking.name(),
        }
    }

    /// What was backed up.
    pub fn info(&self) -> &BackupInfo {
        match &self.reader {
            Reader::Forward(forward) => forward.ledger().info(),
            Reader::Seeking(seeking) => seeking.info(),
        }
    }

    /// The map.
    pub fn map(&self) -> &ExtentMap {
        self.ledger().map()
    }

    /// The end member, of an input that can seek.
    pub fn end(&self) -> Option<&End> {
        match &self.reader {
            Reader::Forward(_) => None,
            Reader::Seeking(seeking) => Some(&seeking.ending().end),
        }
    }

    /// The state that it leaves, as far as it can be known before all was read: from the end member, or where that cannot be reached from the head.
    pub fn state(&self) -> Option<Digest> {
        self.end().map_or(self.foretold.or(self.info().state), |end| end.state)
    }

    /// The content of the attached file that was asked for.
    pub fn attached(&self) -> Option<&[u8]> {
        self.attached.as_deref()
    }

    /// What of the device the archive tells of: all of it; a single part, its own range.
    ///
    /// `None` while that is not known: of a single part that is read front to back.
    pub fn told_of(&self) -> Option<Range> {
        match &self.reader {
            Reader::Forward(forward) => forward.told_of(),
            Reader::Seeking(seeking) => Some(seeking.told_of()),
        }
    }

    /// Whether a range lies in what is told: the error that names the parts that would tell of it, otherwise.
    ///
    /// # Errors
    /// [`Incomplete`](crate::error::Error::Incomplete).
    pub fn check_told(&self, range: Range) -> Result<()> {
        let Some(told) = self.told_of() else { return Ok(()) };
        if range.length == 0 || (told.start <= range.start && range.end() <= told.end()) {
            return Ok(());
        }
        let first = self.info().part_number();
        let before: &[_] = if range.start < told.start { &[(1, first.saturating_sub(1))] } else { &[] };
        let last = self.end().map_or(first, |end| end.backup_info.part_number());
        let next = (range.end() > told.end()).then_some(last + 1);
        let lost_before = Range::between(range.start, told.start.clamp(range.start, range.end()));
        let lost_behind = Range::between(told.end().clamp(range.start, range.end()), range.end());
        Err(missing::missing(self.name(), before, next, [lost_before, lost_behind]))
    }

    /// What the archive cannot give of this range, as far as that can be known before its data is read: all of it where the input can seek.
    ///
    /// # Errors
    /// An index that no longer reads as it did when the archive was opened.
    pub fn lacking(&mut self, range: Range) -> Result<Lacking> {
        match &mut self.reader {
            Reader::Forward(forward) => Ok(lacking::by_map(forward.ledger(), range)),
            Reader::Seeking(seeking) => lacking::by_indexes(seeking, range),
        }
    }

    /// Reads the archive through with so many workers, and tells everything of the device in ascending order.
    ///
    /// # Errors
    /// The error of `tell`; or what is wrong with the archive, after everything before it has been told. Before anything is told: parts that are not at hand,
    /// where they were not missed when the archive was opened.
    pub fn read_through(self, threads: usize, tell: impl FnMut(Told<'_>) -> Result<()>) -> Result<Ending> {
        self.refuse_untold()?;
        self.read(threads, tell)
    }

    /// The same, but tells only what touches these ranges; what lies in them only in part is told whole.
    ///
    /// An input that can seek is read only where the ranges lie, behind the indexes, which prove that its members are those of this archive. One that cannot
    /// is read to its end: that the structure is whole and the end member there is proven as ever, the bytes of other members are not looked at.
    ///
    /// # Errors
    /// Those of [`read_through`](Self::read_through).
    pub fn read_ranges(
        self,
        wanted: RangeSet,
        threads: usize,
        tell: impl FnMut(Told<'_>) -> Result<()>,
    ) -> Result<Ending> {
        self.read_ranges_with(&Buffers::default(), wanted, threads, tell)
    }

    /// The same with the buffers of whoever reads several archives one after another, so that their memory is touched once.
    pub(crate) fn read_ranges_with(
        mut self,
        buffers: &Buffers,
        wanted: RangeSet,
        threads: usize,
        mut tell: impl FnMut(Told<'_>) -> Result<()>,
    ) -> Result<Ending> {
        if !self.single_part {
            wanted.iter().try_for_each(|range| self.check_told(range))?;
        }
        match &mut self.reader {
            Reader::Forward(forward) => forward.narrow(wanted),
            Reader::Seeking(seeking) => seeking.narrow(wanted),
        }
        self.unpack(buffers, threads, |unpacked| unpacked.tell(&mut tell))
    }

    /// Reads the archive through and hands its members on as they are stored, in batches, for a copy of it. Everything is checked that
    /// [`read_through`](Self::read_through) checks; a member in which anything is wrong is an error.
    pub(crate) fn read_stored(
        self,
        threads: usize,
        mut hand_on: impl FnMut(PackedBatch) -> Result<()>,
    ) -> Result<Ending> {
        self.refuse_untold()?;
        let name = self.name().to_owned();
        self.unpack(&Buffers::default(), threads, |unpacked| hand_on(unpacked.packed(&name)?))
    }

    /// Whoever asks for all of it takes no part for the whole, unless that was said.
    fn refuse_untold(&self) -> Result<()> {
        let whole = Range { start: 0, length: self.info().device.size_bytes };
        if self.single_part { Ok(()) } else { self.check_told(whole) }
    }

    fn read(self, threads: usize, mut tell: impl FnMut(Told<'_>) -> Result<()>) -> Result<Ending> {
        self.unpack(&Buffers::default(), threads, |unpacked| unpacked.tell(&mut tell))
    }

    fn unpack(
        mut self,
        buffers: &Buffers,
        threads: usize,
        mut each: impl FnMut(&Unpacked) -> Result<()>,
    ) -> Result<Ending> {
        let digest = self.info().digest;
        let reader = &mut self.reader;
        let fill = |batch: &mut StoredBatch| match reader {
            Reader::Forward(forward) => (0, forward.fill(batch)),
            Reader::Seeking(seeking) => (0, seeking.fill(batch)),
        };
        several::unpack(&[digest], buffers, threads, fill, |_, unpacked| each(unpacked))?;
        match self.reader {
            Reader::Forward(forward) => forward.ending().cloned().ok_or_else(|| tail::no_end(&forward.input)),
            Reader::Seeking(seeking) => Ok(seeking.ending().clone()),
        }
    }
}
