//! What a client sees of its connection, with the executor doing the I/O and with I/O threads.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::thread::spawn;

use common::{Node, bulk, request};

both_modes! {
    requests_may_be_split_anywhere
    replies_keep_the_order_of_requests
    large_values_go_in_and_out
    a_slow_reader_gets_everything
    a_client_that_never_reads_is_closed
    small_replies_to_a_deaf_client_pile_up_to_the_limit
    half_closed_clients_get_their_replies
    a_thousand_connections_are_served
    quit_is_answered_and_closes
    a_protocol_error_closes_only_its_connection
    an_announced_bulk_costs_nothing
    too_much_unparsed_input_closes
    held_back_clients_go_on_in_order
    held_back_clients_may_hang_up
    python_is_entered_once_a_batch
    clients_over_the_limit_are_told
    idle_clients_are_closed
    traffic_is_counted
}

fn requests_may_be_split_anywhere(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    let all =
        [request(&[b"SET", b"key", b"value"]), b"PING\r\n".to_vec(), request(&[b"GET", b"key"])].concat();
    for at in 0..=all.len() {
        client.send(&all[..at]);
        // A round trip on another connection: the first part has been read by then, or soon will be.
        let mut other = node.connect();
        other.send(b"PING\r\n");
        other.expect(b"+PONG\r\n");
        client.send(&all[at..]);
        client.expect(b"+OK\r\n+PONG\r\n$5\r\nvalue\r\n");
    }
    for byte in &all {
        client.send(&[*byte]);
    }
    client.expect(b"+OK\r\n+PONG\r\n$5\r\nvalue\r\n");
}

