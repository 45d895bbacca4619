//! Whole files: read as they were written, and refused or read in part, but never wrongly, when they were damaged.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use common::{Faulty, Trouble};
use dozo_log::rdb::{self, Hint, Part};
use dozo_log::snapshot::Snapshot;
use dozo_log::value::Restored;
use dozo_log::{Fault, Source, aof};
use dozo_store::{Collection, Stream};
use dozo_store::{
    End, Hash, Keyspace, List, Mark, NewValue, Object, Packing, Put, Set, StoreConfig, Ttl, Zset,
};
use proptest::prelude::*;

fn source(bytes: &[u8]) -> Source {
    Source::new(Box::new(Cursor::new(bytes.to_vec())), bytes.len() as u64)
}

fn keyspace(size: u32) -> Keyspace {
    let mut ks = Keyspace::new(StoreConfig::default());
    ks.set_now(1_000_000);
    let packing = ks.packing;
    for number in 0..size {
        let key = format!("string:{number}").into_bytes();
        let ttl = if number % 3 == 0 { Ttl::At(5_000_000 + i64::from(number)) } else { Ttl::Clear };
        let put =
            Put { value: NewValue::Bytes(&[b'v'; 30]), ttl, flags: (number % 4 == 0).then_some(number) };
        ks.put(0, &key, put);
        if number % 8 == 0 {
            ks.tell_cas(0, &key);
            ks.mark(0, &key, Mark::Stale(number % 16 == 0));
        }
        ks.set_int(3, &key, i64::from(number) * 1000);
    }
    let (mut list, mut set, mut zset) = (List::new(), Set::new(), Zset::new());
    let (mut hash, mut stream) = (Hash::new(), Stream::new());
    for number in 0..5 * u64::from(size) {
        let text = format!("element:{number}");
        list.push(End::Back, text.as_bytes(), &packing);
        set.add(text.as_bytes(), &packing);
        zset.add(text.as_bytes(), number as f64, &packing);
        hash.set(text.as_bytes(), b"value", &packing);
        let id = dozo_store::collections::stream::Id::new(number + 1, 0);
        stream.append(id, &[b"field", text.as_bytes()], &packing);
    }
    let objects: [(&[u8], Object); 5] = [
        (b"list", list.into_object()),
        (b"set", set.into_object()),
        (b"zset", zset.into_object()),
        (b"hash", hash.into_object()),
        (b"stream", stream.into_object()),
    ];
    for (key, object) in objects {
        ks.put_object(1, key, object, Ttl::Clear);
    }
    ks
}

fn save(ks: &mut Keyspace, disk: &Faulty) -> Result<Vec<u8>, String> {
    let aux = [("redis-ver".to_owned(), "7.0.15".to_owned())];
    let writer = rdb::Writer::new(Hint::Idle, ks.now(), &aux, &[b"#!lua name=l\n".to_vec()]);
    let path = PathBuf::from("dump");
    let (snapshot, progress) = Snapshot::begin(Arc::new(disk.clone()), path, writer).unwrap();
    assert!(ks.begin_save(Box::new(snapshot)));
    loop {
        let (over, saver) = ks.save_step();
        if let Some(saver) = saver {
            saver.finish();
        }
        if over {
            break;
        }
    }
    loop {
        if let Some(outcome) = progress.outcome() {
            return outcome.map(|()| disk.file("dump").0);
        }
        std::thread::yield_now();
    }
}

/// All that is in a file, as text.
fn read(bytes: &[u8]) -> Result<Vec<String>, Fault> {
    let packing = Packing::default();
    let mut file = rdb::File::open(source(bytes)).map_err(|refused| refused.1)?;
    let mut lines = Vec::new();
    loop {
        match file.next(&packing)? {
            Part::Nothing => {}
            Part::End => return Ok(lines),
            Part::Aux(name, value) => {
                lines.push(format!(
                    "aux {} {}",
                    String::from_utf8_lossy(&name),
                    String::from_utf8_lossy(&value)
                ));
            }
            Part::Function(code) => lines.push(format!("function {}", String::from_utf8_lossy(&code))),
            Part::Key(key) => {
                let value = match &key.value {
                    Restored::Str(text) => String::from_utf8_lossy(text).into_owned(),
                    Restored::Object(object) => object.type_of().name().to_owned(),
                };
                lines.push(format!(
                    "{} {} {value} {:?} {:?} {} {} {}",
                    key.db,
                    String::from_utf8_lossy(&key.key),
                    key.expire_at,
                    key.idle,
                    key.flags,
                    key.cas,
                    key.stale
                ));
            }
        }
    }
}

#[test]
fn a_snapshot_is_read_as_it_was_written() {
    let mut ks = keyspace(40);
    let lines = read(&save(&mut ks, &Faulty::default()).unwrap()).unwrap();
    assert_eq!(lines.len(), 2 + 40 + 5 + 40);
    assert!(lines.contains(&"aux redis-ver 7.0.15".to_owned()));
    assert!(lines.contains(&"function #!lua name=l\n".to_owned()));
    let value = "v".repeat(30);
    assert!(lines.contains(&format!("0 string:24 {value} Some(5000024) Some(0) 24 4 false")), "{lines:?}");
    assert!(lines.contains(&format!("0 string:16 {value} None Some(0) 16 3 true")), "{lines:?}");
    assert!(lines.contains(&"3 string:7 7000 None Some(0) 0 0 false".to_owned()), "{lines:?}");
    for name in ["list", "set", "zset", "hash", "stream"] {
        assert!(lines.contains(&format!("1 {name} {name} None Some(0) 0 0 false")), "{lines:?}");
    }
}

