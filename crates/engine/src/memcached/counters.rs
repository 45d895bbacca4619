//! The counters that memcached's `stats` shows.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// memcached's own counters, by its own names.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Every counter with its name, in the order in which `stats` lists them.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    /// Keys asked for.
    cmd_get,
    /// Storage commands.
    cmd_set,
    /// `flush_all`.
    cmd_flush,
    /// Touches, `gat` included.
    cmd_touch,
    /// Meta commands.
    cmd_meta,
    /// Keys found.
    get_hits,
    /// Keys not found.
    get_misses,
    /// Deletes of a missing key.
    delete_misses,
    /// Deletes of a key.
    delete_hits,
    /// `incr` of a missing key.
    incr_misses,
    /// `incr` of a key.
    incr_hits,
    /// `decr` of a missing key.
    decr_misses,
    /// `decr` of a key.
    decr_hits,
    /// `cas` of a missing key.
    cas_misses,
    /// `cas` that stored.
    cas_hits,
    /// `cas` of a key that somebody else had changed.
    cas_badval,
    /// Touches of a key.
    touch_hits,
    /// Touches of a missing key.
    touch_misses,
    /// Values refused for their size.
    store_too_large,
    /// Values refused for want of memory.
    store_no_memory,
    /// Authentications tried.
    auth_cmds,
    /// Authentications failed.
    auth_errors,
    /// `streaming_get`.
    cmd_streaming_get,
    /// `set_begin`.
    cmd_set_begin,
    /// Streams that ended with an error.
    stream_errors,
}
