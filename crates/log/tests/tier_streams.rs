//! Strings that come to the disk in parts, and are read in parts.
#![allow(clippy::unwrap_used)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dozo_log::disk::{Disk, DiskFile, System};
use dozo_log::tier::{Compression, DiskTier, Options};
use dozo_store::tier::{Growing, Growth, Refusal, Rules};
use dozo_store::{Access, Keyspace, PolicyKind, Put, StoreConfig, Ttl};

const NOW: i64 = 1_700_000_000_000;

/// A disk whose operations on files fail from that one on.
#[derive(Clone)]
struct Failing(Arc<AtomicUsize>);

impl Failing {
    fn after(operations: usize) -> Failing {
        Failing(Arc::new(AtomicUsize::new(operations)))
    }

    fn step(&self) -> io::Result<()> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| io::Error::from_raw_os_error(28))
    }
}

struct Handle(Box<dyn DiskFile>, Failing);

impl Disk for Failing {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        Ok(Box::new(Handle(System.create(path)?, self.clone())))
    }

    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        System.append(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        System.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        System.rename(from, to)
    }
}

impl DiskFile for Handle {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.1.step()?;
        self.0.write(data)
    }

    fn write_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        self.1.step()?;
        self.0.write_at(data, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.step()?;
        self.0.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
}

/// A directory that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("dozo-streams-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tiered(folder: &Folder, limit: u64, disk: Arc<dyn Disk>) -> Keyspace {
    let options = Options {
        dir: folder.0.clone(),
        limit,
        buffer: 1 << 20,
        compression: Compression { threshold: 0 },
        syncs: true,
    };
    let mut ks =
        Keyspace::new(StoreConfig { policy: PolicyKind::AllKeysLru, hash_seed: 7, ..StoreConfig::default() });
    ks.set_now(NOW);
    ks.set_tier(Box::new(DiskTier::create(disk, options).unwrap()), Rules::default());
    ks
}

fn growing<'a>(key: &'a [u8], value: &[u8]) -> Growing<'a> {
    Growing { key, flags: 5, expire_at: Some(NOW + 1000), len: value.len() as u64 }
}

/// Stores a value in parts of that size; false when the disk fails.
fn stream_in(ks: &mut Keyspace, key: &[u8], value: &[u8], part: usize) -> Result<bool, Refusal> {
    let id = ks.grow(0, &growing(key, value))?;
    let disk = ks.tier_disk().unwrap();
    for part in value.chunks(part) {
        disk.extend(id, part.to_vec());
    }
    disk.seal(id);
    while let Growth::Open { .. } = disk.growth(id) {
        std::thread::yield_now();
    }
    if disk.growth(id) == Growth::Failed {
        disk.abandon(id);
        return Ok(false);
    }
    let put = Put { ttl: Ttl::At(NOW + 1000), flags: Some(5), ..Put::plain(b"") };
    Ok(ks.put_grown(0, key, put, id, value.len() as u64))
}

/// Reads a value in parts of that size; `None` where it can't be had whole.
fn stream_out(ks: &mut Keyspace, key: &[u8], part: usize) -> Option<Vec<u8>> {
    let len = ks.head(0, key, Access::Peek)?.string_len()?;
    let place = ks.cold_place(0, key)?;
    let mut parts = ks.tier_disk()?.parts(place)?;
    let mut value = Vec::new();
    while value.len() < len {
        value.extend(parts.next(part, Vec::new())?);
    }
    Some(value)
}

/// Waits until the files of what was given up are gone, and with them what they take of the tier.
fn wait_until_empty(ks: &mut Keyspace) {
    while ks.tier_state().unwrap().0.bytes > 0 {
        std::thread::yield_now();
        ks.tier_disk().unwrap().tick();
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * at / 7) as u8).collect()
}

#[test]
fn what_came_in_parts_is_a_value_like_others() {
    let folder = Folder::new("whole");
    let mut ks = tiered(&folder, 64 << 20, Arc::new(System));
    for (number, len) in [1usize, 7, 8, 4096, 100_001].into_iter().enumerate() {
        let (key, value) = (format!("key:{number}").into_bytes(), bytes(len));
        ks.put(0, &key, Put::plain(b"old"));
        assert_eq!(stream_in(&mut ks, &key, &value, 1000), Ok(true));
        for part in [1000, 1 << 20] {
            assert_eq!(stream_out(&mut ks, &key, part).as_ref(), Some(&value));
        }
        let item = ks.get(0, &key, Access::Read).unwrap();
        assert_eq!((item.string().unwrap().to_vec(), item.flags()), (value, 5));
        assert_eq!(item.expire_at(), Some(NOW + 1000));
    }
    assert_eq!(ks.len(0), 5);
    ks.flush(0);
    while ks.free_step(1000) {}
    assert_eq!(ks.tier_state().unwrap().0.live_bytes, 0);
    ks.set_now(NOW + 2000);
    assert_eq!(stream_in(&mut ks, b"late", b"x", 1), Ok(true));
    assert!(ks.get(0, b"late", Access::Read).is_none());
}

