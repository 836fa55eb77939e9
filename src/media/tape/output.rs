//! An archive onto tape: records of one size, one filemark behind it, cartridge after cartridge.

mod changing;

use std::io::{self, IoSlice};
use std::path::Path;

use super::super::next_medium::NextMedium;
use super::super::whole_writes::failed_before;
use super::record::Record;
use super::speed::slowest_rate;
use super::used::UsedCartridges;
use crate::drive::{Drive, Place, Placed, explained};
use crate::error::{Error, Result};
use crate::stream::{Medium, Output, PartEnded, Spanning};
use crate::sys::errno::{EINVAL, EIO, ENOSPC, ENOSYS, EOVERFLOW};

/// The size of a record where nobody asks for another; half of it where the host refuses that.
pub const RECORD_BYTES: usize = 512 << 10;
/// The longest member: what has to be written behind early warning must fit between it and the end, which may be 25 MiB (HP LTO).
const MEMBER_BYTES_MAX: u64 = 8 << 20;
/// So much of what the drive took last counts as not yet written, for the case that a cartridge ends without a warning.
const UNCONFIRMED_BYTES: u64 = 32 << 20;

/// Opens a drive that somebody named when he was asked for the next medium.
pub type OpenDrive = Box<dyn FnMut(&Path) -> Result<Box<dyn Drive>> + Send>;

/// How to write onto tape.
pub struct TapeOutputOptions {
    /// The size of records in bytes, if the user wants a certain one.
    pub record_bytes: Option<u64>,
    /// Where an archive may begin on a cartridge.
    pub place: Box<dyn Place>,
    /// Whom to ask for the next cartridge.
    pub next_medium: NextMedium,
    /// Opens another drive.
    pub open: OpenDrive,
}

/// An archive, or a part of one, on the cartridge in a drive.
///
/// What the drive has taken is not on the tape before the filemark behind it was written: [`finish`](Output::finish) writes it and looks at what comes of it. Dropped before that it
/// writes a filemark too, so that later backups can be appended behind what then is incomplete.
pub struct TapeOutput {
    drive: Box<dyn Drive>,
    name: String,
    options: TapeOutputOptions,
    medium: Medium,
    notes: Vec<String>,
    record: Record,
    /// Whether nobody asked for this size of records, so that a smaller one will do.
    may_shrink: bool,
    /// The address of this part's first record, where the drive has addresses.
    start: Option<u32>,
    /// So many records were taken by the drive.
    taken: u64,
    /// So many records are on the tape, as the drive brought them there when it was told to.
    confirmed: u64,
    /// So many records were said to be certainly on the tape.
    promised: u64,
    used: UsedCartridges,
    standing: Standing,
}

/// How it stands with the cartridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Writing,
    /// Early warning was given.
    Warned,
    /// The end came, behind so many records.
    Full {
        records: u64,
    },
    /// The drive refused the first record for its length.
    BeginsAnew,
    Failed,
    Finished,
}

impl TapeOutput {
    /// Goes where the archive may begin on the drive's cartridge.
    ///
    /// # Errors
    /// What [`Place`] refuses; a drive that does not answer.
    pub fn begin(drive: Box<dyn Drive>, options: TapeOutputOptions) -> Result<Self> {
        let bytes = options.record_bytes.map_or(RECORD_BYTES, |bytes| bytes as usize);
        let mut output = Self {
            name: drive.name().to_owned(),
            drive,
            medium: Medium::default(),
            notes: Vec::new(),
            record: Record::new(bytes),
            may_shrink: options.record_bytes.is_none(),
            options,
            start: None,
            taken: 0,
            confirmed: 0,
            promised: 0,
            used: UsedCartridges::default(),
            standing: Standing::Writing,
        };
        match output.options.place.first(output.drive.as_mut())? {
            Placed::There { medium, notes } => output.begin_cartridge(medium, notes),
            Placed::Wrong(why) => return Err(Error::refused(format!("write to {}", output.name), why, None)),
        }
        Ok(output)
    }

    fn begin_cartridge(&mut self, medium: Medium, notes: Vec<String>) {
        self.name = self.drive.name().to_owned();
        self.medium = medium;
        self.notes.extend(notes);
        self.start = self.drive.address().ok();
        self.record.clear();
        (self.taken, self.confirmed, self.promised, self.standing) = (0, 0, 0, Standing::Writing);
    }

    fn failed(&mut self, doing: &'static str, cause: io::Error) -> Error {
        self.standing = Standing::Failed;
        let cause = explained(self.drive.as_mut(), cause);
        Error::io(doing, &self.name, cause)
    }

