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

/// What is to be read: the part, where its segment ends, the file, and room for it.
type Wanted = (Part, u64, Arc<dyn ReadAt>, Vec<u8>);

#[derive(Default)]
struct Slot {
    wanted: Option<Wanted>,
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
        bytes.reserve_exact((whole - len) as usize);
        bytes.resize(whole as usize, 0);
        file.read_at(&mut bytes, start).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Bytes that are their own offsets; what is read is counted.
    struct Numbers(AtomicUsize, u64);

    impl ReadAt for Numbers {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            if offset + buffer.len() as u64 > self.1 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer.iter_mut().enumerate().for_each(|(at, byte)| *byte = (offset as usize + at) as u8);
            Ok(())
        }
    }

    fn numbers() -> Arc<Numbers> {
        Arc::new(Numbers(AtomicUsize::new(0), 1000))
    }

    #[test]
    fn what_was_asked_for_is_taken_once() {
        let (ahead, file) = (Ahead::start().unwrap(), numbers());
        assert_eq!(ahead.take((1, 0, 10)), None);
        ahead.ask((1, 20, 3), 1000, file.clone());
        assert_eq!(ahead.take((1, 20, 4)), None, "another part");
        assert_eq!(ahead.take((1, 20, 3)), Some(vec![20, 21, 22]));
        assert_eq!(ahead.take((1, 20, 3)), None);
        assert_eq!(ahead.state((1, 20, 3)), (false, false));
        assert_eq!(file.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn it_is_known_when_a_part_is_there() {
        let (ahead, file) = (Ahead::start().unwrap(), numbers());
        ahead.ask((2, 7, 1), 1000, file);
        assert!(ahead.state((2, 7, 1)).0);
        while ahead.state((2, 7, 1)) != (true, true) {
            thread::yield_now();
        }
        assert_eq!(ahead.take((2, 7, 1)), Some(vec![7]));
    }

    #[test]
    fn the_last_to_be_asked_for_counts_and_failures_are_told() {
        let (ahead, file) = (Ahead::start().unwrap(), numbers());
        for at in 0..50 {
            ahead.ask((3, at, 1), 1000, file.clone());
        }
        assert_eq!(ahead.take((3, 48, 1)), None);
        assert_eq!(ahead.take((3, 49, 1)), Some(vec![49]));
        ahead.ask((3, 999, 2), 1000, file);
        assert_eq!(ahead.take((3, 999, 2)), None);
        assert_eq!(ahead.state((3, 999, 2)), (false, false));
    }
}
