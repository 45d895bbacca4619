//! What the tests of the tier share: directories, random changes, and a look at everything.
#![allow(dead_code)]

use std::path::PathBuf;

use dozo_log::value::dump;
use dozo_store::{
    Access, End, Hash, Keyspace, List, PolicyKind, Put, Random, Set, StoreConfig, Stream, Ttl, Zset,
};

/// A directory that is removed with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dozo-tier-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect()
    }

    pub fn bytes(&self) -> u64 {
        // The tier's thread may remove a file between the two looks.
        self.files().iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub const NOW: i64 = 1_700_000_000_000;

pub fn store(maxmemory: u64, policy: PolicyKind) -> Keyspace {
    let mut ks = Keyspace::new(StoreConfig { maxmemory, policy, hash_seed: 7, ..StoreConfig::default() });
    ks.set_now(NOW);
    ks
}

pub fn payload(
    ks: &mut Keyspace,
    db: usize,
    key: &[u8],
) -> Option<(Vec<u8>, &'static str, Option<i64>, u32)> {
    let item = ks.get(db, key, Access::Peek)?;
    Some((dump(item.value()), item.encoding(), item.expire_at(), item.flags()))
}

/// One random change, the same in both keyspaces.
pub fn change(ks: &mut Keyspace, seed: u64) {
    let mut random = Random::new(seed);
    let db = random.below(2);
    let key = format!("key:{}", random.below(40)).into_bytes();
    let packing = ks.packing;
    let word = format!("{:x}", random.next()).repeat(1 + random.below(40)).into_bytes();
    match random.below(22) {
        0..4 => _ = ks.put(db, &key, Put { ttl: Ttl::Keep, ..Put::plain(&word) }),
        4 => {
            ks.remove(db, &key);
            ks.set_int(db, &key, random.below(1000) as i64);
        }
        5 if is_string(ks, db, &key) => _ = ks.append(db, &key, &word),
        6 if is_string(ks, db, &key) => _ = ks.set_range(db, &key, random.below(300), &word),
        7 if is_string(ks, db, &key) => _ = ks.prepend(db, &key, &word),
        8..10 => drop(ks.edit_or_create(db, &key, |hash: &mut Hash| {
            (0..1 + seed % 9).for_each(|n| _ = hash.set(format!("{n}").as_bytes(), &word, &packing));
            ((), true)
        })),
        10..12 => drop(ks.edit_or_create(db, &key, |list: &mut List| {
            list.push(End::Back, &word, &packing);
            ((), true)
        })),
        12 => drop(ks.edit_or_create(db, &key, |set: &mut Set| {
            (0..seed % 300).for_each(|n| _ = set.add(format!("{n}").as_bytes(), &packing));
            ((), true)
        })),
        13 => drop(ks.edit_or_create(db, &key, |zset: &mut Zset| {
            zset.add(&word[..word.len().min(20)], seed as f64, &packing);
            ((), true)
        })),
        14 => drop(ks.edit_or_create(db, &key, |stream: &mut Stream| {
            let next = stream.len() + 1;
            let id = dozo_store::collections::stream::Id::new(next.max(stream.counters().last_id.ms + 1), 0);
            stream.append(id, &[b"field", &word], &packing);
            ((), true)
        })),
        15 => _ = ks.remove(db, &key),
        16 => _ = ks.set_expire(db, &key, Some(NOW + 1_000_000 + random.below(1000) as i64)),
        17 => ks.set_flags(db, &key, random.below(9) as u32),
        18 => _ = ks.rename(db, &key, format!("key:{}", random.below(40)).as_bytes()),
        19 => _ = ks.move_key(db, &key, 1 - db),
        20 => _ = ks.copy(db, &key, 1 - db, format!("key:{}", random.below(40)).as_bytes()),
        _ if seed.is_multiple_of(50) => _ = ks.flush(db),
        _ if seed.is_multiple_of(7) => ks.swap(0, 1),
        _ => {}
    }
}

pub fn is_string(ks: &mut Keyspace, db: usize, key: &[u8]) -> bool {
    ks.head(db, key, Access::Peek).is_none_or(|head| head.string_len().is_some())
}

pub fn compare(plain: &mut Keyspace, ks: &mut Keyspace) {
    for db in 0..2 {
        assert_eq!(plain.len(db), ks.len(db));
        for number in 0..40 {
            let key = format!("key:{number}").into_bytes();
            assert_eq!(payload(plain, db, &key), payload(ks, db, &key), "{db} {number}");
        }
    }
}
