//! Loading: files are read in slices, their keys stored and their commands run, while clients are told to wait.
//!
//! Owns what a file does to the data. The clock stands still at the time of the file's snapshot, because the commands
//! after it say themselves what has expired. Refuses to judge a fault: it stops there and tells of it.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;

use dozo_log::rdb::{self, Key, Part};
use dozo_log::value::Restored;
use dozo_log::{Fault, Source, aof};
use dozo_store::{NewValue, Object, Put, Ttl};

use crate::engine::Engine;
use crate::persistence::CAS_FIELD;
use crate::session::Session;
use crate::table::Lookup;

/// Parts read between two looks at the clock.
const PARTS: usize = 64;
/// A string of more bytes is stored at once, so that few of them are in memory twice.
const LARGE: usize = 64 << 10;

/// A file to be loaded.
pub struct LoadFile {
    /// Where it is.
    pub path: PathBuf,
    /// Commands follow that say what has expired: nothing is dropped.
    pub keep_expired: bool,
}

/// What has been loaded so far, and how it ended.
#[derive(Default)]
pub struct Loading {
    files: VecDeque<LoadFile>,
    reading: Option<(LoadFile, Reading)>,
    session: Option<Session>,
    /// Bytes of all files, and of those that were read.
    pub total: u64,
    before: u64,
    /// Keys stored, and keys dropped because their time was over.
    pub keys: u64,
    /// See `keys`.
    pub expired: u64,
    /// Commands run, and those of them that answered an error.
    pub commands: u64,
    /// See `commands`.
    pub failed: u64,
    /// Function libraries.
    pub libraries: u64,
    /// The clock of what is loaded.
    now_ms: Option<i64>,
    /// How it ended, once it has: the file, and where its last whole command ends, of a fault.
    pub outcome: Option<Result<(), (PathBuf, Fault, u64)>>,
}

enum Reading {
    Rdb(rdb::File),
    Aof(aof::File),
    /// Neither yet: the first bytes tell.
    Unknown(Source),
}

impl Loading {
    /// The files, in their order.
    pub fn new(files: Vec<LoadFile>) -> Self {
        let size = |file: &LoadFile| file.path.metadata().map_or(0, |data| data.len());
        let total = files.iter().map(size).sum();
        let now_ms = files.iter().any(|file| file.keep_expired).then_some(0);
        Loading { files: files.into(), total, now_ms, ..Loading::default() }
    }

    /// Bytes read.
    pub fn done(&self) -> u64 {
        let (at, _) = self.reading.as_ref().map_or((0, 0), |(_, reading)| reading.progress());
        self.before + at
    }
}

impl Reading {
    fn progress(&self) -> (u64, u64) {
        match self {
            Reading::Rdb(file) => file.progress(),
            Reading::Aof(file) => file.progress(),
            Reading::Unknown(_) => (0, 0),
        }
    }

    fn good(&self) -> u64 {
        match self {
            Reading::Aof(file) => file.good(),
            _ => 0,
        }
    }
}

fn open(path: &PathBuf) -> Result<Reading, Fault> {
    let failed = |error: std::io::Error| Fault { at: 0, what: dozo_log::disk::reason(&error), torn: false };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok(Reading::Unknown(Source::new(Box::new(file), size)))
}

/// What a slice of a file was.
enum Slice {
    More,
    FileOver,
}

impl Engine {
    /// Begins to load files; until [`Engine::end_loading`] clients get an error.
    pub fn begin_loading(&mut self, files: Vec<LoadFile>) {
        self.persistence.loading = Some(Box::new(Loading::new(files)));
    }

    /// Serves clients again.
    pub fn end_loading(&mut self) -> Option<Box<Loading>> {
        let loading = self.persistence.loading.take();
        self.release_held();
        loading
    }

    /// Loads for that long; true while there is more.
    pub fn load_for(&mut self, ns: u64) -> bool {
        let Some(host) = self.host().filter(|_| !self.attached) else {
            return self.load_attached(ns);
        };
        let mut more = false;
        host.scope(&mut || {
            self.set_attached(true);
            more = self.load_attached(ns);
            self.set_attached(false);
        });
        more
    }

