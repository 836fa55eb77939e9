//! An archive's bytes as the readers want them: members with their records, in order or at a position.

use super::super::block::{BLOCK, PAX_MAX, RawHeader, padded, parse_header, parse_pax};
use super::super::member::{MemberKind, Record};
use crate::error::{Error, Result};
use crate::stream::Input;

/// Small reads are gathered to this; stored bytes of members go past the buffer where they are longer.
///
/// For the archives of fuzzers, which are small, little: so that theirs do not fit into it either.
const BUFFER_BYTES: usize = if cfg!(fuzzing) { 4 << 10 } else { 256 << 10 };

/// So many zeros at the beginning of an input, which may be a huge hole or never end, as `/dev/zero` does, are enough to know that no archive follows.
const ZEROS_MAX: u64 = if cfg!(fuzzing) { 64 << 10 } else { 64 << 20 };

/// One member's headers, read and checked as far as they can be without knowing what came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The id in its name, and its mtime.
    pub common: Common,
    /// What it is.
    pub kind: MemberKind,
    /// What its record says.
    pub record: Record,
    /// Size of its stored bytes.
    pub stored: u64,
    /// Where its `x` header begins.
    pub position: u64,
}

/// What all headers of one archive have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// The archive's id.
    pub id: String,
    /// The mtime of every header.
    pub mtime: u64,
}

/// An input with a small buffer and a position.
pub struct ArchiveInput {
    input: Box<dyn Input>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    position: u64,
    /// A block that was read and given back; it comes before the buffer.
    returned: Option<[u8; BLOCK]>,
}

impl ArchiveInput {
    /// Reads from where the input stands, which counts as position 0.
    pub fn new(input: Box<dyn Input>) -> Self {
        Self { input, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0, position: 0, returned: None }
    }

    /// The input as the user named it.
    pub fn name(&self) -> &str {
        self.input.name()
    }

    /// Length of an input that can seek.
    pub fn length(&self) -> Option<u64> {
        self.input.length()
    }

    /// The last bytes of an input that can seek and does not know its length. It stands elsewhere then.
    pub fn tail(&mut self) -> Option<Result<Vec<u8>>> {
        let tail = self.input.tail()?;
        Some(tail.map_err(|cause| Error::io("reading the end of", self.input.name(), cause)))
    }

    /// Tells such an input its length.
    pub fn set_length(&mut self, length: u64) {
        self.input.set_length(length);
    }

    /// Goes to a position, wherever the input stands.
    pub fn go_anew(&mut self, position: u64) -> Result<()> {
        (self.start, self.end, self.returned) = (0, 0, None);
        self.position = u64::MAX / 2;
        self.seek_to(position)
    }

    /// How many bytes were read so far, or where the last seek went and what was read since.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// An error of this archive that says at which byte.
    pub fn damaged(&self, position: u64, why: impl std::fmt::Display) -> Error {
        Error::damaged(self.name(), format!("at byte {position}, {why}"))
    }

    fn incomplete(&self) -> Error {
        if self.position == 0 {
            return Error::incomplete(self.name(), "it is empty: whatever should have filled it failed");
        }
        Error::incomplete(self.name(), format!("it ends at byte {}, without an end member", self.position))
    }

    /// Goes to a position; stays within the buffer where it can.
    pub fn seek_to(&mut self, position: u64) -> Result<()> {
        let returned_bytes = self.returned.map_or(0, |block| block.len() as u64);
        let buffer_position = self.position + returned_bytes - self.start as u64;
        if (buffer_position..=buffer_position + self.end as u64).contains(&position) {
            self.start = (position - buffer_position) as usize;
        } else {
            self.input.seek_to(position).map_err(|cause| Error::io("seeking in", self.input.name(), cause))?;
            (self.start, self.end) = (0, 0);
        }
        self.position = position;
        self.returned = None;
        Ok(())
    }

