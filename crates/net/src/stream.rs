//! One socket: reading what has arrived and writing an [`Out`] with as few system calls as possible.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use dozo_engine::stats::Stats;
use dozo_wire::Out;
use mio::event::Event;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

/// On unix the poll is edge-triggered, and a short read or write says that the kernel has no more to give; the
/// next edge comes by itself. Elsewhere mio arms the edge only when a call would have blocked.
const SHORT_IS_DRAINED: bool = cfg!(unix);
/// Most pieces of one vectored write.
const PIECES: usize = 64;
/// Writes for one connection before the others get their turn.
const WRITES: usize = 16;
/// How long a connection that ends waits for its peer to take the replies.
pub(crate) const LINGER_SECONDS: u32 = 5;

/// A connected socket of any family.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

macro_rules! each {
    ($stream:expr, $inner:ident => $body:expr) => {
        match $stream {
            Stream::Tcp($inner) => $body,
            #[cfg(unix)]
            Stream::Unix($inner) => $body,
        }
    };
}

impl Stream {
    /// The descriptor's number, -1 where there is none.
    pub fn fd(&self) -> i64 {
        #[cfg(unix)]
        {
            use std::os::fd::AsRawFd;
            each!(self, stream => i64::from(stream.as_raw_fd()))
        }
        #[cfg(not(unix))]
        -1
    }

    /// Writes a last text to a connection that is refused; what the kernel doesn't take at once is lost.
    pub fn refuse(&mut self, text: &[u8]) {
        let _ = each!(self, stream => stream.write(text));
    }
}

/// What a read brought.
pub(crate) enum Got {
    /// So many bytes; `unread` tells whether more may be waiting.
    Bytes(usize),
    /// Nothing, for now.
    Nothing,
    /// The peer sends no more.
    End,
    /// The connection is broken.
    Broken,
}

/// How a write ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// Everything is with the kernel.
    All,
    /// The kernel takes no more; an event will tell when it does.
    Stalled,
    /// It would have taken more, but others wait for their turn.
    Yielded,
    /// The connection is broken.
    Broken,
}

/// Traffic since it was last added to the engine's counters.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub reads: u64,
    pub writes: u64,
}

impl Tally {
    pub fn add_to(&mut self, stats: &mut Stats) {
        stats.net_in += self.bytes_in;
        stats.net_out += self.bytes_out;
        stats.reads += self.reads;
        stats.writes += self.writes;
        *self = Self::default();
    }
}

/// A registered socket and what is known of its readiness.
pub(crate) struct Link {
    stream: Stream,
    token: Token,
    /// The kernel took no more; cleared by a writable event.
    pub stalled: bool,
    /// Bytes, an end or an error may be waiting to be read.
    pub unread: bool,
    /// The poll said that the peer has closed: read on until the end is seen.
    pub hangup: bool,
    watches_writes: bool,
}

impl Link {
    /// Registers a socket for reading. A socket is registered for writing only once a write has stalled.
    pub fn open(mut stream: Stream, registry: &Registry, token: Token) -> io::Result<Self> {
        each!(&mut stream, s => registry.register(s, token, Interest::READABLE))?;
        Ok(Self { stream, token, stalled: false, unread: false, hangup: false, watches_writes: false })
    }

    /// Reads into a buffer that others share.
    pub fn read(&mut self, buffer: &mut [u8], tally: &mut Tally) -> Got {
        let result = each!(&mut self.stream, stream => stream.read(buffer));
        self.judge(result, buffer.len(), tally)
    }

    /// Reads behind the bytes of `tail`, which grows in proportion to what it holds and never to what a request
    /// has announced.
    pub fn read_behind(&mut self, tail: &mut Vec<u8>, tally: &mut Tally) -> Got {
        const LEAST: usize = 64 * 1024;
        const MOST: usize = 1024 * 1024;
        if tail.capacity() - tail.len() < LEAST / 4 {
            tail.reserve(tail.len().clamp(LEAST, 16 * MOST));
        }
        let spare = tail.spare_capacity_mut();
        let room = spare.len().min(MOST);
        let result =
            each!(&self.stream, stream => stream.try_io(|| SockRef::from(stream).recv(&mut spare[..room])));
        if let Ok(n) = result {
            // SAFETY: the kernel has initialised the first `n <= room` bytes behind the length.
            unsafe { tail.set_len(tail.len() + n) };
        }
        self.judge(result, room, tally)
    }