    fn load_attached(&mut self, ns: u64) -> bool {
        let Some(mut loading) = self.persistence.loading.take() else {
            return false;
        };
        let real = self.ks.now();
        let until = self.clock.monotonic_ns() + ns;
        while loading.outcome.is_none() && self.clock.monotonic_ns() < until {
            self.ks.freeze(loading.now_ms);
            self.load_slice(&mut loading, real);
            self.ks.freeze(None);
            self.ks.set_now(real);
            self.store_away();
        }
        let more = loading.outcome.is_none();
        self.persistence.loading = Some(loading);
        more
    }

    fn load_slice(&mut self, loading: &mut Loading, real: i64) {
        if loading.reading.is_none() {
            let Some(file) = loading.files.pop_front() else {
                loading.outcome = Some(Ok(()));
                return;
            };
            match open(&file.path) {
                Ok(reading) => loading.reading = Some((file, reading)),
                Err(fault) => loading.outcome = Some(Err((file.path, fault, 0))),
            }
            return;
        }
        let Some((file, reading)) = loading.reading.take() else {
            return;
        };
        let (reading, outcome) = self.load_parts(loading, file.keep_expired, reading, real);
        match outcome {
            Ok(Slice::More) => loading.reading = Some((file, reading)),
            Ok(Slice::FileOver) => loading.before += reading.progress().1,
            Err(fault) => {
                loading.outcome = Some(Err((file.path, fault, reading.good())));
            }
        }
    }

    fn load_parts(
        &mut self,
        loading: &mut Loading,
        keep_expired: bool,
        reading: Reading,
        real: i64,
    ) -> (Reading, Result<Slice, Fault>) {
        match reading {
            Reading::Unknown(mut source) => match source.is_at_end() {
                Ok(true) => (Reading::Unknown(source), Ok(Slice::FileOver)),
                Ok(false) if matches!(source.ahead()[0], b'*' | b'#') => {
                    (Reading::Aof(aof::File::new(source)), Ok(Slice::More))
                }
                Ok(false) => match rdb::File::open(source) {
                    Ok(file) => (Reading::Rdb(file), Ok(Slice::More)),
                    Err(refused) => (Reading::Unknown(refused.0), Err(refused.1)),
                },
                Err(fault) => (Reading::Unknown(source), Err(fault)),
            },
            Reading::Rdb(file) => self.load_rdb(loading, keep_expired, file, real),
            Reading::Aof(mut file) => {
                let outcome = self.load_aof(loading, &mut file);
                (Reading::Aof(file), outcome)
            }
        }
    }

    fn load_rdb(
        &mut self,
        loading: &mut Loading,
        keep_expired: bool,
        mut file: rdb::File,
        real: i64,
    ) -> (Reading, Result<Slice, Fault>) {
        let packing = self.ks.packing;
        // Read first and stored then, so that the table's places come into the cache meanwhile.
        let mut keys: Vec<Key> = Vec::with_capacity(PARTS);
        for _ in 0..PARTS {
            let part = file.next(&packing);
            if !matches!(part, Ok(Part::Key(_) | Part::Nothing)) {
                self.load_keys(loading, &mut keys, keep_expired, real);
            }
            match part {
                Err(fault) => return (Reading::Rdb(file), Err(fault)),
                Ok(Part::Nothing) => {}
                Ok(Part::Aux(name, value)) => self.load_aux(loading, keep_expired, &name, &value),
                Ok(Part::Function(code)) => {
                    if let Err(what) = self.load_function(loading, &code) {
                        let fault = Fault { at: file.progress().0, what, torn: false };
                        return (Reading::Rdb(file), Err(fault));
                    }
                }
                Ok(Part::Key(key)) => match usize::try_from(key.db) {
                    Ok(db) if db < self.ks.databases() => {
                        self.ks.prefetch(db, self.ks.hash(&key.key));
                        let large = matches!(&key.value, Restored::Str(text) if text.len() > LARGE);
                        keys.push(*key);
                        if large {
                            self.load_keys(loading, &mut keys, keep_expired, real);
                        }
                    }
                    _ => {
                        self.load_keys(loading, &mut keys, keep_expired, real);
                        let what = format!("database {}, while there are {}", key.db, self.ks.databases());
                        let fault = Fault { at: file.progress().0, what, torn: false };
                        return (Reading::Rdb(file), Err(fault));
                    }
                },
                Ok(Part::End) => {
                    // A file may go on with commands, as Redis before 7.0 wrote it.
                    let mut source = file.into_source();
                    return match source.is_at_end() {
                        Ok(false) => (Reading::Aof(aof::File::new(source)), Ok(Slice::More)),
                        Ok(true) => (Reading::Aof(aof::File::new(source)), Ok(Slice::FileOver)),
                        Err(fault) => (Reading::Unknown(source), Err(fault)),
                    };
                }
            }
        }
        self.load_keys(loading, &mut keys, keep_expired, real);
        (Reading::Rdb(file), Ok(Slice::More))
    }

