//! A save sees exactly what was stored when it began, whatever happens meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use dozo_store::{Access, End, Item, Keyspace, List, NewValue, Put, Saver, StoreConfig, Ttl, Value};
use proptest::prelude::*;

type State = BTreeMap<(usize, Vec<u8>), (String, Option<i64>)>;

/// Collects what it is shown; a second sight of a key is a failure.
struct Collector(Arc<Mutex<State>>);

impl Saver for Collector {
    fn save(&mut self, db: usize, item: Item<'_>) {
        let mut state = self.0.lock().unwrap();
        let before = state.insert((db, item.key().to_vec()), (text(&item), item.expire_at()));
        assert!(before.is_none(), "{:?} was seen twice", item.key());
    }

    fn fail(&mut self, why: String) {
        panic!("{why}");
    }

    fn finish(self: Box<Self>) {}
}

fn text(item: &Item<'_>) -> String {
    match item.value() {
        Value::Str(string) => format!("{:?}", string.to_vec()),
        Value::List(list) => format!("{:?}", list.iter().map(|element| element.to_vec()).collect::<Vec<_>>()),
        _ => String::new(),
    }
}

fn state(ks: &Keyspace) -> State {
    let mut state = State::new();
    for db in 0..ks.databases() {
        ks.for_each(db, &mut |head| {
            let item = head.item().unwrap();
            state.insert((db, item.key().to_vec()), (text(&item), item.expire_at()));
        });
    }
    state
}

#[derive(Clone, Debug)]
enum Act {
    Set(usize, u16, u8),
    Number(usize, u16),
    Append(usize, u16),
    Push(usize, u16),
    Remove(usize, u16),
    Expire(usize, u16),
    Rename(usize, u16, u16),
    Move(usize, u16),
    Copy(usize, u16, u16),
    Flush(usize),
    Swap,
    Later,
}

fn acts() -> impl Strategy<Value = Act> {
    let (db, key) = (|| 0..2usize, || 0..600u16);
    prop_oneof![
        6 => (db(), key(), any::<u8>()).prop_map(|(db, key, len)| Act::Set(db, key, len)),
        3 => (db(), key()).prop_map(|(db, key)| Act::Number(db, key)),
        3 => (db(), key()).prop_map(|(db, key)| Act::Append(db, key)),
        3 => (db(), key()).prop_map(|(db, key)| Act::Push(db, key + 600)),
        4 => (db(), key()).prop_map(|(db, key)| Act::Remove(db, key)),
        2 => (db(), key()).prop_map(|(db, key)| Act::Expire(db, key)),
        2 => (db(), key(), key()).prop_map(|(db, key, to)| Act::Rename(db, key, to)),
        1 => (db(), key()).prop_map(|(db, key)| Act::Move(db, key)),
        1 => (db(), key(), key()).prop_map(|(db, key, to)| Act::Copy(db, key, to)),
        1 => Just(Act::Swap),
        1 => Just(Act::Later),
    ]
}

fn name(key: u16) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

fn act(ks: &mut Keyspace, act: &Act) {
    match *act {
        Act::Set(db, key, len) => {
            let value = vec![b'v'; usize::from(len) * 40];
            ks.put(db, &name(key), Put::plain(&value));
        }
        Act::Number(db, key) => ks.set_int(db, &name(key), 7),
        Act::Append(db, key) => {
            if ks.get(db, &name(key), Access::Peek).is_none_or(|item| item.string().is_some()) {
                ks.append(db, &name(key), b"more");
            }
        }
        Act::Push(db, key) => {
            let packing = ks.packing;
            let _ = ks.edit_or_create(db, &name(key), |list: &mut List| {
                list.push(End::Back, b"element", &packing);
                ((), true)
            });
        }
        Act::Remove(db, key) => drop(ks.remove(db, &name(key))),
        Act::Expire(db, key) => {
            let at = ks.now() + i64::from(key);
            ks.set_expire(db, &name(key), Some(at));
        }
        Act::Rename(db, from, to) => drop(ks.rename(db, &name(from), &name(to))),
        Act::Move(db, key) => drop(ks.move_key(db, &name(key), 1 - db)),
        Act::Copy(db, from, to) => drop(ks.copy(db, &name(from), 1 - db, &name(to))),
        Act::Flush(db) => drop(ks.flush(db)),
        Act::Swap => ks.swap(0, 1),
        Act::Later => {
            ks.set_now(ks.now() + 50);
            ks.active_expire(100);
        }
    }
}

fn filled(keys: &[(u16, bool)]) -> Keyspace {
    let mut ks = Keyspace::new(StoreConfig { databases: 2, hash_seed: 3, ..StoreConfig::default() });
    ks.set_now(1_000);
    for (key, timed) in keys {
        let ttl = if *timed { Ttl::At(1_000 + i64::from(*key % 200) + 1) } else { Ttl::Clear };
        let put = Put { value: NewValue::Bytes(b"first"), ttl, flags: None };
        ks.put(usize::from(*key) % 2, &name(*key), put);
    }
    ks
}

/// Runs a save with the acts spread over it; what it saw.
fn save(ks: &mut Keyspace, acts: &[Act]) -> State {
    let seen = Arc::new(Mutex::new(State::new()));
    assert!(ks.begin_save(Box::new(Collector(Arc::clone(&seen)))));
    assert!(!ks.begin_save(Box::new(Collector(Arc::clone(&seen)))), "only one at a time");
    let mut acts = acts.iter();
    loop {
        for next in acts.by_ref().take(7) {
            act(ks, next);
        }
        if let (true, saver) = ks.save_step() {
            assert!(saver.is_some());
            break;
        }
    }
    acts.for_each(|next| act(ks, next));
    let seen = seen.lock().unwrap();
    seen.clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_save_is_of_one_moment(
        keys in prop::collection::vec((0..600u16, prop::bool::weighted(0.2)), 0..900),
        rounds in prop::collection::vec(prop::collection::vec(acts(), 0..300), 1..4),
        flush in prop::option::of((0..300usize, 0..2usize)),
    ) {
        let mut ks = filled(&keys);
        for mut acts in rounds {
            if let Some((at, db)) = flush {
                acts.insert(at.min(acts.len()), Act::Flush(db));
            }
            let before = state(&ks);
            let mut seen = save(&mut ks, &acts);
            // What had expired and was not removed yet may be shown; a file's reader drops it.
            seen.retain(|key, (_, at)| before.contains_key(key) || at.is_none());
            prop_assert_eq!(seen, before);
        }
    }
}

#[test]
fn a_save_given_up_leaves_room_for_the_next() {
    let keys: Vec<(u16, bool)> = (0..600).map(|key| (key, false)).collect();
    let mut ks = filled(&keys);
    assert!(ks.begin_save(Box::new(Collector(Arc::default()))));
    ks.save_step();
    ks.abort_save();
    let mut steps = 0;
    while let (false, _) = ks.save_step() {
        steps += 1;
        assert!(steps < 10_000);
    }
    assert!(!ks.is_saving());
    let before = state(&ks);
    assert_eq!(save(&mut ks, &[]), before);
}
