//! What the indexes of an archive say that it holds, range by range, without its data.

use super::super::digest::Digest;
use super::super::index::{Content, Line};
use super::{OpenArchive, Reader};
use crate::error::{Error, Result};
use crate::extent::Range;

/// What an archive holds of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Bytes with this digest, in one member.
    Data(Digest),
    /// Zeros.
    Zero,
    /// Nothing: it could not be read when the backup was made.
    Bad,
}

impl OpenArchive {
    /// Gives every range of which the archive says something, in ascending order; what an increment leaves unchanged is not among them.
    ///
    /// # Errors
    /// [`Refused`](Error::Refused) of an input that cannot seek, whose indexes come last; an index that no longer reads as it did when the archive was opened.
    pub fn held(&mut self, mut each: impl FnMut(Range, Held)) -> Result<()> {
        let Reader::Seeking(seeking) = &mut self.reader else {
            let why = "it cannot be read here and there, and its indexes lie behind its data";
            let remedy = "name the archive's file, or copy it into one first".to_owned();
            return Err(Error::refused(format!("read the indexes of {}", self.name()), why, Some(remedy)));
        };
        let all = Range { start: 0, length: seeking.info().device.size_bytes };
        seeking.outline(all, |line| match line {
            Line::Zeros(range) => each(*range, Held::Zero),
            Line::Member(landed) => each(
                landed.range,
                match landed.content {
                    Content::Data { digest, .. } => Held::Data(digest),
                    Content::Zero => Held::Zero,
                    Content::Bad => Held::Bad,
                },
            ),
        })
    }
}
