//! Reads an image from front to back, as a source; finds out exactly what cannot be read.

use std::io;

use crate::ahead::{AHEAD_BYTES, Ahead};
use crate::error::{Error, Result};
use crate::extent::{Extent, ExtentKind, ExtentMap, Range};
use crate::stream::{Device, Image, Piece, Source};
use crate::sys::medium_error::is_medium_error;

/// A failed read is repeated in blocks of this size, at multiples of it; in sectors, if those are larger.
const RETRY_BYTES: u64 = 4096;

/// Makes a [`Source`] of an [`Image`].
///
/// A read that fails because of the medium is repeated block by block: what can be read is given as data, runs of what cannot as
/// [`Piece::Unreadable`], never as zeros. Other failures, and an end before the end, are errors.
#[derive(Debug)]
pub struct Scan<I> {
    image: I,
    map: Option<ExtentMap>,
    next_position: usize,
    /// What is left of the current data extent.
    left: Range,
    ahead: Ahead,
    /// Up to here reads go block by block, as one for the whole failed.
    careful_until: u64,
    /// A block that failed, found while the bytes before it were collected.
    failed: Option<(Range, io::Error)>,
}

impl<I: Image> Scan<I> {
    /// Reads this image.
    pub fn new(image: I) -> Self {
        Self {
            image,
            map: None,
            next_position: 0,
            left: Range { start: 0, length: 0 },
            ahead: Ahead::new(AHEAD_BYTES),
            careful_until: 0,
            failed: None,
        }
    }

    /// Lets the image read at most so far ahead, instead of 8 MiB; further is not allowed, and at least 64 KiB always is.
    pub fn with_ahead(mut self, bytes: u64) -> Self {
        self.ahead = Ahead::new(bytes.clamp(64 << 10, AHEAD_BYTES));
        self
    }

    /// Gives these extents, and reads their data, instead of those of the whole image: for one who knows what is used of it, or what changed.
    pub fn with_map(mut self, map: ExtentMap) -> Self {
        self.map = Some(map);
        self
    }

    fn load_map(&mut self) -> Result<&ExtentMap> {
        let map = match self.map.take() {
            Some(map) => map,
            None => {
                let (map, device) = (self.image.extents()?, self.image.device());
                if !map.covers(0, device.size_bytes) {
                    let why = format!("its extents do not cover its {} bytes", device.size_bytes);
                    return Err(Error::refused(format!("back up {}", device.path), why, None));
                }
                map
            }
        };
        Ok(self.map.insert(map))
    }

    /// Counts bytes of the current extent as dealt with.
    fn pass(&mut self, bytes: u64) {
        self.image.release(self.left.start, bytes);
        self.left = Range::between(self.left.start + bytes, self.left.end());
    }

    /// The failure of a read: an error, unless it is the medium's.
    fn judge(&self, cause: io::Error, offset: u64) -> Result<io::Error> {
        if is_medium_error(&cause) { Ok(cause) } else { Err(self.image.device().read_failure(offset, cause)) }
    }

    /// Where the block that holds `offset` ends, or `limit` if that is nearer.
    fn block_end(&self, offset: u64, limit: u64) -> u64 {
        let block_bytes = RETRY_BYTES.max(self.image.device().sector_bytes.into());
        ((offset / block_bytes + 1) * block_bytes).min(limit)
    }

    /// Reads one block; gives the medium's failure, if there is one.
    fn read_block(&self, block: &mut [u8], offset: u64) -> Result<Option<io::Error>> {
        match self.image.read_at(block, offset) {
            Ok(()) => Ok(None),
            Err(cause) => self.judge(cause, offset).map(Some),
        }
    }

    /// Collects good blocks up to the first bad one; if that comes first, counts the bad ones up to the first good one.
    fn read_carefully(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        let start = self.left.start;
        let end = start + buffer.len() as u64;
        let inside = |range: Range| (range.start - start) as usize..(range.end() - start) as usize;
        let mut good_until = start;
        let (mut bad_until, cause) = match self.failed.take() {
            Some((range, cause)) if range.start == start => (range.end().min(end), cause),
            _ => loop {
                if good_until == end {
                    return Ok(Piece::Data(buffer.len()));
                }
                let block = Range::between(good_until, self.block_end(good_until, end));
                match self.read_block(&mut buffer[inside(block)], block.start)? {
                    None => good_until = block.end(),
                    Some(cause) if good_until == start => break (block.end(), cause),
                    Some(cause) => {
                        self.failed = Some((block, cause));
                        return Ok(Piece::Data((good_until - start) as usize));
                    }
                }
            },
        };
        while bad_until < end {
            let block = Range::between(bad_until, self.block_end(bad_until, end));
            if self.read_block(&mut buffer[inside(block)], block.start)?.is_none() {
                break;
            }
            bad_until = block.end();
        }
        Ok(Piece::Unreadable { length: (bad_until - start) as usize, cause })
    }

    /// Reads the next bytes of the current extent; a failed block is no error.
    fn read_piece(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        let start = self.left.start;
        if start >= self.careful_until {
            match self.read_block(buffer, start)? {
                None => return Ok(Piece::Data(buffer.len())),
                Some(_) => self.careful_until = start + buffer.len() as u64,
            }
        }
        let length = (self.careful_until - start).min(buffer.len() as u64) as usize;
        self.read_carefully(&mut buffer[..length])
    }
}

impl<I: Image> Source for Scan<I> {
    fn device(&self) -> &Device {
        self.image.device()
    }

    fn map(&mut self) -> Result<Option<ExtentMap>> {
        self.load_map().cloned().map(Some)
    }

    fn next_extent(&mut self) -> Result<Option<Extent>> {
        assert!(self.left.length == 0, "a data extent is read to its end before the next one is asked for");
        let position = self.next_position;
        let extent = self.load_map()?.get(position);
        if let Some(extent) = extent {
            self.next_position += 1;
            if extent.kind == ExtentKind::Data {
                self.left = extent.range();
            }
        }
        Ok(extent)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        let length = self.left.length.min(buffer.len() as u64);
        assert!(length > 0, "a read has room, and comes within a data extent");
        if let Some(map) = &self.map {
            self.ahead.look(&self.image, map, Range { start: self.left.start, length });
        }
        let piece = self.read_piece(&mut buffer[..length as usize])?;
        self.pass(match &piece {
            Piece::Data(length) | Piece::Unreadable { length, .. } => *length as u64,
        });
        Ok(piece)
    }

    fn finish(&mut self) -> Result<Vec<String>> {
        self.image.changes()
    }
}

impl<I: Image + ?Sized> Image for Box<I> {
    fn device(&self) -> &Device {
        (**self).device()
    }

    fn extents(&self) -> Result<ExtentMap> {
        (**self).extents()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_at(buffer, offset)
    }

    fn prefetch(&self, offset: u64, length: u64) {
        (**self).prefetch(offset, length);
    }

    fn release(&self, offset: u64, length: u64) {
        (**self).release(offset, length);
    }

    fn changes(&self) -> Result<Vec<String>> {
        (**self).changes()
    }
}