#[test]
fn a_reader_reads_to_the_end_of_what_it_has_begun() {
    let folder = Folder::new("begun");
    let mut ks = tiered(&folder, 64 << 20, Arc::new(System));
    let value = bytes(100_000);
    assert_eq!(stream_in(&mut ks, b"key", &value, 5000), Ok(true));
    let place = ks.cold_place(0, b"key").unwrap();
    let mut parts = ks.tier_disk().unwrap().parts(place).unwrap();
    let mut read = parts.next(10, Vec::new()).unwrap();
    ks.remove(0, b"key");
    folder.files().iter().for_each(|path| std::fs::remove_file(path).unwrap());
    while read.len() < value.len() {
        read.extend(parts.next(30_000, Vec::new()).unwrap());
    }
    assert!(read == value);
}

#[test]
fn a_disk_that_fails_at_any_moment_leaves_nothing() {
    let value = bytes(5000);
    for operations in 0.. {
        let folder = Folder::new("fails");
        let mut ks = tiered(&folder, 64 << 20, Arc::new(Failing::after(operations)));
        ks.put(0, b"key", Put::plain(b"old"));
        if stream_in(&mut ks, b"key", &value, 1000).unwrap() {
            assert_eq!(stream_out(&mut ks, b"key", 999), Some(value));
            assert_eq!(operations, 11, "create, head, five parts, padding, checksum, sync, name");
            break;
        }
        assert_eq!(ks.get(0, b"key", Access::Read).unwrap().string().unwrap().to_vec(), b"old");
        wait_until_empty(&mut ks);
        // The thread ends, and leaves no file.
        drop(ks);
        assert_eq!(folder.files(), Vec::<PathBuf>::new(), "{operations}");
    }
}

#[test]
fn damage_anywhere_is_known_before_the_end() {
    let folder = Folder::new("damage");
    let mut ks = tiered(&folder, 64 << 20, Arc::new(System));
    let value = bytes(500);
    assert_eq!(stream_in(&mut ks, b"key", &value, 100), Ok(true));
    let [path] = folder.files().try_into().unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(stream_out(&mut ks, b"key", 100), None, "{at}");
        std::fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(stream_out(&mut ks, b"key", 100), None, "{at}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(stream_out(&mut ks, b"key", 100), Some(value));
}

#[test]
fn what_is_not_whole_at_a_start_is_removed() {
    let folder = Folder::new("start");
    let mut ks = tiered(&folder, 64 << 20, Arc::new(System));
    let id = ks.grow(0, &growing(b"key", &[0; 100])).unwrap();
    ks.tier_disk().unwrap().extend(id, vec![0; 50]);
    while ks.tier_disk().unwrap().growth(id) != (Growth::Open { waiting: 0 }) {
        std::thread::yield_now();
    }
    assert_eq!(folder.files().len(), 1);
    // As after a crash: nobody has removed it.
    std::mem::forget(ks);
    drop(tiered(&folder, 64 << 20, Arc::new(System)));
    assert_eq!(folder.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_value_that_is_asked_for_outlives_those_that_are_not() {
    let folder = Folder::new("asked");
    let mut ks = tiered(&folder, 8 << 20, Arc::new(System));
    let value = bytes(900_000);
    let id = ks.grow(0, &growing(b"wanted", &value)).unwrap();
    // The entry gets into another database than the one that the record names.
    ks.swap(0, 1);
    ks.tier_disk().unwrap().extend(id, value.clone());
    ks.tier_disk().unwrap().seal(id);
    while ks.tier_disk().unwrap().growth(id) != Growth::Sealed {
        std::thread::yield_now();
    }
    assert!(ks.put_grown(0, b"wanted", Put::plain(b""), id, value.len() as u64));
    for number in 0..30 {
        let key = format!("key:{number}").into_bytes();
        while stream_in(&mut ks, &key, &value, 1 << 20) == Err(Refusal::Full) {
            ks.tier_disk().unwrap().tick();
        }
        ks.note_streamed(0, b"wanted");
        assert_eq!(stream_out(&mut ks, b"wanted", 1 << 20).as_ref(), Some(&value), "{number}");
    }
    assert!((5..=9).contains(&ks.len(0)));
    assert!(ks.tier_state().unwrap().0.bytes <= 8 << 20);
}

#[test]
fn room_is_kept_for_what_is_to_come() {
    let folder = Folder::new("room");
    let mut ks = tiered(&folder, 8 << 20, Arc::new(System));
    let mut begun = Vec::new();
    while let Ok(id) = ks.grow(0, &growing(b"key", &[0; 900_000])) {
        begun.push(id);
    }
    assert_eq!(begun.len(), 9, "beside the room that sweeps need");
    assert!(ks.tier_state().unwrap().0.bytes <= 8 << 20);
    assert_eq!(ks.grow(0, &growing(b"key", &[0; 900_000])), Err(Refusal::Full));
    assert_eq!(ks.grow(0, &growing(b"key", &[0; 2_000_000])), Err(Refusal::TooLarge));
    begun.into_iter().for_each(|id| ks.tier_disk().unwrap().abandon(id));
    wait_until_empty(&mut ks);
    assert!(ks.grow(0, &growing(b"key", &[0; 900_000])).is_ok());
}
