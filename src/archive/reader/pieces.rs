//! Reads ranges out of an archive of which one part at a time is at hand, as cartridges in a drive are (format-spec, section 10).

use super::super::end::End;
use super::super::info::BackupInfo;
use super::parts::{PartInput, Parts};
use super::{OpenArchive, OpenOptions, Reading};
use crate::error::{Error, Result};

/// A part that was opened by its own indexes, and whoever brings those beside it.
pub(crate) struct Beside {
    parts: Parts,
    info: BackupInfo,
    end: End,
}

impl OpenArchive {
    /// Goes to the part that tells of this byte, by as many others as lie between, of which only the ends are read. This one stays where nobody brings any.
    ///
    /// # Errors
    /// A part that was brought and does not fit beside the one before it.
    pub(crate) fn at_part_of(mut self, at: u64) -> Result<Self> {
        loop {
            let (Some(told), Some(mut beside)) = (self.told_of(), self.take_beside()) else { return Ok(self) };
            let number = self.info().part_number();
            let next = match () {
                () if at < told.start => beside.take(number - 1)?,
                () if at >= told.end() => beside.take(number + 1)?,
                () => None,
            };
            match next {
                Some(next) => self = next,
                None => {
                    self.others = Some(beside.parts);
                    return Ok(self);
                }
            }
        }
    }

    /// What brings the parts beside this one, for whoever uses this one up.
    pub(crate) fn take_beside(&mut self) -> Option<Beside> {
        let end = self.end()?.clone();
        let parts = self.others.take()?;
        Some(Beside { parts, info: self.info().clone(), end })
    }
}

impl Beside {
    /// The part behind, if there is one and somebody brings it.
    pub(crate) fn next(mut self) -> Result<Option<OpenArchive>> {
        self.take(self.info.part_number() + 1)
    }

    /// The part of this number, which is one more or one less.
    fn take(&mut self, wanted: u64) -> Result<Option<OpenArchive>> {
        let number = self.info.part_number();
        if wanted > number && !self.end.goes_on() {
            return Ok(None);
        }
        let Some(PartInput { input, first }) = self.parts.take(&self.info.id, wanted)? else { return Ok(None) };
        let options = OpenOptions { reading: Reading::PartByPart, ..OpenOptions::default() };
        let parts = std::mem::replace(&mut self.parts, Parts::none());
        let opened = OpenArchive::open_part(PartInput { input, first }, parts, &options, Vec::new())?;
        if wanted > 1 && opened.info().part.is_none() {
            // The part has no end, and the archive is read from its first.
            return Ok(Some(opened));
        }
        let follows = match (wanted > number, opened.end()) {
            (true, _) => follows(&self.end, opened.info()),
            (false, Some(end)) => follows(end, &self.info),
            (false, None) => false,
        };
        if follows {
            return Ok(Some(opened));
        }
        let (first, second) = (number.min(wanted), number.max(wanted));
        let why = format!("part {second} does not go on where part {first} ends: the two were cut differently");
        Err(Error::damaged(opened.name(), why))
    }
}

/// Whether the part that says this goes on where the part with this end member ends.
fn follows(end: &End, next: &BackupInfo) -> bool {
    let next_seq = end.backup_info.first_seq().saturating_add(end.members);
    next.part.as_ref().is_some_and(|part| (part.first_seq, part.from, part.running) == (next_seq, end.to, end.running))
}
