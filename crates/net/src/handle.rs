//! The way into the executor from other threads: jobs to run between requests, and the order to stop.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dozo_engine::Engine;
use mio::Waker;

use crate::crew::Batch;
use crate::settings::Limits;

/// Work for the executor. It runs inside a batch, between requests, and must not block.
pub type Job = Box<dyn FnOnce(&mut Engine) + Send>;

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// As many jobs as `Settings::inbox` allows are waiting.
    Full,
    /// The server has stopped.
    Stopped,
}

/// How far a stop has been asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Stop {
    No = 0,
    Graceful = 1,
    Now = 2,
}

#[derive(Default)]
struct Queues {
    jobs: Vec<Job>,
    batches: Vec<Batch>,
    closed: bool,
}

/// What other threads leave for the executor. Its waker fires when the first thing is put into it, so the
/// executor looks into it only when it was woken.
pub(crate) struct Inbox {
    queues: Mutex<Queues>,
    stop: AtomicU8,
    waker: Waker,
    capacity: usize,
    pub limits: Arc<Limits>,
}

impl Inbox {
    pub fn new(waker: Waker, capacity: usize, limits: Arc<Limits>) -> Self {
        Self { queues: Mutex::default(), stop: AtomicU8::new(0), waker, capacity, limits }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A waker fails only when the poll is gone, and then nobody is left to wake.
        let _ = self.waker.wake();
    }

    fn submit(&self, job: Job) -> Result<(), Refused> {
        let mut queues = self.lock();
        if queues.closed {
            return Err(Refused::Stopped);
        }
        if queues.jobs.len() >= self.capacity {
            return Err(Refused::Full);
        }
        let first = queues.jobs.is_empty() && queues.batches.is_empty();
        queues.jobs.push(job);
        drop(queues);
        if first {
            self.wake();
        }
        Ok(())
    }

    /// Takes a batch from an I/O thread; each thread has a bounded number of them under way.
    pub fn post(&self, batch: Batch) {
        let mut queues = self.lock();
        let first = queues.jobs.is_empty() && queues.batches.is_empty();
        queues.batches.push(batch);
        drop(queues);
        if first {
            self.wake();
        }
    }

    /// Moves everything that waits into the two lists.
    pub fn take(&self, jobs: &mut Vec<Job>, batches: &mut Vec<Batch>) {
        let mut queues = self.lock();
        jobs.append(&mut queues.jobs);
        batches.append(&mut queues.batches);
    }

    pub fn stop(&self) -> Stop {
        match self.stop.load(Ordering::Acquire) {
            0 => Stop::No,
            1 => Stop::Graceful,
            _ => Stop::Now,
        }
    }

    /// Takes no more jobs and drops those that wait: whoever waits for their answer sees them gone.
    pub fn close(&self) {
        let mut queues = self.lock();
        queues.closed = true;
        let jobs = std::mem::take(&mut queues.jobs);
        queues.batches.clear();
        drop(queues);
        drop(jobs);
    }
}

/// A running (or not yet running) server, from any thread.
#[derive(Clone)]
pub struct Handle {
    pub(crate) inbox: Arc<Inbox>,
}

impl Handle {
    /// Hands a job to the executor. Jobs run in the order in which they were taken.
    pub fn submit(&self, job: Job) -> Result<(), Refused> {
        self.inbox.submit(job)
    }

    /// Stops the server: gracefully (no new connections; what has been received is answered and written, for at
    /// most `Settings::grace`) or now. A second call can only make it quicker.
    pub fn stop(&self, graceful: bool) {
        let stop = if graceful { Stop::Graceful } else { Stop::Now };
        self.inbox.stop.fetch_max(stop as u8, Ordering::AcqRel);
        self.inbox.wake();
    }

    /// Ends the executor's sleep.
    pub fn wake(&self) {
        self.inbox.wake();
    }

    /// The limits that may change at run time.
    pub fn limits(&self) -> &Limits {
        &self.inbox.limits
    }
}
