//! The thread that writes segments.
//!
//! Owns the files that grow. What it is given it does in order; what fails is cut back and tried again until it works, and
//! stays in memory meanwhile, so that nothing that was taken is lost. Refuses to know what it writes.

use super::block::Block;
use crate::disk::{Disk, DiskFile, reason, write_all};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The pause before a failed operation is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// The time between two syncs.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Where there is nothing to do it only looks whether there really is nothing, this often.
const IDLE: Duration = Duration::from_secs(10);
/// The longest that whoever hands something over waits for a disk that is behind.
const PATIENCE: Duration = Duration::from_millis(500);

/// The files of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Its records.
    Data,
    /// What a start has to know of them.
    Index,
}

impl Part {
    pub(crate) const ALL: [Part; 2] = [Part::Data, Part::Index];

    fn ending(self) -> &'static str {
        match self {
            Part::Data => "data",
            Part::Index => "keys",
        }
    }
}

/// A file of a segment.
pub(crate) fn path(dir: &Path, segment: u32, part: Part) -> PathBuf {
    dir.join(format!("tier-{segment:08}.{}", part.ending()))
}

/// The segment whose file has that name, if it is one's.
pub(crate) fn segment_of(name: &str) -> Option<(u32, Part)> {
    let (number, ending) = name.strip_prefix("tier-")?.split_once('.')?;
    let part = Part::ALL.into_iter().find(|part| part.ending() == ending)?;
    Some((number.parse().ok()?, part))
}

enum Task {
    Append { segment: u32, part: Part, block: Arc<Block> },
    Remove(u32),
}

struct Inbox {
    tasks: VecDeque<Task>,
    /// Tasks done since the start.
    done: u64,
    /// Bytes that wait to be written.
    waiting: usize,
    syncs: bool,
    stop: bool,
    /// Somebody waits for everything to be on the medium.
    hurry: bool,
    error: Option<String>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The executor's end.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Tasks handed over since the start.
    given: u64,
    /// Bytes that may wait.
    most: usize,
}

