//! Values on disk: a keyspace with a tier behaves like one without, whatever lies where.
#![allow(clippy::unwrap_used)]

#[path = "common/tiers.rs"]
mod tiers;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dozo_log::disk::{Disk, DiskFile, ReadAt, System};
use dozo_log::tier::{Compression, DiskTier, Options};
use dozo_store::tier::{Rules, Strategy};
use dozo_store::{Access, Keyspace, PolicyKind, Put, Random, Ttl};
use tiers::{Folder, NOW, change, compare, store};

/// The system's disk, which fails when it is told to and counts the files that are opened to be read.
#[derive(Default)]
struct Shaky {
    fails: AtomicBool,
    /// Bytes that it takes nevertheless before it fails.
    takes: AtomicUsize,
    opened: AtomicUsize,
}

struct Handle(Box<dyn DiskFile>, Arc<Shaky>);

struct Shared(Arc<Shaky>);

impl Disk for Shared {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        System.create(path)
    }

    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let (file, len) = System.append(path)?;
        Ok((Box::new(Handle(file, Arc::clone(&self.0))), len))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        System.remove(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        self.0.opened.fetch_add(1, Ordering::Relaxed);
        System.open(path)
    }
}

impl DiskFile for Handle {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.1.fails.load(Ordering::Relaxed) {
            let taken = self.1.takes.load(Ordering::Relaxed).min(data.len());
            self.1.takes.fetch_sub(taken, Ordering::Relaxed);
            return if taken > 0 {
                self.0.write(&data[..taken])
            } else {
                Err(io::Error::from_raw_os_error(28))
            };
        }
        self.0.write(data)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
}

fn tier(folder: &Folder, limit: u64, disk: Arc<Shaky>) -> DiskTier {
    let options = Options {
        dir: folder.0.clone(),
        limit,
        buffer: 1 << 20,
        compression: Compression { threshold: 256 },
        syncs: false,
    };
    DiskTier::create(Arc::new(Shared(disk)), options).unwrap()
}

fn tiered(folder: &Folder, limit: u64, maxmemory: u64, policy: PolicyKind) -> (Keyspace, Arc<Shaky>) {
    let disk = Arc::<Shaky>::default();
    let mut ks = store(maxmemory, policy);
    ks.set_tier(Box::new(tier(folder, limit, Arc::clone(&disk))), Rules::default());
    (ks, disk)
}

#[test]
fn cold_values_are_what_they_were() {
    let folder = Folder::new("model");
    let (mut ks, _) = tiered(&folder, 64 << 20, 0, PolicyKind::NoEviction);
    let mut plain = store(0, PolicyKind::NoEviction);
    let mut random = Random::new(11);
    for step in 0..6_000 {
        let seed = random.next();
        change(&mut plain, seed);
        change(&mut ks, seed);
        ks.settle_tier();
        if seed.is_multiple_of(3) {
            ks.cool_all();
        }
        if seed.is_multiple_of(5) {
            ks.cool_passing();
        }
        while plain.free_step(1000) {}
        while ks.free_step(1000) {}
        if step % 500 == 0 {
            compare(&mut plain, &mut ks);
        }
    }
    compare(&mut plain, &mut ks);
    ks.cool_all();
    let (_, stats, cold, copied) = ks.tier_state().unwrap();
    assert_eq!(cold, ks.len(0) + ks.len(1));
    assert_eq!(copied, 0);
    assert!(stats.hits > 1000 && stats.lost == 0);
    ks.flush_all();
    while ks.free_step(1000) {}
    let (figures, _, cold, _) = ks.tier_state().unwrap();
    assert_eq!((figures.live_bytes, cold), (0, 0));
}

#[test]
fn names_and_times_need_no_disk() {
    let folder = Folder::new("heads");
    let (mut ks, disk) = tiered(&folder, 64 << 20, 0, PolicyKind::NoEviction);
    let word = vec![b'x'; 5000];
    ks.put(0, b"a", Put::plain(&word));
    ks.cool_all();
    ks.tier_disk().unwrap().tick();
    ks.set_expire(0, b"a", Some(NOW + 5000));
    ks.set_flags(0, b"a", 3);
    assert!(ks.rename(0, b"a", b"b"));
    assert!(ks.move_key(0, b"b", 1));
    let head = ks.head(1, b"b", Access::Read).unwrap();
    assert!(head.is_cold());
    assert_eq!((head.string_len(), head.encoding(), head.expire_at()), (Some(5000), "raw", Some(NOW + 5000)));
    let mut seen = 0;
    ks.scan(1, 0, 10, &mut |head| seen += usize::from(head.key() == b"b"));
    assert_eq!(seen, 1);
    ks.put(1, b"b", Put::plain(b"new"));
    assert!(ks.remove(1, b"b"));
    assert_eq!(disk.opened.load(Ordering::Relaxed), 0);
    assert_eq!(ks.tier_state().unwrap().1.hits, 0);
}

