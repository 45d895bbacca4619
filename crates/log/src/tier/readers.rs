//! The threads that read records, so that whoever owns the data need not wait for the disk.
//!
//! Owns the threads and their queue. Refuses to know what is read, and for whom: a job is a closure, and its
//! ticket is told to whoever gave it, unlike that of any other job.

use dozo_store::tier::Stored;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Reads a record; `None` when that fails.
pub type Job = Box<dyn FnOnce() -> Option<Stored> + Send>;
/// Called on a reader's thread when something was read and nothing else was there to be taken.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Queues {
    tickets: u64,
    jobs: VecDeque<(u64, Job)>,
    done: Vec<(u64, Option<Stored>)>,
    wake: Option<Wake>,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    queues: Mutex<Queues>,
    more: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The executor's end.
pub struct Readers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts so many threads.
    pub fn start(threads: usize) -> io::Result<Readers> {
        let shared = Arc::<Shared>::default();
        let mut readers = Readers { shared: Arc::clone(&shared), threads: Vec::new() };
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            let name = format!("dozo-read-{number}");
            readers.threads.push(thread::Builder::new().name(name).spawn(move || run(&shared))?);
        }
        Ok(readers)
    }

    /// Sets what tells that something was read.
    pub fn set_wake(&self, wake: Wake) {
        self.shared.lock().wake = Some(wake);
    }

    /// Has a record read; the ticket by which [`Readers::take_done`] names it.
    pub fn read(&self, job: Job) -> u64 {
        let mut queues = self.shared.lock();
        queues.tickets += 1;
        let ticket = queues.tickets;
        queues.jobs.push_back((ticket, job));
        drop(queues);
        self.shared.more.notify_one();
        ticket
    }

    /// What was read since the last call.
    pub fn take_done(&self) -> Vec<(u64, Option<Stored>)> {
        std::mem::take(&mut self.shared.lock().done)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.more.notify_all();
        for thread in self.threads.drain(..) {
            // It has nothing to say but that it panicked, which is on the log.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared) {
    let mut queues = shared.lock();
    while !queues.stop {
        let Some((ticket, job)) = queues.jobs.pop_front() else {
            queues = shared.more.wait(queues).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        drop(queues);
        let read = job();
        queues = shared.lock();
        let first = queues.done.is_empty();
        queues.done.push((ticket, read));
        let wake = queues.wake.clone().filter(|_| first);
        if let Some(wake) = wake {
            drop(queues);
            wake();
            queues = shared.lock();
        }
    }
}
