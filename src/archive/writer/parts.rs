//! Goes on with an archive from medium to medium (format-spec, section 10).

use std::collections::VecDeque;

use super::super::block::padded;
use super::super::frame::TableEncoder;
use super::super::index::Content;
use super::super::info::Part;
use super::super::ledger::Mark;
use super::super::map::StoredMap;
use super::super::{BackupInfo, End};
use super::room::{closing_bound, demand_room_for_members, too_small};
use super::{ArchiveWriter, HEADERS_MAX, Origin, PartHead, WrittenPart, info_text, record_bytes};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::stream::{Medium, PartEnded, Spanning};

/// What each part begins with, and what may have to be written once more.
pub struct Parts {
    origin: Origin,
    /// Where the current part goes.
    medium: Option<Medium>,
    restore_text: Vec<u8>,
    map: StoredMap,
    /// The files that the user added, until the first part's head is certainly on its medium.
    attached: Vec<Vec<u8>>,
    /// What was written to this medium and is not known to be there, in order.
    pending: VecDeque<Pending>,
    /// Members that are to be written, those first that another medium lost.
    waiting: VecDeque<Extent>,
    /// Where the next part begins, between two media.
    next: Option<Beginning>,
    /// Whether a member of this part is certainly on its medium.
    bears: bool,
    /// Whether the medium before this one ended before a head was on it.
    lost_head: bool,
    written: Vec<WrittenPart>,
}

/// A member that was written, and where the account stood before it.
struct Pending {
    end: u64,
    before: Beginning,
    what: Written,
}

enum Written {
    Head,
    Extent(Extent),
    Index,
    /// The last index, the end member and all behind it: lost as one.
    Closing,
}

/// An `extent/` member that is ready but for its number and position.
pub struct Extent {
    pub range: Range,
    pub content: Content,
    pub stored: Vec<u8>,
}

/// Where a part begins.
#[derive(Clone)]
struct Beginning {
    number: u64,
    first_seq: u64,
    mark: Mark,
}

/// What was taken back from a medium.
struct Taken {
    /// Where the part begins that has it again.
    next: Beginning,
    /// Whether the head is among it.
    headless: bool,
    /// Whether nothing was: all that closes the part is there.
    closed: bool,
}

impl Parts {
    /// Those of an archive that begins with the first part.
    pub fn new(origin: Origin, restore_text: &[u8], attached: &[&[u8]], map: StoredMap, mark: Mark) -> Self {
        Self {
            origin,
            medium: None,
            restore_text: restore_text.to_owned(),
            map,
            attached: attached.iter().map(|content| content.to_vec()).collect(),
            pending: VecDeque::new(),
            waiting: VecDeque::new(),
            next: Some(Beginning { number: 1, first_seq: 0, mark }),
            bears: false,
            lost_head: false,
            written: Vec::new(),
        }
    }

    /// Where the current part goes.
    pub fn medium(&self) -> Option<&Medium> {
        self.medium.as_ref()
    }

    /// Drops what is certainly on the medium.
    fn settle(&mut self, down_bytes: u64) {
        while self.pending.front().is_some_and(|first| first.end <= down_bytes) {
            match self.pending.pop_front().map(|first| first.what) {
                Some(Written::Extent(_)) => self.bears = true,
                Some(Written::Head) => (self.lost_head, self.attached) = (false, Vec::new()),
                _ => {}
            }
        }
    }
}

