//! Commands whose values lie on disk wait for them, and others go on.
//!
//! Before a command runs, the values of its keys that are on disk only are asked of the readers' threads. Its request
//! stays where it is, unconsumed, and its client is fed nothing meanwhile, as under CLIENT PAUSE; so replies keep their
//! order. Once the bytes are there the request is fed again: they are put in their places, and it runs at once, before
//! anything can take them away. Which words of a request are keys says its command's declaration. What nobody could foresee -
//! a key that a script makes up, a member that points to a key - the keyspace reads itself when it comes to it.
//!
//! Owns who waits for what. Refuses to know how values lie on disk.

use std::collections::{HashMap, VecDeque};

use dozo_log::tier::Readers;
use dozo_store::tier::{Located, Place, Stored};

use crate::engine::Engine;
use crate::session::{Session, SessionId};

/// Keys whose values one request waits for; the others it reads itself.
const KEYS: usize = 1024;
/// Bytes that are on their way for all clients; whoever needs more waits before they are asked for.
const BYTES: usize = 64 << 20;
/// The part of the limit of memory that these are, at most.
const BYTES_PART: u64 = 16;

/// A value on disk: database, key and place.
type Cold = (usize, Box<[u8]>, Place);

/// What a session waits for, or has been brought.
#[derive(Default)]
pub(crate) struct Fetch {
    left: usize,
    bytes: usize,
    got: Vec<(Cold, Stored)>,
}

/// A record on its way.
struct Wanted {
    sid: SessionId,
    client: u64,
    db: usize,
    key: Box<[u8]>,
    place: Place,
}

/// Everybody who waits for the disk.
#[derive(Default)]
pub(crate) struct Fetching {
    pub readers: Option<Readers>,
    wanted: HashMap<u64, Wanted>,
    /// Bytes that are on their way, or wait for their command.
    bytes: usize,
    /// Who has to wait before anything is asked for.
    crowd: VecDeque<(SessionId, u64)>,
}

impl Engine {
    /// Whether a request has to wait for values on disk. What was brought for it is put in its place.
    #[inline]
    pub(crate) fn must_fetch(&mut self, session: &mut Session, row: u32, args: &[&[u8]]) -> bool {
        if self.fetching.readers.is_none() || session.id == 0 {
            return false;
        }
        self.must_fetch_for(session, row, args)
    }

    #[cold]
    fn must_fetch_for(&mut self, session: &mut Session, row: u32, args: &[&[u8]]) -> bool {
        if self.put_in_place(session) {
            return false;
        }
        let mut cold = Vec::new();
        match session.transaction.take() {
            Some(transaction) if self.table.row(row).name != "exec" => {
                session.transaction = Some(transaction);
                return false;
            }
            Some(transaction) => {
                transaction.each(|row, args| self.cold_keys(session.db, row, args, &mut cold));
                session.transaction = Some(transaction);
            }
            None => self.cold_keys(session.db, row, args, &mut cold),
        }
        self.ask_for(session, cold)
    }

    /// The same for keys of memcached's database.
    pub(crate) fn must_fetch_keys<'k>(
        &mut self,
        session: &mut Session,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> bool {
        if self.fetching.readers.is_none() || self.put_in_place(session) {
            return false;
        }
        let mut cold = Vec::new();
        for key in keys.take(KEYS) {
            cold.extend(self.ks.cold_place(0, key).map(|place| (0, key.into(), place)));
        }
        self.ask_for(session, cold)
    }

    fn cold_keys(&self, db: usize, row: u32, args: &[&[u8]], to: &mut Vec<Cold>) {
        let command = self.table.row(row);
        if command.name == "set" && !set_reads(args) {
            return;
        }
        let keys = command.fetched.iter().flat_map(|places| places.of(args)).take(KEYS);
        for key in keys {
            to.extend(self.ks.cold_place(db, key).map(|place| (db, Box::from(*key), place)));
        }
    }

