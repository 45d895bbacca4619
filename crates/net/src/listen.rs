//! Listeners: binding them with errors an operator understands, and accepting from them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use dozo_engine::{Door, Peer};
use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use crate::settings::{Address, Endpoint};
use crate::stream::Stream;

/// Why a listener could not be opened; its text is meant for the operator.
#[derive(Debug)]
pub struct BindError {
    place: String,
    cause: io::Error,
}

impl BindError {
    /// The system gives no poll: no place at all can be listened on.
    pub(crate) fn no_poll(cause: io::Error) -> Self {
        Self { place: "any address".into(), cause }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Could not listen on {}: {}", self.place, reason(&self.cause))
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// The system's words without their capital and their number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

enum Source {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, PathBuf),
}

/// An open listener. Dropping it closes it and removes a unix socket's file.
pub(crate) struct Listener {
    source: Source,
    pub door: Door,
    /// Where it listens, for people: `127.0.0.1:6379` or a path.
    pub place: String,
}

impl Listener {
    /// Opens a listener; `None` when its address is optional and this machine has none such.
    pub fn bind(endpoint: &Endpoint, backlog: i32) -> Result<Option<Self>, BindError> {
        let door = endpoint.door;
        let place = place(&endpoint.address);
        let opened = match &endpoint.address {
            Address::Tcp { host, port, optional } => match bind_tcp(host, *port, backlog) {
                Err(error) if *optional && is_absent(&error) => return Ok(None),
                opened => opened.map(Source::Tcp),
            },
            Address::Unix { path, mode } => bind_unix(path, *mode, backlog),
        };
        match opened {
            Ok(source) => Ok(Some(Self { source, door, place })),
            Err(cause) => Err(BindError { place, cause }),
        }
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.source {
            Source::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            #[cfg(unix)]
            Source::Unix(listener, _) => registry.register(listener, token, Interest::READABLE),
        }
    }

    /// Takes one connection that waits and makes it ready for use.
    pub fn accept(&self, keepalive: Option<Duration>) -> io::Result<(Stream, Peer)> {
        match &self.source {
            Source::Tcp(listener) => {
                let (stream, addr) = listener.accept()?;
                // A peer that is gone already makes these fail; the first read will tell.
                let _ = stream.set_nodelay(true);
                if let Some(after) = keepalive {
                    let probes = TcpKeepalive::new().with_time(after).with_interval(after / 3);
                    let _ = SockRef::from(&stream).set_tcp_keepalive(&probes);
                }
                let laddr = stream.local_addr().map_or_else(|_| self.place.clone(), |addr| addr.to_string());
                let stream = Stream::Tcp(stream);
                let peer = self.peer(&stream, addr.to_string(), laddr, false);
                Ok((stream, peer))
            }
            #[cfg(unix)]
            Source::Unix(listener, _) => {
                let stream = Stream::Unix(listener.accept()?.0);
                let place = format!("{}:0", self.place);
                let peer = self.peer(&stream, place.clone(), place, true);
                Ok((stream, peer))
            }
        }
    }

    fn peer(&self, stream: &Stream, addr: String, laddr: String, unix: bool) -> Peer {
        Peer { addr, laddr, fd: stream.fd(), door: self.door, unix }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Source::Unix(_, path) = &self.source {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn place(address: &Address) -> String {
    match address {
        Address::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
        Address::Tcp { host, port, .. } => format!("{host}:{port}"),
        Address::Unix { path, .. } => path.display().to_string(),
    }
}

fn is_absent(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EAFNOSUPPORT) {
        return true;
    }
    error.kind() == io::ErrorKind::AddrNotAvailable
}

fn bind_tcp(host: &str, port: u16, backlog: i32) -> io::Result<TcpListener> {
    let host = match host {
        "*" => "0.0.0.0",
        "::*" => "::",
        host => host,
    };
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "no such host");
    for addr in (host, port).to_socket_addrs()? {
        match bind_addr(addr, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_addr(addr: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this option would let two servers share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(unix)]
fn bind_unix(path: &PathBuf, mode: Option<u32>, backlog: i32) -> io::Result<Source> {
    use std::os::unix::fs::PermissionsExt;
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if let Some(mode) = mode {
        // Before listen, while nobody can connect yet.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    let listener = std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket));
    Ok(Source::Unix(UnixListener::from_std(listener), path.clone()))
}

/// Removes the file of a server that is gone; a socket that answers, or a file that is no socket, stays.
#[cfg(unix)]
fn remove_stale(path: &PathBuf) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is in the way"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Err(io::Error::from_raw_os_error(libc::EADDRINUSE)),
    }
}

#[cfg(not(unix))]
fn bind_unix(_: &PathBuf, _: Option<u32>, _: i32) -> io::Result<Source> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "unix sockets are not available on this system"))
}
