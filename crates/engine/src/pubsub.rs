//! Pub/sub: who listens to which channel, pattern or shard channel, and how a message reaches them.
//!
//! A message is encoded once: RESP2 and RESP3 differ in its first byte only, and a long one is shared by all
//! outputs. Subscribers of a channel are kept in the order in which they came, so joining, leaving and the end of a
//! connection cost the logarithm of the others and never a search. A message to the session whose command is running
//! waits until that command is done and is then put before its reply, as it was sent before it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dozo_wire::resp::{Proto, Reply};
use dozo_wire::{Out, Shared};

use crate::cx::Cx;
use crate::engine::Engine;
use crate::glob;
use crate::session::{Session, SessionId};
use crate::tracking::Told;

/// About what a subscription takes besides the name: its places in the two maps.
const SUBSCRIPTION_BYTES: usize = 128;

/// What is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

/// The names of one kind with their subscribers: number of the subscription -> slot of the session.
type Names = HashMap<Arc<[u8]>, BTreeMap<u64, usize>>;

/// Every subscription.
#[derive(Default)]
pub struct PubSub {
    names: [Names; 3],
    last: u64,
    /// Sessions that have any.
    clients: usize,
}

impl PubSub {
    /// Names of that kind with at least one subscriber.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &[u8]> {
        self.names[kind as usize].keys().map(AsRef::as_ref)
    }

    /// How many names of that kind have a subscriber.
    pub fn len(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// Whether nobody is subscribed to anything of that kind.
    pub fn is_empty(&self, kind: Kind) -> bool {
        self.names[kind as usize].is_empty()
    }

    /// How many sessions are subscribed to a name.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> usize {
        self.names[kind as usize].get(name).map_or(0, BTreeMap::len)
    }

    /// How many sessions are subscribed to anything.
    pub fn clients(&self) -> usize {
        self.clients
    }
}

/// The subscriptions of one session.
#[derive(Default)]
pub struct Subscriptions {
    names: [BTreeMap<Arc<[u8]>, u64>; 3],
    bytes: usize,
}

impl Subscriptions {
    /// How many of that kind.
    pub fn len(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeMap::is_empty)
    }

    /// About what they take, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Session {
    /// How many subscriptions of that kind it has.
    pub fn subscribed(&self, kind: Kind) -> usize {
        self.subscriptions.as_ref().map_or(0, |own| own.len(kind))
    }

    /// The number that answers (UN)SUBSCRIBE of that kind: shard channels are counted apart.
    fn subscription_count(&self, kind: Kind) -> i64 {
        let count = match kind {
            Kind::Shard => self.subscribed(Kind::Shard),
            _ => self.subscribed(Kind::Channel) + self.subscribed(Kind::Pattern),
        };
        count as i64
    }

    /// Appends an out-of-band message.
    fn put_push(&mut self, what: &Push) {
        match what {
            Push::Message(tail) => {
                let first: &[u8] = if self.proto == Proto::Resp3 { b">" } else { b"*" };
                self.out.put(first);
                self.out.put_shared(tail);
            }
            Push::Invalidation { redirected, told } => self.put_invalidation(*redirected, told),
            Push::Broken(id) => self.put_broken(*id),
        }
    }
}

/// What is sent to a session out of band.
pub(crate) enum Push {
    /// A message, without its first byte.
    Message(Shared),
    /// Keys that it may hold, or that the client may hold which redirects to it, have changed.
    Invalidation {
        /// It is another client that holds them.
        redirected: bool,
        /// The keys.
        told: Told,
    },
    /// The client of that id, which would be told in its place, has gone.
    Broken(u64),
}

/// What is sent to the session whose command is running.
pub(crate) struct OwnPush {
    sid: usize,
    what: Push,
    /// It stands behind the reply, not before it.
    behind: bool,
}

/// A message without its first byte, which is the protocol's.
fn message(parts: &[&[u8]]) -> Shared {
    let mut out = Out::new();
    let mut reply = Reply::new(&mut out, Proto::Resp2);
    reply.array(parts.len());
    for part in parts {
        reply.bulk(part);
    }
    Arc::new(out.bytes.split_off(1))
}

impl Engine {
    /// Sends a message to the subscribers of a channel and of the patterns that match it; returns how many there are.
    pub fn publish(&mut self, channel: &[u8], payload: &[u8]) -> i64 {
        let mut receivers = self.publish_to(Kind::Channel, b"message", channel, payload);
        if self.pubsub.is_empty(Kind::Pattern) {
            return receivers;
        }
        let patterns = std::mem::take(&mut self.pubsub.names[Kind::Pattern as usize]);
        for (pattern, subscribers) in &patterns {
            if glob(pattern, channel) {
                let tail = message(&[b"pmessage", pattern, channel, payload]);
                subscribers.values().for_each(|sid| self.push(*sid, Push::Message(Arc::clone(&tail)), false));
                receivers += subscribers.len() as i64;
            }
        }
        self.pubsub.names[Kind::Pattern as usize] = patterns;
        receivers
    }

    /// Sends a message to the subscribers of a shard channel; returns how many there are.
    pub fn publish_sharded(&mut self, channel: &[u8], payload: &[u8]) -> i64 {
        self.publish_to(Kind::Shard, b"smessage", channel, payload)
    }

