//! Running out of descriptors. It lowers the process's own limit, so it has a process of its own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::net::TcpStream;
use std::time::Duration;

use common::{Client, Node};

/// Sets the soft limit of open files.
fn limit_files(soft: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid pointer to a limit that lives on this stack.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = soft.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

fn used_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that lives on this stack.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(failed, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn a_server_out_of_descriptors_waits_and_goes_on() {
    let node = Node::start(0);
    let mut first = node.connect();
    first.send(b"PING\r\n");
    first.expect(b"+PONG\r\n");
    limit_files(64);
    // Each connection takes a descriptor here and one in the server; the last ones stay in the backlog.
    let mut clients: Vec<TcpStream> =
        std::iter::from_fn(|| TcpStream::connect(node.addr).ok()).take(60).collect();
    while node.log.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    assert!(node.log.lock().unwrap()[0].starts_with("Could not accept a connection: too many open files"));
    let before = used_cpu();
    std::thread::sleep(Duration::from_millis(500));
    assert!(used_cpu() - before < Duration::from_millis(100), "it spins");
    first.send(b"PING\r\n");
    first.expect(b"+PONG\r\n");
    let last = clients.pop().unwrap();
    clients.clear();
    let mut last = Client { stream: last };
    last.send(b"PING\r\n");
    last.expect(b"+PONG\r\n");
}
