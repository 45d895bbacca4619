//! Strings that come in parts: each becomes a segment of its own, which holds one record.
//!
//! Owns the thread that writes them, and their files until they are whole: such a file has another name, by which nobody
//! takes it for a segment after a crash. Its head is written first, its checksum last; then it is synced and gets its
//! name. Refuses to know how much room there is.

use super::record::{self, CHECKSUM_AT, HEAD};
use super::writer;
use crate::crc64;
use crate::disk::{Disk, DiskFile, reason, write_all};
use dozo_store::tier::{Growing, Growth};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::Wake;

/// Bytes after which what was written is synced, so that the last sync is not all of it.
const SYNC_BYTES: u64 = 16 << 20;
/// A stream tells that it has got on whenever so many bytes or fewer wait.
const LOW: usize = 512 << 10;

/// The file of a string that is not whole.
pub(super) fn part_path(dir: &Path, id: u32) -> PathBuf {
    dir.join(format!("tier-{id:08}.part"))
}

/// Whether a file of that name is one.
pub(super) fn is_part(name: &str) -> bool {
    let number = name.strip_prefix("tier-").and_then(|rest| rest.strip_suffix(".part"));
    number.is_some_and(|digits| digits.parse::<u32>().is_ok())
}

enum Task {
    Open { id: u32, head: Vec<u8> },
    Append { id: u32, bytes: Vec<u8> },
    Seal { id: u32 },
    Drop { id: u32 },
}

#[derive(Default)]
struct State {
    waiting: usize,
    /// The checksum, once it is whole on disk.
    sealed: Option<u64>,
    failed: bool,
}

#[derive(Default)]
struct Inbox {
    tasks: VecDeque<Task>,
    states: HashMap<u32, State>,
    moved: bool,
    stop: bool,
    wake: Option<Wake>,
    error: Option<String>,
}

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    more: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The executor's end. The thread starts with the first stream.
pub(super) struct Streams {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    syncs: bool,
    thread: Option<JoinHandle<()>>,
}

impl Streams {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf, syncs: bool) -> Streams {
        Streams { shared: Arc::default(), disk, dir, syncs, thread: None }
    }

    pub(super) fn set_wake(&self, wake: Wake) {
        self.shared.lock().wake = Some(wake);
    }

    /// Begins a string; its record's whole size, `None` where it is too long for a record.
    pub(super) fn size(new: &Growing<'_>) -> Option<u64> {
        let size = HEAD as u64 + new.key.len() as u64 + new.len;
        let size = size.next_multiple_of(record::ALIGN as u64);
        u32::try_from(size).ok().map(u64::from)
    }

    pub(super) fn begin(&mut self, id: u32, seq: u64, space: u16, new: &Growing<'_>) -> Option<()> {
        let head = record::begin(seq, space, new)?;
        if self.thread.is_none() {
            let worker = Worker {
                disk: Arc::clone(&self.disk),
                dir: self.dir.clone(),
                syncs: self.syncs,
                files: HashMap::new(),
            };
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("dozo-tier-in".into());
            self.thread = Some(thread.spawn(move || worker.run(&shared)).ok()?);
        }
        self.shared.lock().states.insert(id, State::default());
        self.give(Task::Open { id, head });
        Some(())
    }

    fn give(&self, task: Task) {
        self.shared.lock().tasks.push_back(task);
        self.shared.more.notify_one();
    }

    pub(super) fn extend(&self, id: u32, bytes: Vec<u8>) {
        if let Some(state) = self.shared.lock().states.get_mut(&id) {
            state.waiting += bytes.len();
        }
        self.give(Task::Append { id, bytes });
    }

    pub(super) fn seal(&self, id: u32) {
        self.give(Task::Seal { id });
    }

    pub(super) fn growth(&self, id: u32) -> Growth {
        match self.shared.lock().states.get(&id) {
            Some(State { failed: true, .. }) | None => Growth::Failed,
            Some(State { sealed: Some(_), .. }) => Growth::Sealed,
            Some(State { waiting, .. }) => Growth::Open { waiting: *waiting },
        }
    }

    /// The checksum of a string that is whole; it is a segment now.
    pub(super) fn adopt(&self, id: u32) -> Option<u64> {
        let mut inbox = self.shared.lock();
        let sum = inbox.states.get(&id)?.sealed?;
        inbox.states.remove(&id);
        Some(sum)
    }

    /// Removes its file, sooner or later.
    pub(super) fn abandon(&self, id: u32) {
        if let Some(state) = self.shared.lock().states.get_mut(&id) {
            state.failed = true;
        }
        self.give(Task::Drop { id });
    }

    /// Whether nothing of an abandoned one is left.
    pub(super) fn is_gone(&self, id: u32) -> bool {
        !self.shared.lock().states.contains_key(&id)
    }

    pub(super) fn has_moved(&self) -> bool {
        std::mem::take(&mut self.shared.lock().moved)
    }

    /// Bytes that wait to be written, and what is wrong.
    pub(super) fn state(&self) -> (usize, Option<String>) {
        let inbox = self.shared.lock();
        (inbox.states.values().map(|state| state.waiting).sum(), inbox.error.clone())
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.more.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which is on the log.
            let _ = thread.join();
        }
    }
}

