//! Goes on with an archive from medium to medium (format-spec, section 10).

use std::collections::VecDeque;

use super::super::block::{BLOCK, padded};
use super::super::frame::TableEncoder;
use super::super::index::Content;
use super::super::info::Part;
use super::super::ledger::Mark;
use super::super::map::StoredMap;
use super::super::member::MemberKind;
use super::super::{BackupInfo, End};
use super::{ArchiveWriter, HEADERS_MAX, WrittenPart};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::stream::{PartEnded, Spanning};

/// The longest text of an end member without its backup-info and the positions of its indexes.
const END_TEXT_MAX: u64 = 2048;
/// The stored bytes of an index that lists nothing, and its headers.
const INDEX_MIN: u64 = 4096;

/// What each part begins with, and what may have to be written once more.
pub struct Parts {
    restore_text: String,
    map: StoredMap,
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

impl Parts {
    pub fn new(restore_text: &str, map: StoredMap) -> Self {
        Self {
            restore_text: restore_text.to_owned(),
            map,
            pending: VecDeque::new(),
            waiting: VecDeque::new(),
            next: None,
            bears: false,
            lost_head: false,
            written: Vec::new(),
        }
    }

    /// Drops what is certainly on the medium.
    fn settle(&mut self, down_bytes: u64) {
        while self.pending.front().is_some_and(|first| first.end <= down_bytes) {
            match self.pending.pop_front().map(|first| first.what) {
                Some(Written::Extent(_)) => self.bears = true,
                Some(Written::Head) => self.lost_head = false,
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

    /// Notes that the first part's head was written.
    pub(super) fn note_first_head(&mut self) {
        if self.parts.is_some() {
            let before = Beginning { number: 1, first_seq: 0, mark: self.ledger.mark() };
            let end = self.out.position;
            self.parts().pending.push_back(Pending { end, before, what: Written::Head });
        }
    }

    /// Writes a member, on the next medium if this one has no room for it.
    pub(super) fn write_in_parts(&mut self, extent: Extent) -> Result<()> {
        self.parts().waiting.push_back(extent);
        self.write_waiting()
    }

    /// Writes everything that waits, on as many media as it takes.
    fn write_waiting(&mut self) -> Result<()> {
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
        let needed = HEADERS_MAX + padded(stored) + self.closing_bound(index_bytes, self.ledger.index_count());
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

    /// At most so many bytes close the part, if its current index is stored in so many and has so many before it.
    fn closing_bound(&self, index_bytes: u64, index_count: u64) -> u64 {
        // An index that is full is followed by the last one; each position has up to 16 digits and a comma.
        let end_text = self.info_bytes + END_TEXT_MAX + 17 * (index_count + 2);
        let members = 3 * HEADERS_MAX + padded(index_bytes) + INDEX_MIN + padded(end_text);
        members + 2 * BLOCK as u64 + self.ledger.info().record_size
    }

    /// Refuses a medium that has not even room for a head of so many bytes and what closes it.
    pub(super) fn demand_room_for_head(&mut self, head_bytes: u64) -> Result<()> {
        let needed = head_bytes + self.closing_bound(INDEX_MIN, 0);
        if self.out.output.spanning().is_some_and(|output| !output.has_room(needed)) {
            return Err(too_small(self.out.output.name(), head_bytes));
        }
        Ok(())
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
        let end = self.ledger.end_of_part(self.out.seq, BackupInfo::now());
        self.write_end(&end)
    }

    /// Goes on behind the hard end of a medium, from the first member that is not certainly there.
    fn leave_broken_part(&mut self) -> Result<()> {
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
        let stored = parts.waiting.front().map_or(0, |extent| extent.stored.len() as u64);
        let barren = !std::mem::take(&mut parts.bears);
        // What has no head is no part: the next medium gets this part again. The files that the user added are in memory no more.
        let helpless = headless && (next.number == 1 || std::mem::replace(&mut parts.lost_head, true));
        if helpless || (barren && !headless && next.number > 2) {
            return Err(too_small(self.out.output.name(), stored));
        }
        let written = (!headless).then(|| self.written_part(closed, &next));
        let ended = PartEnded { id: self.ledger.info().id.clone(), number: next.number - 1, closed: false };
        self.spanning().next_medium(&ended)?;
        let parts = self.parts();
        parts.written.extend(written);
        parts.next = Some(next);
        Ok(())
    }

    /// The part that ends where the next one begins.
    fn written_part(&self, closed: bool, next: &Beginning) -> WrittenPart {
        let info = self.ledger.info();
        WrittenPart {
            number: info.part_number(),
            output: self.out.output.name().to_owned(),
            medium: info.medium.clone(),
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
        let part = Part { number, first_seq, from: mark.at(), running: mark.running() };
        let record_size = record_bytes.unwrap_or(self.ledger.info().record_size);
        let info = self.ledger.info().of_part(part, medium, record_size);
        info.check().map_err(|why| Error::refused("begin a part", why, None))?;
        (self.out.seq, self.out.position) = (first_seq, 0);
        let result = self.write_part_head(&info, mark);
        self.note(before, Written::Head, result)
    }

    fn write_part_head(&mut self, info: &BackupInfo, mark: Mark) -> Result<()> {
        let text = info.text();
        self.info_bytes = text.len() as u64;
        let lengths = [text.len(), self.parts().restore_text.len(), self.parts().map.bytes.len()];
        self.demand_room_for_head(lengths.iter().map(|length| HEADERS_MAX + padded(*length as u64)).sum())?;
        let parts = self.parts.as_ref().expect("only an output that can go on has parts");
        self.out.document(&MemberKind::BackupInfo, &text, info)?;
        self.out.document(&MemberKind::RestoreText, parts.restore_text.as_bytes(), info)?;
        let map_position = self.out.position;
        self.out.map(&parts.map, info)?;
        self.ledger.begin_part(mark, info.clone(), map_position, TableEncoder::new());
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
                Ok(())
            });
            // The medium is full also where its last filemark cannot be written.
            let step = step.and_then(|()| self.out.output.finish());
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

fn too_small(output: &str, bytes: u64) -> Error {
    let why = format!("it has no room for {bytes} bytes more and for what closes an archive's part behind them");
    let remedy = "use a larger medium or --part-size, or a smaller --extent-limit".to_owned();
    Error::refused(format!("write an archive onto {output}"), why, Some(remedy))
}
