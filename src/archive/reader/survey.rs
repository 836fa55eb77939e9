//! What can be learned of an archive without reading its data: head, map, and what its structure says of each range.

use super::super::index::{Content, Landed};
use super::super::info::BackupInfo;
use super::Reading;
use super::by_index;
use super::ending::Ending;
use super::forward::Forward;
use super::head::{self, Attachments, Head};
use super::input::ArchiveInput;
use super::inputs::Inputs;
use super::parts::{PartInput, Parts};
use super::seeking::{self, Seeking};
use super::tail;
use super::unpack::StoredPiece;
use super::{OpenOptions, Reader, length};
use crate::error::{Error, Result};
use crate::extent::{ExtentMap, Range};

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
            StoredPiece::Member { landed, again: false, .. } => Some(Self::of_member(landed)),
            StoredPiece::Zeros(range) => Some(Self::Zeros(*range)),
            StoredPiece::Member { .. } | StoredPiece::Lost { .. } | StoredPiece::Part(_) => None,
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
    rest: Result<(ArchiveInput, Head, Parts)>,
}

/// Reads the head as far as it can be read; what is wrong with it is told at the end.
pub fn survey(inputs: impl Into<Inputs>) -> (Known, Structure) {
    let (PartInput { mut input, first }, parts) = match Parts::gather(inputs.into(), None) {
        Ok(gathered) => gathered,
        Err(error) => return (Known::default(), Structure { rest: Err(error) }),
    };
    let info = Some(first.info.clone());
    match head::read_behind_info(&mut input, first, Attachments::Named(None), Reading::Through) {
        // The structure is held against the map, which takes at most 16 MiB more so.
        Ok(head) => (Known { info, map: Some(head.map.clone()) }, Structure { rest: Ok((input, head, parts)) }),
        Err(error) => (Known { info, map: None }, Structure { rest: Err(error) }),
    }
}

impl Structure {
    /// Goes through it once, and tells what it says of the device, in ascending order, as far as it is sound.
    ///
    /// A part that is given alone tells of its own range.
    pub fn finish(self, tell: &mut dyn FnMut(Found)) -> Outcome {
        let (mut input, head, parts) = match self.rest {
            Ok(rest) => rest,
            Err(error) => return Outcome::failed(error),
        };
        let fault = head.faults.first().map(|why| Error::damaged(input.name(), why));
        let is_one = !parts.can_go_on();
        if let Err(error) = length::learn(&mut input, &head.common, head.info.digest) {
            return Outcome::failed(error);
        }
        let mut outcome = if !by_index::is_possible(&input, &parts, Reading::Ranges) {
            let forward = Forward::new(input, head, Reading::Best, parts);
            by_skimming(if is_one { forward.of_single_part() } else { forward }, tell)
        } else if is_one {
            by_own_index(input, head, tell)
        } else {
            by_all_indexes(input, head, parts, tell)
        };
        outcome.fault = outcome.fault.or(fault);
        outcome
    }
}

fn by_skimming(forward: Forward, tell: &mut dyn FnMut(Found)) -> Outcome {
    match forward.skim(tell) {
        Ok(ending) => Outcome { ending: Some(ending), fault: None },
        Err(error) => Outcome::failed(error),
    }
}

fn by_own_index(mut input: ArchiveInput, head: Head, tell: &mut dyn FnMut(Found)) -> Outcome {
    let data_position = input.position();
    match tail::find_end(&mut input, &head.common, head.info.digest) {
        Ok(Ok(ending)) => {
            let opened = Seeking::open_with_end(input, head, ending.clone(), tell);
            Outcome { ending: Some(ending), fault: opened.err() }
        }
        Ok(Err(_)) => Outcome::failed(seeking::diagnose(input, head, data_position, tell)),
        Err(error) => Outcome::failed(error),
    }
}

fn by_all_indexes(input: ArchiveInput, head: Head, parts: Parts, tell: &mut dyn FnMut(Found)) -> Outcome {
    match by_index::open(input, head, parts, &OpenOptions::default(), tell) {
        Ok(Reader::Seeking(seeking)) => Outcome { ending: Some(seeking.ending().clone()), fault: None },
        Ok(Reader::Forward(forward)) => by_skimming(*forward, tell),
        Err(error) => Outcome::failed(error),
    }
}
