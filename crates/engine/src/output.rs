//! How much unsent output a client may pile up (`client-output-buffer-limit`), by class of client.
//!
//! The hard limit closes at once, the soft one when it was exceeded for its seconds. The engine looks whenever it
//! appends to another session's output and after each feed; net looks at what a socket doesn't take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::engine::{Engine, Flow};
use crate::session::{Session, SessionId};

/// The classes of clients, in the setting's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientClass {
    /// Whoever is nothing else.
    Normal,
    /// Replicas.
    Replica,
    /// Whoever is subscribed to anything.
    PubSub,
}

/// The limits of every class; CONFIG SET may change them from any thread.
#[derive(Debug)]
pub struct OutputLimits {
    /// Hard and soft limit in bytes, and seconds over the soft one; 0 is none.
    classes: [[AtomicU64; 3]; 3],
}

impl Default for OutputLimits {
    fn default() -> Self {
        let numbers = [[1 << 30, 0, 0], [256 << 20, 64 << 20, 60], [32 << 20, 8 << 20, 60]];
        Self { classes: numbers.map(|class| class.map(AtomicU64::new)) }
    }
}

impl OutputLimits {
    /// Takes nine numbers: hard and soft bytes and seconds of normal clients, replicas and subscribers.
    pub fn set(&self, text: &[u8]) -> bool {
        let words = std::str::from_utf8(text).unwrap_or_default().split_ascii_whitespace();
        let Ok(numbers) = words.map(str::parse).collect::<Result<Vec<u64>, _>>() else {
            return false;
        };
        if numbers.len() != 9 {
            return false;
        }
        for (place, number) in self.classes.iter().flatten().zip(numbers) {
            place.store(number, Ordering::Relaxed);
        }
        true
    }

    fn number(&self, class: ClientClass, which: usize) -> u64 {
        self.classes[class as usize][which].load(Ordering::Relaxed)
    }

    /// The hard limit in bytes; `usize::MAX` where there is none.
    pub fn hard(&self, class: ClientClass) -> usize {
        none_is_max(self.number(class, 0))
    }

    /// The soft limit in bytes; `usize::MAX` where there is none.
    pub fn soft(&self, class: ClientClass) -> usize {
        none_is_max(self.number(class, 1))
    }

    /// How long the soft limit may be exceeded.
    pub fn soft_time(&self, class: ClientClass) -> Duration {
        Duration::from_secs(self.number(class, 2))
    }

    /// Whether a session's unsent output is too much now; notes since when it is over the soft limit.
    pub fn is_over(&self, session: &mut Session, now_ms: i64) -> bool {
        let (class, len) = (session.class(), session.out.len());
        if len > self.hard(class) || session.out.has_overflowed() {
            return true;
        }
        if len <= self.soft(class) {
            session.soft_since_ms = None;
            return false;
        }
        let since = *session.soft_since_ms.get_or_insert(now_ms);
        (now_ms - since) as u128 > self.soft_time(class).as_millis()
    }
}

fn none_is_max(bytes: u64) -> usize {
    if bytes == 0 { usize::MAX } else { usize::try_from(bytes).unwrap_or(usize::MAX) }
}

impl Session {
    /// Which limits hold for it.
    pub fn class(&self) -> ClientClass {
        if self.subscriptions.is_some() { ClientClass::PubSub } else { ClientClass::Normal }
    }
}

impl Engine {
    /// Gives up a session whose output is too much: what it was to get is dropped, and net closes it after the batch.
    fn give_up(&mut self, session: &mut Session) {
        session.close_after_reply = true;
        session.out.take();
        self.stats.output_buffer_closed += 1;
        self.overflowed.push(session.sid);
    }

    /// After something was put to a session that is not running.
    pub(crate) fn close_if_overflowed(&mut self, sid: SessionId) {
        let now = self.ks.now();
        self.with_session(sid, |engine, session| {
            if !session.close_after_reply && engine.output_limits.is_over(session, now) {
                engine.give_up(session);
            }
        });
    }

    /// After a feed: a session whose replies alone pass the hard limit is closed, and gets none of them.
    pub(crate) fn check_output(&mut self, session: &mut Session, flow: Flow) -> Flow {
        let hard = self.output_limits.hard(session.class());
        let overflowed = session.out.has_overflowed() || session.out.len() > hard;
        session.out.set_limit(hard);
        if !overflowed || session.close_after_reply && session.out.is_empty() {
            return flow;
        }
        self.give_up(session);
        Flow::Close
    }
}
