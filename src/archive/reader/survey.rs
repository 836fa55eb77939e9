//! What can be learned of an archive without reading its data: head, map, and what its structure says of each range.

use super::super::index::{Content, Landed};
use super::super::info::BackupInfo;
use super::Reading;
use super::forward::{Ending, Forward, several_parts};
use super::head::{self, Attachments, Head};
use super::input::ArchiveInput;
use super::seeking::{self, Seeking};
use super::tail;
use super::unpack::StoredPiece;
use crate::error::{Error, Result};
use crate::extent::{ExtentMap, Range};
use crate::stream::Input;

/// What an archive's structure says of a range of the device; the bytes have not been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A member holds it.
    Data(Range),
    /// It reads as zero.
    Zeros(Range),
    /// It could not be read when the backup was made.
    Bad(Range),
}

impl Found {
    /// What a member says of its range.
    pub(super) fn of_member(landed: &Landed) -> Self {
        match landed.content {
            Content::Data { .. } => Self::Data(landed.range),
            Content::Zero => Self::Zeros(landed.range),
            Content::Bad => Self::Bad(landed.range),
        }
    }

    /// The same of whatever a reader came upon; nothing of what is lost.
    pub(super) fn of_piece(piece: &StoredPiece) -> Option<Self> {
        match piece {
            StoredPiece::Member { landed, .. } => Some(Self::of_member(landed)),
            StoredPiece::Zeros(range) => Some(Self::Zeros(*range)),
            StoredPiece::Lost { .. } => None,
        }
    }

    /// The range of which something is said.
    pub fn range(&self) -> Range {
        let (Self::Data(range) | Self::Zeros(range) | Self::Bad(range)) = self;
        *range
    }
}

/// How a survey ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How the archive ends, if its end was found.
    pub ending: Option<Ending>,
    /// What is wrong with it, as far as its structure shows.
    pub fault: Option<Error>,
}

impl Outcome {
    fn failed(fault: Error) -> Self {
        Self { ending: None, fault: Some(fault) }
    }
}

/// What the head of an archive says, as far as it can be read.
#[derive(Debug, Default)]
pub struct Known {
    /// What was backed up.
    pub info: Option<BackupInfo>,
    /// The map.
    pub map: Option<ExtentMap>,
}

/// What stands behind the head of an archive, and has not been looked at yet.
pub struct Structure {
    rest: Result<(ArchiveInput, Head)>,
}

/// Reads the head as far as it can be read; what is wrong with it is told at the end.
pub fn survey(input: Box<dyn Input>) -> (Known, Structure) {
    let mut input = ArchiveInput::new(input);
    let first = match head::read_info(&mut input) {
        Ok(first) => first,
        Err(error) => return (Known::default(), Structure { rest: Err(error) }),
    };
    let info = Some(first.info.clone());
    match head::read_behind_info(&mut input, first, Attachments::Named(None), Reading::Through) {
        // The structure is held against the map, which takes at most 16 MiB more so.
        Ok(head) => (Known { info, map: Some(head.map.clone()) }, Structure { rest: Ok((input, head)) }),
        Err(error) => (Known { info, map: None }, Structure { rest: Err(error) }),
    }
}

impl Structure {
    /// Goes through it once, and tells what it says of the device, in ascending order, as far as it is sound.
    ///
    /// Of a part of an archive nothing is told: this version cannot put parts together.
    pub fn finish(self, tell: &mut dyn FnMut(Found)) -> Outcome {
        let (input, head) = match self.rest {
            Ok(rest) => rest,
            Err(error) => return Outcome::failed(error),
        };
        let fault = head.faults.first().map(|why| Error::damaged(input.name(), why));
        let seeks = input.length().is_some();
        let mut outcome = if seeks { by_index(input, head, tell) } else { forward(input, head, tell) };
        outcome.fault = outcome.fault.or(fault);
        outcome
    }
}

fn forward(input: ArchiveInput, head: Head, tell: &mut dyn FnMut(Found)) -> Outcome {
    if head.info.part.is_some() {
        return Outcome::failed(several_parts(&input));
    }
    match Forward::new(input, head, Reading::Best).skim(tell) {
        Ok(ending) => Outcome { ending: Some(ending), fault: None },
        Err(error) => Outcome::failed(error),
    }
}

fn by_index(mut input: ArchiveInput, head: Head, tell: &mut dyn FnMut(Found)) -> Outcome {
    let data_position = input.position();
    match tail::find_end(&mut input, &head.common, head.info.digest) {
        Ok(Ok(ending)) if head.info.part.is_some() || ending.end.goes_on() => {
            let checked = tail::check_last_index(&mut input, &head.common, head.info.digest, &ending);
            Outcome { ending: Some(ending), fault: checked.err() }
        }
        Ok(Ok(ending)) => {
            let opened = Seeking::open_with_end(input, head, ending.clone(), tell);
            Outcome { ending: Some(ending), fault: opened.err() }
        }
        Ok(Err(failure)) if head.info.part.is_some() => {
            Outcome::failed(failure.unwrap_or_else(|| tail::no_end(&input)))
        }
        Ok(Err(_)) => Outcome::failed(seeking::diagnose(input, head, data_position, tell)),
        Err(error) => Outcome::failed(error),
    }
}