    /// Writes the record that is full.
    fn put_record(&mut self) -> Result<()> {
        let announced = self.start.is_none() && self.drive.status().is_ok_and(|status| status.near_end);
        match self.drive.write_record(self.record.bytes()) {
            Ok(()) => self.note_taken(),
            Err(cause) => self.meet(cause, announced)?,
        }
        self.record.clear();
        if self.start.is_none() { self.confirm() } else { Ok(()) }
    }

    /// A drive that cannot tell how much is on the tape brings it there now and then: soon behind the head, and in ever longer steps.
    fn confirm(&mut self) -> Result<()> {
        let most = UNCONFIRMED_BYTES / self.record.size() as u64;
        if !self.taken.is_power_of_two() && !self.taken.is_multiple_of(most.max(1)) {
            return Ok(());
        }
        let near_end = self.is_near_end();
        match self.drive.write_filemarks(0) {
            Ok(()) => self.confirmed = self.taken,
            // A drive that does not know the command goes on without.
            Err(cause) if [Some(EINVAL), Some(ENOSYS)].contains(&cause.raw_os_error()) => {}
            Err(cause) if near_end && [Some(ENOSPC), Some(EIO)].contains(&cause.raw_os_error()) => {
                return Err(self.end(cause));
            }
            Err(cause) => return Err(self.failed("writing", cause)),
        }
        Ok(())
    }

    fn note_taken(&mut self) {
        self.taken += 1;
    }

    fn meet(&mut self, cause: io::Error, announced: bool) -> Result<()> {
        match cause.raw_os_error() {
            Some(ENOSPC) => self.meet_warning(cause, announced),
            Some(EINVAL | EOVERFLOW) if self.taken == 0 && self.may_shrink => {
                self.may_shrink = false;
                self.record = Record::new(RECORD_BYTES / 2);
                self.standing = Standing::BeginsAnew;
                Err(Error::io("writing", &self.name, cause))
            }
            Some(EIO) if self.is_near_end() => Err(self.end(cause)),
            _ => Err(self.failed("writing", cause)),
        }
    }

    /// The drive may have recorded what it refused, or not: its address tells. Where it has none, only a refusal that its state announced is certain: that is the driver's own,
    /// which the drive never heard of (st). The write that follows is let through; two refusals of one record are the end.
    ///
    /// A refusal that nothing announced came from the drive, be it early warning or the hard end. To write the record again may double it, and to go on without it may leave a gap: so
    /// it is the end, and the next cartridge has again all that is not certain.
    fn meet_warning(&mut self, cause: io::Error, announced: bool) -> Result<()> {
        self.standing = Standing::Warned;
        match self.records_by_address() {
            Some(records) if records == self.taken + 1 => {
                self.note_taken();
                return Ok(());
            }
            // Records that the drive had taken are gone: what it took now would lie behind a gap.
            Some(records) if records != self.taken => return Err(self.end(cause)),
            None if !announced => return Err(self.end(cause)),
            _ => {}
        }
        match self.drive.write_record(self.record.bytes()) {
            Ok(()) => self.note_taken(),
            Err(cause) if [Some(ENOSPC), Some(EIO)].contains(&cause.raw_os_error()) => {
                if self.records_by_address() != Some(self.taken + 1) {
                    return Err(self.end(cause));
                }
                self.note_taken();
            }
            Err(cause) => return Err(self.failed("writing", cause)),
        }
        Ok(())
    }

    /// How many records of this part there are, as far as the drive tells.
    fn records_by_address(&mut self) -> Option<u64> {
        let start = self.start?;
        let address = self.drive.address().ok()?;
        address.checked_sub(start).map(u64::from)
    }

    /// The end of the cartridge came. What the drive had taken may be gone with it: more than it was trusted with is a failure.
    fn end(&mut self, cause: io::Error) -> Error {
        let recorded = self.records_by_address().unwrap_or_else(|| self.presumed()).min(self.taken);
        if recorded < self.promised {
            let lost = (self.promised - recorded) * self.record.size() as u64;
            let why = io::Error::other(format!(
                "the cartridge ended, and the drive lost {lost} bytes that it had taken long before"
            ));
            let remedy = "make the backup again on other cartridges; clean the drive, or have it looked at";
            self.standing = Standing::Failed;
            return Error::io("writing", &self.name, why).with_remedy(remedy);
        }
        self.standing = Standing::Full { records: recorded };
        Error::io("writing", &self.name, explained(self.drive.as_mut(), cause))
    }

