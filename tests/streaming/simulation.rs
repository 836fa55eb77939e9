//! A source, the buffer and a simulated drive, in simulated time.

use std::time::Duration;

use blocktar::media::tape::simulated::{Motion, Pace};
use blocktar::water::{Flow, HIGH_MARK_PERCENT, Level, Turn};

/// What a batch of members takes, and how many records it makes.
const BATCH_BYTES: u64 = 4 << 20;
const RECORD_BYTES: u64 = 512 << 10;

/// A drive whose tape runs at no less than this, in bytes a second: LTO-9, full height.
pub const SLOWEST: f64 = 177e6;

/// What came of it.
pub struct Streamed {
    /// As blocktar tells it.
    pub flow: Flow,
    /// How often the drive had to stop and go back.
    pub back_hitches: u64,
    /// How long all of it took.
    pub seconds: f64,
}

/// The drive's own buffer: small, so that it is ours that counts, and several batches, as it is in every drive.
const OWN_BYTES: f64 = 16.0 * 1048576.0;

/// A drive with up to this speed; to stop and go back takes it three seconds.
pub fn pace(fastest: f64) -> Pace {
    Pace { fastest, slowest: SLOWEST, buffer_bytes: OWN_BYTES, hitch_seconds: 3.0, positioning_seconds: 60.0 }
}

/// Streams so many bytes from a source of this rate through a buffer of this size, which knows the drive's lowest speed or does not.
pub fn stream(total_bytes: u64, rate: f64, capacity_bytes: u64, slowest: Option<u64>, pace: Pace) -> Streamed {
    let mut level = Level::new(capacity_bytes, slowest);
    let mut motion = Motion::new(pace);
    let batch_seconds = BATCH_BYTES as f64 / rate;
    let (mut left, mut now) = (total_bytes / BATCH_BYTES, 0.0f64);
    let (mut source_ready, mut drive_ready) = (batch_seconds, 0.0f64);
    loop {
        let time = Duration::from_secs_f64(now);
        let is_there = left > 0 && source_ready <= now;
        let put = is_there && level.has_room(BATCH_BYTES, time);
        if put {
            level.put(BATCH_BYTES, time);
            left -= 1;
            source_ready = now + batch_seconds;
        }
        if left == 0 {
            level.end();
        }
        let turn = if drive_ready <= now { level.turn(time) } else { Turn::Wait };
        match turn {
            Turn::Take => {
                level.take(time);
                drive_ready = (0..BATCH_BYTES / RECORD_BYTES).fold(now, |at, _| motion.feed(RECORD_BYTES, at));
            }
            Turn::End => {
                let seconds = motion.flush(now);
                return Streamed { flow: level.flow(), back_hitches: motion.back_hitches(), seconds };
            }
            _ if put => {}
            // Nothing happens before the source or the drive is ready again, or may go on.
            wait => {
                let allowed = if let Turn::NotBefore(time) = wait { time.as_secs_f64() + 1e-9 } else { f64::INFINITY };
                let source = if left > 0 { source_ready } else { f64::INFINITY };
                let next = [source, drive_ready, allowed].into_iter().filter(|ready| *ready > now);
                now = next.fold(f64::INFINITY, f64::min);
            }
        }
    }
}

/// How often a drive that runs at this speed has to stop by arithmetic: what it writes in one run is what the buffer holds then, and what comes meanwhile.
pub fn by_arithmetic(total_bytes: u64, rate: f64, capacity_bytes: u64, speed: f64) -> f64 {
    let held = capacity_bytes as f64 * HIGH_MARK_PERCENT as f64 / 100.0;
    total_bytes as f64 * (speed - rate) / (speed * held)
}