    fn publish_to(&mut self, kind: Kind, word: &[u8], channel: &[u8], payload: &[u8]) -> i64 {
        let names = std::mem::take(&mut self.pubsub.names[kind as usize]);
        let mut receivers = 0;
        if let Some(subscribers) = names.get(channel) {
            let tail = message(&[word, channel, payload]);
            subscribers.values().for_each(|sid| self.push(*sid, Push::Message(Arc::clone(&tail)), false));
            receivers = subscribers.len() as i64;
        }
        self.pubsub.names[kind as usize] = names;
        receivers
    }

    /// Sends something out of band to the session in that slot; where its command is running, before its reply or
    /// `behind` it.
    pub(crate) fn push(&mut self, sid: usize, what: Push, behind: bool) {
        match self.sessions.get_mut(sid) {
            None => {}
            Some(None) => self.own_pushes.push(OwnPush { sid, what, behind }),
            Some(Some(session)) if session.close_after_reply => {}
            Some(Some(session)) => {
                session.put_push(&what);
                self.pushed(SessionId(sid));
            }
        }
    }

    /// Puts what was sent to the running session beside the reply that begins at `mark`.
    pub(crate) fn put_own_pushes(&mut self, session: &mut Session, mark: dozo_wire::Mark) {
        if self.own_pushes.is_empty() {
            return;
        }
        let reply = session.out.split_off(mark);
        let own: Vec<OwnPush> = self.own_pushes.extract_if(.., |push| push.sid == session.sid.0).collect();
        own.iter().filter(|push| !push.behind).for_each(|push| session.put_push(&push.what));
        session.out.append(reply);
        own.iter().filter(|push| push.behind).for_each(|push| session.put_push(&push.what));
    }

    /// Sends what was meant for a session that was running and is not any more.
    pub(crate) fn send_left_pushes(&mut self) {
        for push in std::mem::take(&mut self.own_pushes) {
            if matches!(self.sessions.get(push.sid), Some(Some(_))) {
                self.push(push.sid, push.what, false);
            }
        }
    }

    /// Ends every subscription of a session that is disconnected or reset.
    pub(crate) fn unsubscribe_all(&mut self, session: &mut Session) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            let Some(own) = &mut session.subscriptions else {
                return;
            };
            for (name, number) in std::mem::take(&mut own.names[kind as usize]) {
                self.pubsub.forget(kind, &name, number);
            }
        }
        session.subscriptions = None;
        self.pubsub.clients -= 1;
    }
}

impl PubSub {
    fn forget(&mut self, kind: Kind, name: &[u8], number: u64) {
        let names = &mut self.names[kind as usize];
        let Some(subscribers) = names.get_mut(name) else {
            return;
        };
        subscribers.remove(&number);
        if subscribers.is_empty() {
            names.remove(name);
            if names.capacity() > 64 && names.capacity() / 8 > names.len() {
                names.shrink_to_fit();
            }
        }
    }
}

impl Cx<'_> {
    /// Subscribes the session to a name; `false` when it was already.
    pub fn subscribe(&mut self, kind: Kind, name: &[u8]) -> bool {
        let pubsub = &mut self.engine.pubsub;
        if self.session.subscriptions.is_none() {
            pubsub.clients += 1;
        }
        let own = self.session.subscriptions.get_or_insert_default();
        if own.names[kind as usize].contains_key(name) {
            return false;
        }
        let names = &mut pubsub.names[kind as usize];
        let name: Arc<[u8]> =
            names.get_key_value(name).map_or_else(|| name.into(), |(name, _)| Arc::clone(name));
        pubsub.last += 1;
        own.bytes += name.len() + SUBSCRIPTION_BYTES;
        names.entry(Arc::clone(&name)).or_default().insert(pubsub.last, self.session.sid.0);
        own.names[kind as usize].insert(name, pubsub.last);
        true
    }

    /// Ends a subscription; `false` when there is none.
    pub fn unsubscribe(&mut self, kind: Kind, name: &[u8]) -> bool {
        let Some(own) = &mut self.session.subscriptions else {
            return false;
        };
        let Some(number) = own.names[kind as usize].remove(name) else {
            return false;
        };
        own.bytes -= name.len() + SUBSCRIPTION_BYTES;
        self.engine.pubsub.forget(kind, name, number);
        if own.is_empty() {
            self.session.subscriptions = None;
            self.engine.pubsub.clients -= 1;
        }
        true
    }

    /// Every name of that kind to which the session is subscribed.
    pub fn subscriptions(&self, kind: Kind) -> Vec<Arc<[u8]>> {
        let own = self.session.subscriptions.as_ref();
        own.map_or_else(Vec::new, |own| own.names[kind as usize].keys().cloned().collect())
    }

    /// Tells the session of a subscription that began or ended; `name` is nothing when there was none to end.
    pub fn confirm(&mut self, word: &str, kind: Kind, name: Option<&[u8]>) {
        let count = self.session.subscription_count(kind);
        // Also with CLIENT REPLY OFF.
        self.session.push_is_reply = true;
        let mut reply = self.session.reply();
        reply.push(3);
        reply.bulk(word.as_bytes());
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.int(count);
    }
}
