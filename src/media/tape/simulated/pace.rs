//! The speed of a drive in simulated time: how it follows its source, and how often it has to stop for it.

/// How fast a drive is, in bytes and seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The highest speed, in bytes a second.
    pub fastest: f64,
    /// The lowest speed at which the tape runs; a source that is slower makes it stop.
    pub slowest: f64,
    /// The drive's own buffer.
    pub buffer_bytes: f64,
    /// How long it takes to stop, go back and start again.
    pub hitch_seconds: f64,
    /// How long a rewind or a search takes on the average.
    pub positioning_seconds: f64,
}

/// A drive that writes what it is fed: it starts when its buffer is full, runs as slowly as it can unless it is waited for, and stops when the buffer is empty.
#[derive(Clone, Debug)]
pub struct Motion {
    pace: Pace,
    now: f64,
    level_bytes: f64,
    running: bool,
    /// When the tape stands where it can start again.
    ready: f64,
    back_hitches: u64,
}

impl Motion {
    /// A drive that stands still, with nothing in its buffer.
    pub fn new(pace: Pace) -> Self {
        Self { pace, now: 0.0, level_bytes: 0.0, running: false, ready: 0.0, back_hitches: 0 }
    }

    /// How often the tape had to stop and go back because nothing came.
    pub fn back_hitches(&self) -> u64 {
        self.back_hitches
    }

    /// Hands it bytes at this time; the time at which it has taken them.
    pub fn feed(&mut self, bytes: u64, at_seconds: f64) -> f64 {
        let bytes = bytes as f64;
        self.advance(at_seconds);
        // A record larger than the buffer passes through it as one that fills it.
        let surplus = self.level_bytes + bytes.min(self.pace.buffer_bytes) - self.pace.buffer_bytes;
        if surplus > 0.0 {
            self.start();
            self.level_bytes -= surplus;
            self.now += surplus / self.pace.fastest;
        }
        self.level_bytes += bytes;
        if self.level_bytes >= self.pace.buffer_bytes {
            self.start();
        }
        self.now
    }

    /// Writes out what is in the buffer; the time at which that is done. To stop then is no back-hitch.
    pub fn flush(&mut self, at_seconds: f64) -> f64 {
        self.advance(at_seconds);
        if self.level_bytes > 0.0 {
            self.start();
            self.now += self.level_bytes / self.pace.fastest;
        }
        (self.level_bytes, self.running) = (0.0, false);
        self.now
    }

    fn start(&mut self) {
        if !self.running {
            (self.running, self.now) = (true, self.now.max(self.ready));
        }
    }

    /// While nobody waits for it, it runs at its lowest speed, to be caught up with.
    fn advance(&mut self, to_seconds: f64) {
        if self.running {
            let seconds = self.level_bytes / self.pace.slowest;
            if self.now + seconds <= to_seconds {
                (self.level_bytes, self.running) = (0.0, false);
                self.ready = self.now + seconds + self.pace.hitch_seconds;
                self.back_hitches += 1;
            } else {
                self.level_bytes -= (to_seconds - self.now).max(0.0) * self.pace.slowest;
            }
        }
        self.now = self.now.max(to_seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An LTO-9 drive of full height on its own cartridges, but for the buffer.
    fn pace(buffer_bytes: f64) -> Pace {
        Pace { fastest: 408e6, slowest: 177e6, buffer_bytes, hitch_seconds: 0.3, positioning_seconds: 60.0 }
    }

    /// Feeds 10 GB at this rate and gives the time it took and the back-hitches.
    fn fed(rate: f64, buffer_bytes: f64) -> (f64, u64) {
        let mut motion = Motion::new(pace(buffer_bytes));
        let mut now = 0.0f64;
        for record in 1..=20_000u32 {
            now = motion.feed(500_000, now.max(f64::from(record) * 500_000.0 / rate));
        }
        (motion.flush(now), motion.back_hitches())
    }

    #[test]
    fn a_source_within_its_speeds_keeps_it_running() {
        let (seconds, back_hitches) = fed(300e6, 512e6);
        assert_eq!(back_hitches, 0);
        assert!((33.0..37.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_faster_source_waits_for_it() {
        let (seconds, back_hitches) = fed(1000e6, 512e6);
        assert_eq!(back_hitches, 0);
        assert!((24.0..26.0).contains(&seconds), "{seconds}");
    }

    /// By arithmetic, where the buffer takes longer to fill than the tape to go back, a cycle writes B·m/(m − r) bytes: of 256 MB, 676 MB, so that 10 GB take 14 of them.
    #[test]
    fn a_slower_source_makes_it_stop_the_oftener_the_smaller_the_buffer() {
        let (_, few) = fed(110e6, 256e6);
        let (_, many) = fed(110e6, 64e6);
        assert!((13..=15).contains(&few), "{few}");
        assert!((54..=60).contains(&many), "{many}");
    }
}
