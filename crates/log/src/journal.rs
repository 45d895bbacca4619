//! The journal: bytes that the executor hands over go to a file and to the medium on a thread of their own.
//!
//! Owns the file that grows, the order of write and sync, and what happens when either fails: the file is cut back to
//! what was whole, everything not known to be on the medium is kept in memory, and it is tried again until it works. So
//! the file never has a hole, and nobody has to do anything once there is room again. Each hand-over is a block that
//! ends with its checksum.

use crate::aof;
use crate::disk::{Disk, DiskFile, reason, write_all};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Where nobody waits for it, bytes are written this often.
const INTERVAL: Duration = Duration::from_millis(20);
/// Or when there are so many.
const MANY: usize = 1 << 20;
/// The time between two syncs under `everysec`.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Where there is nothing to do it only looks whether there really is nothing, this often.
const IDLE: Duration = Duration::from_secs(10);
/// Bytes kept in memory because they are not synced, at which they are.
const UNSYNCED_MAX: usize = 8 << 20;
/// The pause before a failed operation is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// When the system is made to put what was written on the medium: `appendfsync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before a change is acknowledged.
    Always,
    /// Once a second.
    EverySecond,
    /// When the system likes.
    Never,
}

impl Fsync {
    /// The policy of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "always" => Fsync::Always,
            "everysec" => Fsync::EverySecond,
            "no" => Fsync::Never,
            _ => return None,
        })
    }
}

/// How far it has come. All are counts of bytes handed over.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Handed over.
    pub appended: u64,
    /// Written to a file.
    pub written: u64,
    /// On the medium.
    pub durable: u64,
    /// Length of the file that grows.
    pub file_bytes: u64,
    /// Why it can't go on at present.
    pub error: Option<String>,
}

enum Part {
    /// Bytes to be sealed.
    Block(Vec<u8>),
    /// Sealed bytes that were written and lost, and how many bytes they were before.
    Again(Vec<u8>, u64),
    /// From here on another file.
    Rotate(PathBuf),
}

struct Inbox {
    parts: VecDeque<Part>,
    waiting: usize,
    fsync: Fsync,
    stop: bool,
    /// Somebody waits for everything to be on the medium.
    hurry: bool,
    written: u64,
    file_bytes: u64,
    error: Option<String>,
    ended: bool,
}

/// Called on the journal's thread after a sync under `always`, and when trouble begins or ends.
pub type Wake = Box<dyn Fn() + Send + Sync>;

struct Shared {
    inbox: Mutex<Inbox>,
    changed: Condvar,
    durable: AtomicU64,
    wake: Mutex<Option<Wake>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(wake) = &*self.wake.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    }
}

/// The executor's end of the journal.
pub struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    appended: u64,
    fsync: Fsync,
}

