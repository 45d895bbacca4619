//! A start on what a tier has left: how things stood comes back, and nothing that was over.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "common/tiers.rs"]
mod tiers;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dozo_log::disk::System;
use dozo_log::tier::{Compression, DiskTier, Options, Recovered, Warmth};
use dozo_store::tier::Rules;
use dozo_store::{Access, Keyspace, PolicyKind, Put, Random, Ttl};
use tiers::{Folder, NOW, change, compare, payload, store};

fn options(dir: &Path, limit: u64) -> Options {
    let compression = Compression { threshold: 256 };
    Options { dir: dir.to_owned(), limit, buffer: 1 << 20, compression, syncs: false }
}

fn start_at(dir: &Path, limit: u64, now: i64) -> (Keyspace, Recovered) {
    let mut ks = store(0, PolicyKind::NoEviction);
    ks.set_now(now);
    let warmth = Warmth::default();
    let (tier, found) = DiskTier::recover(Arc::new(System), options(dir, limit), &mut ks, &warmth).unwrap();
    ks.set_revived_tier(Box::new(tier), Rules { least: 0, ..Rules::default() });
    (ks, found)
}

fn start(dir: &Path) -> (Keyspace, Recovered) {
    start_at(dir, 64 << 20, NOW)
}

fn flush(ks: &mut Keyspace) {
    ks.cool_all();
    while ks.free_step(1000) {}
    ks.tier_disk().unwrap().flush().unwrap();
}

fn get(ks: &mut Keyspace, key: &[u8]) -> Option<Vec<u8>> {
    ks.get(0, key, Access::Read).map(|item| item.string().unwrap().to_vec())
}

fn put(ks: &mut Keyspace, key: &[u8], value: &[u8]) {
    ks.put(0, key, Put::plain(value));
}

#[test]
fn everything_that_is_cold_comes_back() {
    let folder = Folder::new("restart-model");
    let mut plain = store(0, PolicyKind::NoEviction);
    let (mut ks, found) = start(&folder.0);
    assert_eq!(found, Recovered::default());
    let mut random = Random::new(23);
    for round in 0..60 {
        for _ in 0..100 {
            let seed = random.next();
            change(&mut plain, seed);
            change(&mut ks, seed);
            if seed.is_multiple_of(3) {
                ks.cool_all();
            }
            if seed.is_multiple_of(11) {
                ks.tier_disk().unwrap().tick();
            }
        }
        while plain.free_step(1000) {}
        flush(&mut ks);
        drop(ks);
        let found;
        (ks, found) = start(&folder.0);
        assert_eq!(found.keys as usize, plain.len(0) + plain.len(1), "{round}");
        assert_eq!((found.mended, found.given_up), (0, 0));
        compare(&mut plain, &mut ks);
        let (figures, stats, ..) = ks.tier_state().unwrap();
        assert_eq!((figures.damaged, stats.lost), (0, 0));
        assert_eq!(figures.bytes, folder.bytes(), "what is counted is there");
    }
}

#[test]
fn sweeps_carry_what_has_changed() {
    let folder = Folder::new("restart-sweeps");
    let limit = 2 << 20;
    let (mut ks, _) = start_at(&folder.0, limit, NOW);
    let mut random = Random::new(3);
    let mut model = vec![None; 300];
    for step in 0..12_000u64 {
        let at = random.below(300);
        let key = format!("{at}").into_bytes();
        match random.below(8) {
            0 => {
                ks.remove(0, &key);
                model[at] = None;
            }
            1 => {
                let expiry = NOW + 1_000_000 + step as i64;
                if ks.set_expire(0, &key, Some(expiry)) {
                    model[at] = model[at].map(|(version, _)| (version, Some(expiry)));
                }
            }
            _ => {
                ks.put(0, &key, Put::plain(&value(at, step)));
                model[at] = Some((step, None));
            }
        }
        ks.cool_all();
        while ks.sweep_some() {}
        assert!(ks.tier_state().unwrap().0.bytes <= limit);
        if step % 1500 == 1499 {
            flush(&mut ks);
            drop(ks);
            ks = start_at(&folder.0, limit, NOW).0;
            for (at, expected) in model.iter_mut().enumerate() {
                let key = format!("{at}").into_bytes();
                let found = payload(&mut ks, 0, &key).is_some().then(|| get(&mut ks, &key).unwrap());
                if let Some(found) = found {
                    let (version, expiry) = expected.expect("a key that was deleted stays away");
                    assert_eq!(found, value(at, version), "{at}");
                    assert_eq!(ks.head(0, &key, Access::Peek).unwrap().expire_at(), expiry, "{at}");
                } else {
                    *expected = None;
                }
            }
            assert!(model.iter().flatten().count() > 200, "most values are kept");
        }
    }
    assert!(folder.bytes() <= limit);
}