    fn load_keys(&mut self, loading: &mut Loading, keys: &mut Vec<Key>, keep_expired: bool, real: i64) {
        for key in keys.drain(..) {
            if !keep_expired && key.expire_at.is_some_and(|at| at <= real) {
                loading.expired += 1;
            } else {
                loading.keys += 1;
                self.load_key(key);
            }
        }
    }

    fn load_aux(&mut self, loading: &mut Loading, keep_expired: bool, name: &[u8], value: &[u8]) {
        let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
        if name == CAS_FIELD.as_bytes() {
            self.ks.raise_cas(number().unwrap_or(0));
        } else if name == b"ctime" && keep_expired {
            let ms = number().and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000));
            loading.now_ms = ms.or(loading.now_ms);
            self.ks.freeze(loading.now_ms);
        }
    }

    fn load_function(&mut self, loading: &mut Loading, code: &[u8]) -> Result<(), String> {
        let words: [&[u8]; 4] = [b"FUNCTION", b"LOAD", b"REPLACE", code];
        loading.libraries += 1;
        self.run_loaded(loading, &words)?.map_or(Ok(()), |error| Err(format!("a function library: {error}")))
    }

    /// Stores a key, whose database there is.
    fn load_key(&mut self, key: Key) {
        let Key { db, key, value, expire_at, idle, frequency, flags, cas, stale } = key;
        let db = db as usize;
        let ttl = expire_at.map_or(Ttl::Clear, Ttl::At);
        match value {
            Restored::Str(text) => {
                self.ks.put(db, &key, Put { value: NewValue::Bytes(&text), ttl, flags: None });
            }
            // Only a stream may be empty, and it is a value then.
            Restored::Object(object) if object.is_empty() && !matches!(object, Object::Stream(_)) => {}
            Restored::Object(object) => self.ks.put_object(db, &key, object, ttl),
        }
        if flags != 0 || cas != 0 {
            self.ks.set_item(db, &key, flags, cas);
        }
        if stale {
            self.ks.mark(db, &key, dozo_store::Mark::Stale(true));
        }
        if let Some(idle) = idle {
            self.ks.set_clock_idle(db, &key, u32::try_from(idle).unwrap_or(u32::MAX));
        }
        if let Some(frequency) = frequency {
            self.ks.set_freq(db, &key, frequency);
        }
    }

    fn load_aof(&mut self, loading: &mut Loading, file: &mut aof::File) -> Result<Slice, Fault> {
        for _ in 0..PARTS {
            let at = file.good();
            let Some(unit) = file.next_unit()? else {
                return Ok(Slice::FileOver);
            };
            for command in &unit {
                let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
                let failed =
                    self.run_loaded(loading, &words).map_err(|what| Fault { at, what, torn: false })?;
                loading.commands += 1;
                loading.failed += u64::from(failed.is_some());
            }
        }
        Ok(Slice::More)
    }

    /// Runs a command of a file; the error it answered, if it did. A command that is not known is a fault.
    fn run_loaded(&mut self, loading: &mut Loading, words: &[&[u8]]) -> Result<Option<String>, String> {
        let Lookup::Found(row) = self.table.find(words) else {
            return Err(format!("unknown command '{}'", String::from_utf8_lossy(words[0])));
        };
        if !self.table.row(row).accepts(words.len()) {
            return Err(format!("wrong number of arguments for '{}'", self.table.row(row).name));
        }
        let session = loading.session.get_or_insert_with(|| Session::internal(0));
        self.execute(session, row, words, 0);
        let answer =
            session.out.bytes.strip_prefix(b"-").map(|text| String::from_utf8_lossy(text).into_owned());
        session.out.take();
        Ok(answer)
    }
}
