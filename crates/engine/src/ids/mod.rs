//! Unique IDs: the generator, what is counted of it, and the door that katsubushi's clients know.
//!
//! Owns every ID that leaves this process, whatever door it leaves by. Refuses to find a worker ID and to keep the
//! last millisecond over restarts: Python does both (python/dozo/ids), and gives or takes the permit.

mod binary;
mod door;
mod generator;
mod text;

use std::ops::Range;

pub(crate) use door::feed;
pub use generator::{EPOCH_MS, Generator, Permit, Refusal, SEQUENCES, WORKERS};

use crate::engine::Engine;

/// The most IDs that one request may ask for by a number.
pub const MAX_COUNT: usize = 1000;

/// What `VERSION` and `STATS` tell.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The service, of which an engine has one.
pub struct Ids {
    /// Makes them.
    pub generator: Generator,
    /// Requests for IDs, by any door.
    pub requests: u64,
    /// IDs issued.
    pub issued: u64,
    /// Why there is no permit, for whoever asks for an ID.
    pub why_not: String,
}

impl Ids {
    pub(crate) fn new(unix_us: i64, monotonic_ns: u64) -> Self {
        Self {
            generator: Generator::new(unix_us, monotonic_ns),
            requests: 0,
            issued: 0,
            why_not: "the ID service is off: set worker-id or id-lease".into(),
        }
    }
}

/// What a session at the ID door has begun.
#[derive(Default)]
pub struct State {
    dialect: Option<door::Dialect>,
    /// Bytes at the start of the input that are known to hold no line end.
    scanned: usize,
    /// Bytes of a packet's body that are still to come.
    skip: u32,
    /// A request for IDs has begun, and lacks as many.
    collecting: Option<usize>,
    /// The IDs it has, in the order in which it gets them; each millisecond that it took has a range.
    ranges: Vec<Range<u64>>,
}

/// What became of a request for IDs.
enum Collected {
    /// They are all there.
    All,
    /// The rest comes with the next millisecond.
    Later,
    /// There are none.
    Refused,
}

impl State {
    /// Takes as many IDs as the request `wants`; after `Later` the same request comes again and gets the rest.
    fn collect(&mut self, engine: &mut Engine, wants: impl FnOnce() -> usize) -> Collected {
        let service = &mut engine.id_service;
        let mut lacks = self.collecting.unwrap_or_else(|| {
            service.requests += 1;
            wants()
        });
        while lacks > 0 {
            match service.generator.take(lacks, engine.clock.monotonic_ns()) {
                Ok(range) => {
                    let taken = (range.end - range.start) as usize;
                    service.issued += taken as u64;
                    lacks -= taken;
                    self.ranges.push(range);
                }
                Err(Refusal::Exhausted) => {
                    self.collecting = Some(lacks);
                    return Collected::Later;
                }
                Err(Refusal::NoPermit | Refusal::Clock) => {
                    self.collecting = None;
                    self.ranges.clear();
                    return Collected::Refused;
                }
            }
        }
        self.collecting = None;
        Collected::All
    }

    /// The IDs, once they are all there; none are left after it.
    fn drain(&mut self) -> impl Iterator<Item = u64> {
        self.ranges.drain(..).flatten()
    }
}

impl Engine {
    /// Issues `wanted` IDs, waiting for the next millisecond where this one has too few: for a command, which can't
    /// be left half done. At most [`MAX_COUNT`] are asked for, so it waits once.
    pub(crate) fn issue(&mut self, wanted: usize) -> Result<Vec<u64>, Refusal> {
        self.id_service.requests += 1;
        let mut ids = Vec::with_capacity(wanted);
        while ids.len() < wanted {
            let now = self.clock.monotonic_ns();
            match self.id_service.generator.take(wanted - ids.len(), now) {
                Ok(range) => ids.extend(range),
                Err(Refusal::Exhausted) => std::hint::spin_loop(),
                Err(refusal) => return Err(refusal),
            }
        }
        self.id_service.issued += wanted as u64;
        Ok(ids)
    }

    /// Lets IDs be issued. The worker may have issued some up to and with `floor_ms`.
    pub fn permit_ids(&mut self, permit: Permit, floor_ms: i64) {
        self.id_service.why_not = format!("the right to be worker {} has not been renewed", permit.worker);
        self.id_service.generator.permit_until(permit, floor_ms, self.clock.monotonic_ns());
    }

    /// Issues no more IDs; the time of the last one, unix ms.
    pub fn refuse_ids(&mut self, why: String) -> i64 {
        self.id_service.generator.revoke();
        self.id_service.why_not = why;
        self.id_service.generator.last_ms()
    }

    /// The generator's two clocks, unix ms: the one by which permits end, and the one in the IDs.
    pub fn id_clocks(&self) -> (i64, i64) {
        let now = self.clock.monotonic_ns();
        (self.id_service.generator.now_ms(now), self.id_service.generator.time_ms(now))
    }

    /// What STATS tells, by memcached's names.
    pub fn id_figures(&self) -> [(&'static str, String); 9] {
        let unix_ms = self.clock.unix_us() / 1000;
        let uptime = (unix_ms - self.stats.started_ms).max(0) / 1000;
        [
            ("pid", std::process::id().to_string()),
            ("uptime", uptime.to_string()),
            ("time", (unix_ms / 1000).to_string()),
            ("version", VERSION.into()),
            ("curr_connections", self.session_count().to_string()),
            ("total_connections", self.stats.connections.to_string()),
            ("cmd_get", self.id_service.requests.to_string()),
            ("get_hits", self.id_service.issued.to_string()),
            ("get_misses", "0".into()),
        ]
    }
}