#[test]
fn a_long_value_is_compressed_where_samples_of_it_are() {
    let folder = Folder::new("samples");
    let (mut ks, _) = tiered(&folder, 64 << 20, 0, PolicyKind::NoEviction);
    let mut random = Random::new(9);
    let noise: Vec<u8> = (0..200_000).map(|_| random.below(256) as u8).collect();
    let mut saved = 0;
    let mut saves = |value: &[u8]| {
        ks.put(0, b"k", Put::plain(value));
        ks.cool_all();
        assert_eq!(ks.get(0, b"k", Access::Read).unwrap().string().unwrap().to_vec(), value);
        let before = std::mem::replace(&mut saved, ks.tier_state().unwrap().0.saved_bytes);
        saved - before
    };
    assert_eq!(saves(&noise), 0);
    assert!(saves(&[b'x'; 200_000]) > 190_000);
    let half = [&noise[..100_000], &[b'x'; 100_000]].concat();
    assert!(saves(&half) > 90_000);
}

#[test]
fn two_reads_bring_a_value_back() {
    let folder = Folder::new("promotion");
    let (mut ks, _) = tiered(&folder, 64 << 20, 0, PolicyKind::S3Fifo);
    ks.put(0, b"a", Put::plain(&[b'x'; 500]));
    ks.cool_all();
    let cold = |ks: &mut Keyspace| ks.head(0, b"a", Access::Peek).unwrap().is_cold();
    ks.get(0, b"a", Access::Read);
    ks.settle_tier();
    assert!(cold(&mut ks), "the first read only passes");
    ks.set_now(NOW + 61_000);
    ks.get(0, b"a", Access::Read);
    ks.settle_tier();
    assert!(cold(&mut ks), "the second came too late");
    ks.set_now(NOW + 70_000);
    ks.get(0, b"a", Access::Read);
    ks.settle_tier();
    assert!(!cold(&mut ks));
    let written = ks.tier_state().unwrap().0.written_bytes;
    ks.cool_all();
    assert!(cold(&mut ks));
    let (figures, stats, ..) = ks.tier_state().unwrap();
    assert_eq!((figures.written_bytes, stats.promoted), (written, 1), "what is on disk is not written again");
}

#[test]
fn the_bound_holds_and_no_value_is_wrong() {
    for policy in PolicyKind::ALL {
        let folder = Folder::new(policy.name());
        let limit = 2 << 20;
        let (mut ks, _) = tiered(&folder, limit, 600 << 10, policy);
        ks.set_tier_rules(|rules| rules.strategy = Strategy::SizeBased);
        let mut random = Random::new(5);
        let mut versions = vec![0u64; 1500];
        let value = |at: usize, version: u64| {
            let mut random = Random::new(at as u64 * 1000 + version);
            let words = 10 + random.below(600);
            (0..words).flat_map(|_| random.next().to_le_bytes()).collect::<Vec<u8>>()
        };
        for _ in 0..6_000 {
            let at = random.below(1500) * random.below(1500) / 1500;
            let key = format!("{at}").into_bytes();
            if random.below(2) == 0 {
                ks.evict(0);
                if !ks.over_limit() {
                    versions[at] += 1;
                    let new = value(at, versions[at]);
                    let put = Put { ttl: Ttl::At(NOW + 10_000), ..Put::plain(&new) };
                    ks.put(0, &key, put);
                }
            } else if let Some(item) = ks.get(0, &key, Access::Read) {
                assert_eq!(item.string().unwrap().to_vec(), value(at, versions[at]));
            }
            ks.settle_tier();
            ks.sweep_some();
            assert!(ks.tier_state().unwrap().0.bytes <= limit);
        }
        let (figures, stats, cold, copied) = ks.tier_state().unwrap();
        assert!(stats.demoted > 500 && stats.lost == 0, "{} {stats:?}", policy.name());
        assert!(cold + copied > 0 && figures.live_bytes > 0);
        assert!(folder.bytes() <= limit);
        let noeviction = policy == PolicyKind::NoEviction;
        assert!(!noeviction || (stats.dropped, ks.stats.evicted) == (0, 0));
    }
}