    /// Gives the keyspace what was brought for a session; whether it had waited at all.
    fn put_in_place(&mut self, session: &mut Session) -> bool {
        let Some(fetch) = session.fetch.take() else { return false };
        self.fetching.bytes -= fetch.bytes;
        for ((db, key, place), stored) in fetch.got {
            self.ks.supply(db, &key, place, stored);
        }
        self.admit_crowd();
        true
    }

    /// Has the readers bring values; whether the session has to wait for them.
    fn ask_for(&mut self, session: &mut Session, cold: Vec<Cold>) -> bool {
        let bytes = cold.iter().map(|(_, _, place)| place.len as usize).sum::<usize>();
        if cold.is_empty() {
            return false;
        }
        if self.fetching.bytes > 0 && self.fetching.bytes + bytes > self.most_fetched() {
            self.fetching.crowd.push_back((session.sid, session.id));
            return true;
        }
        let mut fetch = Fetch { bytes, ..Fetch::default() };
        for (db, key, place) in cold {
            match self.ks.locate(db, &key, place) {
                None => {}
                Some(Located::Here(stored)) => fetch.got.push(((db, key, place), stored)),
                Some(Located::There(job)) => {
                    let Some(readers) = &self.fetching.readers else { continue };
                    let wanted = Wanted { sid: session.sid, client: session.id, db, key, place };
                    self.fetching.wanted.insert(readers.read(job), wanted);
                    fetch.left += 1;
                }
            }
        }
        self.fetching.bytes += fetch.bytes;
        let waits = fetch.left > 0;
        session.fetch = Some(Box::new(fetch));
        if !waits {
            self.put_in_place(session);
        }
        waits
    }

    /// Bytes that may be on their way.
    fn most_fetched(&self) -> usize {
        match self.ks.maxmemory() {
            0 => BYTES,
            most => BYTES.min(usize::try_from(most / BYTES_PART).unwrap_or(BYTES)),
        }
    }

    /// Takes what the readers have brought; whether somebody has everything and goes on.
    pub fn collect_fetched(&mut self) -> bool {
        let mut complete = self.release_streams();
        let Some(readers) = &self.fetching.readers else { return complete };
        for (ticket, stored) in readers.take_done() {
            let Some(wanted) = self.fetching.wanted.remove(&ticket) else {
                if self.warming.is_flying(ticket) {
                    self.take_warm(ticket, stored);
                } else {
                    complete |= self.take_part(ticket, stored.map(|part| part.bytes));
                }
                continue;
            };
            let session = self.session_mut(wanted.sid).filter(|session| session.id == wanted.client);
            let Some(fetch) = session.and_then(|session| session.fetch.as_mut()) else { continue };
            if let Some(stored) = stored {
                fetch.got.push(((wanted.db, wanted.key, wanted.place), stored));
            }
            fetch.left -= 1;
            if fetch.left == 0 {
                complete = true;
                self.resume_later(wanted.sid);
            }
        }
        complete
    }

    /// Lets those ask who had to wait before they could.
    fn admit_crowd(&mut self) {
        if self.fetching.bytes > self.most_fetched() / 2 {
            return;
        }
        while let Some((sid, client)) = self.fetching.crowd.pop_front() {
            if self.session_mut(sid).is_some_and(|session| session.id == client) {
                self.resume_later(sid);
            }
        }
    }

    /// A client has left: nobody takes what is brought for it.
    pub(crate) fn forget_fetch(&mut self, session: &mut Session) {
        if let Some(fetch) = session.fetch.take() {
            self.fetching.bytes -= fetch.bytes;
            self.admit_crowd();
        }
    }
}

/// Whether a SET asks for the old value.
fn set_reads(args: &[&[u8]]) -> bool {
    let asks = |word: &&[u8]| word.eq_ignore_ascii_case(b"GET") || word.eq_ignore_ascii_case(b"IFEQ");
    args.iter().skip(3).any(asks)
}
