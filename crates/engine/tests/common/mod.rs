//! An engine without sockets or Python, with a clock that the test moves.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use dozo_engine::flags::Flags;
use dozo_engine::{
    Cause, Clock, CommandSpec, CommandTable, Door, Effect, Engine, Flow, Kind, Peer, Session, SessionId,
    Settings, Sink, hot as lane, table::HotFn,
};
use dozo_store::StoreConfig;

pub const START_MS: i64 = 1_700_000_000_000;

/// Milliseconds, moved by the test.
#[derive(Clone)]
pub struct TestClock(pub Arc<AtomicI64>);

impl Clock for TestClock {
    fn unix_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst) * 1000
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst) as u64 * 1_000_000
    }
}

/// What a sink has seen: (offset, db, command as text, cause).
pub type Seen = Arc<Mutex<Vec<(u64, usize, String, Cause)>>>;

/// Records effects, and their RESP form.
pub struct Recorder {
    pub seen: Seen,
    pub bytes: Arc<Mutex<Vec<u8>>>,
}

impl Sink for Recorder {
    fn effect(&mut self, effect: &Effect<'_>) {
        let words: Vec<String> =
            effect.args.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
        let mut bytes = self.bytes.lock().unwrap();
        assert_eq!(effect.offset, bytes.len() as u64, "offset is the number of bytes before the effect");
        effect.encode(&mut bytes);
        assert_eq!(bytes.len() as u64, effect.offset + effect.encoded_len());
        self.seen.lock().unwrap().push((effect.offset, effect.db, words.join(" "), effect.cause));
    }
}

pub struct Bench {
    pub engine: Engine,
    pub session: Session,
    pub clock: TestClock,
    pub seen: Seen,
    pub bytes: Arc<Mutex<Vec<u8>>>,
}

const READERS: &[&str] = &[
    "echo", "exists", "get", "id.next", "kill", "mget", "monitor", "panic", "ping", "pttl", "select",
    "sneak", "strlen", "ttl",
];

/// The hot lane; three that are Python's in a server: PERSIST, which stands in the stream, MONITOR and KILL (an id);
/// and two that no server has: PANIC, and SNEAK, which writes without the flag that says so.
pub fn hot() -> Vec<(&'static str, HotFn)> {
    let persist: HotFn = |cx, args| {
        cx.engine.ks.set_expire(cx.session.db, args[1], None);
        cx.reply().int(1);
    };
    let monitor: HotFn = |cx, _| cx.start_monitor();
    let kill: HotFn = |cx, args| {
        let found = cx.kill(std::str::from_utf8(args[1]).unwrap().parse().unwrap());
        cx.reply().int(i64::from(found));
    };
    let panic: HotFn = |_, _| panic!("as a test asked");
    let more =
        [("persist", persist), ("monitor", monitor), ("kill", kill), ("panic", panic), ("sneak", persist)];
    lane::all().chain(more).collect()
}

pub fn table() -> CommandTable {
    CommandTable::build(&specs(), &hot()).unwrap()
}

pub fn specs() -> Vec<CommandSpec> {
    hot()
        .iter()
        .map(|(name, _)| {
            let write = !READERS.contains(name);
            let grows =
                write && !matches!(*name, "del" | "unlink" | "getdel" | "getex") && !name.contains("expire");
            let flags = if write { Flags::WRITE } else { Flags::READONLY };
            CommandSpec {
                name: (*name).to_string(),
                arity: -1,
                flags: if grows { flags.with(Flags::DENYOOM) } else { flags },
                kind: Kind::Hot,
                keys: (1, 1, 1),
                fetched: Vec::new(),
            }
        })
        .collect()
}

impl Bench {
    pub fn new() -> Self {
        Self::with(StoreConfig::default(), Settings::default())
    }

    pub fn with(store: StoreConfig, settings: Settings) -> Self {
        let clock = TestClock(Arc::new(AtomicI64::new(START_MS)));
        let mut engine = Engine::new(store, settings, table(), Box::new(clock.clone()), None);
        let (seen, bytes) = (Seen::default(), Arc::new(Mutex::new(Vec::new())));
        engine.effects.subscribe(Box::new(Recorder { seen: seen.clone(), bytes: bytes.clone() }));
        Self { engine, session: Session::internal(START_MS), clock, seen, bytes }
    }

    pub fn advance(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Runs a command given as words and returns the raw reply.
    pub fn run(&mut self, line: &str) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.run_args(&args)
    }

    pub fn run_args(&mut self, args: &[&[u8]]) -> String {
        self.engine.call(&mut self.session, args);
        String::from_utf8_lossy(&self.session.out.take().to_vec()).into_owned()
    }

    /// The effects since the last call, as "db:command".
    pub fn effects(&self) -> Vec<String> {
        self.seen.lock().unwrap().drain(..).map(|(_, db, text, _)| format!("{db}:{text}")).collect()
    }
}

pub fn connect(engine: &mut Engine, door: Door) -> SessionId {
    let peer = Peer { addr: "127.0.0.1:1".into(), laddr: "127.0.0.1:2".into(), fd: 3, door, unix: false };
    engine.connect(peer).unwrap()
}

/// Feeds bytes as one batch and returns (consumed, flow, reply).
pub fn feed(engine: &mut Engine, sid: SessionId, bytes: &[u8]) -> (usize, Flow, Vec<u8>) {
    engine.begin_batch();
    let (consumed, flow) = engine.feed(sid, bytes);
    engine.end_batch();
    (consumed, flow, engine.out(sid).unwrap().take().to_vec())
}
