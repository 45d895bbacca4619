//! The engine's part in what is kept on disk: the effects go to the journal, a save is walked on between batches, and
//! replies wait for the medium where that was asked for.
//!
//! Refuses to decide: when something is saved, under which names, and what a failure means, comes from outside.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dozo_log::disk::{Disk, System, reason};
use dozo_log::journal::{Fsync, Journal};
use dozo_log::rdb::{Hint, Writer};
use dozo_log::snapshot::{Progress, Snapshot};

use crate::engine::Engine;
use crate::loading::Loading;

/// How long a save, or a loading, may hold up those who wait, nanoseconds.
const SAVE_SLICE_NS: u64 = 100_000;
/// How long a save waits for a moment in which nobody asks for anything, nanoseconds.
const SAVE_PATIENCE_NS: u64 = 500_000;
/// Slices of a save in a row, between which whoever asks is served.
const SAVE_SLICES: u32 = 2;
/// After them, if somebody has asked for something, a save leaves the processor to others for so long, unless they ask
/// again: to its own thread, which writes, and to the clients on the same machine.
const SAVE_PAUSE: Duration = Duration::from_millis(1);
const LOAD_SLICE_NS: u64 = 5_000_000;
/// Between two looks at a disk that everybody waits for.
const DISK_PAUSE: Duration = Duration::from_micros(200);
/// The auxiliary field with the highest compare-and-swap number given.
pub(crate) const CAS_FIELD: &str = "dozo-cas";

/// What the engine keeps on disk.
pub struct Persistence {
    /// Where files are opened.
    pub disk: Arc<dyn Disk>,
    /// Where effects go.
    pub journal: Option<Journal>,
    /// How the running save goes, or went.
    pub save: Option<Arc<Progress>>,
    /// The error that commands which write get, without its dash.
    pub refusal: Option<String>,
    /// What is being loaded; nothing else is served until somebody ends it.
    pub loading: Option<Box<Loading>>,
    /// When the save's last slice ended, monotonic nanoseconds, and its slices since the last pause.
    save_slice_ns: u64,
    save_slices: u32,
    /// The number of commands at the save's last pause.
    commands_at_pause: u64,
}

impl Default for Persistence {
    fn default() -> Self {
        Persistence {
            disk: Arc::new(System),
            journal: None,
            save: None,
            refusal: None,
            loading: None,
            save_slice_ns: 0,
            save_slices: 0,
            commands_at_pause: 0,
        }
    }
}

