//! Time is passed in, so that a test can drive it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the engine reads time from.
pub trait Clock: Send {
    /// Wall clock, microseconds since the Unix epoch.
    fn unix_us(&self) -> i64;
    /// A clock that never goes back, in nanoseconds from an arbitrary start.
    fn monotonic_ns(&self) -> u64;
}

/// The machine's own clocks.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts counting monotonic time now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn unix_us(&self) -> i64 {
        // A clock before 1970 is a broken machine; 0 keeps every deadline in the future.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}
