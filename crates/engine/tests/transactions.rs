//! Transactions as the consumers of effects see them: whole or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, connect, feed};
use dozo_engine::{Door, Flow};

fn lines(bench: &mut Bench, commands: &[&str]) {
    for command in commands {
        bench.run(command);
    }
}

#[test]
fn several_effects_stand_between_multi_and_exec() {
    let mut bench = Bench::new();
    lines(&mut bench, &["MULTI", "SET a 1", "GET a", "INCR a", "EXEC"]);
    assert_eq!(bench.effects(), ["0:SELECT 0", "0:MULTI", "0:SET a 1", "0:INCR a", "0:EXEC"]);
}

#[test]
fn one_effect_stands_alone_and_none_leaves_nothing() {
    let mut bench = Bench::new();
    lines(&mut bench, &["MULTI", "SET a 1", "DEL none", "EXEC"]);
    assert_eq!(bench.effects(), ["0:SELECT 0", "0:SET a 1"]);
    lines(&mut bench, &["MULTI", "GET a", "EXEC"]);
    assert!(bench.effects().is_empty());
}

#[test]
fn databases_are_selected_within() {
    let mut bench = Bench::new();
    lines(&mut bench, &["MULTI", "SET a 1", "SELECT 2", "SET b 1", "EXEC"]);
    assert_eq!(bench.effects(), ["0:SELECT 0", "0:MULTI", "0:SET a 1", "2:SELECT 2", "2:SET b 1", "2:EXEC"]);
}

#[test]
fn a_discarded_or_refused_transaction_leaves_nothing() {
    let mut bench = Bench::new();
    lines(&mut bench, &["MULTI", "SET a 1", "DISCARD"]);
    lines(&mut bench, &["MULTI", "SET a 1", "NOSUCH", "EXEC"]);
    assert!(bench.effects().is_empty());
}

#[test]
fn a_panic_within_closes_the_group() {
    let mut bench = Bench::new();
    let sid = connect(&mut bench.engine, Door::Resp);
    let (_, flow, _) =
        feed(&mut bench.engine, sid, b"MULTI\r\nSET a 1\r\nSET b 2\r\nPANIC\r\nSET c 3\r\nEXEC\r\n");
    assert_eq!(flow, Flow::Close);
    assert_eq!(bench.effects(), ["0:SELECT 0", "0:MULTI", "0:SET a 1", "0:SET b 2", "0:EXEC"]);
    bench.run("SET d 4");
    assert_eq!(bench.effects(), ["0:SET d 4"]);
}

#[test]
fn a_watcher_that_leaves_is_forgotten() {
    let mut bench = Bench::new();
    let sid = connect(&mut bench.engine, Door::Resp);
    feed(&mut bench.engine, sid, b"WATCH a b\r\n");
    let id = bench.engine.session_mut(sid).unwrap().id;
    assert_eq!(bench.engine.watching(id), (2, false));
    bench.run("SET a 1");
    assert_eq!(bench.engine.watching(id), (0, true));
    bench.engine.disconnect(sid);
    assert_eq!(bench.engine.watching(id), (0, false));
}
