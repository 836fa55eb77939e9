//! Work spread over threads whose results come back in order, with a bounded number under way.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::{Error, Result};

/// Gives jobs to workers and takes their results in the order of the jobs.
///
/// `produce` runs on a thread of its own until it gives `None` or fails; each of `workers` works with a state of its own that `work` gets; `consume` runs on
/// the calling thread. At most `workers.len() + 1` results wait to be consumed, so memory is bounded by `workers.len() + 3` jobs.
///
/// # Errors
/// The error of `consume`, or else that of `produce`, which comes only after everything produced before it was consumed.
pub fn in_order<J, R, S>(
    workers: Vec<S>,
    mut produce: impl FnMut() -> Result<Option<J>> + Send,
    work: impl Fn(&mut S, J) -> R + Sync,
    mut consume: impl FnMut(R) -> Result<()>,
) -> Result<()>
where
    J: Send,
    R: Send,
    S: Send,
{
    if cfg!(fuzzing) {
        return on_this_thread(workers, produce, work, consume);
    }
    let under_way = workers.len() + 1;
    thread::scope(|scope| {
        let (job_sender, job_receiver) = sync_channel::<(J, SyncSender<R>)>(under_way);
        let (order_sender, order_receiver) = sync_channel::<Receiver<R>>(under_way);
        let job_receiver = Mutex::new(job_receiver);
        let (job_receiver, work) = (std::sync::Arc::new(job_receiver), &work);
        for mut state in workers {
            let jobs = job_receiver.clone();
            let run = move || {
                loop {
                    // The lock is held while waiting: the next worker waits for the lock instead, which is the same.
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((job, result)) = job else { break };
                    // Nobody takes the result once the consumer has failed.
                    let _ = result.send(work(&mut state, job));
                }
            };
            start(scope, run)?;
        }
        drop(job_receiver);
        let produce = move || -> Result<()> {
            while let Some(job) = produce()? {
                let (result_sender, result_receiver) = sync_channel(1);
                if order_sender.send(result_receiver).is_err() || job_sender.send((job, result_sender)).is_err() {
                    break;
                }
            }
            Ok(())
        };
        let producer = start(scope, produce)?;
        let mut outcome = Ok(());
        for result in &order_receiver {
            // A result that never comes means that a worker panicked; the scope passes the panic on.
            outcome = result.recv().map_or(Ok(()), &mut consume);
            if outcome.is_err() {
                break;
            }
        }
        drop(order_receiver);
        let produced = producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        outcome.and(produced)
    })
}

/// The same without threads, for fuzzers: an input does the same in each run, and no time goes into starting threads.
fn on_this_thread<J, R, S>(
    mut workers: Vec<S>,
    mut produce: impl FnMut() -> Result<Option<J>>,
    work: impl Fn(&mut S, J) -> R,
    mut consume: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let worker = workers.first_mut().expect("there is a worker");
    while let Some(job) = produce()? {
        consume(work(worker, job))?;
    }
    Ok(())
}

/// Starts a thread. A system that has no room for another is a failed call, not a panic.
pub fn start<'scope, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    run: impl FnOnce() -> T + Send + 'scope,
) -> Result<thread::ScopedJoinHandle<'scope, T>> {
    let started = thread::Builder::new().spawn_scoped(scope, run);
    started.map_err(|cause| Error::io("starting", "a thread", cause).with_remedy("use fewer: --threads 1"))
}

/// Buffers that go round between the threads, so that memory is touched once.
#[derive(Debug, Default)]
pub struct Pool<T> {
    idle: Mutex<Vec<T>>,
}

impl<T: Default> Pool<T> {
    /// One that was given back, or a new one.
    pub fn take(&self) -> T {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Gives one back.
    pub fn give(&self, item: T) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    fn interrupted() -> Error {
        Error::Interrupted { signal: 2 }
    }

    #[test]
    fn results_come_in_order_whoever_is_faster() {
        for workers in [1, 2, 16] {
            let mut next = 0u64;
            let mut seen = Vec::new();
            let produce = || {
                next += 1;
                Ok((next <= 500).then_some(next))
            };
            let work = |_: &mut (), job: u64| {
                if job.is_multiple_of(7) {
                    thread::yield_now();
                }
                job * 10
            };
            in_order(vec![(); workers], produce, work, |result| {
                seen.push(result);
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, (1..=500).map(|job| job * 10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_was_produced_before_a_failure_is_consumed() {
        let mut next = 0;
        let mut consumed = 0;
        let produce = || {
            next += 1;
            if next > 20 { Err(interrupted()) } else { Ok(Some(next)) }
        };
        let outcome = in_order(
            vec![(); 2],
            produce,
            |_, job| job,
            |_| {
                consumed += 1;
                Ok(())
            },
        );
        assert!(matches!(outcome, Err(Error::Interrupted { .. })));
        assert_eq!(consumed, 20);
    }

    #[test]
    fn a_failing_consumer_stops_the_producer_soon() {
        let produced = AtomicUsize::new(0);
        let produce = || Ok(Some(produced.fetch_add(1, SeqCst)));
        let outcome =
            in_order(vec![(); 2], produce, |_, job| job, |job| if job == 5 { Err(interrupted()) } else { Ok(()) });
        assert!(outcome.is_err());
        assert!(produced.load(SeqCst) < 20);
    }
}