#[test]
fn a_full_disk_costs_no_key_that_the_policy_keeps() {
    for (policy, leaving) in [(PolicyKind::NoEviction, 0), (PolicyKind::VolatileLru, 60)] {
        let folder = Folder::new(&format!("full-{}", policy.name()));
        let limit = 2 << 20;
        let (mut ks, _) = tiered(&folder, limit, 0, policy);
        ks.set_tier_rules(|rules| rules.large = 1000);
        let value = |number: u32| noise(u64::from(number), 20_000);
        for number in 0..200u32 {
            let ttl = if number < leaving { Ttl::At(NOW + 100_000) } else { Ttl::Clear };
            ks.put(0, &number.to_le_bytes(), Put { ttl, ..Put::plain(&value(number)) });
            ks.settle_tier();
            ks.sweep_some();
            assert!(ks.tier_state().unwrap().0.bytes <= limit);
        }
        // Nothing can be gained any more: the disk is left alone.
        let steps = (0..200).take_while(|_| ks.sweep_some()).count();
        assert!(steps < 200, "{}", policy.name());
        for number in leaving..200 {
            let item = ks.get(0, &number.to_le_bytes(), Access::Read).unwrap();
            assert!(item.string().unwrap().to_vec() == value(number), "{} {number}", policy.name());
            ks.settle_tier();
        }
        let (figures, stats, cold, _) = ks.tier_state().unwrap();
        assert!(cold > 50 && figures.written_bytes < 4 * figures.taken_bytes, "{cold} {figures:?}");
        assert_eq!(stats.lost, 0);
        // Where much is removed there is room again.
        for number in leaving..150 {
            assert!(ks.remove(0, &number.to_le_bytes()));
        }
        while ks.sweep_some() {}
        let before = ks.tier_state().unwrap().1.demoted;
        for number in 1000..1020u32 {
            ks.put(0, &number.to_le_bytes(), Put::plain(&value(number)));
            ks.settle_tier();
        }
        assert_eq!(ks.tier_state().unwrap().1.demoted - before, 20, "{}", policy.name());
    }
}

#[test]
fn damage_costs_the_record() {
    let folder = Folder::new("damage");
    let mut ks = store(0, PolicyKind::NoEviction);
    let log = tier(&folder, 64 << 20, Arc::default());
    ks.set_tier(Box::new(log), Rules::default());
    for number in 0..100u32 {
        ks.put(0, &number.to_le_bytes(), Put::plain(&vec![number as u8; 3000]));
    }
    ks.set_tier_rules(|rules| rules.least = 0);
    ks.cool_all();
    ks.tier_disk().unwrap().flush().unwrap();
    let path = folder.0.join("tier-00000001.data");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let right = (0..100u32)
        .filter(|number| {
            let item = ks.get(0, &number.to_le_bytes(), Access::Read);
            item.is_some_and(|item| item.string().unwrap().to_vec() == vec![*number as u8; 3000])
        })
        .count();
    assert_eq!((right, ks.len(0)), (99, 99));
    let (figures, stats, ..) = ks.tier_state().unwrap();
    assert_eq!((figures.damaged, stats.lost), (1, 1));
}

/// Bytes of which nothing can be packed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    std::iter::repeat_with(|| random.next() as u8).take(len).collect()
}

#[test]
fn a_large_value_is_written_as_it_was_taken() {
    let folder = Folder::new("taken");
    let (mut ks, disk) = tiered(&folder, 64 << 20, 0, PolicyKind::NoEviction);
    ks.set_tier_rules(|rules| rules.strategy = Strategy::Always);
    disk.fails.store(true, Ordering::Relaxed);
    let value = noise(3, 100_000);
    for key in [b"changed", b"removed", b"longer!"] {
        ks.put(0, key, Put::plain(&value));
    }
    ks.settle_tier();
    assert_eq!(ks.set_range(0, b"changed", 50_000, b"other"), value.len());
    assert_eq!(ks.append(0, b"longer!", b"more"), value.len() + 4);
    ks.remove(0, b"removed");
    disk.fails.store(false, Ordering::Relaxed);
    ks.tier_disk().unwrap().flush().unwrap();
    let bytes = std::fs::read(folder.0.join("tier-00000001.data")).unwrap();
    assert_eq!(bytes.windows(value.len()).filter(|window| **window == value[..]).count(), 3);
    let changed = ks.get(0, b"changed", Access::Read).unwrap().string().unwrap().to_vec();
    assert!(changed[..50_000] == value[..50_000] && &changed[50_000..50_005] == b"other");
}