impl Engine {
    /// Whether clients are told to come back later.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.persistence.loading.is_some()
    }

    /// Whether a transaction or a script runs, in whose middle no save may begin.
    pub fn is_atomic(&self) -> bool {
        self.atomic > 0
    }

    /// Begins a save of what is stored now into a file of that name; it is walked on by [`Engine::background`].
    pub fn begin_save(&mut self, path: &Path, mut aux: Vec<(String, String)>) -> Result<(), String> {
        if self.ks.is_saving() {
            return Err("a save is in progress".into());
        }
        self.record_notices();
        let policy = self.ks.policy();
        let hint = match policy.name() {
            _ if policy.counts_frequency() => Hint::Frequency,
            name if name.ends_with("-lru") => Hint::Idle,
            _ => Hint::None,
        };
        if self.ks.last_cas() > 0 {
            aux.push((CAS_FIELD.into(), self.ks.last_cas().to_string()));
        }
        let writer = Writer::new(hint, self.ks.now(), &aux, &self.function_sources());
        let disk = Arc::clone(&self.persistence.disk);
        let (snapshot, progress) =
            Snapshot::begin(disk, path.to_owned(), writer).map_err(|error| reason(&error))?;
        self.persistence.save = Some(progress);
        self.ks.begin_save(Box::new(snapshot));
        Ok(())
    }

    /// Gives the running save up.
    pub fn abort_save(&mut self) {
        self.ks.abort_save();
    }

    /// Walks a save on to its end, and waits until it is on the medium.
    pub fn finish_save(&mut self) -> Result<(), String> {
        while self.ks.is_saving() {
            if self.disk_is_behind() {
                std::thread::sleep(DISK_PAUSE);
            } else {
                self.save_some();
            }
        }
        let Some(progress) = self.persistence.save.clone() else {
            return Ok(());
        };
        loop {
            match progress.outcome() {
                Some(outcome) => return outcome,
                None => std::thread::sleep(DISK_PAUSE),
            }
        }
    }

    fn disk_is_behind(&self) -> bool {
        self.persistence.save.as_ref().is_some_and(|progress| progress.is_behind() && !progress.is_broken())
    }

    fn save_some(&mut self) {
        let (_, saver) = self.ks.save_step();
        if let Some(saver) = saver {
            saver.finish();
        }
    }

    /// Goes on with a save or a loading for a moment, a save rather when the loop is idle; while there is more, how long
    /// the loop may sleep before the next one.
    pub fn background(&mut self, idle: bool) -> Option<Duration> {
        if self.is_loading() {
            return self.load_for(LOAD_SLICE_NS).then_some(Duration::ZERO);
        }
        let tending = self.tend_tier();
        self.have_memory_watched();
        if !self.ks.is_saving() {
            return tending;
        }
        if self.persistence.save.as_ref().is_some_and(|progress| progress.is_broken()) {
            self.ks.abort_save();
        }
        let now = self.clock.monotonic_ns();
        if !idle && now.saturating_sub(self.persistence.save_slice_ns) < SAVE_PATIENCE_NS {
            return Some(Duration::ZERO);
        }
        while self.ks.is_saving() && !self.disk_is_behind() {
            self.save_some();
            self.persistence.save_slice_ns = self.clock.monotonic_ns();
            if self.persistence.save_slice_ns > now + SAVE_SLICE_NS {
                break;
            }
        }
        (self.ks.is_saving() && !self.disk_is_behind()).then(|| self.save_pause()).or(tending)
    }

    fn save_pause(&mut self) -> Duration {
        let (commands, own) = (self.stats.commands, &mut self.persistence);
        own.save_slices += 1;
        if own.save_slices < SAVE_SLICES {
            return Duration::ZERO;
        }
        own.save_slices = 0;
        let was = std::mem::replace(&mut own.commands_at_pause, commands);
        if was == commands { Duration::ZERO } else { SAVE_PAUSE }
    }

    /// Sends every effect from now on to a journal that goes on with that file.
    pub fn open_journal(&mut self, path: &Path, fsync: Fsync) -> Result<(), String> {
        let disk = Arc::clone(&self.persistence.disk);
        let journal = Journal::open(disk, path, fsync).map_err(|error| reason(&error))?;
        if let Some(waker) = self.waker.clone() {
            journal.on_durable(Box::new(move || waker()));
        }
        self.persistence.journal = Some(journal);
        self.effects.record_into_journal(true);
        Ok(())
    }

    /// Ends the journal once everything in it is on the medium, or can't be put there.
    pub fn close_journal(&mut self) -> Result<(), String> {
        self.commit();
        self.effects.record_into_journal(false);
        self.persistence.journal.take().map_or(Ok(()), |journal| journal.flush())
    }

    /// Has the journal go on in another file. The new file begins with a SELECT.
    pub fn rotate_journal(&mut self, path: PathBuf) {
        self.commit();
        if let Some(journal) = &mut self.persistence.journal {
            journal.rotate(path);
            self.effects.record_into_journal(true);
        }
    }

    /// Hands what has changed to the journal. What it holds is whole, so this comes after a batch.
    #[inline]
    pub fn commit(&mut self) {
        if let Some(journal) = &mut self.persistence.journal {
            journal.append(self.effects.journal_bytes());
        }
    }

    /// Where the replies of this batch have to wait until [`Engine::durable`] has come, and whether all of them have to
    /// or (while the disk fails) only those of clients that have written.
    #[inline]
    pub fn awaited(&self) -> Option<u64> {
        self.persistence.journal.as_ref().and_then(Journal::awaited)
    }

    /// Bytes of the journal that are on the medium.
    pub fn durable(&self) -> u64 {
        self.persistence.journal.as_ref().map_or(u64::MAX, Journal::durable)
    }

    /// Sets what ends the executor's sleep, from any thread.
    pub fn set_waker(&mut self, waker: Arc<dyn Fn() + Send + Sync>) {
        if let Some(journal) = &self.persistence.journal {
            let waker = Arc::clone(&waker);
            journal.on_durable(Box::new(move || waker()));
        }
        if let Some(readers) = &self.fetching.readers {
            readers.set_wake(Arc::clone(&waker));
        }
        if let Some(disk) = self.ks.tier_disk() {
            disk.set_wake(Arc::clone(&waker));
        }
        self.waker = Some(waker);
    }

    /// Whether a write must be refused, for those who have an error of their own for it.
    #[inline]
    pub(crate) fn refuses_writes(&self) -> bool {
        self.persistence.refusal.is_some()
    }
}
