//! A small engine: four commands of the hot lane, QUIT, and PY, which needs the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dozo_engine::flags::Flags;
use dozo_engine::hot;
use dozo_engine::table::{CommandSpec, CommandTable, HotFn, Kind};
use dozo_engine::{Cx, Engine, Host, Level, Settings, SystemClock};
use dozo_store::StoreConfig;

/// How often a host's scope was entered in this process.
pub static SCOPES: AtomicUsize = AtomicUsize::new(0);

struct Python;

impl Host for Python {
    fn scope(&self, work: &mut dyn FnMut()) {
        SCOPES.fetch_add(1, Ordering::SeqCst);
        work();
    }

    fn call(&self, _: u32, cx: &mut Cx<'_>, _: &[&[u8]]) {
        cx.reply().simple("PONG");
    }

    fn memcached_stats(&self, _: &mut Cx<'_>, _: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        None
    }

    fn log(&self, _: Level, _: &str) {}
}

fn quit(cx: &mut Cx<'_>, _: &[&[u8]]) {
    cx.session.close_after_reply = true;
    cx.reply().ok();
}

pub fn small() -> Engine {
    let names = ["ping", "echo", "get", "set", "quit", "py"];
    let specs = names.map(|name| CommandSpec {
        name: name.into(),
        arity: -1,
        flags: Flags::default(),
        kind: if name == "py" { Kind::Foreign } else { Kind::Hot },
        keys: (0, 0, 0),
        fetched: Vec::new(),
    });
    let quit: (&str, HotFn) = ("quit", quit);
    let hot: Vec<_> = hot::all().filter(|(name, _)| names.contains(name)).chain([quit]).collect();
    let table = CommandTable::build(&specs, &hot).unwrap();
    let clock = Box::new(SystemClock::new());
    Engine::new(StoreConfig::default(), Settings::default(), table, clock, Some(Arc::new(Python)))
}
