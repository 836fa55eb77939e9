//! A limit on how fast a source is read.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::extent::{Extent, ExtentMap};
use crate::stream::{Device, Piece, Source};

/// What is read before the next pause, as time: short enough that whoever cancels between two reads hardly waits.
const SLICE: Duration = Duration::from_millis(100);

/// A source that is read no faster than so many bytes per second.
///
/// It gives small pieces at an even pace. A source that was slower for a while may catch up on the last tenth of a second,
/// not more. Zero extents cost nothing, and unreadable ranges count for nothing. A pause is as long as the piece before
/// it was at this speed: 0.1 s, but at least one byte's time.
#[derive(Debug)]
pub struct Throttle<S> {
    source: S,
    bytes_per_second: NonZeroU64,
    /// When the bytes that were given would have come at exactly this speed.
    due: Instant,
}

impl<S: Source> Throttle<S> {
    /// Limits a source.
    pub fn new(source: S, bytes_per_second: NonZeroU64) -> Self {
        Self { source, bytes_per_second, due: Instant::now() }
    }

    /// How much is read at once: whole blocks of 4 KiB where the speed allows, so that the source is not read in odd pieces.
    fn slice_bytes(&self) -> usize {
        let bytes = self.bytes_per_second.get() / 10;
        let whole = if bytes >= 4096 { bytes / 4096 * 4096 } else { bytes.max(1) };
        usize::try_from(whole).unwrap_or(usize::MAX)
    }
}

impl<S: Source> Source for Throttle<S> {
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
        let now = Instant::now();
        std::thread::sleep(self.due.saturating_duration_since(now));
        let slice_bytes = self.slice_bytes().min(buffer.len());
        let piece = self.source.read(&mut buffer[..slice_bytes])?;
        if let Piece::Data(bytes) = piece {
            let duration = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.get() as f64);
            let earliest = now.checked_sub(SLICE).unwrap_or(now);
            self.due = self.due.max(earliest) + duration;
        }
        Ok(piece)
    }

    fn finish(&mut self) -> Result<Vec<String>> {
        self.source.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{MemoryImage, Scan};

    /// The time that all reads took, and the longest one.
    fn read_through(bytes: usize, bytes_per_second: u64) -> (Duration, Duration) {
        let map = [Extent::data(0, bytes as u64)].into_iter().collect();
        let scan = Scan::new(MemoryImage::new(vec![1; bytes], map));
        let mut source = Throttle::new(scan, NonZeroU64::new(bytes_per_second).unwrap());
        source.next_extent().unwrap();
        let (mut buffer, mut left, mut longest) = (vec![0; 4 << 20], bytes, Duration::ZERO);
        let begin = Instant::now();
        while left > 0 {
            let before = Instant::now();
            let Piece::Data(length) = source.read(&mut buffer).unwrap() else { panic!("memory is readable") };
            left -= length;
            longest = longest.max(before.elapsed());
        }
        (begin.elapsed(), longest)
    }

    #[test]
    fn the_speed_is_kept_in_short_pauses() {
        let (whole, longest) = read_through(1 << 20, 2 << 20);
        assert!(whole >= Duration::from_millis(300), "{whole:?}");
        // A busy machine oversleeps; a pause for a whole buffer would be two seconds.
        assert!(longest < Duration::from_millis(500), "{longest:?}");
    }

    #[test]
    fn a_limit_above_what_the_source_gives_costs_nothing() {
        let (whole, _) = read_through(1 << 20, u64::MAX);
        assert!(whole < Duration::from_millis(500), "{whole:?}");
    }

    #[test]
    fn a_slice_is_never_empty() {
        let source = Scan::new(MemoryImage::new(Vec::new(), ExtentMap::new()));
        let limit = |bytes| NonZeroU64::new(bytes).unwrap();
        assert_eq!(Throttle::new(source, limit(3)).slice_bytes(), 1);
    }
}
