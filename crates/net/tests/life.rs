//! Starting and stopping: listeners, their errors, jobs from other threads, and both ways to stop.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::spawn;
use std::time::{Duration, Instant};

use common::{Node, endpoint, free_port, request};
use dozo_net::{Refused, Server, Settings};

both_modes! {
    a_graceful_stop_answers_what_was_received
    a_graceful_stop_under_load_sends_whole_replies
    a_graceful_stop_has_an_end
    a_shutdown_request_stops
    jobs_run_in_their_order
}

fn a_graceful_stop_answers_what_was_received(io: usize) {
    let mut node = Node::start(io);
    let mut clients: Vec<_> = (0..50).map(|_| node.connect()).collect();
    node.wait_until(|engine| engine.session_count() == 50);
    for client in &mut clients {
        client.send(&b"PING\r\n".repeat(1000));
    }
    node.handle.stop(true);
    node.join();
    for client in &mut clients {
        assert_eq!(client.rest(), b"+PONG\r\n".repeat(1000));
    }
    assert!(TcpStream::connect(node.addr).is_err());
}

fn a_graceful_stop_under_load_sends_whole_replies(io: usize) {
    let mut node = Node::start(io);
    let (started, wait) = mpsc::channel();
    let clients: Vec<_> = (0..8).map(|_| (node.connect(), started.clone())).collect();
    let threads: Vec<_> = clients
        .into_iter()
        .map(|(mut client, started)| {
            spawn(move || {
                let mut writer = client.stream.try_clone().unwrap();
                let writing = spawn(move || while writer.write_all(&b"PING\r\n".repeat(100)).is_ok() {});
                client.expect(b"+PONG\r\n");
                started.send(()).unwrap();
                let rest = client.rest();
                assert_eq!(rest.len() % 7, 0, "a reply was cut");
                writing.join().unwrap();
            })
        })
        .collect();
    for _ in 0..8 {
        wait.recv().unwrap();
    }
    let before = Instant::now();
    node.handle.stop(true);
    node.join();
    assert!(before.elapsed() < Duration::from_secs(9));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn a_graceful_stop_has_an_end(io: usize) {
    let mut node = Node::start_with(io, |settings| settings.grace = Duration::from_millis(200));
    let mut client = node.connect();
    let value = vec![b'v'; 20_000_000];
    client.send(&request(&[b"SET", b"key", &value]));
    client.expect(b"+OK\r\n");
    client.send(&request(&[b"GET", b"key"]));
    let before = Instant::now();
    node.handle.stop(true);
    node.join();
    assert!(before.elapsed() < Duration::from_secs(5));
}

fn a_shutdown_request_stops(io: usize) {
    let mut node = Node::start(io);
    node.ask(|engine| engine.request_shutdown());
    node.join();
    assert_eq!(node.handle.submit(Box::new(|_| ())), Err(Refused::Stopped));
}

fn jobs_run_in_their_order(io: usize) {
    let node = Node::start_with(io, |settings| settings.inbox = 1000);
    let (sender, receiver) = mpsc::channel();
    let mut taken = 0;
    for n in 0..5000 {
        let sender = sender.clone();
        match node.handle.submit(Box::new(move |_| sender.send(n).unwrap())) {
            Ok(()) => taken += 1,
            Err(refused) => assert_eq!(refused, Refused::Full),
        }
    }
    let ran: Vec<i32> = receiver.iter().take(taken).collect();
    assert!(ran.is_sorted());
}

fn bind_error(settings: Settings) -> String {
    Server::bind(settings).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = Settings { endpoints: vec![endpoint(port)], ..Settings::default() };
    assert_eq!(bind_error(settings), format!("Could not listen on 127.0.0.1:{port}: address already in use"));
}

#[test]
fn an_absent_address_is_named_unless_optional() {
    use dozo_net::Address;
    let mut absent = endpoint(free_port());
    for (must, expected) in [(true, "cannot assign requested address"), (false, "")] {
        absent.address = Address::Tcp { host: "192.0.2.1".into(), port: 1, optional: !must };
        let error = bind_error(Settings { endpoints: vec![absent.clone()], ..Settings::default() });
        assert!(error.ends_with(expected), "{error}");
        assert_eq!(error.is_empty(), expected.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn unix_sockets_serve_and_leave_nothing() {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;
    let path = std::env::temp_dir().join(format!("dozo-net-{}.sock", std::process::id()));
    let unix = || {
        let mut unix = endpoint(0);
        unix.address = dozo_net::Address::Unix { path: path.clone(), mode: Some(0o700) };
        unix
    };
    // A file left by a server that is gone.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    for io in [0, 1] {
        let node = Node::start_with(io, |settings| settings.endpoints.push(unix()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(&b"PING\r\n".repeat(1000)).unwrap();
        let mut got = vec![0; 7000];
        client.read_exact(&mut got).unwrap();
        assert_eq!(got, b"+PONG\r\n".repeat(1000));
        let error = bind_error(Settings { endpoints: vec![unix()], ..Settings::default() });
        assert_eq!(error, format!("Could not listen on {}: address already in use", path.display()));
        drop(node);
        assert!(!path.exists());
    }
    std::fs::write(&path, b"precious").unwrap();
    let error = bind_error(Settings { endpoints: vec![unix()], ..Settings::default() });
    assert!(error.ends_with("a file that is no socket is in the way"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn both_address_families_listen_side_by_side() {
    let port = free_port();
    let node = Node::start_with(0, |settings| {
        settings.endpoints.clear();
        for host in ["*", "::*"] {
            let mut any = endpoint(port);
            any.address = dozo_net::Address::Tcp { host: host.into(), port, optional: host == "::*" };
            settings.endpoints.push(any);
        }
    });
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut client = common::Client { stream: client };
    client.expect(b"+PONG\r\n");
    drop(node);
}
