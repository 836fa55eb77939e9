//! Enters what shows of the archives of a chain into the one that is made of them, in the order of the device.

use std::collections::BTreeMap;
use std::iter::Peekable;

use super::shares::Shares;
use crate::archive::index::Content;
use crate::archive::reader::Checked;
use crate::archive::writer::Regrouping;
use crate::error::Result;
use crate::extent::Range;
use crate::progress::Progress;

/// What came of the members.
#[derive(Debug, Default)]
pub struct Copied {
    /// Data members that are stored as they were.
    pub members: u64,
    /// Bytes of the device in them.
    pub bytes: u64,
    /// How many members of zeros each archive had.
    pub zero_members: Vec<u64>,
}

/// Takes members in the order of their first bytes; a piece that lies behind the beginning of another member waits for it.
pub struct Laying<'a, 'r> {
    regrouping: &'a mut Regrouping<'r>,
    shares: &'a Shares,
    progress: &'a Progress,
    zeros: Peekable<Box<dyn Iterator<Item = Range> + 'a>>,
    /// By their first bytes. What waits are pieces of members that overlap, at most those of one member of each archive.
    waiting: BTreeMap<u64, Piece>,
    copied: Copied,
}

/// A piece that is no member as it stands.
enum Piece {
    Plain(Vec<u8>),
    Bad(u64),
}

impl<'a, 'r> Laying<'a, 'r> {
    /// Begins at the first byte of the device.
    pub fn new(regrouping: &'a mut Regrouping<'r>, shares: &'a Shares, progress: &'a Progress) -> Self {
        let zeros: Box<dyn Iterator<Item = Range> + 'a> = Box::new(shares.zeros());
        let copied = Copied { zero_members: vec![0; shares.count()], ..Copied::default() };
        Self { regrouping, shares, progress, zeros: zeros.peekable(), waiting: BTreeMap::new(), copied }
    }

    /// Enters what shows of a member; `may_stay` where its stored bytes fit into the merged archive.
    ///
    /// # Errors
    /// An interruption; or nobody writes any more.
    pub fn lay(&mut self, member: &Checked<'_>, may_stay: bool) -> Result<()> {
        self.progress.check()?;
        let (landed, range) = (member.landed, member.landed.range);
        self.settle(range.start)?;
        let shown = self.shares.shown(member.archive, range);
        let stays = may_stay && shown == [range] && !self.shares.is_torn(range);
        match landed.content {
            Content::Zero => self.copied.zero_members[member.archive] += 1,
            Content::Data { .. } if stays => {
                (self.copied.members, self.copied.bytes) = (self.copied.members + 1, self.copied.bytes + range.length);
                self.settle_zeros(range.start)?;
                self.regrouping.stored(landed, member.stored)?;
            }
            Content::Bad => {
                let bad = |piece: Range| (piece.start, Piece::Bad(piece.length));
                self.waiting.extend(shown.into_iter().map(bad));
            }
            Content::Data { .. } => {
                for piece in shown {
                    let first = (piece.start - range.start) as usize;
                    let bytes = &member.plain[first..first + piece.length as usize];
                    // Nothing that comes begins before this member, and pieces never overlap.
                    if piece.start == range.start {
                        self.settle_zeros(piece.start)?;
                        self.regrouping.data(piece.start, bytes)?;
                    } else {
                        self.waiting.insert(piece.start, Piece::Plain(bytes.to_vec()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Enters all that waits before this offset: no member comes any more that begins there.
    fn settle(&mut self, up_to: u64) -> Result<()> {
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() < up_to) {
            let (start, piece) = first.remove_entry();
            self.settle_zeros(start)?;
            match piece {
                Piece::Plain(bytes) => self.regrouping.data(start, &bytes)?,
                Piece::Bad(length) => self.regrouping.bad(Range { start, length })?,
            }
        }
        Ok(())
    }

    fn settle_zeros(&mut self, up_to: u64) -> Result<()> {
        while let Some(zeros) = self.zeros.next_if(|zeros| zeros.start < up_to) {
            self.regrouping.zeros(zeros)?;
        }
        Ok(())
    }

    /// Enters what is left.
    pub fn finish(mut self) -> Result<Copied> {
        self.settle(u64::MAX)?;
        self.settle_zeros(u64::MAX)?;
        Ok(self.copied)
    }
}
