//! Command flags, by the names that COMMAND INFO gives them.

/// A set of command flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $konst:ident = $bit:expr, $name:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $konst: Flags = Flags(1 << $bit);)*

            /// The flag of that name, `None` when there is none.
            pub fn parse(name: &str) -> Option<Flags> {
                match name {
                    $($name => Some(Flags::$konst),)*
                    _ => None,
                }
            }
        }
    };
}

flags! {
    /// May change data.
    WRITE = 0, "write";
    /// Reads data only.
    READONLY = 1, "readonly";
    /// Refused when memory is over `maxmemory` and nothing can be evicted.
    DENYOOM = 2, "denyoom";
    /// Administration.
    ADMIN = 3, "admin";
    /// Pub/sub.
    PUBSUB = 4, "pubsub";
    /// Not callable from scripts.
    NOSCRIPT = 5, "noscript";
    /// May block its client.
    BLOCKING = 6, "blocking";
    /// Served while data is loading.
    LOADING = 7, "loading";
    /// Served by a replica that lost its master.
    STALE = 8, "stale";
    /// Not shown to MONITOR.
    SKIP_MONITOR = 9, "skip_monitor";
    /// Not in the slow log.
    SKIP_SLOWLOG = 10, "skip_slowlog";
    /// For cluster's ASK.
    ASKING = 11, "asking";
    /// O(1) or O(log n).
    FAST = 12, "fast";
    /// Served before authentication.
    NO_AUTH = 13, "no_auth";
    /// May be replicated although it is no write.
    MAY_REPLICATE = 14, "may_replicate";
    /// Served while a script is past its time limit.
    ALLOW_BUSY = 15, "allow_busy";
    /// Key positions depend on the arguments.
    MOVABLEKEYS = 16, "movablekeys";
    /// Not allowed in MULTI.
    NO_MULTI = 17, "no_multi";
    /// Not propagated from a transaction.
    NO_MANDATORY_KEYS = 18, "no_mandatory_keys";
    /// Asynchronous loading.
    NO_ASYNC_LOADING = 19, "no_async_loading";
    /// Known to the sentinel only.
    ONLY_SENTINEL = 20, "only_sentinel";
    /// Also for the sentinel.
    SENTINEL = 21, "sentinel";
    /// Comes from a module; dozo gives it to commands loaded with `--load`.
    MODULE = 22, "module";
}

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);

    /// Whether any flag of `other` is set.
    #[inline]
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}
