//! Counters behind INFO, `stats` and the latency commands. They are plain integers: one thread owns them.

use std::collections::HashMap;

/// Different error codes remembered by INFO errorstats; a client can't make the list longer.
const MAX_ERROR_CODES: usize = 128;
/// Buckets of the latency histogram: bucket i holds calls under 2^i microseconds, the last one all others.
pub const HISTOGRAM_BUCKETS: usize = 31;

/// What INFO commandstats and latencystats say of one command.
#[derive(Clone, Default)]
pub struct CommandStats {
    /// Finished calls.
    pub calls: u64,
    /// Time in them, nanoseconds.
    pub nanoseconds: u64,
    /// Refused before they ran.
    pub rejected: u64,
    /// Calls that answered an error.
    pub failed: u64,
    /// Calls by the power of two of their microseconds; absent until the first call.
    pub histogram: Option<Box<[u64; HISTOGRAM_BUCKETS]>>,
}

impl CommandStats {
    /// Counts one call.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64, failed: bool, histogram: bool) {
        self.calls += 1;
        self.nanoseconds += nanoseconds;
        self.failed += u64::from(failed);
        if histogram {
            let bucket = (64 - (nanoseconds / 1000).leading_zeros() as usize).min(HISTOGRAM_BUCKETS - 1);
            self.histogram.get_or_insert_with(|| Box::new([0; HISTOGRAM_BUCKETS]))[bucket] += 1;
        }
    }
}

/// Counters of the whole server.
#[derive(Default)]
pub struct Stats {
    /// Unix ms of the start.
    pub started_ms: i64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused for `maxclients` or protected mode.
    pub rejected_connections: u64,
    /// Commands run, memcached requests included.
    pub commands: u64,
    /// Bytes read.
    pub net_in: u64,
    /// Bytes written.
    pub net_out: u64,
    /// Reads and writes on sockets.
    pub reads: u64,
    /// See `reads`.
    pub writes: u64,
    /// Error replies.
    pub errors: u64,
    /// Connections closed for an output buffer over its limit.
    pub output_buffer_closed: u64,
    /// Connections closed for a query buffer over its limit.
    pub query_buffer_closed: u64,
    /// Most memory ever used, bytes.
    pub peak_memory: u64,
    /// Commands a second, over the last ticks.
    pub ops_per_second: Rate,
    /// Bytes read a second.
    pub net_in_per_second: Rate,
    /// Bytes written a second.
    pub net_out_per_second: Rate,
    /// Failed AUTH and NOAUTH.
    pub acl_denied_auth: u64,
    /// Error replies by code.
    pub error_codes: HashMap<String, u64>,
    /// Memcached's own counters.
    pub memcached: crate::memcached::Counters,
}

impl Stats {
    /// Counts an error reply; `line` starts after the `-`.
    pub fn count_error(&mut self, line: &[u8]) {
        self.errors += 1;
        let code: Vec<u8> = line.iter().copied().take_while(|b| !b.is_ascii_whitespace()).take(32).collect();
        let code = String::from_utf8_lossy(&code).into_owned();
        if let Some(count) = self.error_codes.get_mut(&code) {
            *count += 1;
        } else if self.error_codes.len() < MAX_ERROR_CODES {
            self.error_codes.insert(code, 1);
        }
    }

    /// Takes one count of an error back that will be counted again: a script passes on what its command answered.
    pub fn counted_already(&mut self, line: &[u8]) {
        self.errors = self.errors.saturating_sub(1);
        let code: Vec<u8> = line.iter().copied().take_while(|b| !b.is_ascii_whitespace()).take(32).collect();
        if let Some(count) = self.error_codes.get_mut(String::from_utf8_lossy(&code).as_ref()) {
            *count = count.saturating_sub(1);
        }
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&mut self) {
        *self = Stats { started_ms: self.started_ms, ..Stats::default() };
    }
}

/// A figure per second, averaged over the last 16 ticks.
#[derive(Clone, Copy, Default)]
pub struct Rate {
    samples: [u64; 16],
    next: usize,
    last_total: u64,
    last_ms: i64,
}

impl Rate {
    /// Takes a sample of a counter that only rises.
    pub fn sample(&mut self, total: u64, now_ms: i64) {
        let elapsed = u64::try_from(now_ms - self.last_ms).unwrap_or(0);
        if self.last_ms != 0 && elapsed > 0 {
            self.samples[self.next] = total.saturating_sub(self.last_total) * 1000 / elapsed;
            self.next = (self.next + 1) % self.samples.len();
        }
        self.last_total = total;
        self.last_ms = now_ms;
    }

    /// The average.
    pub fn value(&self) -> u64 {
        self.samples.iter().sum::<u64>() / self.samples.len() as u64
    }
}
