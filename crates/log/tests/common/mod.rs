//! A disk in memory that fails when it is told to, and a keyspace with every type.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use dozo_log::disk::{Disk, DiskFile};

/// What goes wrong next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No byte more: the first bytes of a write go in, then ENOSPC.
    Full(usize),
    /// A write fails with EIO.
    Write,
    /// A sync fails with EIO, and what was not synced before is not on the medium.
    Sync,
    /// Writes take one byte at a time.
    Short,
}

#[derive(Default)]
struct State {
    files: HashMap<PathBuf, (Vec<u8>, usize)>,
    trouble: Option<Trouble>,
}

/// The disk. A file is its bytes, and how many of them are on the medium.
#[derive(Clone, Default)]
pub struct Faulty(Arc<Mutex<State>>);

struct Handle(Faulty, PathBuf);

impl Faulty {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.lock().trouble = trouble;
    }

    /// What the file holds, and what of it would be left after the machine lost its power.
    pub fn file(&self, path: &str) -> (Vec<u8>, usize) {
        self.lock().files.get(Path::new(path)).cloned().unwrap_or_default()
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Disk for Faulty {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.lock().files.insert(path.to_owned(), (Vec::new(), 0));
        Ok(Box::new(Handle(self.clone(), path.to_owned())))
    }

    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let len = self.lock().files.entry(path.to_owned()).or_default().0.len() as u64;
        Ok((Box::new(Handle(self.clone(), path.to_owned())), len))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().files.remove(path);
        Ok(())
    }
}

impl DiskFile for Handle {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        let trouble = state.trouble;
        let room = match trouble {
            Some(Trouble::Full(0)) => {
                return Err(io::Error::from_raw_os_error(28));
            }
            Some(Trouble::Full(room)) => {
                let takes = room.min(data.len());
                state.trouble = Some(Trouble::Full(room - takes));
                takes
            }
            Some(Trouble::Write) => {
                return Err(eio());
            }
            Some(Trouble::Short) => 1,
            _ => data.len(),
        };
        let takes = room.min(data.len());
        if let Some((bytes, _)) = state.files.get_mut(&self.1) {
            bytes.extend_from_slice(&data[..takes]);
        }
        Ok(takes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.trouble == Some(Trouble::Sync) {
            return Err(eio());
        }
        if let Some((bytes, synced)) = state.files.get_mut(&self.1) {
            *synced = bytes.len();
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if let Some((bytes, synced)) = self.0.lock().files.get_mut(&self.1) {
            bytes.truncate(len as usize);
            *synced = (*synced).min(len as usize);
        }
        Ok(())
    }
}
