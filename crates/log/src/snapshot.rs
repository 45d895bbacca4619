//! Writing a snapshot: entries are encoded where they are seen, and a thread takes the bytes to the disk.
//!
//! Owns the thread, the checksum and the file, which bears a temporary name until somebody who decides renames it.
//! Whoever walks asks [`Progress::is_behind`] and waits, so that what is encoded does not pile up in memory.

use crate::crc64;
use crate::disk::{Disk, DiskFile, reason, write_all};
use crate::rdb;
use dozo_store::{Item, Saver};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Bytes handed over at once.
const CHUNK: usize = 256 * 1024;
/// Bytes on their way to the disk at which the walk pauses.
const BEHIND: usize = 8 << 20;
/// Bytes on their way at which the save is given up: values that must be written before they change come faster than
/// the disk takes them.
const TOO_FAR: usize = 512 << 20;
/// Bytes after which the system is told to write, so that it does not all come at the end.
const SYNC_BYTES: usize = 4 << 20;

/// How a save goes, for whoever started it.
#[derive(Default)]
pub struct Progress {
    waiting: AtomicUsize,
    broken: AtomicBool,
    /// Keys seen.
    pub keys: AtomicU64,
    /// Bytes in the file.
    pub bytes: AtomicU64,
    outcome: Mutex<Option<Result<(), String>>>,
}

impl Progress {
    /// Whether the disk has much to catch up with.
    pub fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > BEHIND
    }

    /// Whether nothing that is still handed over can help.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<Result<(), String>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&self, outcome: Result<(), String>) {
        self.broken.store(outcome.is_err(), Ordering::Relaxed);
        let mut place = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert(outcome);
    }
}

enum Message {
    Bytes(Vec<u8>),
    End(Vec<u8>),
}

/// The walk's end of a snapshot.
pub struct Snapshot {
    writer: rdb::Writer,
    to: Sender<Message>,
    progress: Arc<Progress>,
}

impl Snapshot {
    /// Begins a file of that name; what `writer` holds is its head.
    pub fn begin(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        writer: rdb::Writer,
    ) -> io::Result<(Self, Arc<Progress>)> {
        let progress = Arc::new(Progress::default());
        let (to, from) = channel();
        let shared = Arc::clone(&progress);
        let run = move || {
            let outcome = take_down(&*disk, &path, &from, &shared);
            if outcome.is_err() {
                // A rest that is not removed is overwritten by the next one.
                let _ = disk.remove(&path);
            }
            shared.end(outcome.map_err(|error| reason(&error)));
        };
        thread::Builder::new().name("dozo-save".into()).spawn(run)?;
        Ok((Snapshot { writer, to, progress: Arc::clone(&progress) }, progress))
    }

    fn hand_over(&mut self) {
        let bytes = std::mem::take(&mut self.writer.out);
        let waiting = self.progress.waiting.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if waiting > TOO_FAR {
            self.progress.end(Err("the disk is slower than the changes of what is saved".into()));
        }
        // The thread ends only after an error, which it has told.
        let _ = self.to.send(Message::Bytes(bytes));
    }
}

impl Saver for Snapshot {
    fn save(&mut self, db: usize, item: Item<'_>) {
        if self.progress.is_broken() {
            return;
        }
        self.writer.item(db, &item);
        self.progress.keys.fetch_add(1, Ordering::Relaxed);
        if self.writer.out.len() >= CHUNK {
            self.hand_over();
        }
    }

    fn fail(&mut self, why: String) {
        self.progress.end(Err(why));
    }

    fn finish(mut self: Box<Self>) {
        self.writer.end();
        let _ = self.to.send(Message::End(std::mem::take(&mut self.writer.out)));
    }
}

/// Writes what comes until the end; an error if none comes.
fn take_down(
    disk: &dyn Disk,
    path: &std::path::Path,
    from: &Receiver<Message>,
    progress: &Progress,
) -> io::Result<()> {
    let mut file = disk.create(path)?;
    let mut sum = 0;
    let mut unsynced = 0;
    loop {
        let message = from.recv().map_err(|_| io::Error::other("the save was given up"))?;
        if progress.is_broken() {
            return Err(io::Error::other("the save was given up"));
        }
        let (bytes, last) = match message {
            Message::Bytes(bytes) => (bytes, false),
            Message::End(bytes) => (bytes, true),
        };
        sum = crc64::update(sum, &bytes);
        write_all(&mut *file, &bytes)?;
        progress.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        unsynced += bytes.len();
        if last {
            return end(&mut *file, sum, progress);
        }
        if unsynced >= SYNC_BYTES {
            file.sync()?;
            unsynced = 0;
        }
        progress.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
}

fn end(file: &mut dyn DiskFile, sum: u64, progress: &Progress) -> io::Result<()> {
    write_all(file, &sum.to_le_bytes())?;
    progress.bytes.fetch_add(8, Ordering::Relaxed);
    file.sync()
}