    /// So many records are taken to be on the tape.
    fn presumed(&self) -> u64 {
        self.taken.saturating_sub(UNCONFIRMED_BYTES / self.record.size() as u64).max(self.confirmed)
    }

    /// Writes a filemark behind what is not complete, if it can be; never where a drive that was reset begins to count anew, nor where it went then.
    fn mark_end(&mut self) {
        let is_behind = self.start.is_none() || self.records_by_address().is_some_and(|records| records > 0);
        if is_behind && self.drive.status().is_ok_and(|status| !status.at_beginning && !status.position_lost) {
            let _ = self.drive.write_filemarks(1);
        }
    }

    fn is_near_end(&mut self) -> bool {
        self.standing == Standing::Warned || self.drive.status().is_ok_and(|status| status.near_end)
    }

    /// Writes the filemark behind the part, and with it everything that the drive still held.
    fn close(&mut self) -> Result<()> {
        if !self.record.is_empty() {
            self.record.fill_with_zeros();
            self.put_record()?;
        }
        let near_end = self.is_near_end();
        match self.drive.write_filemarks(1) {
            Ok(()) => {}
            Err(cause) if near_end && [Some(ENOSPC), Some(EIO)].contains(&cause.raw_os_error()) => {
                return Err(self.end(cause));
            }
            Err(cause) => return Err(self.failed("writing the filemark behind the archive to", cause)),
        }
        match self.records_by_address() {
            Some(records) if records != self.taken + 1 => {
                self.standing = Standing::Failed;
                let why = format!("{} records were written and a filemark, and the drive counts {records}", self.taken);
                let remedy = "make the backup again; the tape does not hold what was written to it";
                Err(Error::io("writing", &self.name, io::Error::other(why)).with_remedy(remedy))
            }
            _ => Ok(()),
        }
    }
}

impl Output for TapeOutput {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        match self.standing {
            Standing::Writing | Standing::Warned => {}
            Standing::BeginsAnew => self.standing = Standing::Writing,
            _ => return Err(failed_before(&self.name)),
        }
        for piece in pieces {
            let mut rest: &[u8] = piece;
            while !rest.is_empty() {
                rest = self.record.take(rest);
                if self.record.is_full() {
                    self.put_record()?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if !matches!(self.standing, Standing::Writing | Standing::Warned) {
            return Err(failed_before(&self.name));
        }
        self.close()?;
        self.standing = Standing::Finished;
        Ok(())
    }

    fn spanning(&mut self) -> Option<&mut dyn Spanning> {
        Some(self)
    }

    fn must_not_run_dry(&self) -> bool {
        true
    }

    fn slowest_rate(&mut self) -> Option<u64> {
        slowest_rate(self.drive.status().ok()?.density)
    }
}

impl Spanning for TapeOutput {
    fn medium(&self) -> Option<Medium> {
        Some(self.medium.clone())
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn record_bytes(&self) -> Option<u64> {
        Some(self.record.size() as u64)
    }

    fn member_bytes_max(&self) -> Option<u64> {
        Some(MEMBER_BYTES_MAX)
    }

    /// How much fits is not known before early warning; behind it only what closes the part may follow.
    fn has_room(&mut self, _bytes: u64) -> bool {
        if self.is_near_end() {
            self.standing = Standing::Warned;
        }
        self.standing != Standing::Warned
    }

    fn down_bytes(&mut self) -> u64 {
        self.promised = match self.standing {
            Standing::Full { records } => records,
            Standing::Finished => self.taken,
            _ => self.presumed(),
        };
        self.promised * self.record.size() as u64
    }

    fn is_full(&self) -> bool {
        matches!(self.standing, Standing::Full { .. })
    }

    fn begins_anew(&self) -> bool {
        self.standing == Standing::BeginsAnew
    }

    fn next_medium(&mut self, ended: &PartEnded) -> Result<()> {
        if ended.closed {
            self.close()?;
        } else {
            // What is there stays readable without it; with it, other backups find their place behind it.
            self.mark_end();
        }
        // From here on nothing may be written, not even a filemark, before a cartridge is found that will do.
        (self.taken, self.standing) = (0, Standing::Failed);
        self.change_cartridge(ended)
    }
}

impl Drop for TapeOutput {
    fn drop(&mut self) {
        if self.taken > 0 && self.standing != Standing::Finished {
            // Nobody could be told of a failure here; the backup failed already.
            self.mark_end();
        }
    }
}
