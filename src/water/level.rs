//! How full a buffer is, when its emptying side may run, and what that came to. Knows no threads and no clock: times are given.

use std::collections::VecDeque;
use std::time::Duration;

use super::sufficient::Sufficient;

/// The emptying side starts when so much of the buffer is filled, in percent.
///
/// Not all of it: what is left takes in what comes while a drive gets up to speed, so that the source need not stop then.
pub const HIGH_MARK_PERCENT: u64 = 90;

/// Below so much of the buffer, in percent, a drive is fed no faster than the tape must run at least.
pub const LOW_MARK_PERCENT: u64 = 70;

/// That much faster all the same, in percent: a drive that is fed a little too slowly stops unseen.
const MARGIN_PERCENT: u64 = 3;

/// What came of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Its size in bytes.
    pub capacity_bytes: u64,
    /// How often the emptying side ran dry after it had started, and then got more.
    pub waits: u64,
    /// How long it waited then, all together.
    pub waited: Duration,
    /// From its first start to its end, waits included.
    pub lasted: Duration,
    /// The smallest buffer in front of which it would not have run dry, as far as that shows in what happened: the same source, the same emptying side.
    pub sufficient_bytes: u64,
}

/// The level of a buffer with two marks, 90 and 70 percent of it.
///
/// The emptying side starts at the high mark (or when no more fits, or when nothing more comes) and runs until the buffer is empty; then it waits for the high mark again. To stop it above
/// empty would gain nothing: each stop costs the same seconds, and the drive runs the longer between two of them the more it may drain. The filling side waits only for room, and never
/// longer: a full buffer is what the drive lives on.
///
/// A drive follows its source between its highest and its lowest speed. Behind a buffer that gives whatever it takes it would always run at the highest, and so run dry behind every source
/// that is slower than that. So, where its lowest speed is known, it gets no more than that below the low mark, and the more the fuller the buffer is, without limit at the high mark: a source
/// within the drive's speeds then holds the buffer between the marks, and the drive never stops; a slower one makes it stop as seldom as can be.
#[derive(Debug)]
pub struct Level {
    filled_bytes: u64,
    /// What lies in it: size, and when the filling side had it ready by its own clock.
    held: VecDeque<(u64, Duration)>,
    state: State,
    /// No more comes.
    ended: bool,
    /// Since when the filling side has been waiting for room.
    blocked_since: Option<Duration>,
    /// How long it waited for room so far.
    blocked: Duration,
    /// The lowest rate at which the emptying side keeps running, in bytes a second.
    slowest: Option<u64>,
    /// Not before this does it get the next item.
    next: Duration,
    /// When the emptying side first started.
    started: Option<Duration>,
    flow: Flow,
    sufficient: Sufficient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Takes whatever there is.
    Running,
    /// Has not started yet.
    Idle,
    /// Ran dry then.
    DrySince(Duration),
}

/// What the emptying side may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Take the next item.
    Take,
    /// Ask again then: it must not run faster.
    NotBefore(Duration),
    /// Wait until something changes.
    Wait,
    /// Nothing is left, and nothing more comes.
    End,
}

impl Level {
    /// An empty buffer of this size, before something that keeps running at this rate in bytes a second, where that is known.
    pub fn new(capacity_bytes: u64, slowest: Option<u64>) -> Self {
        Self {
            filled_bytes: 0,
            held: VecDeque::new(),
            state: State::Idle,
            ended: false,
            blocked_since: None,
            blocked: Duration::ZERO,
            slowest,
            next: Duration::ZERO,
            started: None,
            flow: Flow { capacity_bytes, ..Flow::default() },
            sufficient: Sufficient::default(),
        }
    }

    /// How full it is.
    pub fn filled_bytes(&self) -> u64 {
        self.filled_bytes
    }

    /// Whether an item of this size may be put in now. One that is larger than the buffer goes in alone. If not, the filling side waits from now on.
    pub fn has_room(&mut self, bytes: u64, now: Duration) -> bool {
        let fits = self.held.is_empty() || self.filled_bytes.saturating_add(bytes) <= self.flow.capacity_bytes;
        if !fits {
            self.blocked_since.get_or_insert(now);
        } else if let Some(since) = self.blocked_since.take() {
            self.blocked += now.saturating_sub(since);
        }
        fits
    }

    /// Puts an item in for which there is room.
    pub fn put(&mut self, bytes: u64, now: Duration) {
        self.filled_bytes += bytes;
        self.held.push_back((bytes, now.saturating_sub(self.blocked)));
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// What the emptying side may do now; asked whenever it is ready for the next item.
    pub fn turn(&mut self, now: Duration) -> Turn {
        if self.held.is_empty() {
            if self.ended {
                self.flow.lasted = self.started.map_or(Duration::ZERO, |started| now.saturating_sub(started));
                return Turn::End;
            }
            if self.state == State::Running {
                self.state = State::DrySince(now);
            }
            return Turn::Wait;
        }
        if self.state != State::Running {
            if self.filled_bytes < self.mark(HIGH_MARK_PERCENT) && self.blocked_since.is_none() && !self.ended {
                return Turn::Wait;
            }
            if let State::DrySince(since) = self.state {
                self.flow.waits += 1;
                self.flow.waited += now.saturating_sub(since);
            }
            self.state = State::Running;
            self.started.get_or_insert(now);
        }
        if now < self.next && !self.ended { Turn::NotBefore(self.next) } else { Turn::Take }
    }

    fn mark(&self, percent: u64) -> u64 {
        (u128::from(self.flow.capacity_bytes) * u128::from(percent) / 100) as u64
    }

    /// How long an item of this size should keep the emptying side busy.
    fn least_time(&self, bytes: u64) -> Duration {
        let Some(slowest) = self.slowest.filter(|_| self.blocked_since.is_none()) else { return Duration::ZERO };
        let (low, high) = (self.mark(LOW_MARK_PERCENT), self.mark(HIGH_MARK_PERCENT));
        // From 1 at the low mark to 0 at the high mark.
        let share = high.saturating_sub(self.filled_bytes.max(low)) as f64 / high.saturating_sub(low).max(1) as f64;
        let rate = (slowest * (100 + MARGIN_PERCENT)) as f64 / 100.0;
        Duration::try_from_secs_f64(share * bytes as f64 / rate).unwrap_or_default()
    }

    /// Takes the next item out, when [`turn`](Self::turn) has said so; its size.
    pub fn take(&mut self, now: Duration) -> u64 {
        let (bytes, ready) = self.held.pop_front().expect("nothing is taken out of an empty buffer");
        self.next = now.max(self.next) + self.least_time(bytes);
        self.filled_bytes -= bytes;
        let ran = now.saturating_sub(self.started.unwrap_or(now)).saturating_sub(self.flow.waited);
        self.sufficient.taken(bytes, ready, ran);
        bytes
    }

    /// What came of it, as far as it has gone.
    pub fn flow(&self) -> Flow {
        let ran = self.flow.lasted.saturating_sub(self.flow.waited);
        Flow { sufficient_bytes: self.sufficient.bytes(ran), ..self.flow }
    }
}
