//! The numbers themselves: `milliseconds since 2015 << 22 | worker << 12 | sequence`.
//!
//! Owns that no number comes twice and none is smaller than one before it. It refuses to know who guarantees its
//! worker: whoever does hands it a [`Permit`], and without one, or past its end, there are no numbers.
//!
//! Time is the wall clock's at the start plus what has passed since, so that a stepped clock changes nothing. Where
//! the numbers that a worker has had are ahead of it (the clock was set back between two runs), time goes on
//! from the last of them at half its pace until the clock has caught up: it never stops and never goes back.

use std::ops::Range;

/// 2015-01-01T00:00:00Z, unix ms.
pub const EPOCH_MS: i64 = 1_420_070_400_000;
/// Numbers a worker has in a millisecond.
pub const SEQUENCES: usize = 1 << SEQUENCE_BITS;
/// One more than the greatest worker.
pub const WORKERS: u16 = 1 << WORKER_BITS;

const SEQUENCE_BITS: u32 = 12;
const WORKER_BITS: u32 = 10;
/// Bits that are left for the time.
const TIME_BITS: u32 = u64::BITS - WORKER_BITS - SEQUENCE_BITS;

/// The right to issue as a worker, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Below [`WORKERS`].
    pub worker: u16,
    /// [`Generator::now_ms`] from which it holds no more.
    pub until_ms: i64,
    /// The time that no number may reach: whoever is this worker next begins there.
    pub mark_ms: i64,
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no permit, or it has ended.
    NoPermit,
    /// This millisecond has no more; the next one has.
    Exhausted,
    /// The clock is before 2015, or past the 139 years that the bits have room for.
    Clock,
}

/// Makes numbers.
pub struct Generator {
    /// The wall clock at the start, unix microseconds, and the monotonic clock then.
    start_us: i64,
    start_ns: u64,
    /// When a permit came whose worker had been ahead of the clock, and the time of the numbers from then on.
    ahead: (i64, i64),
    permit: Option<Permit>,
    /// The time of the last number, and how many that millisecond has had.
    last_ms: i64,
    used: usize,
}

impl Generator {
    /// A generator without a permit.
    pub fn new(unix_us: i64, monotonic_ns: u64) -> Self {
        Self { start_us: unix_us, start_ns: monotonic_ns, ahead: (0, 0), permit: None, last_ms: 0, used: 0 }
    }

    /// The clock by which permits end, unix ms.
    #[inline]
    pub fn now_ms(&self, monotonic_ns: u64) -> i64 {
        (self.start_us + (monotonic_ns.saturating_sub(self.start_ns) / 1000) as i64) / 1000
    }

    /// The time that a number would have: the clock's, or one ahead of it.
    #[inline]
    pub fn time_ms(&self, monotonic_ns: u64) -> i64 {
        let now = self.now_ms(monotonic_ns);
        let (since, from) = self.ahead;
        now.max(from + (now - since) / 2).max(self.last_ms)
    }

    /// The time of the last number; 0 before the first.
    pub fn last_ms(&self) -> i64 {
        self.last_ms
    }

    /// What it may issue, whether that has ended or not.
    pub fn permit(&self) -> Option<Permit> {
        self.permit
    }

    /// Takes a permit in place of the one it has. The worker may have issued numbers up to and with `floor_ms`.
    pub fn permit_until(&mut self, permit: Permit, floor_ms: i64, monotonic_ns: u64) {
        debug_assert!(permit.worker < WORKERS);
        if self.permit.is_none_or(|before| before.worker != permit.worker) {
            // A smaller worker's numbers of this millisecond would be smaller than those that are out.
            self.used = SEQUENCES;
        }
        if floor_ms >= self.time_ms(monotonic_ns) {
            self.ahead = (self.now_ms(monotonic_ns), floor_ms + 1);
        }
        self.permit = Some(permit);
    }

    /// Issues no more.
    pub fn revoke(&mut self) {
        self.permit = None;
    }

    /// Up to `wanted` numbers, all of one millisecond: at least one, and one after the other.
    #[inline]
    pub fn take(&mut self, wanted: usize, monotonic_ns: u64) -> Result<Range<u64>, Refusal> {
        let permit = self.permit.ok_or(Refusal::NoPermit)?;
        let time = self.time_ms(monotonic_ns);
        if self.now_ms(monotonic_ns) >= permit.until_ms || time >= permit.mark_ms {
            return Err(Refusal::NoPermit);
        }
        let used = if time > self.last_ms { 0 } else { self.used };
        if used >= SEQUENCES {
            return Err(Refusal::Exhausted);
        }
        let since_epoch = u64::try_from(time - EPOCH_MS).ok().filter(|ms| ms >> TIME_BITS == 0);
        let stamp = since_epoch.ok_or(Refusal::Clock)? << (WORKER_BITS + SEQUENCE_BITS);
        let first = stamp | u64::from(permit.worker) << SEQUENCE_BITS | used as u64;
        let count = wanted.clamp(1, SEQUENCES - used);
        (self.last_ms, self.used) = (time, used + count);
        Ok(first..first + count as u64)
    }
}