impl Journal {
    /// Goes on with a file, or begins it.
    pub fn open(disk: Arc<dyn Disk>, path: &Path, fsync: Fsync) -> io::Result<Self> {
        let worker = Worker::open(disk, path)?;
        let inbox = Inbox {
            parts: VecDeque::new(),
            waiting: 0,
            fsync,
            stop: false,
            hurry: false,
            written: 0,
            file_bytes: worker.len,
            error: None,
            ended: false,
        };
        let shared = Arc::new(Shared {
            inbox: Mutex::new(inbox),
            changed: Condvar::new(),
            durable: AtomicU64::new(0),
            wake: Mutex::new(None),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("dozo-journal".into()).spawn(move || worker.run(&theirs))?;
        Ok(Journal { shared, thread: Some(thread), appended: 0, fsync })
    }

    /// Sets what is called when bytes that somebody may wait for are on the medium.
    pub fn on_durable(&self, wake: Wake) {
        *self.shared.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(wake);
    }

    /// Hands bytes over and leaves the vector empty. They must be whole commands.
    pub fn append(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        self.appended += bytes.len() as u64;
        let mut inbox = self.shared.lock();
        let first = inbox.waiting == 0;
        inbox.waiting += bytes.len();
        match inbox.parts.back_mut() {
            Some(Part::Block(block)) => block.append(bytes),
            _ => inbox.parts.push_back(Part::Block(std::mem::take(bytes))),
        }
        let many = inbox.waiting >= MANY;
        drop(inbox);
        if first || many {
            self.shared.changed.notify_one();
        }
    }

    /// What is handed over from now on goes to another file, which is made if it is not there.
    pub fn rotate(&mut self, path: PathBuf) {
        self.shared.lock().parts.push_back(Part::Rotate(path));
        self.shared.changed.notify_one();
    }

    /// Changes the policy.
    pub fn set_fsync(&mut self, fsync: Fsync) {
        self.fsync = fsync;
        self.shared.lock().fsync = fsync;
        self.shared.changed.notify_one();
    }

    /// Where replies must wait until [`Journal::durable`] has come; `None` where none has to.
    #[inline]
    pub fn awaited(&self) -> Option<u64> {
        (self.fsync == Fsync::Always && self.durable() < self.appended).then_some(self.appended)
    }

    /// Bytes that are on the medium.
    #[inline]
    pub fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        let inbox = self.shared.lock();
        State {
            appended: self.appended,
            written: inbox.written,
            durable: self.durable(),
            file_bytes: inbox.file_bytes,
            error: inbox.error.clone(),
        }
    }

    /// Waits until everything is on the medium, or can't be put there.
    pub fn flush(&self) -> Result<(), String> {
        let mut inbox = self.shared.lock();
        inbox.hurry = true;
        self.shared.changed.notify_one();
        while inbox.hurry && !inbox.ended {
            inbox = self.shared.changed.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
        inbox.error.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Journal {
    /// Everything is written and synced, unless that fails.
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which is on the log.
            let _ = thread.join();
        }
    }
}

/// The thread's end.
struct Worker {
    disk: Arc<dyn Disk>,
    file: Box<dyn DiskFile>,
    parts: VecDeque<Part>,
    /// The file's length up to which it is whole, and up to which it is on the medium.
    len: u64,
    synced: u64,
    /// The file may be longer than `len`.
    ragged: bool,
    /// Sealed bytes between `synced` and `len`, and how many they were before.
    unsynced: Vec<u8>,
    unsynced_plain: u64,
    /// Bytes handed over that are written.
    written: u64,
    last_sync: Instant,
}

impl Worker {
    fn open(disk: Arc<dyn Disk>, path: &Path) -> io::Result<Self> {
        let (mut file, mut len) = disk.append(path)?;
        if len > 0 {
            write_all(&mut *file, aof::RESUMED)?;
            len += aof::RESUMED.len() as u64;
        }
        file.sync()?;
        Ok(Worker {
            disk,
            file,
            parts: VecDeque::new(),
            len,
            synced: len,
            ragged: false,
            unsynced: Vec::new(),
            unsynced_plain: 0,
            written: 0,
            last_sync: Instant::now(),
        })
    }

    fn run(mut self, shared: &Shared) {
        loop {
            let (fsync, hurry, stop) = self.wait(shared);
            let outcome = self.work(fsync, hurry || stop);
            let failed = outcome.is_err();
            let durable =
                if fsync == Fsync::Never { self.written } else { self.written - self.unsynced_plain };
            let before = shared.durable.swap(durable, Ordering::AcqRel);
            let mut inbox = shared.lock();
            let error = outcome.err().map(|error| reason(&error));
            let turned = inbox.error.is_some() != error.is_some();
            inbox.error = error;
            inbox.written = self.written;
            inbox.file_bytes = self.len;
            inbox.hurry = inbox.hurry && !hurry;
            let over = stop && (failed || inbox.parts.is_empty());
            inbox.ended = over;
            drop(inbox);
            if hurry || over {
                shared.changed.notify_all();
            }
            if (fsync == Fsync::Always && durable != before) || turned {
                shared.wake();
            }
            if over {
                return;
            }
        }
    }

    /// Waits until there is something to do; takes over what was handed over.
    fn wait(&mut self, shared: &Shared) -> (Fsync, bool, bool) {
        let mut inbox = shared.lock();
        let began = Instant::now();
        loop {
            let idle = inbox.parts.is_empty();
            let time = match (inbox.error.is_some(), inbox.fsync) {
                (true, _) => RETRY,
                (false, Fsync::EverySecond) if idle && !self.unsynced.is_empty() => {
                    began.elapsed() + SYNC_INTERVAL.saturating_sub(self.last_sync.elapsed())
                }
                // It is notified of the first bytes.
                (false, Fsync::Always) if !idle || !self.unsynced.is_empty() => Duration::ZERO,
                (false, _) if idle => IDLE,
                (false, _) => INTERVAL,
            };
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() || inbox.stop || inbox.hurry || inbox.waiting >= MANY && inbox.error.is_none() {
                break;
            }
            let waited = shared.changed.wait_timeout(inbox, left);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inbox.waiting = 0;
        self.parts.append(&mut inbox.parts);
        (inbox.fsync, inbox.hurry, inbox.stop)
    }

    fn work(&mut self, fsync: Fsync, now: bool) -> io::Result<()> {
        while let Some(part) = self.parts.pop_front() {
            self.part(part, fsync)?;
            if self.unsynced.len() > UNSYNCED_MAX {
                self.sync()?;
            }
        }
        let due = match fsync {
            Fsync::Always => true,
            Fsync::EverySecond => self.last_sync.elapsed() >= SYNC_INTERVAL,
            Fsync::Never => false,
        };
        if (due && !self.unsynced.is_empty()) || now {
            self.sync()?;
        }
        Ok(())
    }

    /// Does one part; one that fails stays the first.
    fn part(&mut self, part: Part, fsync: Fsync) -> io::Result<()> {
        match part {
            Part::Rotate(path) => {
                if let Err(error) = self.rotate(&path) {
                    self.parts.push_front(Part::Rotate(path));
                    return Err(error);
                }
                Ok(())
            }
            Part::Block(mut block) => {
                let plain = block.len() as u64;
                aof::seal(&mut block);
                self.write(block, plain, fsync)
            }
            Part::Again(block, plain) => self.write(block, plain, fsync),
        }
    }

    fn rotate(&mut self, path: &Path) -> io::Result<()> {
        self.sync()?;
        let (mut file, mut len) = self.disk.append(path)?;
        if len > 0 {
            write_all(&mut *file, aof::RESUMED)?;
            len += aof::RESUMED.len() as u64;
        }
        (self.file, self.len, self.synced, self.ragged) = (file, len, len, false);
        Ok(())
    }

    fn write(&mut self, block: Vec<u8>, plain: u64, fsync: Fsync) -> io::Result<()> {
        if let Err(error) = self.straighten().and_then(|()| write_all(&mut *self.file, &block)) {
            self.ragged = true;
            // What stands beyond the last whole block is cut at once, if that is possible, and in any case before
            // anything is written again.
            let _ = self.straighten();
            self.parts.push_front(Part::Again(block, plain));
            return Err(error);
        }
        self.len += block.len() as u64;
        self.written += plain;
        if fsync == Fsync::Never {
            self.synced = self.len;
        } else {
            self.unsynced.extend_from_slice(&block);
            self.unsynced_plain += plain;
        }
        Ok(())
    }

    fn straighten(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file.truncate(self.len)?;
            self.ragged = false;
        }
        Ok(())
    }

    /// After a sync that failed nobody knows what of the file is on the medium: all since the last good one is written
    /// again.
    fn sync(&mut self) -> io::Result<()> {
        self.straighten()?;
        self.last_sync = Instant::now();
        if let Err(error) = self.file.sync() {
            if !self.unsynced.is_empty() {
                let block = std::mem::take(&mut self.unsynced);
                let plain = std::mem::take(&mut self.unsynced_plain);
                self.written -= plain;
                self.len = self.synced;
                self.ragged = true;
                self.parts.push_front(Part::Again(block, plain));
            }
            return Err(error);
        }
        // Room that the next second needs again is kept, because fresh memory costs more than the copy into it.
        let room = if self.unsynced.len() < MANY { MANY } else { UNSYNCED_MAX };
        self.unsynced.clear();
        self.unsynced.shrink_to(room);
        self.unsynced_plain = 0;
        self.synced = self.len;
        Ok(())
    }
}
