//! Commands that wait for a key.

use dozo_store::Type;

/// What a client that waits in vain is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutReply {
    /// A null.
    Null,
    /// A null array.
    NullArray,
}

/// What a blocking command waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The type that a key must hold to serve it.
    pub of: Type,
    /// Whether it also runs again when a key was deleted.
    pub gone: bool,
    /// How long, in milliseconds; `None` is for ever. On a retry the first deadline stays.
    pub timeout_ms: Option<i64>,
    /// The answer when the time is up.
    pub on_timeout: TimeoutReply,
    /// The command to run again in place of the client's own.
    pub retry: Option<Vec<Vec<u8>>>,
}
