//! Random sequences of operations give what a plain map gives, at every step, with time driven by the test.

#![allow(clippy::expect_used)]

use dozo_store::{Access, Item, Keyspace, Mark, NewValue, Put, Reason, StoreConfig, Ttl};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DATABASES: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    value: Vec<u8>,
    expire_at: Option<i64>,
    flags: u32,
    cas: Option<u64>,
}

type Database = BTreeMap<Vec<u8>, Entry>;

#[derive(Clone, Debug)]
enum Op {
    Put { db: usize, key: usize, value: Vec<u8>, ttl: i64, flags: Option<u32> },
    PutInt { db: usize, key: usize, value: i64 },
    Get { db: usize, key: usize },
    Remove { db: usize, key: usize },
    Append { db: usize, key: usize, data: Vec<u8>, front: bool },
    SetRange { db: usize, key: usize, offset: usize, data: Vec<u8> },
    SetInt { db: usize, key: usize, value: i64 },
    Expire { db: usize, key: usize, after: Option<i64> },
    Flags { db: usize, key: usize, flags: u32 },
    Cas { db: usize, key: usize },
    Rename { db: usize, from: usize, to: usize },
    Move { db: usize, key: usize, to: usize },
    Copy { db: usize, from: usize, to_db: usize, to: usize },
    Swap { a: usize, b: usize },
    Flush { db: usize },
    FreeStep,
    ActiveExpire { max: usize },
    Advance { ms: i64 },
    Mark { db: usize, key: usize },
}

fn key_name(key: usize) -> Vec<u8> {
    match key % 12 {
        0 => Vec::new(),
        1 => vec![b'k'; 300],
        2 => vec![b'k'; 255],
        n => format!("key:{n}:{key}").into_bytes(),
    }
}

fn value_strategy() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..80),
        2 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        1 => (-20i64..300).prop_map(|n| n.to_string().into_bytes()),
        1 => proptest::sample::select(vec![
            &b"-0"[..], b"00", b"01", b"+1", b"-", b"9223372036854775808", b"-9223372036854775808", b" 1", b"1 ",
        ]).prop_map(<[u8]>::to_vec),
        2 => (0usize..6000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        1 => (240usize..270, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        1 => (4080usize..4110, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn op_strategy() -> impl Strategy<Value = Op> {
    let db = 0..DATABASES;
    let key = 0usize..14;
    prop_oneof![
        8 => (db.clone(), key.clone(), value_strategy(), -1i64..200, proptest::option::of(0u32..3))
            .prop_map(|(db, key, value, ttl, flags)| Op::Put { db, key, value, ttl, flags }),
        2 => (db.clone(), key.clone(), any::<i64>()).prop_map(|(db, key, value)| Op::PutInt { db, key, value }),
        4 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Get { db, key }),
        3 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Remove { db, key }),
        6 => (db.clone(), key.clone(), value_strategy(), any::<bool>())
            .prop_map(|(db, key, data, front)| Op::Append { db, key, data, front }),
        4 => (db.clone(), key.clone(), 0usize..5000, value_strategy())
            .prop_map(|(db, key, offset, data)| Op::SetRange { db, key, offset, data }),
        3 => (db.clone(), key.clone(), any::<i64>()).prop_map(|(db, key, value)| Op::SetInt { db, key, value }),
        4 => (db.clone(), key.clone(), proptest::option::of(-10i64..200))
            .prop_map(|(db, key, after)| Op::Expire { db, key, after }),
        2 => (db.clone(), key.clone(), 0u32..3).prop_map(|(db, key, flags)| Op::Flags { db, key, flags }),
        3 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Cas { db, key }),
        3 => (db.clone(), key.clone(), key.clone()).prop_map(|(db, from, to)| Op::Rename { db, from, to }),
        3 => (db.clone(), key.clone(), db.clone()).prop_map(|(db, key, to)| Op::Move { db, key, to }),
        3 => (db.clone(), key.clone(), db.clone(), key.clone())
            .prop_map(|(db, from, to_db, to)| Op::Copy { db, from, to_db, to }),
        1 => (db.clone(), db.clone()).prop_map(|(a, b)| Op::Swap { a, b }),
        1 => db.clone().prop_map(|db| Op::Flush { db }),
        1 => Just(Op::FreeStep),
        2 => (0usize..40).prop_map(|max| Op::ActiveExpire { max }),
        3 => (0i64..60).prop_map(|ms| Op::Advance { ms }),
        1 => (db, key).prop_map(|(db, key)| Op::Mark { db, key }),
    ]
}

