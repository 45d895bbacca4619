//! What net is told before it starts, and the limits that may change while it runs. Python owns their names in
//! the configuration, their units and their bounds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dozo_engine::{Door, Level};

/// Where log lines go. It is called on net's threads and must not block for long.
pub type Log = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Where a listener listens.
#[derive(Clone, Debug)]
pub enum Address {
    /// A TCP port.
    Tcp {
        /// An IPv4 or IPv6 address, a name, `*` (every IPv4 address) or `::*` (every IPv6 address).
        host: String,
        /// The port.
        port: u16,
        /// Whether a host that this machine doesn't have is passed over in silence.
        optional: bool,
    },
    /// A unix socket. A stale file of a server that is gone is replaced.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Permission bits of the file; `None` leaves them to the umask.
        mode: Option<u32>,
    },
}

/// One listener and the protocol family it speaks.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where.
    pub address: Address,
    /// What is spoken there.
    pub door: Door,
}

/// Everything net needs to start.
#[derive(Clone)]
pub struct Settings {
    /// Listeners; none is fine (a server reached through its [`crate::Handle`] only).
    pub endpoints: Vec<Endpoint>,
    /// Connections the kernel may queue for each listener.
    pub backlog: i32,
    /// I/O threads; 0: the executor reads and writes itself.
    pub io_threads: usize,
    /// How long a graceful stop waits for clients to take their replies.
    pub grace: Duration,
    /// Jobs that may wait for the executor.
    pub inbox: usize,
    /// Limits that may change at run time.
    pub limits: Arc<Limits>,
    /// Where log lines go.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            backlog: 511,
            io_threads: 0,
            grace: Duration::from_secs(10),
            inbox: 65_536,
            limits: Arc::default(),
            log: Arc::new(|_, _| ()),
        }
    }
}

/// Limits that CONFIG SET may change while the server runs, from any thread.
#[derive(Debug)]
pub struct Limits {
    query_buffer_bytes: AtomicU64,
    idle_timeout_seconds: AtomicU64,
    id_idle_timeout_seconds: AtomicU64,
    keepalive_seconds: AtomicU64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            query_buffer_bytes: AtomicU64::new(1 << 30),
            idle_timeout_seconds: AtomicU64::new(0),
            id_idle_timeout_seconds: AtomicU64::new(600),
            keepalive_seconds: AtomicU64::new(300),
        }
    }
}

impl Limits {
    /// Sets a limit by its Redis name; `false` when net has no such limit. The timeouts and
    /// `tcp-keepalive` are seconds, 0 for off.
    pub fn set(&self, name: &str, value: u64) -> bool {
        let limit = match name {
            "client-query-buffer-limit" => &self.query_buffer_bytes,
            "timeout" => &self.idle_timeout_seconds,
            "id-idle-timeout" => &self.id_idle_timeout_seconds,
            "tcp-keepalive" => &self.keepalive_seconds,
            _ => return false,
        };
        limit.store(value, Ordering::Relaxed);
        true
    }

    pub(crate) fn query_buffer_bytes(&self) -> usize {
        clamp(self.query_buffer_bytes.load(Ordering::Relaxed))
    }

    pub(crate) fn idle_timeout_seconds(&self, door: Door) -> u64 {
        let limit = match door {
            Door::Ids => &self.id_idle_timeout_seconds,
            Door::Resp | Door::Memcached => &self.idle_timeout_seconds,
        };
        limit.load(Ordering::Relaxed)
    }

    pub(crate) fn keepalive(&self) -> Option<Duration> {
        let seconds = self.keepalive_seconds.load(Ordering::Relaxed);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

fn clamp(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