fn replies_keep_the_order_of_requests(io: usize) {
    let node = Node::start(io);
    let clients: Vec<_> = (0..4).map(|_| node.connect()).collect();
    let threads: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            spawn(move || {
                let words: Vec<String> = (0..20_000).map(|n| format!("word-{n}")).collect();
                let requests: Vec<u8> =
                    words.iter().flat_map(|w| request(&[b"ECHO", w.as_bytes()])).collect();
                let replies: Vec<u8> = words.iter().flat_map(|w| bulk(w.as_bytes())).collect();
                let mut writer = client.stream.try_clone().unwrap();
                let writing = spawn(move || writer.write_all(&requests).unwrap());
                client.expect(&replies);
                writing.join().unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn large_values_go_in_and_out(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    for size in [10_000, 65_536, 1_000_000, 20_000_000] {
        let value: Vec<u8> = (0..size).map(|n: usize| (n * 7 + n / 251) as u8).collect();
        client.send(&request(&[b"SET", b"key", &value]));
        client.expect(b"+OK\r\n");
        client.send(&request(&[b"GET", b"key"]));
        client.expect(&bulk(&value));
    }
}

fn a_slow_reader_gets_everything(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    let value = vec![b'v'; 300_000];
    client.send(&request(&[b"SET", b"key", &value]));
    client.expect(b"+OK\r\n");
    for _ in 0..100 {
        client.send(&[request(&[b"GET", b"key"]), b"PING\r\n".to_vec()].concat());
    }
    let mut other = node.connect();
    for _ in 0..100 {
        client.expect(&bulk(&value));
        client.expect(b"+PONG\r\n");
        other.send(b"PING\r\n");
        other.expect(b"+PONG\r\n");
    }
}

fn a_client_that_never_reads_is_closed(io: usize) {
    let node = Node::start(io);
    node.ask(|engine| assert!(engine.output_limits.set(b"2000000 0 0 0 0 0 0 0 0")));
    let mut client = node.connect();
    let value = vec![b'v'; 1_000_000];
    client.send(&request(&[b"SET", b"key", &value]));
    client.expect(b"+OK\r\n");
    let get = request(&[b"GET", b"key"]);
    // The kernel's buffers take the first few megabytes.
    while client.stream.write_all(&get).is_ok() {
        if node.ask(|engine| engine.session_count()) == 0 {
            break;
        }
    }
    node.wait_until(|engine| engine.session_count() == 0);
    assert_eq!(node.ask(|engine| engine.stats.output_buffer_closed), 1);
    assert!(node.log.lock().unwrap()[0].contains("output buffer over its limit"));
    let mut other = node.connect();
    other.send(b"PING\r\n");
    other.expect(b"+PONG\r\n");
}

fn small_replies_to_a_deaf_client_pile_up_to_the_limit(io: usize) {
    let node = Node::start(io);
    node.ask(|engine| assert!(engine.output_limits.set(b"3000000 0 0 0 0 0 0 0 0")));
    let mut client = node.connect();
    let pings = b"PING\r\n".repeat(1000);
    while client.stream.write_all(&pings).is_ok() {}
    node.wait_until(|engine| engine.stats.output_buffer_closed == 1 && engine.session_count() == 0);
}

fn half_closed_clients_get_their_replies(io: usize) {
    let node = Node::start(io);
    for count in [1, 3, 50_000] {
        let mut client = node.connect();
        let mut writer = client.stream.try_clone().unwrap();
        let writing = spawn(move || {
            writer.write_all(&b"PING\r\n".repeat(count)).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(client.rest(), b"+PONG\r\n".repeat(count));
        writing.join().unwrap();
    }
    let mut unfinished = node.connect();
    unfinished.send(b"PING\r\nPIN");
    unfinished.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(unfinished.rest(), b"+PONG\r\n");
    let mut python = node.connect();
    python.send(&request(&[b"PY"]).repeat(3));
    python.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(python.rest(), b"+PONG\r\n".repeat(3));
    node.wait_until(|engine| engine.session_count() == 0);
}

fn a_thousand_connections_are_served(io: usize) {
    let node = Node::start(io);
    let mut clients: Vec<_> = (0..1000).map(|_| node.connect()).collect();
    for _ in 0..3 {
        clients.iter_mut().for_each(|client| client.send(b"PING\r\n"));
        clients.iter_mut().for_each(|client| client.expect(b"+PONG\r\n"));
    }
    assert_eq!(node.ask(|engine| engine.session_count()), 1000);
    drop(clients);
    node.wait_until(|engine| engine.session_count() == 0);
}

fn quit_is_answered_and_closes(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    client.send(b"PING\r\nQUIT\r\nPING\r\n");
    assert_eq!(client.rest(), b"+PONG\r\n+OK\r\n");
}

fn a_protocol_error_closes_only_its_connection(io: usize) {
    let node = Node::start(io);
    let (mut good, mut bad) = (node.connect(), node.connect());
    bad.send(b"*1\r\n!1\r\n");
    assert_eq!(bad.rest(), b"-ERR Protocol error: expected '$', got '!'\r\n");
    good.send(b"PING\r\n");
    good.expect(b"+PONG\r\n");
}

fn an_announced_bulk_costs_nothing(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    client.send(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$536870912\r\nabc");
    node.wait_until(|engine| engine.stats.net_in == 37);
    let mut other = node.connect();
    other.send(b"PING\r\n");
    other.expect(b"+PONG\r\n");
}

fn too_much_unparsed_input_closes(io: usize) {
    let node = Node::start(io);
    node.handle.limits().set("client-query-buffer-limit", 1_000_000);
    let mut client = node.connect();
    client.send(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$9000000\r\n");
    while client.stream.write_all(&[b'x'; 10_000]).is_ok() {}
    node.wait_until(|engine| engine.stats.query_buffer_closed == 1);
    assert!(node.log.lock().unwrap()[0].contains("query buffer over its limit"));
}

fn held_back_clients_go_on_in_order(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    client.send(b"PING\r\n");
    client.expect(b"+PONG\r\n");
    node.ask(|engine| engine.pause_clients(i64::MAX, false));
    let words: Vec<String> = (0..200_000).map(|n| format!("word-{n}")).collect();
    let requests: Vec<u8> = words.iter().flat_map(|w| request(&[b"ECHO", w.as_bytes()])).collect();
    let replies: Vec<u8> = words.iter().flat_map(|w| bulk(w.as_bytes())).collect();
    let mut writer = client.stream.try_clone().unwrap();
    let writing = spawn(move || writer.write_all(&requests).unwrap());
    node.wait_until(|engine| engine.stats.net_in > 256 * 1024);
    let held = node.ask(|engine| engine.stats.net_in);
    assert!(held < 3_000_000, "a held-back client has piled up {held} bytes");
    node.ask(|engine| engine.unpause_clients());
    client.expect(&replies);
    writing.join().unwrap();
}

fn held_back_clients_may_hang_up(io: usize) {
    let node = Node::start(io);
    node.ask(|engine| engine.pause_clients(i64::MAX, false));
    let mut client = node.connect();
    client.send(&request(&[b"ECHO", b"x"]));
    node.wait_until(|engine| engine.session_count() == 1);
    drop(client);
    node.wait_until(|engine| engine.session_count() == 0);
}

fn python_is_entered_once_a_batch(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    let before = common::engine::SCOPES.load(Ordering::SeqCst);
    client.send(&[request(&[b"PING"]), request(&[b"PY"])].concat().repeat(500));
    client.expect(&b"+PONG\r\n".repeat(1000));
    let entered = common::engine::SCOPES.load(Ordering::SeqCst) - before;
    assert!((1..100).contains(&entered), "entered {entered} times");
}

fn clients_over_the_limit_are_told(io: usize) {
    let node = Node::start(io);
    node.ask(|engine| engine.settings.maxclients = 1);
    let mut first = node.connect();
    first.send(b"PING\r\n");
    first.expect(b"+PONG\r\n");
    assert_eq!(node.connect().rest(), b"-ERR max number of clients reached\r\n");
    drop(first);
    node.wait_until(|engine| engine.session_count() == 0);
    let mut next = node.connect();
    next.send(b"PING\r\n");
    next.expect(b"+PONG\r\n");
}

fn idle_clients_are_closed(io: usize) {
    let node = Node::start(io);
    node.handle.limits().set("timeout", 1);
    let mut client = node.connect();
    client.send(b"PING\r\n");
    assert_eq!(client.rest(), b"+PONG\r\n");
}

fn traffic_is_counted(io: usize) {
    let node = Node::start(io);
    let mut client = node.connect();
    client.send(b"PING\r\n");
    client.expect(b"+PONG\r\n");
    client.send(b"PING\r\n");
    client.expect(b"+PONG\r\n");
    node.wait_until(|engine| engine.stats.net_in == 12);
    drop(client);
    node.wait_until(|engine| engine.session_count() == 0 && engine.stats.net_out == 14);
}