fn value(at: usize, version: u64) -> Vec<u8> {
    let mut random = Random::new(at as u64 * 100_000 + version);
    (0..100 + at % 200).flat_map(|_| random.next().to_le_bytes()).collect()
}

/// A key and the values that it had, oldest first; `None` where it was gone.
type History = (&'static [u8], Vec<Option<Vec<u8>>>);

/// A small log with a bit of everything, and what may be found of it.
fn small_log(dir: &Path) -> Vec<History> {
    let (mut ks, _) = start(dir);
    let word = |text: &str| text.repeat(2).into_bytes();
    for key in [b"deleted".as_slice(), b"changed", b"timed", b"old", b"over", b"stays"] {
        put(&mut ks, key, &word("first"));
    }
    ks.cool_all();
    ks.tier_disk().unwrap().tick();
    ks.remove(0, b"deleted");
    put(&mut ks, b"changed", &word("second"));
    ks.set_expire(0, b"timed", Some(NOW + 1000));
    ks.rename(0, b"old", b"new");
    ks.set_expire(0, b"over", Some(NOW + 10));
    ks.cool_all();
    ks.tier_disk().unwrap().tick();
    put(&mut ks, b"deleted", &word("third"));
    ks.cool_all();
    ks.tier_disk().unwrap().tick();
    ks.remove(0, b"deleted");
    put(&mut ks, b"last", &word("last"));
    flush(&mut ks);
    let (first, second) = (Some(word("first")), Some(word("second")));
    vec![
        (b"deleted", vec![first.clone(), None, Some(word("third")), None]),
        (b"changed", vec![first.clone(), second]),
        (b"timed", vec![first.clone()]),
        (b"old", vec![first.clone(), None]),
        (b"new", vec![None, first.clone()]),
        (b"over", vec![first.clone(), None]),
        (b"stays", vec![first]),
        (b"last", vec![None, Some(word("last"))]),
    ]
}

fn copy(from: &Path, to: &Folder) {
    for file in to.files() {
        std::fs::remove_file(file).unwrap();
    }
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.0.join(file.file_name())).unwrap();
    }
}

fn of_first(folder: &Folder, ending: &str) -> PathBuf {
    folder.0.join(format!("tier-00000001.{ending}"))
}

#[test]
fn a_log_that_breaks_off_is_how_things_stood_once() {
    let (folder, cut) = (Folder::new("restart-cut"), Folder::new("restart-cut-copy"));
    let history = small_log(&folder.0);
    let whole = std::fs::read(of_first(&folder, "data")).unwrap();
    for with_index in [false, true] {
        // What each key was when the log was shorter; it only goes forth.
        let mut reached = vec![0; history.len()];
        for end in 0..=whole.len() {
            copy(&folder.0, &cut);
            std::fs::write(of_first(&cut, "data"), &whole[..end]).unwrap();
            if !with_index {
                std::fs::remove_file(of_first(&cut, "keys")).unwrap();
            }
            let (mut ks, _) = start_at(&cut.0, 64 << 20, NOW + 20);
            for ((key, values), reached) in history.iter().zip(&mut reached) {
                let found = get(&mut ks, key);
                if found.is_none() {
                    continue;
                }
                let at =
                    values.iter().position(|value| *value == found).expect("a value that was there once");
                assert!(with_index || at >= *reached, "{end}");
                *reached = at;
                assert!(!with_index || at + 1 == values.len(), "the index knows what is over: {end} {at}");
            }
            drop(ks);
            if end.is_multiple_of(7) {
                let (_, again) = start_at(&cut.0, 64 << 20, NOW + 20);
                assert_eq!((again.mended, again.given_up), (0, 0), "what was mended is whole: {end}");
            }
        }
    }
}

#[test]
fn an_index_that_is_cut_or_missing_is_made_good() {
    let (folder, cut) = (Folder::new("restart-keys"), Folder::new("restart-keys-copy"));
    let history = small_log(&folder.0);
    let whole = std::fs::read(of_first(&folder, "keys")).unwrap();
    for end in 0..whole.len() {
        copy(&folder.0, &cut);
        std::fs::write(of_first(&cut, "keys"), &whole[..end]).unwrap();
        let (mut ks, found) = start_at(&cut.0, 64 << 20, NOW + 20);
        assert_eq!((found.mended, found.given_up), (1, 0));
        check_last(&mut ks, &history, 0);
    }
}

/// Every key is what it was last, but for so many that may be missing.
fn check_last(ks: &mut Keyspace, history: &[History], may_lack: usize) {
    let mut lacks = 0;
    for (key, values) in history {
        let last = values.last().unwrap();
        match get(ks, key) {
            None => lacks += usize::from(last.is_some()),
            found => assert_eq!(&found, last, "{}", String::from_utf8_lossy(key)),
        }
    }
    assert!(lacks <= may_lack, "{lacks}");
}

