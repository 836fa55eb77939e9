//! A source in the middle of which something happens.

use std::io;
use std::sync::Arc;

use blocktar::error::{Error, Result};
use blocktar::extent::{Extent, ExtentMap};
use blocktar::media::tape::simulated::Mechanism;
use blocktar::progress::Progress;
use blocktar::stream::{Device, Piece, Source};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing.
    Nothing,
    /// The source fails.
    Fails,
    /// A range of it cannot be read.
    Unreadable,
    /// The user stops the backup.
    Interrupted,
    /// The drive is reset.
    Reset,
    /// The machine stops.
    PowerLost,
}

/// A source and what happens at the read of this number.
pub struct Eventful {
    source: Box<dyn Source>,
    event: Event,
    reads_before: u64,
    mechanism: Mechanism,
    progress: Arc<Progress>,
}

impl Eventful {
    /// Has something happen behind so many reads.
    pub fn new(
        source: Box<dyn Source>,
        event: Event,
        reads_before: u64,
        mechanism: &Mechanism,
        progress: &Arc<Progress>,
    ) -> Self {
        Self { source, event, reads_before, mechanism: mechanism.clone(), progress: progress.clone() }
    }

    fn happens(&mut self) -> Result<bool> {
        let error = || Error::io("reading", "the disk", io::Error::from_raw_os_error(5));
        match std::mem::replace(&mut self.event, Event::Nothing) {
            Event::Nothing => {}
            Event::Fails => return Err(error()),
            Event::Unreadable => return Ok(true),
            Event::Interrupted => self.progress.interrupt(15),
            Event::Reset => self.mechanism.reset(),
            Event::PowerLost => {
                self.mechanism.lose_power();
                self.mechanism.eject();
                return Err(error());
            }
        }
        Ok(false)
    }
}

impl Source for Eventful {
    fn device(&self) -> &Device {
        self.source.device()
    }

    fn map(&mut self) -> Result<Option<ExtentMap>> {
        self.source.map()
    }

    fn next_extent(&mut self) -> Result<Option<Extent>> {
        self.source.next_extent()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        let unreadable = match self.reads_before.checked_sub(1) {
            Some(left) => {
                self.reads_before = left;
                false
            }
            None => self.happens()?,
        };
        match self.source.read(buffer)? {
            Piece::Data(length) if unreadable => {
                buffer[..length].fill(0xee);
                Ok(Piece::Unreadable { length, cause: io::Error::from_raw_os_error(5) })
            }
            piece => Ok(piece),
        }
    }

    fn finish(&mut self) -> Result<Vec<String>> {
        self.source.finish()
    }
}
