//! The names of the eviction policies, and what each name implies.

/// A value of `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Never evict: writes that need memory fail.
    NoEviction,
    /// The entry idle for longest, of all.
    AllKeysLru,
    /// The entry idle for longest, of those with an expiry.
    VolatileLru,
    /// The least frequently used entry, of all.
    AllKeysLfu,
    /// The least frequently used entry, of those with an expiry.
    VolatileLfu,
    /// Any entry.
    AllKeysRandom,
    /// Any entry with an expiry.
    VolatileRandom,
    /// The entry nearest its expiry.
    VolatileTtl,
    /// The oldest entry.
    Fifo,
    /// Three queues: new entries must prove themselves before they stay.
    S3Fifo,
    /// A frequency sketch decides whether a new entry may replace an old one.
    TinyLfu,
    /// A score of 70 % recency and 30 % frequency.
    Hybrid,
}

impl PolicyKind {
    /// Every policy, in the order in which the settings list them.
    pub const ALL: [PolicyKind; 12] = [
        PolicyKind::NoEviction,
        PolicyKind::AllKeysLru,
        PolicyKind::VolatileLru,
        PolicyKind::AllKeysLfu,
        PolicyKind::VolatileLfu,
        PolicyKind::AllKeysRandom,
        PolicyKind::VolatileRandom,
        PolicyKind::VolatileTtl,
        PolicyKind::Fifo,
        PolicyKind::S3Fifo,
        PolicyKind::TinyLfu,
        PolicyKind::Hybrid,
    ];

    /// The policy of that name, in any case.
    pub fn parse(name: &str) -> Option<PolicyKind> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The name as Redis and dozo's settings write it.
    pub const fn name(self) -> &'static str {
        match self {
            PolicyKind::NoEviction => "noeviction",
            PolicyKind::AllKeysLru => "allkeys-lru",
            PolicyKind::VolatileLru => "volatile-lru",
            PolicyKind::AllKeysLfu => "allkeys-lfu",
            PolicyKind::VolatileLfu => "volatile-lfu",
            PolicyKind::AllKeysRandom => "allkeys-random",
            PolicyKind::VolatileRandom => "volatile-random",
            PolicyKind::VolatileTtl => "volatile-ttl",
            PolicyKind::Fifo => "fifo",
            PolicyKind::S3Fifo => "s3fifo",
            PolicyKind::TinyLfu => "tinylfu",
            PolicyKind::Hybrid => "hybrid",
        }
    }

    /// True when only entries with an expiry may be evicted.
    pub const fn volatile_only(self) -> bool {
        matches!(
            self,
            PolicyKind::VolatileLru
                | PolicyKind::VolatileLfu
                | PolicyKind::VolatileRandom
                | PolicyKind::VolatileTtl
        )
    }

    /// True when the header's low byte is Redis's logarithmic frequency counter (what OBJECT FREQ shows).
    pub const fn counts_frequency(self) -> bool {
        matches!(self, PolicyKind::AllKeysLfu | PolicyKind::VolatileLfu | PolicyKind::Hybrid)
    }

    /// True when the policy keeps every entry in the queues.
    pub(super) const fn queued(self) -> bool {
        matches!(self, PolicyKind::Fifo | PolicyKind::S3Fifo | PolicyKind::TinyLfu)
    }
}