    fn read_input(input: &mut dyn Input, into: &mut [u8]) -> Result<usize> {
        loop {
            match input.read(into) {
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::io("reading", input.name(), cause)),
                Ok(length) => return Ok(length),
            }
        }
    }

    /// Gives back the block that was read last.
    fn give_back(&mut self, block: [u8; BLOCK]) {
        self.returned = Some(block);
        self.position -= BLOCK as u64;
    }

    /// Reads some bytes; 0 at the end. Whoever has given a block back reads at least a block.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        if into.len() >= BLOCK
            && let Some(block) = self.returned.take()
        {
            into[..BLOCK].copy_from_slice(&block);
            self.position += BLOCK as u64;
            return Ok(BLOCK);
        }
        if self.start == self.end {
            if into.len() >= BUFFER_BYTES {
                let length = Self::read_input(&mut *self.input, into)?;
                // The buffer no longer stands in front of the position.
                (self.start, self.end) = (0, 0);
                self.position += length as u64;
                return Ok(length);
            }
            self.end = Self::read_input(&mut *self.input, &mut self.buffer)?;
            self.start = 0;
        }
        let length = into.len().min(self.end - self.start);
        into[..length].copy_from_slice(&self.buffer[self.start..self.start + length]);
        self.start += length;
        self.position += length as u64;
        Ok(length)
    }

    /// Fills the buffer; an input that ends before is incomplete.
    pub fn read_exact(&mut self, into: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < into.len() {
            match self.read(&mut into[filled..])? {
                0 => return Err(self.incomplete()),
                length => filled += length,
            }
        }
        Ok(())
    }

    /// Reads a member's stored bytes and their padding. The memory grows as the bytes come, so that a size that lies costs nothing.
    pub fn read_stored(&mut self, member: &Member) -> Result<Vec<u8>> {
        let mut stored = Vec::new();
        while (stored.len() as u64) < member.stored {
            let filled = stored.len();
            stored.resize((member.stored.min((filled + BUFFER_BYTES) as u64)) as usize, 0);
            self.read_exact(&mut stored[filled..])?;
        }
        self.read_padding(member.stored)?;
        Ok(stored)
    }

    /// Reads the padding behind so many bytes, which must be zeros.
    pub fn read_padding(&mut self, length: u64) -> Result<()> {
        let mut padding = [0; BLOCK];
        let padding = &mut padding[..(padded(length) - length) as usize];
        let position = self.position;
        self.read_exact(padding)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(self.damaged(position, "the padding is not zeros"));
        }
        Ok(())
    }

    /// Passes over a member's stored bytes and padding.
    pub fn skip_stored(&mut self, stored: u64) -> Result<()> {
        let end = self.position + padded(stored);
        if self.length().is_some_and(|length| end <= length) {
            return self.seek_to(end);
        }
        let mut scratch = vec![0; BUFFER_BYTES];
        while self.position < end {
            let wanted = (end - self.position).min(BUFFER_BYTES as u64) as usize;
            self.read_exact(&mut scratch[..wanted])?;
        }
        Ok(())
    }

    /// How many bytes there are of an input that can seek but for those at its end that are known to be zeros.
    pub fn told_length(&mut self) -> Option<u64> {
        let length = self.length()?;
        Some(self.input.hole_at_end().map_or(length, |hole| hole.min(length)))
    }

    /// Reads everything to the end of the input, which must be zeros; how many there are.
    pub fn read_zeros_to_the_end(&mut self) -> Result<u64> {
        let begin = self.position;
        let told_length = self.told_length();
        let mut scratch = vec![0; BUFFER_BYTES];
        loop {
            if let (Some(told), Some(length)) = (told_length, self.length())
                && self.position >= told
            {
                return Ok(self.position.max(length) - begin);
            }
            let position = self.position;
            let length = self.read(&mut scratch)?;
            if length == 0 {
                return Ok(self.position - begin);
            }
            if let Some(place) = scratch[..length].iter().position(|byte| *byte != 0) {
                return Err(self.damaged(
                    position + place as u64,
                    "something follows the end member where only zeros may: another archive, or something appended",
                ));
            }
        }
    }

    /// Reads one block; `false` if the input ends before.
    pub fn read_block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool> {
        match self.read_exact(block) {
            Ok(()) => Ok(true),
            Err(Error::Incomplete { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Passes over what is left up to the next multiple of `step`; `false` if the input ends before.
    pub fn align(&mut self, step: u64) -> Result<bool> {
        let mut rest = [0; BLOCK];
        let length = (self.position.next_multiple_of(step) - self.position).min(BLOCK as u64) as usize;
        match self.read_exact(&mut rest[..length]) {
            Ok(()) => Ok(true),
            Err(Error::Incomplete { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the headers of the next member. `common` is unknown before the first.
    pub fn next_member(&mut self, common: Option<&Common>) -> Result<Member> {
        let mut block = [0; BLOCK];
        self.read_exact(&mut block)?;
        self.member_from(&block, common)
    }

    /// Reads the headers of the member whose first block was just read.
    pub fn member_from(&mut self, block: &[u8; BLOCK], common: Option<&Common>) -> Result<Member> {
        let position = self.position - BLOCK as u64;
        let Some(extended) = parse_header(block, tar::EntryType::XHeader) else {
            return Err(self.no_header(block, position, common)?);
        };
        let mut block = [0; BLOCK];
        if extended.size > PAX_MAX {
            return Err(self
                .damaged(position, format!("a member's record has {} bytes, more than any may have", extended.size)));
        }
        let mut payload = vec![0; extended.size as usize];
        self.read_exact(&mut payload)?;
        self.read_padding(extended.size)?;
        let record = parse_pax(&payload).and_then(Record::parse);
        let record = record.ok_or_else(|| self.damaged(position, "a member's record is not spelled as it must be"))?;
        self.read_exact(&mut block)?;
        let header = parse_header(&block, tar::EntryType::Regular);
        let header = header.ok_or_else(|| self.damaged(position, "a member's header is not spelled as it must be"))?;
        let (common, kind) = check_names(&extended, &header, common).map_err(|why| self.damaged(position, why))?;
        Ok(Member { common, kind, record, stored: header.size, position })
    }

    /// Reads on up to the first block that is not zeros and gives that back, or up to so many bytes.
    fn only_zeros_follow(&mut self, bytes_max: u64) -> Result<bool> {
        let mut block = [0; BLOCK];
        let end = self.position.saturating_add(bytes_max).min(self.told_length().unwrap_or(u64::MAX));
        while self.position < end && self.read_block(&mut block)? {
            if block.iter().any(|byte| *byte != 0) {
                self.give_back(block);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What it means that there is no header where one must be. Zeros up to the end of the input are what a crash leaves of a file's end.
    fn no_header(&mut self, block: &[u8; BLOCK], position: u64, common: Option<&Common>) -> Result<Error> {
        let bytes_max = if common.is_none() { ZEROS_MAX } else { u64::MAX };
        if block.iter().all(|byte| *byte == 0) && self.only_zeros_follow(bytes_max)? {
            let why = match self.told_length() {
                Some(length) if self.position < length => {
                    format!("it begins with {} zeros, as no archive does", self.position)
                }
                _ => format!("from byte {position} on it holds only zeros, and no end member"),
            };
            return Ok(Error::incomplete(self.name(), why));
        }
        if common.is_none() {
            return Ok(Error::damaged(
                self.name(),
                "it does not begin as a blocktar archive does: it is something else (another tar, an image, a compressed file), or its first header is damaged",
            ));
        }
        Ok(self.damaged(position, "there is no member header where one must be"))
    }
}

/// Holds both headers' names against each other and against the archive's id, and tells what kind of member it is.
pub fn check_names(
    extended: &RawHeader,
    header: &RawHeader,
    common: Option<&Common>,
) -> std::result::Result<(Common, MemberKind), String> {
    let (id, path) = header.path.split_once('/').ok_or("a member's name has no folder")?;
    if common.is_some_and(|common| common.id != id) {
        return Err(format!("there is a member of another archive, {id}"));
    }
    let last = path.rsplit('/').next().unwrap_or(path);
    if extended.path != format!("{id}/PaxHeaders/{last}") || extended.mtime != header.mtime {
        return Err("a member's two headers do not belong together".to_owned());
    }
    if common.is_some_and(|common| common.mtime != header.mtime) {
        return Err("a member has another time than the archive".to_owned());
    }
    let kind = MemberKind::parse(path).ok_or("a member's name is not one that an archive may have")?;
    Ok((Common { id: id.to_owned(), mtime: header.mtime }, kind))
}

#[cfg(test)]
pub(super) mod tests;