#[test]
fn a_flipped_bit_never_makes_a_wrong_answer() {
    let (folder, hurt) = (Folder::new("restart-flips"), Folder::new("restart-flips-copy"));
    let history = small_log(&folder.0);
    for ending in ["data", "keys"] {
        let whole = std::fs::read(of_first(&folder, ending)).unwrap();
        for at in 0..whole.len() {
            copy(&folder.0, &hurt);
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(of_first(&hurt, ending), &bytes).unwrap();
            let (mut ks, _) = start_at(&hurt.0, 64 << 20, NOW + 20);
            check_last(&mut ks, &history, usize::from(ending == "data"));
        }
    }
}

#[test]
fn without_an_index_damage_gives_up_what_can_not_be_known() {
    let (folder, hurt) = (Folder::new("restart-both"), Folder::new("restart-both-copy"));
    let history = small_log(&folder.0);
    let limit = 4 << 20;
    let (mut ks, _) = start_at(&folder.0, limit, NOW);
    // A later segment, so that the first is not one that breaks off.
    let mut random = Random::new(1);
    let large: Vec<u8> = (0..9000).flat_map(|_| random.next().to_le_bytes()).collect();
    put(&mut ks, b"large", &large);
    flush(&mut ks);
    drop(ks);
    let whole = std::fs::read(of_first(&folder, "data")).unwrap();
    let mut given_up = 0;
    for at in 0..whole.len() {
        copy(&folder.0, &hurt);
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(of_first(&hurt, "data"), &bytes).unwrap();
        std::fs::remove_file(of_first(&hurt, "keys")).unwrap();
        let (mut ks, found) = start_at(&hurt.0, limit, NOW + 20);
        assert!(get(&mut ks, b"large").as_ref() == Some(&large), "{at}");
        given_up += found.given_up;
        check_last(&mut ks, &history, if found.given_up > 0 { history.len() } else { 1 });
    }
    assert!(given_up > 0 && given_up < whole.len() as u64);
}

#[test]
fn flushed_and_swapped_databases_stay_so() {
    let folder = Folder::new("restart-spaces");
    let (mut ks, _) = start(&folder.0);
    for db in 0..3 {
        ks.put(db, b"key", Put::plain(format!("in {db}").as_bytes()));
    }
    ks.cool_all();
    ks.flush(0);
    ks.swap(1, 2);
    ks.put(0, b"later", Put::plain(b"later"));
    // Nothing of the flushed database was freed yet.
    ks.cool_all();
    ks.tier_disk().unwrap().flush().unwrap();
    drop(ks);
    let (mut ks, found) = start(&folder.0);
    assert_eq!(found.keys, 3);
    let mut word =
        |db: usize, key: &[u8]| ks.get(db, key, Access::Read).map(|item| item.string().unwrap().to_vec());
    assert_eq!(word(0, b"key"), None);
    assert_eq!(word(0, b"later"), Some(b"later".to_vec()));
    assert_eq!(word(1, b"key"), Some(b"in 2".to_vec()));
    assert_eq!(word(2, b"key"), Some(b"in 1".to_vec()));
}

#[test]
fn what_expired_meanwhile_stays_away_for_good() {
    let folder = Folder::new("restart-expiry");
    let (mut ks, _) = start(&folder.0);
    ks.put(0, b"soon", Put { ttl: Ttl::At(NOW + 5000), ..Put::plain(b"value") });
    ks.put(0, b"later", Put { ttl: Ttl::At(NOW + 50_000), ..Put::plain(b"value") });
    flush(&mut ks);
    drop(ks);
    let (mut ks, found) = start_at(&folder.0, 64 << 20, NOW + 6000);
    assert_eq!((found.keys, found.expired), (1, 1));
    flush(&mut ks);
    drop(ks);
    // A clock that is set back brings nothing back.
    let (mut ks, found) = start(&folder.0);
    assert_eq!((found.keys, found.expired), (1, 0));
    assert_eq!(ks.head(0, b"later", Access::Peek).unwrap().expire_at(), Some(NOW + 50_000));
}

#[test]
fn many_starts_do_not_make_many_files() {
    let folder = Folder::new("restart-many");
    for round in 0..40u8 {
        let (mut ks, _) = start(&folder.0);
        put(&mut ks, b"key", &[round; 100]);
        flush(&mut ks);
    }
    let (mut ks, found) = start(&folder.0);
    assert_eq!(found.keys, 1);
    assert_eq!(get(&mut ks, b"key"), Some(vec![39; 100]));
    assert!(folder.files().len() <= 4, "{:?}", folder.files());
}
