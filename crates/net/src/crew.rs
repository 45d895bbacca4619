//! I/O threads: they own sockets, read and write, and exchange whole batches with the executor.
//!
//! A thread gathers what its connections have sent into one [`Batch`] and posts it; the executor feeds it and
//! answers with [`Replies`], which also bring the batch's buffers back. At most [`UNDER_WAY`] batches of a thread
//! are with the executor, so neither side can flood the other. A connection is known on both sides by its lane's
//! key, which the executor uses again only after the thread's last word on it, [`News::Closed`].

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use dozo_engine::output::{ClientClass, OutputLimits};
use dozo_wire::Out;
use mio::event::Event;
use mio::{Events, Poll, Token, Waker};

use crate::handle::Inbox;
use crate::stream::{Got, LINGER_SECONDS, Link, Stream, Tally, Wrote};

/// Batches of one thread that may be with the executor.
const UNDER_WAY: usize = 2;
/// A batch takes no further connection from this many bytes on.
const BATCH_BYTES: usize = 512 * 1024;
/// Bytes read from one connection before the others get their turn.
const READ_BYTES: usize = 64 * 1024;
/// Replies up to this size are copied into the batch of replies; longer ones travel by reference.
const COPY_BYTES: usize = 16 * 1024;

/// How long a connection that ends waits for its peer, and how often it looks.
const LINGER: Duration = Duration::from_secs(LINGER_SECONDS as u64);
const LINGER_POLL: Duration = Duration::from_millis(10);

const WAKE: Token = Token(usize::MAX);

/// What a thread says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It has sent bytes.
    Data,
    /// It sends no more.
    End,
    /// It is closed.
    Closed,
    /// It has taken all it was owed.
    Written,
    /// It is closed because it didn't take its replies.
    Overflowed,
}

/// One connection's part of a batch: the bytes from the item before up to `end`.
pub(crate) struct Item {
    pub key: u32,
    pub end: usize,
    pub news: News,
}

/// What one thread has gathered in a turn.
#[derive(Default)]
pub(crate) struct Batch {
    pub crew: usize,
    pub bytes: Vec<u8>,
    pub items: Vec<Item>,
    pub tally: Tally,
    /// Everything that had arrived before the stop has been posted.
    pub drained: bool,
}

impl Batch {
    fn recycle(mut self) -> Self {
        self.bytes.clear();
        self.items.clear();
        self.bytes.shrink_to(BATCH_BYTES);
        Self { bytes: self.bytes, items: self.items, crew: self.crew, ..Self::default() }
    }
}

/// What the executor says of a connection.
pub(crate) enum Reply {
    /// The next so many of the shared bytes.
    Bytes(usize),
    /// A long reply.
    Out(Out),
    /// Other limits hold for its output now.
    Class(ClientClass),
    /// Read no more for now.
    Hold,
    /// Read again.
    Resume,
    /// Say when everything is written.
    Tell,
    /// Close once everything is written.
    Finish,
    /// Close now.
    Kill,
}

#[derive(Default)]
struct Replies {
    bytes: Vec<u8>,
    items: Vec<(u32, Reply)>,
    done: Vec<Batch>,
}

enum Order {
    Attach(u32, Stream),
    Replies(Replies),
    Drain,
    Stop,
}

struct Mailbox {
    orders: Mutex<Vec<Order>>,
    waker: Waker,
}