impl Writer {
    pub(crate) fn start(disk: Arc<dyn Disk>, dir: PathBuf, most: usize, syncs: bool) -> io::Result<Writer> {
        let inbox = Inbox {
            tasks: VecDeque::new(),
            done: 0,
            waiting: 0,
            syncs,
            stop: false,
            hurry: false,
            error: None,
        };
        let shared = Arc::new(Shared { inbox: Mutex::new(inbox), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let worker = Worker {
            disk,
            dir,
            files: BTreeMap::new(),
            named: false,
            unsynced: false,
            last_sync: Instant::now(),
        };
        let thread = thread::Builder::new().name("dozo-tier".into()).spawn(move || worker.run(&theirs))?;
        Ok(Writer { shared, thread: Some(thread), given: 0, most })
    }

    /// Has bytes written to the end of a segment's file; returns the number of the task.
    pub(crate) fn append(&mut self, segment: u32, part: Part, block: Arc<Block>) -> u64 {
        self.give(Task::Append { segment, part, block })
    }

    /// Has a segment's files removed once everything before is on the medium.
    pub(crate) fn remove(&mut self, segment: u32) {
        self.give(Task::Remove(segment));
    }

    fn give(&mut self, task: Task) -> u64 {
        let mut inbox = self.shared.lock();
        if let Task::Append { block, .. } = &task {
            inbox.waiting += block.len();
        }
        inbox.tasks.push_back(task);
        drop(inbox);
        self.shared.changed.notify_all();
        self.given += 1;
        self.given
    }

    /// Tasks done, of those handed over.
    pub(crate) fn done(&self) -> u64 {
        self.shared.lock().done
    }

    /// Bytes that wait to be written, and what is wrong.
    pub(crate) fn state(&self) -> (usize, Option<String>) {
        let inbox = self.shared.lock();
        (inbox.waiting, inbox.error.clone())
    }

    /// Whether more may be handed over; with `patient` it waits a moment until that is so.
    pub(crate) fn takes(&self, patient: bool) -> bool {
        let mut inbox = self.shared.lock();
        let until = Instant::now() + PATIENCE;
        while inbox.waiting > self.most {
            let left = until.saturating_duration_since(Instant::now());
            if !patient || inbox.error.is_some() || left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(inbox, left);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Sets how many bytes may wait.
    pub(crate) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Waits until everything is written, and synced where that is wanted at all, or can't be.
    pub(crate) fn flush(&self) -> Result<(), String> {
        let mut inbox = self.shared.lock();
        inbox.hurry = true;
        self.shared.changed.notify_all();
        while inbox.hurry {
            inbox = self.shared.changed.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
        inbox.error.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Writer {
    /// Everything is written, unless that fails.
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which is on the log.
            let _ = thread.join();
        }
    }
}

/// A file that grows: how long its whole part is, whether more may stand behind that, and whether all is synced.
struct Growing {
    file: Box<dyn DiskFile>,
    len: u64,
    ragged: bool,
    dirty: bool,
}

/// The thread's end.
struct Worker {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    files: BTreeMap<(u32, Part), Growing>,
    /// A file was made whose name may not be on the medium yet.
    named: bool,
    unsynced: bool,
    last_sync: Instant,
}

impl Worker {
    fn run(mut self, shared: &Shared) {
        loop {
            let (task, syncs, now, stop) = self.wait(shared);
            let mut outcome = task.as_ref().map_or(Ok(()), |task| self.act(task, syncs));
            let worked = outcome.is_ok();
            if worked && !syncs {
                self.close_full();
            }
            let idle = task.is_none();
            let due = self.last_sync.elapsed() >= SYNC_INTERVAL || (now && idle);
            if worked && syncs && self.unsynced && due {
                outcome = self.sync();
            }
            let failed = outcome.is_err();
            let mut inbox = shared.lock();
            inbox.error = outcome.err().map(|error| reason(&error));
            match task {
                Some(task) if !worked => inbox.tasks.push_front(task),
                Some(task) => {
                    inbox.done += 1;
                    if let Task::Append { block, .. } = task {
                        inbox.waiting -= block.len();
                    }
                }
                None => {}
            }
            let over = failed || inbox.tasks.is_empty();
            if over && now {
                inbox.hurry = false;
            }
            let ends = stop && over;
            drop(inbox);
            shared.changed.notify_all();
            if ends {
                return;
            }
        }
    }

    /// Waits until there is something to do; takes the first task over.
    fn wait(&self, shared: &Shared) -> (Option<Task>, bool, bool, bool) {
        let mut inbox = shared.lock();
        let began = Instant::now();
        loop {
            let time = match (inbox.error.is_some(), inbox.tasks.is_empty()) {
                (true, _) => RETRY,
                (false, false) => Duration::ZERO,
                (false, true) if inbox.syncs && self.unsynced => {
                    began.elapsed() + SYNC_INTERVAL.saturating_sub(self.last_sync.elapsed())
                }
                (false, true) => IDLE,
            };
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() || inbox.stop || inbox.hurry {
                break;
            }
            let waited = shared.changed.wait_timeout(inbox, left);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let now = inbox.hurry || inbox.stop;
        (inbox.tasks.pop_front(), inbox.syncs, now, inbox.stop)
    }

    fn act(&mut self, task: &Task, syncs: bool) -> io::Result<()> {
        match task {
            Task::Append { segment, part, block } => self.append((*segment, *part), block, syncs),
            Task::Remove(segment) => self.remove(*segment, syncs),
        }
    }

    /// What was carried on from a segment has to be on the medium before it goes, and it has to be gone before anything
    /// is written that relies on it.
    fn remove(&mut self, segment: u32, syncs: bool) -> io::Result<()> {
        if syncs && self.unsynced {
            self.sync()?;
        }
        for part in Part::ALL {
            self.files.remove(&(segment, part));
            match self.disk.remove(&path(&self.dir, segment, part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if syncs { self.disk.sync_dir(&self.dir) } else { Ok(()) }
    }

    fn append(&mut self, key: (u32, Part), block: &Block, syncs: bool) -> io::Result<()> {
        // Of a log that breaks off only the last segment may lack something.
        if syncs && self.unsynced && self.files.keys().all(|(segment, _)| *segment < key.0) {
            self.sync()?;
        }
        let growing = match self.files.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let (file, len) = self.disk.append(&path(&self.dir, key.0, key.1))?;
                self.named = true;
                new.insert(Growing { file, len, ragged: false, dirty: false })
            }
        };
        growing.straighten()?;
        if let Err(error) = block.pieces().try_for_each(|piece| write_all(&mut *growing.file, piece)) {
            growing.ragged = true;
            // Cut at once, if that is possible, and in any case before anything is written again.
            let _ = growing.straighten();
            return Err(error);
        }
        growing.len += block.len() as u64;
        growing.dirty = true;
        self.unsynced = true;
        Ok(())
    }

    /// Closes the segments that grow no more; only the last one does.
    fn close_full(&mut self) {
        let last = self.files.keys().max().map(|(segment, _)| *segment);
        self.files.retain(|(segment, _), _| Some(*segment) == last);
    }

    fn sync(&mut self) -> io::Result<()> {
        self.last_sync = Instant::now();
        for growing in self.files.values_mut().filter(|growing| growing.dirty) {
            growing.file.sync()?;
            growing.dirty = false;
        }
        if self.named {
            self.disk.sync_dir(&self.dir)?;
            self.named = false;
        }
        self.unsynced = false;
        self.close_full();
        Ok(())
    }
}

impl Growing {
    fn straighten(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file.truncate(self.len)?;
            self.ragged = false;
        }
        Ok(())
    }
}