impl ArchiveWriter<'_> {
    fn spanning(&mut self) -> &mut dyn Spanning {
        self.out.output.spanning().expect("only an output that can go on has parts")
    }

    fn parts(&mut self) -> &mut Parts {
        self.parts.as_mut().expect("only an output that can go on has parts")
    }

    /// Writes a member, on the next medium if this one has no room for it.
    pub(super) fn write_in_parts(&mut self, extent: Extent) -> Result<()> {
        self.parts().waiting.push_back(extent);
        self.write_waiting()
    }

    /// Writes everything that waits, on as many media as it takes.
    pub(super) fn write_waiting(&mut self) -> Result<()> {
        while !self.parts().waiting.is_empty() || self.parts().next.is_some() {
            let step = self.write_next();
            self.survive(step)?;
        }
        Ok(())
    }

    /// Goes on to the next medium where a step failed because this one is full.
    pub(super) fn survive(&mut self, step: Result<()>) -> Result<()> {
        let down_bytes = self.spanning().down_bytes();
        match step {
            Ok(()) => {
                self.parts().settle(down_bytes);
                Ok(())
            }
            Err(_) if self.spanning().begins_anew() => {
                self.parts().lost_head = false;
                self.take_back();
                Ok(())
            }
            Err(_) if self.spanning().is_full() => {
                self.parts().settle(down_bytes);
                self.leave_broken_part()
            }
            Err(error) => Err(error),
        }
    }

    fn write_next(&mut self) -> Result<()> {
        if let Some(beginning) = self.parts().next.take() {
            return self.begin_part(beginning);
        }
        let Some(next) = self.parts().waiting.front() else { return Ok(()) };
        let (offset, stored) = (next.range.start, next.stored.len() as u64);
        let index_bytes = self.ledger.index_bound(offset);
        let record_bytes = record_bytes(self.out.output, self.ledger.info());
        let closing = closing_bound(record_bytes, self.info_bytes, index_bytes, self.ledger.index_count());
        let needed = HEADERS_MAX + padded(stored) + closing;
        if !self.spanning().has_room(needed) {
            return self.end_part(stored);
        }
        if self.ledger.index_is_full() {
            self.write_pending(Written::Index, Self::write_index)?;
        }
        let Some(extent) = self.parts().waiting.pop_front() else { return Ok(()) };
        let before = self.standing();
        let result = self.write_extent(extent.range, extent.content, &extent.stored);
        self.note(before, Written::Extent(extent), result)
    }

    fn write_pending(&mut self, what: Written, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = self.standing();
        let result = write(self);
        self.note(before, what, result)
    }

    /// Notes what was written, or failed to be: then it is not on the medium.
    fn note(&mut self, before: Beginning, what: Written, result: Result<()>) -> Result<()> {
        let end = if result.is_ok() { self.out.position } else { u64::MAX };
        self.parts().pending.push_back(Pending { end, before, what });
        result
    }

    /// Where the next part would begin now.
    fn standing(&self) -> Beginning {
        let number = self.ledger.info().part_number() + 1;
        Beginning { number, first_seq: self.out.seq, mark: self.ledger.mark() }
    }

    /// Closes the part, because a member of so many stored bytes must go to the next medium.
    fn end_part(&mut self, stored: u64) -> Result<()> {
        let number = self.ledger.info().part_number();
        if number > 1 && self.ledger.mark().at() == self.part_from() {
            return Err(too_small(self.out.output.name(), stored));
        }
        self.write_pending(Written::Closing, Self::close_part)?;
        let ended = PartEnded { id: self.ledger.info().id.clone(), number, closed: true };
        let (written, next) = (self.written_part(true, &self.standing()), self.standing());
        self.spanning().next_medium(&ended)?;
        let parts = self.parts();
        parts.pending.clear();
        parts.written.push(written);
        parts.next = Some(next);
        parts.bears = false;
        Ok(())
    }

    fn part_from(&self) -> u64 {
        self.ledger.info().part.as_ref().map_or(0, |part| part.from)
    }

    fn close_part(&mut self) -> Result<()> {
        if self.ledger.index_is_full() {
            self.write_index()?;
        }
        self.write_index()?;
        let end = self.placed(self.ledger.end_of_part(self.out.seq, BackupInfo::now()));
        self.write_end(&end)
    }

    /// Takes back what is not certainly on the medium, to write it on the next: the first of it says where its part begins.
    fn take_back(&mut self) -> Taken {
        let standing = self.standing();
        let parts = self.parts();
        let headless = parts.pending.front().is_some_and(|first| matches!(first.what, Written::Head));
        let closed = parts.pending.is_empty();
        let next = parts.pending.front().map_or(standing, |first| first.before.clone());
        let lost = parts.pending.drain(..).rev().filter_map(|pending| match pending.what {
            Written::Extent(extent) => Some(extent),
            _ => None,
        });
        for extent in lost.collect::<Vec<_>>() {
            parts.waiting.push_front(extent);
        }
        parts.next = Some(next.clone());
        Taken { next, headless, closed }
    }

    /// Goes on behind the hard end of a medium.
    fn leave_broken_part(&mut self) -> Result<()> {
        let Taken { next, headless, closed } = self.take_back();
        let parts = self.parts();
        let stored = parts.waiting.front().map_or(0, |extent| extent.stored.len() as u64);
        let barren = !std::mem::take(&mut parts.bears);
        // What has no head is no part: the next medium gets this part again.
        let helpless = headless && std::mem::replace(&mut parts.lost_head, true);
        if helpless || (barren && !headless && next.number > 2) {
            return Err(too_small(self.out.output.name(), stored));
        }
        let written = (!headless).then(|| self.written_part(closed, &next));
        let ended = PartEnded { id: self.ledger.info().id.clone(), number: next.number - 1, closed: false };
        self.spanning().next_medium(&ended)?;
        self.parts().written.extend(written);
        Ok(())
    }

    /// The part that ends where the next one begins.
    fn written_part(&self, closed: bool, next: &Beginning) -> WrittenPart {
        let info = self.ledger.info();
        WrittenPart {
            number: info.part_number(),
            output: self.out.output.name().to_owned(),
            medium: self.parts.as_ref().and_then(|parts| parts.medium.clone()),
            bytes: self.out.position,
            from: self.part_from(),
            to: next.mark.at(),
            closed,
        }
    }

    /// Writes the head of a part on a new medium.
    fn begin_part(&mut self, beginning: Beginning) -> Result<()> {
        let before = beginning.clone();
        let Beginning { number, first_seq, mark } = beginning;
        let (medium, record_bytes) = (self.spanning().medium(), self.spanning().record_bytes());
        let record_size = record_bytes.unwrap_or(self.ledger.info().record_size);
        self.parts().medium.clone_from(&medium);
        let info = match number {
            1 if self.parts().origin == Origin::Copy => self.ledger.info().clone(),
            1 => BackupInfo { medium, record_size, ..self.ledger.info().clone() },
            _ => {
                let part = Part { number, first_seq, from: mark.at(), running: mark.running() };
                self.ledger.info().of_part(part, medium, record_size)
            }
        };
        info.check().map_err(|why| Error::refused("begin a part", why, None))?;
        (self.out.seq, self.out.position) = (first_seq, 0);
        let result = self.write_part_head(info, mark);
        self.note(before, Written::Head, result)
    }

    fn write_part_head(&mut self, info: BackupInfo, mark: Mark) -> Result<()> {
        let text = info_text(&info)?;
        self.info_bytes = text.len() as u64;
        let parts = self.parts.as_ref().expect("only an output that can go on has parts");
        let attached: Vec<_> = match info.part {
            None => parts.attached.iter().map(Vec::as_slice).collect(),
            Some(_) => Vec::new(),
        };
        let (restore_text, map) = (parts.restore_text.as_slice(), &parts.map);
        let head = PartHead { info: &info, text: &text, restore_text, attached: &attached, map };
        if info.part.is_none() && parts.origin == Origin::New {
            demand_room_for_members(self.out.output, &head)?;
        }
        let map_position = self.out.head(&head)?;
        if info.part.is_none() {
            self.ledger.begin_archive(info, map_position, TableEncoder::new());
        } else {
            self.ledger.begin_part(mark, info, map_position, TableEncoder::new());
        }
        Ok(())
    }
}

impl ArchiveWriter<'_> {
    /// Closes the archive; its end, on as many media as that takes.
    pub(super) fn finish_in_parts(&mut self, mut close: impl FnMut(&mut Self) -> Result<End>) -> Result<End> {
        loop {
            self.write_waiting()?;
            let mut end = None;
            let step = self.write_pending(Written::Closing, |writer| {
                end = Some(close(writer)?);
                // The medium is full also where its last filemark cannot be written. Then the next part has the end again: only the last part may be one that ends the archive.
                writer.out.output.finish()
            });
            let whole = step.is_ok();
            self.survive(step)?;
            if let Some(end) = end.filter(|_| whole) {
                return Ok(end);
            }
        }
    }

    /// All parts of the finished archive, or the one that it is.
    pub(super) fn written_parts(&mut self) -> Vec<WrittenPart> {
        let last = self.written_part(true, &self.standing());
        let mut written = self.parts.as_mut().map(|parts| std::mem::take(&mut parts.written)).unwrap_or_default();
        written.push(last);
        written
    }
}