impl Mailbox {
    fn post(&self, order: Order) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let first = orders.is_empty();
        orders.push(order);
        drop(orders);
        if first {
            // It fails only when the thread is gone, and then nobody is left to wake.
            let _ = self.waker.wake();
        }
    }

    fn take(&self) -> Vec<Order> {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The executor's end of one I/O thread.
pub(crate) struct Crew {
    mailbox: Arc<Mailbox>,
    replies: Replies,
    thread: Option<JoinHandle<()>>,
    pub drained: bool,
}

impl Crew {
    /// Starts thread `number`.
    pub fn start(number: usize, inbox: Arc<Inbox>, limits: Arc<OutputLimits>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let mailbox = Arc::new(Mailbox { orders: Mutex::default(), waker });
        let worker = Worker::new(poll, Arc::clone(&mailbox), inbox, limits, number);
        let thread = Builder::new().name(format!("dozo-io-{number}")).spawn(move || worker.run())?;
        Ok(Self { mailbox, replies: Replies::default(), thread: Some(thread), drained: false })
    }

    pub fn attach(&self, key: u32, stream: Stream) {
        self.mailbox.post(Order::Attach(key, stream));
    }

    /// Takes a session's replies along with the next post.
    pub fn deliver(&mut self, key: u32, out: &mut Out) {
        let mut pair = [io::IoSlice::new(&[]), io::IoSlice::new(&[])];
        if out.io_slices(0, &mut pair) == 1 && pair[0].len() <= COPY_BYTES {
            self.replies.bytes.extend_from_slice(&pair[0]);
            self.replies.items.push((key, Reply::Bytes(pair[0].len())));
            out.clear();
        } else if !out.is_empty() {
            self.replies.items.push((key, Reply::Out(out.take())));
        }
    }

    pub fn tell(&mut self, key: u32, reply: Reply) {
        self.replies.items.push((key, reply));
    }

    /// Gives a batch back that has been fed.
    pub fn give_back(&mut self, batch: Batch) {
        self.replies.done.push(batch);
    }

    /// Sends what has gathered in this turn.
    pub fn post(&mut self) {
        if !self.replies.items.is_empty() || !self.replies.done.is_empty() {
            self.mailbox.post(Order::Replies(std::mem::take(&mut self.replies)));
        }
    }

    /// Asks for everything that has arrived by now, and for no more after it.
    pub fn drain(&self) {
        self.mailbox.post(Order::Drain);
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.mailbox.post(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has nothing left to tell.
            let _ = thread.join();
        }
    }
}

/// A connection as its thread sees it.
struct Member {
    link: Link,
    pending: VecDeque<Out>,
    /// Bytes in `pending`.
    owed: usize,
    queued: bool,
    held: bool,
    /// The executor wants to know when everything is written.
    told: bool,
    class: ClientClass,
    /// Since when it owes more than its class's soft limit.
    soft_since: Option<Instant>,
    /// Set once it finishes: when it is closed even if the peer has not taken its replies.
    finish_by: Option<Instant>,
}

impl Member {
    /// Whether its end has to wait for the peer to take what was written.
    fn lingers(&self) -> bool {
        self.finish_by.is_some_and(|end| Instant::now() < end) && !self.link.is_delivered()
    }

    /// Whether it owes more than its class may.
    fn is_over(&mut self, limits: &OutputLimits) -> bool {
        if self.owed <= limits.soft(self.class) {
            self.soft_since = None;
            return self.owed > limits.hard(self.class);
        }
        let since = *self.soft_since.get_or_insert_with(Instant::now);
        self.owed > limits.hard(self.class) || since.elapsed() > limits.soft_time(self.class)
    }

    /// Keeps what is left of a short reply, together with what is kept already, so that a client which takes
    /// nothing costs its bytes and not a buffer each.
    fn keep(&mut self, out: &mut Out) {
        self.owed += out.len();
        match self.pending.back_mut() {
            Some(last) if last.len() < COPY_BYTES => last.put(&out.to_vec()),
            _ => self.pending.push_back(out.take()),
        }
    }
}

/// An I/O thread.
struct Worker {
    poll: Poll,
    mailbox: Arc<Mailbox>,
    inbox: Arc<Inbox>,
    /// Of what a connection may owe; the engine's own.
    limits: Arc<OutputLimits>,
    members: Vec<Option<Box<Member>>>,
    ready: Vec<u32>,
    writes: Vec<u32>,
    /// Connections that finish, and whose replies the peer's machine has not taken yet.
    lingering: Vec<u32>,
    buffer: Box<[u8]>,
    scratch: Out,
    batch: Batch,
    spare: Vec<Batch>,
    under_way: usize,
    draining: bool,
    /// The executor was told that everything is drained.
    drained: bool,
    stopped: bool,
}

impl Worker {
    fn new(
        poll: Poll,
        mailbox: Arc<Mailbox>,
        inbox: Arc<Inbox>,
        limits: Arc<OutputLimits>,
        number: usize,
    ) -> Self {
        let batch = Batch { crew: number, ..Batch::default() };
        Self {
            poll,
            mailbox,
            inbox,
            limits,
            members: Vec::new(),
            ready: Vec::new(),
            writes: Vec::new(),
            lingering: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            scratch: Out::new(),
            batch,
            spare: Vec::new(),
            under_way: 0,
            draining: false,
            drained: false,
            stopped: false,
        }
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        while !self.stopped {
            let busy = !self.writes.is_empty() || (!self.ready.is_empty() && self.under_way < UNDER_WAY);
            let lingers = (!self.lingering.is_empty()).then_some(LINGER_POLL);
            let timeout = if busy { Some(Duration::ZERO) } else { lingers };
            // An interrupted poll has no events, and any other error is as good as none: orders still arrive.
            let woken = self.poll.poll(&mut events, timeout).is_ok();
            events.iter().filter(|_| woken).for_each(|event| self.notice(event));
            for order in self.mailbox.take() {
                self.obey(order);
            }
            self.writes.append(&mut self.lingering);
            for key in std::mem::take(&mut self.writes) {
                self.write(key);
            }
            if self.under_way < UNDER_WAY {
                self.gather();
            }
        }
    }

    fn member(&mut self, key: u32) -> Option<&mut Member> {
        self.members.get_mut(key as usize)?.as_deref_mut()
    }

    fn notice(&mut self, event: &Event) {
        let Token(key) = event.token();
        let Some(Some(member)) = self.members.get_mut(key) else {
            return;
        };
        let (readable, writable) = member.link.notice(event, !self.draining);
        if writable {
            self.writes.push(key as u32);
        }
        if readable {
            self.queue(key as u32);
        }
    }

    /// Lets a connection be read in its turn, unless it is held back.
    fn queue(&mut self, key: u32) {
        if let Some(Some(member)) = self.members.get_mut(key as usize)
            && !member.held
            && !std::mem::replace(&mut member.queued, true)
        {
            self.ready.push(key);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Attach(key, stream) => self.attach(key, stream),
            Order::Replies(replies) => self.reply(replies),
            Order::Drain => self.drain(),
            Order::Stop => self.stopped = true,
        }
    }

    fn attach(&mut self, key: u32, stream: Stream) {
        let Ok(link) = Link::open(stream, self.poll.registry(), Token(key as usize)) else {
            self.tell(key, News::Closed);
            return;
        };
        let at = key as usize;
        if self.members.len() <= at {
            self.members.resize_with(at + 1, || None);
        }
        let member = Member {
            link,
            pending: VecDeque::new(),
            owed: 0,
            queued: false,
            held: false,
            told: false,
            class: ClientClass::Normal,
            soft_since: None,
            finish_by: None,
        };
        self.members[at] = Some(Box::new(member));
    }

    fn tell(&mut self, key: u32, news: News) {
        self.batch.items.push(Item { key, end: self.batch.bytes.len(), news });
    }

    fn reply(&mut self, replies: Replies) {
        let mut bytes = replies.bytes.as_slice();
        for (key, reply) in replies.items {
            match reply {
                Reply::Bytes(n) => {
                    let (mine, rest) = bytes.split_at(n.min(bytes.len()));
                    bytes = rest;
                    self.send(key, mine);
                }
                Reply::Out(out) => {
                    if let Some(member) = self.member(key) {
                        member.owed += out.len();
                        member.pending.push_back(out);
                    }
                    self.write(key);
                }
                Reply::Class(class) => {
                    if let Some(member) = self.member(key) {
                        member.class = class;
                    }
                }
                Reply::Hold => self.hold(key, true),
                Reply::Resume => self.hold(key, false),
                Reply::Tell => {
                    if let Some(member) = self.member(key) {
                        member.told = true;
                    }
                    self.write(key);
                }
                Reply::Finish => {
                    if let Some(member) = self.member(key) {
                        member.finish_by = Some(Instant::now() + LINGER);
                    }
                    self.write(key);
                }
                Reply::Kill => self.close(key, News::Closed),
            }
        }
        self.under_way -= replies.done.len().min(self.under_way);
        self.spare.extend(replies.done.into_iter().map(Batch::recycle));
    }

    /// Writes a short reply from a buffer that all connections share; only what the kernel doesn't take is kept.
    fn send(&mut self, key: u32, bytes: &[u8]) {
        let registry = self.poll.registry();
        let Some(Some(member)) = self.members.get_mut(key as usize) else {
            return;
        };
        let mut wrote = Wrote::Stalled;
        self.scratch.put(bytes);
        if member.pending.is_empty() {
            wrote = member.link.flush(&mut self.scratch, registry, &mut self.batch.tally);
        }
        if wrote != Wrote::All {
            member.keep(&mut self.scratch);
            self.settle(key, wrote);
        }
        self.scratch.clear();
    }

    /// Writes what is pending for a connection.
    fn write(&mut self, key: u32) {
        let registry = self.poll.registry();
        let Some(Some(member)) = self.members.get_mut(key as usize) else {
            return;
        };
        let mut wrote = Wrote::All;
        while let Some(out) = member.pending.front_mut() {
            member.owed -= out.len();
            wrote = member.link.flush(out, registry, &mut self.batch.tally);
            member.owed += out.len();
            if wrote != Wrote::All {
                break;
            }
            member.pending.pop_front();
        }
        self.settle(key, wrote);
    }

    fn settle(&mut self, key: u32, wrote: Wrote) {
        let Some(Some(member)) = self.members.get_mut(key as usize) else {
            return;
        };
        let over = member.is_over(&self.limits);
        match wrote {
            Wrote::All if member.lingers() => self.lingering.push(key),
            Wrote::All if member.finish_by.is_some() => self.close(key, News::Closed),
            Wrote::Broken => self.close(key, News::Closed),
            Wrote::Yielded => self.writes.push(key),
            Wrote::Stalled if over => self.close(key, News::Overflowed),
            Wrote::All if member.pending.is_empty() && std::mem::take(&mut member.told) => {
                self.tell(key, News::Written);
            }
            Wrote::All | Wrote::Stalled => {}
        }
    }

    fn hold(&mut self, key: u32, held: bool) {
        if let Some(member) = self.member(key) {
            member.held = held;
            if member.link.unread {
                self.queue(key);
            }
        }
    }

    fn close(&mut self, key: u32, news: News) {
        if self.members.get_mut(key as usize).and_then(Option::take).is_some() {
            self.tell(key, news);
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        for key in 0..self.members.len() as u32 {
            if let Some(member) = self.member(key) {
                member.link.unread = true;
                self.queue(key);
            }
        }
    }

    /// Reads from the connections that have something, and posts it.
    fn gather(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        let mut taken = 0;
        while taken < ready.len() && self.batch.bytes.len() < BATCH_BYTES {
            self.read(ready[taken]);
            taken += 1;
        }
        ready.drain(..taken);
        ready.append(&mut self.ready);
        self.ready = ready;
        let drained = self.draining && self.ready.is_empty();
        self.batch.drained = drained && !std::mem::replace(&mut self.drained, drained);
        if !self.batch.items.is_empty() || self.batch.drained {
            self.post();
        }
    }

    fn read(&mut self, key: u32) {
        let Some(Some(member)) = self.members.get_mut(key as usize) else {
            return;
        };
        member.queued = false;
        if member.finish_by.is_some() || member.held || !member.link.unread {
            return;
        }
        let got = member.link.read(&mut self.buffer, &mut self.batch.tally);
        let again = member.link.unread;
        match got {
            Got::Bytes(n) => {
                self.batch.bytes.extend_from_slice(&self.buffer[..n]);
                self.tell(key, News::Data);
            }
            Got::End => return self.tell(key, News::End),
            Got::Broken => return self.close(key, News::Closed),
            Got::Nothing => {}
        }
        if again {
            self.queue(key);
        }
    }

    fn post(&mut self) {
        let next = self.spare.pop().unwrap_or_else(|| Batch { crew: self.batch.crew, ..Batch::default() });
        let batch = std::mem::replace(&mut self.batch, next);
        self.under_way += 1;
        self.inbox.post(batch);
    }
}