struct Pair {
    store: Keyspace,
    model: Vec<Database>,
    now: i64,
    cas_seen: Vec<u64>,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let config = StoreConfig { databases: DATABASES, hash_seed: seed, ..StoreConfig::default() };
        let mut store = Keyspace::new(config);
        store.set_now(1000);
        Pair { store, model: vec![Database::new(); DATABASES], now: 1000, cas_seen: Vec::new() }
    }

    fn live(&mut self, db: usize, key: &[u8]) -> Option<&mut Entry> {
        let now = self.now;
        self.model[db].get_mut(key).filter(|entry| entry.expire_at.is_none_or(|at| at > now))
    }

    fn take(&mut self, db: usize, key: &[u8]) -> Option<Entry> {
        let found = self.live(db, key).cloned();
        self.model[db].remove(key);
        found
    }

    fn change(&mut self, db: usize, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> usize {
        let mut entry =
            self.take(db, key).unwrap_or(Entry { value: vec![], expire_at: None, flags: 0, cas: None });
        change(&mut entry.value);
        entry.cas = None;
        let len = entry.value.len();
        self.model[db].insert(key.to_vec(), entry);
        len
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Put { db, key, value, ttl, flags } => {
                let key = key_name(key);
                let old = self.take(db, &key);
                let (ttl, expire_at) = match ttl {
                    -1 => (Ttl::Keep, old.as_ref().and_then(|old| old.expire_at)),
                    0..100 => (Ttl::Clear, None),
                    after => (Ttl::At(self.now + after), Some(self.now + after)),
                };
                let new = NewValue::Bytes(&value);
                let outcome = self.store.put(db, &key, Put { value: new, ttl, flags });
                assert_eq!(outcome.replaced, old.is_some());
                self.model[db].insert(key, Entry { value, expire_at, flags: flags.unwrap_or(0), cas: None });
            }
            Op::PutInt { db, key, value } => {
                let key = key_name(key);
                self.store.put(db, &key, Put { value: NewValue::Int(value), ttl: Ttl::Clear, flags: None });
                let value = value.to_string().into_bytes();
                self.model[db].insert(key, Entry { value, expire_at: None, flags: 0, cas: None });
            }
            Op::Get { db, key } => {
                let key = key_name(key);
                let expected = self.live(db, &key).cloned();
                let found = self.store.get(db, &key, Access::Read);
                assert_eq!(found.is_some(), expected.is_some());
                if let (Some(item), Some(entry)) = (found, expected) {
                    check_item(&item, &key, &entry);
                }
            }
            Op::Remove { db, key } => {
                let key = key_name(key);
                let expected = self.take(db, &key).is_some();
                assert_eq!(self.store.remove(db, &key), expected);
            }
            Op::Append { db, key, data, front } => {
                let key = key_name(key);
                let len = if front {
                    self.store.prepend(db, &key, &data)
                } else {
                    self.store.append(db, &key, &data)
                };
                let expected = self.change(db, &key, |value| {
                    let at = if front { 0 } else { value.len() };
                    value.splice(at..at, data);
                });
                assert_eq!(len, expected);
            }
            Op::SetRange { db, key, offset, data } => {
                let key = key_name(key);
                let len = self.store.set_range(db, &key, offset, &data);
                if data.is_empty() {
                    assert_eq!(len, self.live(db, &key).map_or(0, |entry| entry.value.len()));
                    return;
                }
                let expected = self.change(db, &key, |value| {
                    let end = offset + data.len();
                    value.resize(value.len().max(end), 0);
                    value[offset..end].copy_from_slice(&data);
                });
                assert_eq!(len, expected);
            }
            Op::SetInt { db, key, value } => {
                let key = key_name(key);
                self.store.set_int(db, &key, value);
                self.change(db, &key, |bytes| *bytes = value.to_string().into_bytes());
            }
            Op::Expire { db, key, after } => {
                let key = key_name(key);
                let at = after.map(|after| self.now + after);
                let done = self.store.set_expire(db, &key, at);
                let entry = self.live(db, &key);
                assert_eq!(done, entry.is_some());
                if let Some(entry) = entry {
                    entry.expire_at = at;
                }
            }
            Op::Flags { db, key, flags } => {
                let key = key_name(key);
                self.store.set_flags(db, &key, flags);
                if let Some(entry) = self.live(db, &key) {
                    entry.flags = flags;
                }
            }
            Op::Cas { db, key } => self.check_cas(db, &key_name(key)),
            Op::Rename { db, from, to } => {
                let (from, to) = (key_name(from), key_name(to));
                let entry = self.live(db, &from).cloned();
                assert_eq!(self.store.rename(db, &from, &to), entry.is_some());
                if let Some(entry) = entry.filter(|_| from != to) {
                    self.model[db].remove(&from);
                    self.model[db].insert(to, Entry { cas: None, ..entry });
                }
            }
            Op::Move { db, key, to } => {
                let key = key_name(key);
                let possible = db != to && self.live(to, &key).is_none() && self.live(db, &key).is_some();
                assert_eq!(self.store.move_key(db, &key, to), possible);
                if possible && let Some(entry) = self.take(db, &key) {
                    self.model[to].insert(key, entry);
                }
            }
            Op::Copy { db, from, to_db, to } => {
                let (from, to) = (key_name(from), key_name(to));
                let entry = self.live(db, &from).cloned();
                assert_eq!(self.store.copy(db, &from, to_db, &to), entry.is_some());
                if let Some(entry) = entry.filter(|_| (db, &from) != (to_db, &to)) {
                    self.model[to_db].insert(to, Entry { cas: None, ..entry });
                }
            }
            Op::Swap { a, b } => {
                self.store.swap(a, b);
                self.model.swap(a, b);
            }
            Op::Flush { db } => {
                self.store.flush(db);
                self.model[db].clear();
            }
            Op::FreeStep => drop(self.store.free_step(5)),
            Op::ActiveExpire { max } => drop(self.store.active_expire(max)),
            Op::Advance { ms } => {
                self.now += ms;
                self.store.set_now(self.now);
            }
            Op::Mark { db, key } => self.check_marks(db, &key_name(key)),
        }
    }

    fn check_cas(&mut self, db: usize, key: &[u8]) {
        let cas = self.store.tell_cas(db, key).map(|(cas, _)| cas);
        let known = self.live(db, key).map(|entry| entry.cas);
        assert_eq!(cas.is_some(), known.is_some());
        match (cas, known) {
            (Some(cas), Some(Some(known))) => assert_eq!(cas, known),
            (Some(cas), _) => {
                assert!(!self.cas_seen.contains(&cas), "a new value has a new number");
                self.cas_seen.push(cas);
                if let Some(entry) = self.live(db, key) {
                    entry.cas = Some(cas);
                }
            }
            _ => {}
        }
    }

    fn check_marks(&mut self, db: usize, key: &[u8]) {
        self.store.mark(db, key, Mark::Stale(true));
        self.store.mark(db, key, Mark::Won(true));
        self.store.mark(db, key, Mark::Won(false));
        self.store.mark(db, key, Mark::Fetched(true));
        if let Some(item) = self.store.get(db, key, Access::Peek) {
            assert_eq!((item.stale(), item.won(), item.fetched()), (true, false, true));
        }
    }

    /// Compares everything there is.
    fn check(&mut self) {
        for removed in self.store.take_notices() {
            assert_eq!(removed.reason, Reason::Expired);
        }
        for db in 0..DATABASES {
            let now = self.now;
            let live: Database = self.model[db]
                .clone()
                .into_iter()
                .filter(|(_, e)| e.expire_at.is_none_or(|at| at > now))
                .collect();
            let mut seen = 0;
            self.store.for_each(db, &mut |head| {
                let item = head.item().expect("all values are in memory");
                seen += 1;
                check_item(&item, item.key(), &live[item.key()]);
            });
            assert_eq!(seen, live.len());
            let volatile = live.values().filter(|entry| entry.expire_at.is_some()).count();
            let dead = self.store.len(db) - live.len();
            assert_eq!(self.store.volatile_len(db), volatile + dead);
        }
    }
}

fn check_item(item: &Item<'_>, key: &[u8], entry: &Entry) {
    assert_eq!(item.key(), key);
    let string = item.string().expect("only strings exist");
    assert_eq!(string.to_vec(), entry.value);
    assert_eq!(string.len(), entry.value.len());
    let spelled = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse::<i64>().ok());
    let canonical = spelled.filter(|n| n.to_string().as_bytes() == entry.value);
    assert_eq!(string.to_i64(), canonical);
    assert_eq!(item.expire_at(), entry.expire_at);
    assert_eq!(item.flags(), entry.flags);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 300 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_keyspace_is_a_map(
        seed in any::<u64>(),
        ops in proptest::collection::vec(op_strategy(), 1..if cfg!(miri) { 60 } else { 300 }),
    ) {
        let mut pair = Pair::new(seed);
        let empty = pair.store.used_memory();
        for op in ops {
            pair.apply(op);
            pair.check();
        }
        pair.store.flush_all();
        while pair.store.free_step(100) {}
        prop_assert_eq!(pair.store.used_memory(), empty);
    }
}
