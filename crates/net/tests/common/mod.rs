//! A real server on a free loopback port, with a small engine, for the tests of this crate.

#![allow(dead_code)]

pub mod engine;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use dozo_engine::{Door, Engine};
use dozo_net::{Address, Endpoint, Handle, Server, Settings};

/// A running server; it stops when dropped.
pub struct Node {
    pub addr: SocketAddr,
    pub handle: Handle,
    pub log: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

pub fn endpoint(port: u16) -> Endpoint {
    let address = Address::Tcp { host: "127.0.0.1".into(), port, optional: false };
    Endpoint { address, door: Door::Resp }
}

impl Node {
    pub fn start(io_threads: usize) -> Self {
        Self::start_with(io_threads, |_| ())
    }

    pub fn start_with(io_threads: usize, change: impl FnOnce(&mut Settings)) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let port = free_port();
        let mut settings = Settings {
            endpoints: vec![endpoint(port)],
            io_threads,
            log: Arc::new(move |_, line| lines.lock().unwrap().push(line.to_string())),
            ..Settings::default()
        };
        change(&mut settings);
        let server = Server::bind(settings).unwrap();
        let handle = server.handle();
        let thread = spawn(move || server.run(&mut engine::small()).unwrap());
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { addr, handle, log, thread: Some(thread) }
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream }
    }

    /// Runs `job` on the executor and returns what it returns.
    pub fn ask<T: Send + 'static>(&self, job: impl FnOnce(&mut Engine) -> T + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        let job = Box::new(move |engine: &mut Engine| sender.send(job(engine)).unwrap());
        self.handle.submit(job).unwrap();
        receiver.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    /// Asks until the answer is yes.
    pub fn wait_until(&self, question: impl Fn(&mut Engine) -> bool + Send + Clone + 'static) {
        for _ in 0..20_000 {
            if self.ask(question.clone()) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("it never came true");
    }

    /// Waits for the loop to end by itself.
    pub fn join(&mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handle.stop(false);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A blocking client.
pub struct Client {
    pub stream: TcpStream,
}

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn expect(&mut self, bytes: &[u8]) {
        let mut got = vec![0; bytes.len()];
        self.stream.read_exact(&mut got).unwrap();
        if got != bytes {
            panic!("{:?} instead of {:?}", got.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        }
    }

    /// Everything up to the end of the stream. A reset counts as an end.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        match self.stream.read_to_end(&mut all) {
            Ok(_) => all,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => all,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A request in RESP.
pub fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(&bulk(arg));
    }
    bytes
}

/// A bulk string.
pub fn bulk(data: &[u8]) -> Vec<u8> {
    let mut bytes = format!("${}\r\n", data.len()).into_bytes();
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Runs each test with the executor reading itself, and with I/O threads.
#[macro_export]
macro_rules! both_modes {
    ($($name:ident)*) => {
        mod executor_reads { $(#[test] fn $name() { super::$name(0); })* }
        mod two_io_threads { $(#[test] fn $name() { super::$name(2); })* }
    };
}
