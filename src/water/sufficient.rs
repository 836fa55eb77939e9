//! Which buffer would have sufficed, so that its emptying side had never run dry: told item by item, in memory that does not grow.
//!
//! Source and drive are taken by their own clocks, which no buffer changes: P(i) is when the source had item i ready, without the time for which it waited for room; W(i) is how
//! long the drive had run when it was ready for item i, without the time for which it waited. A drive that starts at T on the source's clock and never stops wants item i at T + W(i).
//!
//! So it must not start before T* = max P(i) − W(i), and a buffer must hold what is ready by then. And later, whenever the buffer is full, what it holds must last through whatever the source
//! falls behind from there on: the largest drawdown of W(i + 1) − P(i), counted in the drive's time.

use std::time::Duration;

use super::level::HIGH_MARK_PERCENT;

/// So many steps of the past are kept at most; when there are more, two become one, and what is looked up in them is rounded up.
const STEPS_MAX: usize = 2048;

/// Some items in a row, of what was taken.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// When the first of them was ready, in nanoseconds on the source's clock.
    ready: i128,
    /// All bytes up to the last of them.
    bytes: u64,
    /// The largest W(i + 1) − P(i) among them, in nanoseconds.
    stock: i128,
}

/// What was seen so far. All times are in nanoseconds.
#[derive(Debug, Default)]
pub struct Sufficient {
    /// Items ready at T* or later, and one step before them, so that all that was ready by then can be looked up.
    steps: Vec<Step>,
    bytes: u64,
    /// P of the item before.
    before: Option<i128>,
    /// T*.
    start: i128,
    /// How many of the steps lie before the item that gave T*.
    steps_before_start: usize,
    /// What lay ready at T*, and the largest drawdown from T* to the item that gave it.
    start_bytes: u64,
    start_drawdown: i128,
    /// The largest stock since that item, and the largest drawdown since.
    stock: i128,
    drawdown: i128,
}

impl Sufficient {
    /// An item of so many bytes was ready then, and was taken when the drive had run so long.
    pub fn taken(&mut self, bytes: u64, ready: Duration, ran: Duration) {
        let (ready, ran) = (ready.as_nanos() as i128, ran.as_nanos() as i128);
        if let Some(before) = self.before.replace(ready) {
            self.enter_before(before, ran);
        }
        if self.bytes == 0 || ready - ran > self.start {
            self.start = ready - ran;
            self.steps_before_start = self.steps.len();
            (self.stock, self.drawdown) = (i128::MIN / 2, 0);
        }
        self.drawdown = self.drawdown.max(self.stock - (ran - ready));
        self.bytes += bytes;
    }

    /// The item before was ready then, and the drive was through with it when it had run so long.
    fn enter_before(&mut self, ready: i128, ran: i128) {
        if self.steps.len() == STEPS_MAX {
            self.settle();
            self.thin_out();
        }
        let stock = ran - ready;
        self.stock = self.stock.max(stock);
        self.steps.push(Step { ready, bytes: self.bytes, stock });
    }

    /// Looks up what depends on T*, as long as the steps are as fine as they are, and forgets what lies before it.
    fn settle(&mut self) {
        let steps = &self.steps[..self.steps_before_start];
        let ready = steps.partition_point(|step| step.ready <= self.start);
        // Before the drive starts its stock only grows: no drawdown begins there.
        let peak = steps[ready..].iter().map(|step| step.stock + self.start).max();
        self.start_drawdown = peak.unwrap_or_default().max(0);
        let Some(last) = ready.checked_sub(1) else { return };
        self.start_bytes = steps[last].bytes;
        self.steps.drain(..last);
        self.steps_before_start -= last;
    }

    /// Makes one step of every two.
    fn thin_out(&mut self) {
        let merged = self.steps.chunks(2).map(|pair| Step {
            ready: pair[0].ready,
            bytes: pair[pair.len() - 1].bytes,
            stock: pair.iter().map(|step| step.stock).max().unwrap_or_default(),
        });
        self.steps = merged.collect();
        self.steps_before_start = self.steps_before_start.div_ceil(2);
    }

    /// The smallest buffer that would have sufficed, for a drive that ran so long all together.
    pub fn bytes(&self, ran: Duration) -> u64 {
        let mut settled = Self { steps: self.steps.clone(), ..*self };
        settled.settle();
        let drawdown = settled.start_drawdown.max(settled.drawdown) as u128;
        let drained_bytes = (drawdown * u128::from(self.bytes)).div_ceil(ran.as_nanos().max(1)) as u64;
        let start_bytes = (u128::from(settled.start_bytes) * 100).div_ceil(u128::from(HIGH_MARK_PERCENT)) as u64;
        start_bytes.max(drained_bytes)
    }
}
