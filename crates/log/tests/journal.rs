//! The journal on a disk that fails: what is durable is there, whole, in order, and once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{Faulty, Trouble};
use dozo_log::aof::{self, Command};
use dozo_log::journal::{Fsync, Journal};
use dozo_log::{Fault, Source};

fn command(number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    aof::write(&mut bytes, &[b"SET", format!("key:{number}").as_bytes(), &[b'x'; 50]]);
    bytes
}

fn read(bytes: Vec<u8>) -> Result<Vec<Command>, Fault> {
    let size = bytes.len() as u64;
    let mut file = aof::File::new(Source::new(Box::new(std::io::Cursor::new(bytes)), size));
    let mut commands = Vec::new();
    while let Some(unit) = file.next_unit()? {
        commands.extend(unit);
    }
    Ok(commands)
}

fn numbers(commands: &[Command]) -> Vec<usize> {
    commands.iter().map(|command| std::str::from_utf8(&command[1][4..]).unwrap().parse().unwrap()).collect()
}

/// Waits, without a bound that a slow machine could miss, until it is so.
fn until(what: &str, so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "never came: {what}");
        std::thread::yield_now();
    }
}

fn open(disk: &Faulty, fsync: Fsync) -> Journal {
    Journal::open(Arc::new(disk.clone()), Path::new("journal"), fsync).unwrap()
}

#[test]
fn what_is_durable_is_on_the_medium() {
    let disk = Faulty::default();
    let mut journal = open(&disk, Fsync::Always);
    let (told, heard) = channel();
    journal.on_durable(Box::new(move || told.send(()).unwrap_or(())));
    for number in 0..50 {
        journal.append(&mut command(number));
        let Some(awaited) = journal.awaited() else { continue };
        while journal.durable() < awaited {
            heard.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        let (bytes, synced) = disk.file("journal");
        let commands = read(bytes[..synced].to_vec()).unwrap();
        assert_eq!(numbers(&commands), (0..=number).collect::<Vec<_>>());
    }
}

#[test]
fn trouble_of_any_kind_ends_by_itself_and_loses_nothing() {
    for fsync in [Fsync::Always, Fsync::EverySecond, Fsync::Never] {
        for trouble in [
            Trouble::Full(0),
            Trouble::Full(1),
            Trouble::Full(77),
            Trouble::Write,
            Trouble::Sync,
            Trouble::Short,
        ] {
            let disk = Faulty::default();
            let mut journal = open(&disk, fsync);
            (0..10).for_each(|number| journal.append(&mut command(number)));
            journal.flush().unwrap();
            disk.trouble(Some(trouble));
            (10..20).for_each(|number| journal.append(&mut command(number)));
            let fails = trouble != Trouble::Short;
            assert_eq!(journal.flush().is_err(), fails, "{trouble:?}");
            assert_eq!(journal.state().error.is_some(), fails, "{trouble:?}");
            // A crash now leaves what was durable, and maybe more, but nothing that is half.
            let (bytes, synced) = disk.file("journal");
            assert!(numbers(&read(bytes[..synced].to_vec()).unwrap()).len() >= 10);
            read(bytes).unwrap();
            (20..30).for_each(|number| journal.append(&mut command(number)));
            disk.trouble(None);
            until("the journal works again", || journal.state().error.is_none() && journal.flush().is_ok());
            let (bytes, synced) = disk.file("journal");
            assert_eq!(synced, bytes.len());
            assert_eq!(numbers(&read(bytes).unwrap()), (0..30).collect::<Vec<_>>(), "{fsync:?} {trouble:?}");
        }
    }
}

#[test]
fn another_file_begins_where_it_was_asked_for() {
    let disk = Faulty::default();
    let mut journal = open(&disk, Fsync::EverySecond);
    journal.append(&mut command(0));
    journal.rotate("second".into());
    journal.append(&mut command(1));
    journal.flush().unwrap();
    assert_eq!(numbers(&read(disk.file("journal").0).unwrap()), [0]);
    assert_eq!(numbers(&read(disk.file("second").0).unwrap()), [1]);
    drop(journal);
    // It goes on where another process stopped, also behind a block whose checksum was lost.
    let mut journal = Journal::open(Arc::new(disk.clone()), Path::new("second"), Fsync::Always).unwrap();
    journal.append(&mut command(2));
    drop(journal);
    assert_eq!(numbers(&read(disk.file("second").0).unwrap()), [1, 2]);
}