/// A file that grows.
struct File {
    file: Box<dyn DiskFile>,
    sum: u64,
    len: u64,
    unsynced: u64,
}

/// The thread's end.
struct Worker {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    syncs: bool,
    files: HashMap<u32, File>,
}

impl Worker {
    fn run(mut self, shared: &Shared) {
        let mut inbox = shared.lock();
        while !inbox.stop {
            let Some(task) = inbox.tasks.pop_front() else {
                inbox = shared.more.wait(inbox).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(inbox);
            let (id, taken) = (task.id(), task.bytes());
            let drops = matches!(task, Task::Drop { .. });
            let outcome = self.act(task);
            if outcome.is_err() {
                // The string is lost, its client is told, and its room is free.
                self.files.remove(&id);
                let _ = self.disk.remove(&part_path(&self.dir, id));
            }
            inbox = shared.lock();
            let (failure, sealed) = match outcome {
                Ok(sealed) => (None, sealed),
                Err(error) => (Some(reason(&error)), None),
            };
            let mut tells = failure.is_some();
            if let Some(state) = inbox.states.get_mut(&id) {
                state.waiting -= taken.min(state.waiting);
                state.failed |= failure.is_some();
                state.sealed = state.sealed.or(sealed);
                tells |= state.waiting <= LOW || state.sealed.is_some();
            }
            if failure.is_some() || sealed.is_some() {
                inbox.error = failure;
            }
            if drops {
                inbox.states.remove(&id);
            }
            if tells
                && !std::mem::replace(&mut inbox.moved, true)
                && let Some(wake) = inbox.wake.clone()
            {
                drop(inbox);
                wake();
                inbox = shared.lock();
            }
        }
        drop(inbox);
        // What is not whole is nothing.
        for id in self.files.into_keys() {
            let _ = self.disk.remove(&part_path(&self.dir, id));
        }
    }

    fn act(&mut self, task: Task) -> io::Result<Option<u64>> {
        match task {
            Task::Open { id, head } => self.open(id, &head).map(|()| None),
            Task::Append { id, bytes } => self.append(id, &bytes).map(|()| None),
            Task::Seal { id } => self.seal(id).map(Some),
            Task::Drop { id } => {
                self.files.remove(&id);
                match self.disk.remove(&part_path(&self.dir, id)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => Ok(None),
                }
            }
        }
    }

    fn open(&mut self, id: u32, head: &[u8]) -> io::Result<()> {
        let mut file = self.disk.create(&part_path(&self.dir, id))?;
        write_all(&mut *file, head)?;
        let sum = crc64::update(record::checksum_of_head(head), head.get(HEAD..).unwrap_or_default());
        let len = head.len() as u64;
        self.files.insert(id, File { file, sum, len, unsynced: len });
        Ok(())
    }

    fn append(&mut self, id: u32, bytes: &[u8]) -> io::Result<()> {
        let Some(mut growing) = self.files.remove(&id) else { return Ok(()) };
        write_all(&mut *growing.file, bytes)?;
        growing.sum = crc64::update(growing.sum, bytes);
        growing.len += bytes.len() as u64;
        growing.unsynced += bytes.len() as u64;
        if self.syncs && growing.unsynced >= SYNC_BYTES {
            growing.file.sync()?;
            growing.unsynced = 0;
        }
        self.files.insert(id, growing);
        Ok(())
    }

    fn seal(&mut self, id: u32) -> io::Result<u64> {
        let Some(len) = self.files.get(&id).map(|growing| growing.len) else {
            return Err(io::Error::other("the file could not be written"));
        };
        let padding = len.next_multiple_of(record::ALIGN as u64) - len;
        self.append(id, &[0; record::ALIGN][..padding as usize])?;
        let Some(mut growing) = self.files.remove(&id) else { return Err(io::ErrorKind::Other.into()) };
        let sum = growing.sum;
        growing.file.write_at(&sum.to_le_bytes(), CHECKSUM_AT as u64)?;
        if self.syncs {
            growing.file.sync()?;
        }
        drop(growing);
        self.disk.rename(&part_path(&self.dir, id), &writer::path(&self.dir, id, writer::Part::Data))?;
        if self.syncs {
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(sum)
    }
}

impl Task {
    fn id(&self) -> u32 {
        match self {
            Task::Open { id, .. } | Task::Append { id, .. } | Task::Seal { id } | Task::Drop { id } => *id,
        }
    }

    /// Bytes that wait no more once it is done.
    fn bytes(&self) -> usize {
        if let Task::Append { bytes, .. } = self { bytes.len() } else { 0 }
    }
}
