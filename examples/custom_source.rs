//! A source of your own: what a change stream or a generated device has to tell, so that blocktar can back it up.
//!
//! This one does not know its extents beforehand: it gives no map, and tells each extent when its turn comes.

use std::error::Error;
use std::io::{self, Cursor, IoSlice, Read};

use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::backup::{BackupRequest, backup};
use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentKind, ExtentMap};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::stream::{Device, Input, Output, Piece, Source};
use blocktar::target::memory::Memory;

/// A device of 1 MiB stripes: data, zeros, data, zeros…
struct Stripes {
    device: Device,
    position: u64,
    left: u64,
}

const STRIPE_BYTES: u64 = 1 << 20;

impl Source for Stripes {
    fn device(&self) -> &Device {
        &self.device
    }

    fn map(&mut self) -> Result<Option<ExtentMap>> {
        Ok(None)
    }

    fn next_extent(&mut self) -> Result<Option<Extent>> {
        let (start, length) = (self.position, STRIPE_BYTES.min(self.device.size_bytes - self.position));
        if length == 0 {
            return Ok(None);
        }
        if is_data(start) {
            self.left = length;
            return Ok(Some(Extent::data(start, length)));
        }
        self.position += length;
        Ok(Some(Extent { start, length, kind: ExtentKind::Zero { hole: false } }))
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        let length = self.left.min(buffer.len() as u64);
        buffer.iter_mut().zip(self.position..self.position + length).for_each(|(byte, at)| *byte = byte_at(at));
        (self.position, self.left) = (self.position + length, self.left - length);
        Ok(Piece::Data(length as usize))
    }

    fn finish(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

fn is_data(offset: u64) -> bool {
    (offset / STRIPE_BYTES).is_multiple_of(2)
}

fn byte_at(offset: u64) -> u8 {
    (offset % 251 + 1) as u8
}

/// An archive in memory.
struct Written(Vec<u8>);

impl Output for Written {
    fn name(&self) -> &str {
        "memory"
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        pieces.iter().for_each(|piece| self.0.extend_from_slice(piece));
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The same archive, read forward as from a pipe.
struct Forward(Cursor<Vec<u8>>);

impl Input for Forward {
    fn name(&self) -> &str {
        "memory"
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn seek_to(&mut self, _position: u64) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let size_bytes = 10 * STRIPE_BYTES + 12_345;
    let device =
        Device { size_bytes, sector_bytes: 512, kind: "generated".into(), path: "stripes".into(), ..Device::default() };
    let mut source = Stripes { device, position: 0, left: 0 };
    let mut written = Written(Vec::new());
    let progress = Progress::default();
    let summary = backup(&mut source, &mut written, &BackupRequest::default(), &progress)?;
    println!("backed up {size_bytes} bytes into an archive of {} bytes", summary.written.bytes);

    let archive = OpenArchive::open(Box::new(Forward(Cursor::new(written.0))), &OpenOptions::default())?;
    let mut target = Memory::new(vec![0xff; size_bytes as usize]);
    restore(archive, &mut target, &RestoreRequest::default(), &progress).map_err(|failure| failure.error)?;

    let same = |(at, byte): (u64, &u8)| *byte == if is_data(at) { byte_at(at) } else { 0 };
    assert!((0..).zip(target.bytes()).all(same), "the restored bytes differ from what the source gave");
    println!("restored it onto a dirty target: every byte is the same");
    Ok(())
}
