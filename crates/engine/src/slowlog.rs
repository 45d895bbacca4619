//! The slow log: the last commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;

use crate::session::Session;
use crate::settings::truncate_front;

/// Arguments kept of a command, and bytes of each, as in Redis.
const MAX_ARGS: usize = 32;
const MAX_ARG_BYTES: usize = 128;

/// One slow command.
#[derive(Clone, Debug)]
pub struct SlowEntry {
    /// Rising number.
    pub id: u64,
    /// Unix seconds.
    pub time: i64,
    /// How long it ran, microseconds.
    pub microseconds: u64,
    /// The command, long arguments cut.
    pub args: Vec<Vec<u8>>,
    /// Who sent it.
    pub addr: String,
    /// The client's name.
    pub client: Vec<u8>,
}

/// The log, newest last.
#[derive(Default)]
pub struct SlowLog {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
}

impl SlowLog {
    /// Adds a command and drops the oldest over `max_len`.
    pub fn push(&mut self, session: &Session, args: &[&[u8]], time: i64, microseconds: u64, max_len: usize) {
        let entry = SlowEntry {
            id: self.next_id,
            time,
            microseconds,
            args: shorten(args),
            addr: session.peer.addr.clone(),
            client: shorten_arg(&session.name),
        };
        self.next_id += 1;
        self.entries.push_back(entry);
        truncate_front(&mut self.entries, max_len);
    }

    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &SlowEntry> {
        self.entries.iter().rev()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// SLOWLOG RESET.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

fn shorten(args: &[&[u8]]) -> Vec<Vec<u8>> {
    let kept = if args.len() > MAX_ARGS { MAX_ARGS - 1 } else { args.len() };
    let mut short: Vec<Vec<u8>> = args[..kept].iter().map(|arg| shorten_arg(arg)).collect();
    if kept < args.len() {
        short.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    short
}

fn shorten_arg(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= MAX_ARG_BYTES {
        return arg.to_vec();
    }
    let mut short = arg[..MAX_ARG_BYTES].to_vec();
    short.extend_from_slice(format!("... ({} more bytes)", arg.len() - MAX_ARG_BYTES).as_bytes());
    short
}
