//! A buffer with water marks between what comes as it comes and what must not run dry: a tape drive that has to stop loses seconds each time.

mod level;
mod sufficient;

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::pipeline;
use crate::progress::Progress;

pub use level::{Flow, HIGH_MARK_PERCENT, LOW_MARK_PERCENT, Level, Turn};

/// How often a side that waits looks whether it was interrupted.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Something that a buffer can hold.
pub trait Held: Send {
    /// The memory that it takes in bytes.
    fn held_bytes(&self) -> u64;
}

/// Runs `fill` on a thread of its own and `empty` on this one, with a buffer of so many bytes between them. `fill` hands items over by the function that it gets.
/// `slowest` is the rate in bytes a second below which whatever is behind `empty` has to stop, where that is known.
///
/// `empty` gets its first item when the buffer is filled to the high mark, cannot take the next item, or nothing more comes, and so again whenever it has found the buffer empty; see [`Level`]. An
/// item that is larger than the buffer goes through it alone.
///
/// # Errors
/// That of `empty` or an interruption, at once; or else that of `fill`, when everything before it has been emptied. Whoever fills is told that nobody takes it by an error that
/// goes no further.
pub fn through_buffer<T: Held>(
    capacity_bytes: u64,
    slowest: Option<u64>,
    progress: &Progress,
    fill: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<()> + Send,
    mut empty: impl FnMut(T) -> Result<()>,
) -> Result<Flow> {
    let water = Water::new(Level::new(capacity_bytes, slowest), progress);
    thread::scope(|scope| {
        let water = &water;
        let filling = pipeline::start(scope, move || {
            let _end = AtEnd(|| water.end());
            fill(&mut |item| water.put(item))
        })?;
        let emptied = {
            let _end = AtEnd(|| water.leave());
            water.take_all(&mut empty)
        };
        let filled = filling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        emptied.and(filled)
    })?;
    Ok(water.surface().level.flow())
}

/// Tells the other side that this one is gone, by whatever way it goes.
struct AtEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What both sides see.
struct Water<'p, T> {
    surface: Mutex<Surface<T>>,
    changed: Condvar,
    begun: Instant,
    progress: &'p Progress,
}

struct Surface<T> {
    level: Level,
    items: VecDeque<T>,
    /// Nobody takes anything any more.
    left: bool,
}

impl<'p, T: Held> Water<'p, T> {
    fn new(level: Level, progress: &'p Progress) -> Self {
        let surface = Surface { level, items: VecDeque::new(), left: false };
        Self { surface: Mutex::new(surface), changed: Condvar::new(), begun: Instant::now(), progress }
    }

    fn surface(&self) -> MutexGuard<'_, Surface<T>> {
        self.surface.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something changes, or at most so long, or long enough to look whether the operation was interrupted.
    fn wait<'s>(&self, surface: MutexGuard<'s, Surface<T>>, at_most: Duration) -> Result<MutexGuard<'s, Surface<T>>> {
        let (surface, _) =
            self.changed.wait_timeout(surface, at_most.min(LOOK_UP)).unwrap_or_else(PoisonError::into_inner);
        self.progress.check()?;
        Ok(surface)
    }

    fn put(&self, item: T) -> Result<()> {
        let bytes = item.held_bytes();
        let mut surface = self.surface();
        while !surface.left && !surface.level.has_room(bytes, self.begun.elapsed()) {
            // The emptying side may have to start now, though the high mark is not reached.
            self.changed.notify_all();
            surface = self.wait(surface, LOOK_UP)?;
        }
        if surface.left {
            return Err(Error::io("handing on", "to the buffer", io::ErrorKind::BrokenPipe));
        }
        surface.items.try_reserve(1).map_err(|_| no_memory(bytes))?;
        surface.level.put(bytes, self.begun.elapsed());
        surface.items.push_back(item);
        drop(surface);
        self.changed.notify_all();
        Ok(())
    }

    fn take_all(&self, empty: &mut impl FnMut(T) -> Result<()>) -> Result<()> {
        while let Some(item) = self.take()? {
            empty(item)?;
        }
        Ok(())
    }

    fn take(&self) -> Result<Option<T>> {
        let mut surface = self.surface();
        loop {
            self.progress.check()?;
            match surface.level.turn(self.begun.elapsed()) {
                Turn::Wait => surface = self.wait(surface, LOOK_UP)?,
                Turn::NotBefore(time) => {
                    surface = self.wait(surface, time.saturating_sub(self.begun.elapsed()))?;
                }
                Turn::End => return Ok(None),
                Turn::Take => {
                    surface.level.take(self.begun.elapsed());
                    let item = surface.items.pop_front();
                    drop(surface);
                    self.changed.notify_all();
                    return Ok(item);
                }
            }
        }
    }

    fn end(&self) {
        self.surface().level.end();
        self.changed.notify_all();
    }

    fn leave(&self) {
        self.surface().left = true;
        self.changed.notify_all();
    }
}

/// The failure of a buffer that cannot have memory for so many bytes more.
pub fn no_memory(bytes: u64) -> Error {
    let cause = io::Error::new(io::ErrorKind::OutOfMemory, "there is no memory for it");
    Error::io("holding back", format!("{bytes} bytes in the buffer"), cause).with_remedy("use a smaller one: --buffer")
}

#[cfg(test)]
mod tests;