    fn judge(&mut self, result: io::Result<usize>, room: usize, tally: &mut Tally) -> Got {
        tally.reads += 1;
        match result {
            Ok(0) => {
                self.unread = false;
                Got::End
            }
            Ok(n) => {
                tally.bytes_in += n as u64;
                self.unread = n == room || self.hangup || !SHORT_IS_DRAINED;
                Got::Bytes(n)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.unread = false;
                Got::Nothing
            }
            // Interrupted: `unread` stays, and the next turn reads again.
            Err(error) if error.kind() == ErrorKind::Interrupted => Got::Nothing,
            Err(_) => Got::Broken,
        }
    }

    /// Writes as much of `out` as the kernel takes in one turn: one call in the common case.
    pub fn flush(&mut self, out: &mut Out, registry: &Registry, tally: &mut Tally) -> Wrote {
        for _ in 0..WRITES {
            if out.is_empty() {
                return Wrote::All;
            }
            if self.stalled {
                return Wrote::Stalled;
            }
            tally.writes += 1;
            match self.write_once(out) {
                Ok((sent, wanted)) => {
                    tally.bytes_out += sent as u64;
                    out.advance(sent);
                    self.stalled = sent < wanted && SHORT_IS_DRAINED;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stalled = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Wrote::Broken,
            }
            if self.stalled && self.watch_writes(registry).is_err() {
                return Wrote::Broken;
            }
        }
        if out.is_empty() { Wrote::All } else { Wrote::Yielded }
    }

    /// One write; returns the bytes written and the bytes offered.
    fn write_once(&mut self, out: &Out) -> io::Result<(usize, usize)> {
        let mut pair = [IoSlice::new(&[]), IoSlice::new(&[])];
        if out.io_slices(0, &mut pair) == 1 {
            let sent = each!(&mut self.stream, stream => stream.write(&pair[0]))?;
            return Ok((sent, pair[0].len()));
        }
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let count = out.io_slices(0, &mut pieces);
        let wanted = pieces[..count].iter().map(|piece| piece.len()).sum();
        let sent = each!(&mut self.stream, stream => stream.write_vectored(&pieces[..count]))?;
        Ok((sent, wanted))
    }

    /// Whether the peer's machine has everything that was written. Before that, closing a socket whose peer is
    /// still sending would reset the connection and cut the replies.
    pub fn is_delivered(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Stream::Tcp(stream) = &self.stream {
            use std::os::fd::AsRawFd;
            let mut unsent: libc::c_int = 0;
            // SAFETY: the descriptor is open, and the request writes one int to a place on this stack.
            let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &mut unsent) };
            return result != 0 || unsent == 0;
        }
        true
    }

    fn watch_writes(&mut self, registry: &Registry) -> io::Result<()> {
        if self.watches_writes {
            return Ok(());
        }
        self.watches_writes = true;
        let interest = Interest::READABLE | Interest::WRITABLE;
        each!(&mut self.stream, stream => registry.reregister(stream, self.token, interest))
    }

    /// Takes an event's news; returns whether there is something to read, which nobody wants unless `reads`, and
    /// whether a write that had stalled can go on.
    pub fn notice(&mut self, event: &Event, reads: bool) -> (bool, bool) {
        let closed = event.is_read_closed() || event.is_error();
        let readable = reads && (closed || event.is_readable());
        let writable = event.is_writable() || event.is_write_closed();
        self.unread |= readable;
        self.hangup |= closed;
        (readable, writable && std::mem::take(&mut self.stalled))
    }
}
