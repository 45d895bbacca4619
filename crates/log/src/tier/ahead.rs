//! Reads what a sweep looks at next, on a thread of its own: whoever owns the data need not wait for the disk.
//!
//! Owns that thread, which sleeps for good where nothing is ever swept, and one chunk. Refuses to know what is swept.

use super::record;
use crate::disk::ReadAt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A part of a segment: its number, where the part starts, and its length.
pub(super) type Part = (u32, u64, u64);

#[derive(Default)]
struct Slot {
    /// What is to be read: the part, where its segment ends, the file, and room for it.
    wanted: Option<(Part, u64, Arc<dyn ReadAt>, Vec<u8>)>,
    /// What is being read, or was.
    part: Option<Part>,
    /// It is there: its bytes, unless that has failed.
    done: Option<Option<Vec<u8>>>,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of whoever sweeps.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    pub(super) fn start() -> io::Result<Ahead> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("dozo-sweep".into()).spawn(move || run(&theirs))?;
        Ok(Ahead { shared, thread: Some(thread) })
    }

    /// Whether a part was asked for, and whether it was read.
    pub(super) fn state(&self, part: Part) -> (bool, bool) {
        let slot = self.shared.lock();
        let asked = slot.part == Some(part);
        (asked, asked && slot.done.is_some())
    }

    /// Has a part read, in place of any other; more of it where its first record is longer. `end` is its segment's.
    pub(super) fn ask(&self, part: Part, end: u64, file: Arc<dyn ReadAt>) {
        // Allocated by the thread that will free it.
        let room = Vec::with_capacity(part.2 as usize);
        let mut slot = self.shared.lock();
        slot.part = Some(part);
        slot.done = None;
        slot.wanted = Some((part, end, file, room));
        self.shared.changed.notify_all();
    }

    /// The bytes of a part that was asked for, as soon as they are there; `None` where it was not, or can't be read.
    pub(super) fn take(&self, part: Part) -> Option<Vec<u8>> {
        let mut slot = self.shared.lock();
        if slot.part != Some(part) {
            return None;
        }
        loop {
            if let Some(bytes) = slot.done.take() {
                slot.part = None;
                return bytes;
            }
            slot = self.shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which is on the log.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared) {
    let mut slot = shared.lock();
    while !slot.stop {
        let Some((part, end, file, room)) = slot.wanted.take() else {
            slot = shared.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        drop(slot);
        let bytes = read(part, end, &*file, room);
        slot = shared.lock();
        // Something else may have been asked for meanwhile.
        if slot.part == Some(part) && slot.wanted.is_none() {
            slot.done = Some(bytes);
            shared.changed.notify_all();
        }
    }
}

fn read((_, start, len): Part, end: u64, file: &dyn ReadAt, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    bytes.resize(len as usize, 0);
    file.read_at(&mut bytes, start).ok()?;
    let whole = record::Header::read(&bytes).map_or(0, |header| header.size() as u64);
    if whole > len && start + whole <= end {
        bytes.resize(whole as usize, 0);
        file.read_at(&mut bytes, start).ok()?;
    }
    Some(bytes)
}