#[test]
fn a_snapshot_cut_anywhere_is_refused() {
    let bytes = save(&mut keyspace(4), &Faulty::default()).unwrap();
    for len in 0..bytes.len() {
        let fault = read(&bytes[..len]).expect_err("a part is no file");
        assert!(fault.at <= len as u64, "{fault} of {len}");
    }
}

#[test]
fn a_snapshot_with_any_byte_changed_is_refused() {
    let bytes = save(&mut keyspace(4), &Faulty::default()).unwrap();
    let sound = read(&bytes).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        if let Ok(lines) = read(&damaged) {
            // Only a checksum of 0 would be taken for none, and the version for another that is read the same way.
            assert!(at < 9 && lines == sound, "byte {at} was changed, and nobody noticed");
        }
    }
}

#[test]
fn a_snapshot_that_can_not_be_written_leaves_no_file() {
    for trouble in [Trouble::Full(100), Trouble::Write, Trouble::Sync] {
        let disk = Faulty::default();
        disk.trouble(Some(trouble));
        let reason = save(&mut keyspace(4), &disk).expect_err("it can't be written");
        assert!(["No space left on device", "Input/output error"].contains(&reason.as_str()), "{reason}");
        assert_eq!(disk.file("dump").0, b"", "it is gone");
    }
    let disk = Faulty::default();
    disk.trouble(Some(Trouble::Short));
    assert!(read(&save(&mut keyspace(4), &disk).unwrap()).is_ok());
}

#[test]
fn what_is_refused_is_named() {
    let mut file = b"REDIS0010".to_vec();
    file.extend([7, 1, b'k', 0x81]);
    // "ReJSON-RL", version 3, six bits a letter.
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let id = b"ReJSON-RL"
        .iter()
        .fold(0u64, |id, letter| id << 6 | letters.iter().position(|other| other == letter).unwrap() as u64);
    file.extend((id << 10 | 3).to_be_bytes());
    let fault = read(&file).unwrap_err();
    assert_eq!(fault.what, "a value of the module 'ReJSON-RL' (key 'k')");
    assert_eq!(read(b"REDIS0014 ").unwrap_err().what, "version REDIS0014 is not known");
    assert_eq!(read(b"something else").unwrap_err().what, "no RDB file");
}

/// An append-only file of some blocks, with transactions and hidden commands; where its units end.
fn append_only() -> (Vec<u8>, Vec<(usize, usize)>) {
    let (mut file, mut ends, mut units) = (Vec::new(), vec![(0, 0)], 0);
    for number in 0..12 {
        let mut block = Vec::new();
        let begin = file.len();
        let set = |to: &mut Vec<u8>| aof::write(to, &[b"SET", format!("k{number}").as_bytes(), &[b'v'; 40]]);
        match number % 3 {
            0 => {
                for _ in 0..2 {
                    set(&mut block);
                    units += 1;
                    ends.push((begin + block.len(), units));
                }
            }
            1 => {
                aof::write(&mut block, &[b"MULTI"]);
                set(&mut block);
                set(&mut block);
                aof::write(&mut block, &[b"EXEC"]);
                units += 1;
                ends.push((begin + block.len(), units));
            }
            _ => {
                aof::write_hidden(&mut block, &[b"DOZO.ITEM", &[b'k'; 250], b"5"]);
                units += 1;
                ends.push((begin + block.len(), units));
            }
        }
        aof::seal(&mut block);
        file.extend(block);
        ends.push((file.len(), units));
    }
    (file, ends)
}

/// How many units are read, where the last one ends, and how reading ended.
fn units(bytes: &[u8]) -> (usize, u64, Option<Fault>) {
    let mut file = aof::File::new(source(bytes));
    let mut count = 0;
    loop {
        match file.next_unit() {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, file.good(), None),
            Err(fault) => return (count, file.good(), Some(fault)),
        }
    }
}

#[test]
fn an_append_only_file_cut_anywhere_is_read_to_its_last_whole_unit() {
    let (file, ends) = append_only();
    for len in 0..=file.len() {
        let (count, good, fault) = units(&file[..len]);
        let (end, whole) = *ends.iter().rfind(|(end, _)| *end <= len).unwrap();
        assert_eq!(count, whole, "cut at {len}");
        assert_eq!(good as usize, end, "cut at {len}");
        assert_eq!(fault.map(|fault| fault.torn), (len != end).then_some(true), "cut at {len}");
    }
}

#[test]
fn an_append_only_file_with_any_byte_changed_is_refused() {
    let (file, _) = append_only();
    let last_line = file.len() - file.iter().rev().skip(1).position(|byte| *byte == b'\n').unwrap() - 1;
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            let (_, _, fault) = units(&damaged);
            // The line that seals the last block may become one without meaning, or lose its end: the data are sound.
            match fault {
                None => assert!(at >= last_line, "byte {at} was changed, and nobody noticed"),
                Some(fault) => {
                    assert!(!fault.torn || at >= last_line, "byte {at}: taken for a torn end: {fault}")
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0..3) {
        let head: &[u8] = match kind { 0 => b"REDIS0012", 1 => b"VALKEY080", _ => b"*2\r\n$3\r\n" };
        bytes.splice(..0, head.iter().copied());
        let _ = read(&bytes);
        let _ = units(&bytes);
    }
}