#[test]
fn large_values_are_read_while_they_are_on_their_way() {
    let folder = Folder::new("on-their-way");
    let (mut ks, disk) = tiered(&folder, 64 << 20, 0, PolicyKind::NoEviction);
    disk.fails.store(true, Ordering::Relaxed);
    let value = |number: u8| noise(u64::from(number), 90_000 + usize::from(number));
    for number in 0..8 {
        ks.put(0, &[number], Put::plain(&value(number)));
    }
    ks.cool_all();
    assert_eq!(ks.tier_state().unwrap().2, 8, "all are cold");
    for number in 0..8 {
        let place = ks.cold_place(0, &[number]).unwrap();
        let mut parts = ks.tier_disk().unwrap().parts(place).unwrap();
        let mut read = Vec::new();
        for len in [1, 30_000, 1 << 20] {
            read.extend(parts.next(len, Vec::new()).unwrap());
        }
        assert!(read == value(number), "{number}");
        let item = ks.get(0, &[number], Access::Read).unwrap();
        assert!(item.string().unwrap().to_vec() == value(number), "{number}");
    }
}

#[test]
fn what_was_half_written_is_written_anew() {
    // In the middle of heads, values and what stands between them.
    for taken in [1, 30, 100, 50_000, 90_080, 90_200, 150_000, 270_100] {
        let folder = Folder::new(&format!("half-{taken}"));
        let (mut ks, disk) = tiered(&folder, 64 << 20, 0, PolicyKind::NoEviction);
        disk.takes.store(taken, Ordering::Relaxed);
        disk.fails.store(true, Ordering::Relaxed);
        for number in 0..4 {
            ks.put(0, &[number], Put::plain(&noise(u64::from(number), 90_000)));
        }
        ks.cool_all();
        assert!(ks.tier_disk().unwrap().flush().is_err());
        disk.fails.store(false, Ordering::Relaxed);
        ks.tier_disk().unwrap().flush().unwrap();
        assert_eq!(disk.takes.load(Ordering::Relaxed), 0);
        let figures = ks.tier_state().unwrap().0;
        assert_eq!(folder.bytes(), figures.bytes, "{taken}");
        for number in 0..4 {
            let item = ks.get(0, &[number], Access::Read).unwrap();
            assert!(item.string().unwrap().to_vec() == noise(u64::from(number), 90_000), "{taken} {number}");
        }
        assert_eq!(ks.tier_state().unwrap().0.damaged, 0);
    }
}

#[test]
fn a_failing_disk_loses_nothing_that_it_took() {
    let folder = Folder::new("failing");
    let (mut ks, disk) = tiered(&folder, 64 << 20, 2 << 20, PolicyKind::S3Fifo);
    disk.fails.store(true, Ordering::Relaxed);
    let value = |number: u32| vec![number as u8; 2000 + number as usize];
    for number in 0..3000u32 {
        ks.evict(0);
        ks.put(0, &number.to_le_bytes(), Put::plain(&value(number)));
        ks.settle_tier();
    }
    let (figures, stats, ..) = ks.tier_state().unwrap();
    assert!(figures.error.is_some());
    assert!(stats.refused > 0, "what the disk does not take leaves");
    assert!(!ks.over_limit() || ks.evict(0) == dozo_store::EvictOutcome::Ok);
    assert!(ks.used_memory() < 3 << 20);
    disk.fails.store(false, Ordering::Relaxed);
    let wait = std::time::Instant::now();
    while ks.tier_state().unwrap().0.error.is_some() {
        assert!(wait.elapsed().as_secs() < 20, "the writer tries again");
        std::thread::yield_now();
    }
    let mut found = 0;
    for number in 0..3000u32 {
        if let Some(item) = ks.get(0, &number.to_le_bytes(), Access::Read) {
            assert_eq!(item.string().unwrap().to_vec(), value(number));
            found += 1;
        }
        ks.settle_tier();
    }
    assert!(found > 100);
    assert_eq!(ks.tier_state().unwrap().1.lost, 0);
}
