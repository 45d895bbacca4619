//! The disk as the writers of files see it, so that a test can put another one in its place.
//!
//! Owns the few operations whose order decides what a crash leaves behind. Renaming, and the listing of files, are not
//! among them: whoever decides that a file counts does that.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// Where files are opened.
pub trait Disk: Send + Sync {
    /// An empty file of that name, in place of any other.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file to be extended, made if it is not there, and its length.
    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }
    /// Returns when the names of the files in a directory are on the medium, where the system knows of such a thing.
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
    }
    /// A file to be read here and there.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(File::open(path)?))
    }
}

/// A file that is read here and there, by any number of threads.
pub trait ReadAt: Send + Sync {
    /// Fills the buffer with the bytes from `offset` on.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// A file that is written at its end.
pub trait DiskFile: Send {
    /// Writes the first bytes of `data`, and says how many.
    fn write(&mut self, data: &[u8]) -> io::Result<usize>;
    /// Writes all of `data` over what is there from `offset` on; the end stays where it is. Only for files that were created
    /// and not opened to be extended.
    fn write_at(&mut self, _data: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Returns when everything written is on the medium.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to that length, where it then ends.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The disks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Disk for System {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let len = file.metadata()?.len();
        Ok((Box::new(file), len))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, buffer, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    buffer = buffer.get_mut(read..).unwrap_or_default();
                    offset += read as u64;
                }
            }
        }
        Ok(())
    }
}

impl DiskFile for File {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Write::write(self, data)
    }

    fn write_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        let end = self.stream_position()?;
        self.seek(SeekFrom::Start(offset))?;
        self.write_all(data)?;
        self.seek(SeekFrom::Start(end)).map(|_| ())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Writes all of it, however short single writes are.
pub(crate) fn write_all(file: &mut dyn DiskFile, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match file.write(data) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(wrote) => data = data.get(wrote..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What went wrong, as the system says it.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
