//! One client as the engine sees it: who it is, what it has selected, and the reply bytes it is owed.

use std::net::SocketAddr;

use dozo_wire::Out;
use dozo_wire::resp::{Proto, Reply, RequestParser, Span};

use crate::blocking::{Waiting, Wish};
use crate::fetching::Fetch;
use crate::ids;
use crate::memcached;
use crate::pubsub::Subscriptions;
use crate::transactions::Transaction;

/// Names a session for as long as it is connected; slots are reused, so net drops it on disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub usize);

/// Which protocol family a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// RESP2 and RESP3.
    Resp,
    /// memcached text, meta and binary.
    Memcached,
    /// IDs in memcached's protocols, without a password as their clients know none.
    Ids,
}

/// What net knows of a new connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// `ip:port` of the client, or the socket's path followed by `:0`.
    pub addr: String,
    /// `ip:port` it connected to, or the socket's path followed by `:0`.
    pub laddr: String,
    /// File descriptor, for CLIENT LIST; -1 where there is none.
    pub fd: i64,
    /// Protocol family.
    pub door: Door,
    /// Whether it came over a unix socket.
    pub unix: bool,
}

impl Peer {
    /// Whether it comes from this machine.
    pub fn is_local(&self) -> bool {
        let address = self.addr.parse::<SocketAddr>();
        self.unix || address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
    }
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Every command is answered.
    On,
    /// None is.
    Off,
    /// The command after this one is not.
    SkipNext,
    /// This command is not.
    Skip,
}

/// A connected client. Fields are read by CLIENT LIST and INFO.
pub struct Session {
    /// Unique, rising, never reused.
    pub id: u64,
    /// Where it is connected from and to.
    pub peer: Peer,
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: Vec<u8>,
    /// The selected database.
    pub db: usize,
    /// Protocol version of its replies.
    pub proto: Proto,
    /// Whether it may run commands.
    pub authenticated: bool,
    /// Unix ms of the connection and of the last command.
    pub created_ms: i64,
    /// Unix ms of its last command.
    pub last_active_ms: i64,
    /// Index of its last command in the table.
    pub last_command: Option<u32>,
    /// Commands it has run.
    pub commands: u64,
    /// Bytes read from it, set by net.
    pub net_in: u64,
    /// Bytes written to it, set by net.
    pub net_out: u64,
    /// Bytes received and not yet executed, set by net.
    pub query_buffer: usize,
    /// Receives every command (MONITOR).
    pub monitor: bool,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// It has changed something whose journal may not be on the medium yet; net takes it back.
    pub wrote: bool,
    /// Close once the replies are written.
    pub close_after_reply: bool,
    /// Held back by CLIENT PAUSE or by a blocking command.
    pub blocked: bool,
    /// Bytes still to be written.
    pub out: Out,
    /// What it is subscribed to, if anything.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// Unix ms since when its output is over the soft limit.
    pub soft_since_ms: Option<i64>,
    /// Memcached state of a memcached session.
    pub memcached: memcached::State,
    /// State of a session at the ID door.
    pub ids: ids::State,
    /// What MULTI has begun.
    pub transaction: Option<Box<Transaction>>,
    /// Rises whenever a database is selected, so that a nested call sees that one was.
    pub selections: u32,
    /// Its own name in the engine; meaningless for an internal session.
    pub(crate) sid: SessionId,
    /// The command that just ran wants to wait.
    pub(crate) wish: Option<Box<Wish>>,
    /// The values on disk that its next request needs.
    pub(crate) fetch: Option<Box<Fetch>>,
    /// It waits.
    pub(crate) waiting: Option<Box<Waiting>>,
    /// Its script is past its time and has not ended.
    pub(crate) in_script: bool,
    /// Its command runs again after having waited.
    pub(crate) retrying: bool,
    /// The running command answers with pushes, which CLIENT REPLY OFF does not silence.
    pub(crate) push_is_reply: bool,
    pub(crate) dirty: bool,
    pub(crate) parser: RequestParser,
    pub(crate) spans: Vec<Span>,
}

impl Session {
    pub(crate) fn new(id: u64, peer: Peer, authenticated: bool, now_ms: i64) -> Self {
        Self {
            id,
            peer,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_ver: Vec::new(),
            db: 0,
            proto: Proto::Resp2,
            authenticated,
            created_ms: now_ms,
            last_active_ms: now_ms,
            last_command: None,
            commands: 0,
            net_in: 0,
            net_out: 0,
            query_buffer: 0,
            monitor: false,
            no_evict: false,
            no_touch: false,
            reply_mode: ReplyMode::On,
            wrote: false,
            close_after_reply: false,
            blocked: false,
            out: Out::new(),
            subscriptions: None,
            soft_since_ms: None,
            memcached: memcached::State::default(),
            ids: ids::State::default(),
            transaction: None,
            selections: 0,
            sid: SessionId(usize::MAX),
            wish: None,
            fetch: None,
            waiting: None,
            in_script: false,
            retrying: false,
            push_is_reply: false,
            dirty: false,
            parser: RequestParser::new(),
            spans: Vec::new(),
        }
    }

    /// A session without a socket, for gateways, the library and tests. It is authenticated.
    pub fn internal(now_ms: i64) -> Self {
        let peer = Peer {
            addr: "internal:0".into(),
            laddr: "internal:0".into(),
            fd: -1,
            door: Door::Resp,
            unix: false,
        };
        Self::new(0, peer, true, now_ms)
    }

    /// Selects a database.
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.selections = self.selections.wrapping_add(1);
    }

    /// Whether a blocking command of it waits, or a script of it for more time.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some() || self.in_script
    }

    /// The encoder of its replies.
    #[inline]
    pub fn reply(&mut self) -> Reply<'_> {
        Reply { out: &mut self.out, proto: self.proto }
    }

    /// What RESET leaves: database 0, RESP2, no name, no monitor; authentication starts anew.
    pub fn reset(&mut self, authenticated: bool) {
        self.select(0);
        self.proto = Proto::Resp2;
        self.name.clear();
        self.monitor = false;
        self.no_evict = false;
        self.no_touch = false;
        self.reply_mode = ReplyMode::On;
        self.authenticated = authenticated;
    }
}
