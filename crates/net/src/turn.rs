//! One turn of the executor: feeding every connection that has bytes, then writing every reply.

use std::collections::VecDeque;
use std::sync::Arc;

use dozo_engine::output::OutputLimits;
use dozo_engine::{Door, Engine, Flow, Level, Peer, SessionId};
use mio::event::Event;
use mio::{Registry, Token};
use slab::Slab;

use crate::crew::{Batch, Crew, Item, News, Reply};
use crate::lane::{Ending, Lane, Port};
use crate::settings::{Limits, Log};
use crate::stream::{Got, LINGER_SECONDS, Link, Stream, Tally, Wrote};

/// The buffer into which all connections are read, and so the most one of them gets in a turn.
const READ_BYTES: usize = 64 * 1024;
/// Input that a connection held back by the engine may pile up before it is read no more.
const HELD_BYTES: usize = 256 * 1024;
/// A tick's sweep looks at this part of all connections, so that all are seen about once a second.
const SWEEP_PARTS: usize = 8;
/// No lane has this key.
const NOBODY: u32 = u32::MAX;
/// Why a client that doesn't read is closed.
const OUTPUT_OVER: &str = "output buffer over its limit";

/// All connections, and the lists of what has to be done for them in this turn.
pub(crate) struct Turn<'e> {
    pub engine: &'e mut Engine,
    pub lanes: Slab<Lane>,
    pub crews: Vec<Crew>,
    /// Batches of I/O threads that wait to be fed.
    pub batches: Vec<Batch>,
    /// No connection is read any more but for what had arrived before the stop.
    pub draining: bool,
    registry: Registry,
    limits: Arc<Limits>,
    /// Of what a client may be owed; the engine's own.
    output: Arc<OutputLimits>,
    log: Log,
    /// The lane of each session.
    owners: Vec<u32>,
    ready: VecDeque<u32>,
    later: Vec<u32>,
    /// Lanes to be flushed though the engine doesn't name them: they finish, or can write again.
    writes: Vec<u32>,
    /// Lanes that finish, and whose replies the peer's machine has not taken yet.
    lingering: Vec<u32>,
    gone: Vec<u32>,
    /// Lanes whose replies wait for the journal.
    awaiting: Vec<u32>,
    next_crew: usize,
    sweep_place: usize,
    /// Progress in `batches`: batch, item, and bytes of the batch before that item.
    place: (usize, usize, usize),
    buffer: Box<[u8]>,
    tally: Tally,
    sids: Vec<SessionId>,
}

impl<'e> Turn<'e> {
    pub fn new(
        engine: &'e mut Engine,
        crews: Vec<Crew>,
        registry: Registry,
        limits: Arc<Limits>,
        log: Log,
    ) -> Self {
        Self {
            output: Arc::clone(&engine.output_limits),
            engine,
            lanes: Slab::new(),
            crews,
            batches: Vec::new(),
            draining: false,
            registry,
            limits,
            log,
            owners: Vec::new(),
            ready: VecDeque::new(),
            later: Vec::new(),
            writes: Vec::new(),
            lingering: Vec::new(),
            gone: Vec::new(),
            awaiting: Vec::new(),
            next_crew: 0,
            sweep_place: 0,
            place: (0, 0, 0),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            tally: Tally::default(),
            sids: Vec::new(),
        }
    }

    /// The second of the engine's clock, for idle times.
    fn now_seconds(&self) -> u32 {
        (self.engine.ks.now() / 1000) as u32
    }

    /// Whether connections wait for their next turn, so that the poll must not sleep.
    pub fn is_busy(&self) -> bool {
        !self.ready.is_empty() || !self.writes.is_empty()
    }

    /// Whether connections are about to close, so that the poll must not sleep for long.
    pub fn lingers(&self) -> bool {
        !self.lingering.is_empty()
    }

    /// Takes an accepted connection in, or tells it why not.
    pub fn admit(&mut self, mut stream: Stream, peer: Peer) {
        let sid = match self.engine.connect(peer) {
            Ok(sid) => sid,
            Err(text) => return stream.refuse(text),
        };
        let now = self.now_seconds();
        let entry = self.lanes.vacant_entry();
        let key = entry.key();
        let port = if self.crews.is_empty() {
            match Link::open(stream, &self.registry, Token(key)) {
                Ok(link) => Port::Own(link),
                Err(_) => return self.engine.disconnect(sid),
            }
        } else {
            self.next_crew = (self.next_crew + 1) % self.crews.len();
            self.crews[self.next_crew].attach(key as u32, stream);
            Port::Crew(self.next_crew)
        };
        entry.insert(Lane::new(sid, port, now));
        if self.owners.len() <= sid.0 {
            self.owners.resize(sid.0 + 1, NOBODY);
        }
        self.owners[sid.0] = key as u32;
    }

    /// Takes a poll's event for a lane, whose key is its token.
    pub fn notice(&mut self, event: &Event) {
        let key = event.token().0;
        let Some(Lane { port: Port::Own(link), queued, .. }) = self.lanes.get_mut(key) else {
            return;
        };
        let (readable, writable) = link.notice(event, !self.draining);
        if writable {
            self.writes.push(key as u32);
        }
        if readable && !std::mem::replace(queued, true) {
            self.ready.push_back(key as u32);
        }
    }

    /// Feeds everything that waits. The first request that needs Python takes the rest of the turn into the
    /// host's scope, so that the interpreter is attached at most once.
    pub fn feed_all(&mut self) {
        if !self.feed_waiting() {
            return;
        }
        let Some(host) = self.engine.host() else {
            return;
        };
        host.scope(&mut || {
            self.engine.set_attached(true);
            self.feed_waiting();
            self.engine.set_attached(false);
        });
    }

    /// Feeds until nothing waits, or until the host is needed: then it returns true.
    fn feed_waiting(&mut self) -> bool {
        while let Some(key) = self.ready.pop_front() {
            if self.serve(key) {
                return true;
            }
        }
        self.feed_batches()
    }

    /// Serves a lane of the list: what it holds, then what its socket has.
    fn serve(&mut self, key: u32) -> bool {
        let Some(lane) = self.lanes.get_mut(key as usize) else {
            return false;
        };
        lane.queued = false;
        if lane.ending != Ending::No {
            return false;
        }
        if lane.awaits > 0 {
            lane.postponed = true;
            return false;
        }
        if std::mem::take(&mut lane.runnable) {
            let flow = lane.feed_tail(self.engine);
            if self.settle(key, flow) {
                return true;
            }
            if self.lanes[key as usize].runnable {
                return false;
            }
        }
        let needs_host = self.receive(key);
        self.queue_unread(key);
        needs_host
    }

    /// Reads once from a socket of our own and feeds what came.
    fn receive(&mut self, key: u32) -> bool {
        let now = self.now_seconds();
        let lane = &mut self.lanes[key as usize];
        let Port::Own(link) = &mut lane.port else {
            return false;
        };
        if !link.unread || lane.ending != Ending::No || (lane.blocked && lane.tail.len() >= HELD_BYTES) {
            return false;
        }
        let in_place = lane.tail.is_empty() && !lane.blocked;
        let got = if in_place {
            link.read(&mut self.buffer, &mut self.tally)
        } else {
            link.read_behind(&mut lane.tail, &mut self.tally)
        };
        match got {
            Got::Bytes(n) => {
                lane.active = now;
                let flow = if in_place {
                    lane.feed(self.engine, &self.buffer[..n])
                } else {
                    lane.feed_tail(self.engine)
                };
                self.count_input(key, n);
                self.settle(key, flow)
            }
            Got::Nothing => false,
            Got::End => self.end(key),
            Got::Broken => {
                self.kill(key);
                false
            }
        }
    }

    /// A lane with more to read gets its next turn after the others.
    fn queue_unread(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        let Port::Own(link) = &lane.port else {
            return;
        };
        let takes_more = !lane.blocked || lane.tail.len() < HELD_BYTES;
        if link.unread && takes_more && !lane.queued && lane.ending == Ending::No {
            lane.queued = true;
            self.later.push(key);
        }
    }

    fn feed_batches(&mut self) -> bool {
        while let Some(batch) = self.batches.get_mut(self.place.0) {
            let batch = std::mem::take(batch);
            let needs_host = self.feed_batch(&batch);
            if needs_host {
                self.batches[self.place.0] = batch;
                return true;
            }
            self.place = (self.place.0 + 1, 0, 0);
            self.return_batch(batch);
        }
        self.batches.clear();
        self.place = (0, 0, 0);
        // The lane that needed the host first waits in the list.
        !self.ready.is_empty() && self.feed_waiting()
    }

    fn feed_batch(&mut self, batch: &Batch) -> bool {
        while let Some(item) = batch.items.get(self.place.1) {
            let bytes = &batch.bytes[self.place.2..item.end];
            self.place = (self.place.0, self.place.1 + 1, item.end);
            if self.feed_item(item, bytes) {
                return true;
            }
        }
        false
    }

    fn return_batch(&mut self, mut batch: Batch) {
        batch.tally.add_to(&mut self.engine.stats);
        let crew = &mut self.crews[batch.crew];
        crew.drained |= batch.drained;
        crew.give_back(batch);
    }

    fn feed_item(&mut self, item: &Item, bytes: &[u8]) -> bool {
        let now = self.now_seconds();
        let Some(lane) = self.lanes.get_mut(item.key as usize) else {
            return false;
        };
        match item.news {
            News::Closed | News::Overflowed => {
                if item.news == News::Overflowed {
                    self.expel_overflowed(item.key);
                }
                self.bury(item.key);
                false
            }
            _ if lane.ending != Ending::No => false,
            News::Written => {
                self.drained(item.key);
                false
            }
            News::End => self.end(item.key),
            News::Data => {
                lane.active = now;
                let flow = lane.feed(self.engine, bytes);
                self.count_input(item.key, bytes.len());
                self.settle(item.key, flow)
            }
        }
    }

    fn count_input(&mut self, key: u32, bytes: usize) {
        let lane = &self.lanes[key as usize];
        if let Some(session) = self.engine.session_mut(lane.sid) {
            session.net_in += bytes as u64;
            session.query_buffer = lane.waiting();
        }
    }

    /// Acts on what the engine said of a lane; true when it needs the host to go on.
    fn settle(&mut self, key: u32, flow: Flow) -> bool {
        let limit = self.limits.query_buffer_bytes();
        let lane = &mut self.lanes[key as usize];
        let queued = self.engine.queued_bytes(lane.sid);
        match flow {
            Flow::Continue if lane.waiting() + queued > limit => {
                self.engine.stats.query_buffer_closed += 1;
                self.expel(key, Level::Warning, "query buffer over its limit");
            }
            Flow::Continue if lane.ended => self.finish(key),
            Flow::Continue => self.unhold(key),
            Flow::Yield => self.postpone(key),
            Flow::Close => self.finish(key),
            Flow::Blocked => self.block(key),
            Flow::Fetching => self.await_disk(key),
            Flow::Draining => self.await_peer(key),
            Flow::NeedHost => {
                lane.runnable = true;
                if !lane.queued {
                    lane.queued = true;
                    self.ready.push_back(key);
                }
                return true;
            }
        }
        false
    }

    fn block(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        lane.blocked = true;
        if lane.ended && !lane.fetching {
            // As in Redis: whoever hangs up while waiting is gone.
            return self.kill(key);
        }
        self.hold(key);
    }

    /// Feeds a lane nothing until what it asks for has come from the disk.
    fn await_disk(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        (lane.blocked, lane.fetching) = (true, true);
        self.hold(key);
    }

    /// Feeds a lane nothing until its peer has taken what it is owed.
    fn await_peer(&mut self, key: u32) {
        self.await_disk(key);
        let lane = &mut self.lanes[key as usize];
        (lane.draining, lane.asked) = (true, false);
    }

    /// A lane's peer has taken all it was owed.
    fn drained(&mut self, key: u32) {
        let Some(lane) = self.lanes.get_mut(key as usize) else { return };
        if !std::mem::take(&mut lane.draining) || lane.ending != Ending::No {
            return;
        }
        self.go_on(key);
    }

    /// Has a lane that has written wait for the journal.
    fn hold_reply(&mut self, key: u32, awaited: u64) {
        let lane = &mut self.lanes[key as usize];
        let Some(session) = self.engine.session_mut(lane.sid) else {
            return;
        };
        let wrote = std::mem::take(&mut session.wrote);
        if wrote && lane.ending != Ending::Gone {
            if lane.awaits == 0 {
                self.awaiting.push(key);
            }
            lane.awaits = awaited;
        }
    }

    /// Writes the replies that the journal has caught up with, and serves their lanes again.
    pub fn release(&mut self) {
        if self.awaiting.is_empty() {
            return;
        }
        let durable = self.engine.durable();
        for key in std::mem::take(&mut self.awaiting) {
            let Some(lane) = self.lanes.get_mut(key as usize) else { continue };
            if lane.awaits > durable {
                self.awaiting.push(key);
                continue;
            }
            lane.awaits = 0;
            if std::mem::take(&mut lane.postponed) && !std::mem::replace(&mut lane.queued, true) {
                self.ready.push_back(key);
            }
            self.flush(key, false);
        }
    }

    /// Lets the others have their turn, and the replies be written, before a lane goes on.
    fn postpone(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        lane.runnable = true;
        if !std::mem::replace(&mut lane.queued, true) {
            self.later.push(key);
        }
        self.hold(key);
    }

    /// Has an I/O thread read no more from a lane that doesn't use up what it has.
    fn hold(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        if let Port::Crew(crew) = lane.port
            && lane.tail.len() >= HELD_BYTES
            && !std::mem::replace(&mut lane.held, true)
        {
            self.crews[crew].tell(key, Reply::Hold);
        }
    }

    fn unhold(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        if let Port::Crew(crew) = lane.port
            && std::mem::take(&mut lane.held)
        {
            self.crews[crew].tell(key, Reply::Resume);
        }
    }

    /// The peer sends no more; it still gets the replies to what it has sent.
    fn end(&mut self, key: u32) -> bool {
        let lane = &mut self.lanes[key as usize];
        lane.ended = true;
        if lane.fetching {
            return false;
        }
        if lane.blocked {
            self.kill(key);
        } else if !lane.runnable {
            self.finish(key);
        }
        false
    }

    /// Closes a lane once its replies are written.
    pub fn finish(&mut self, key: u32) {
        let now = self.now_seconds();
        let lane = &mut self.lanes[key as usize];
        if lane.ending == Ending::No {
            lane.active = now;
            lane.ending = Ending::Finishing;
            lane.drop_input();
            self.engine.forsake(lane.sid);
            self.writes.push(key);
        }
    }

    /// Closes a lane at the end of the turn.
    fn kill(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        if lane.ending == Ending::Gone {
            return;
        }
        lane.drop_input();
        self.engine.forsake(lane.sid);
        match lane.port {
            Port::Own(_) => self.bury(key),
            // The lane stays until the thread has said its last word.
            Port::Crew(crew) => {
                lane.ending = Ending::Finishing;
                self.crews[crew].tell(key, Reply::Kill);
            }
        }
    }

    fn bury(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        if lane.ending != Ending::Gone {
            lane.ending = Ending::Gone;
            self.engine.forsake(lane.sid);
            self.lingering.retain(|other| *other != key);
            self.gone.push(key);
        }
    }

    /// After the batch: writes what the engine owes, and closes what has ended.
    pub fn deliver(&mut self) {
        self.resume();
        let mut sids = std::mem::take(&mut self.sids);
        self.engine.take_dirty(&mut sids);
        let awaited = self.engine.awaited();
        for sid in sids.drain(..) {
            if let Some(key) = self.owner(sid) {
                if let Some(awaited) = awaited {
                    self.hold_reply(key, awaited);
                }
                self.flush(key, true);
            }
        }
        self.writes.append(&mut self.lingering);
        for key in std::mem::take(&mut self.writes) {
            self.flush(key, false);
        }
        self.engine.take_closing(&mut sids);
        for sid in sids.drain(..) {
            if let Some(key) = self.owner(sid) {
                self.kill(key);
            }
        }
        self.engine.take_overflowed(&mut sids);
        for sid in sids.drain(..) {
            if let Some(key) = self.owner(sid) {
                self.expel(key, Level::Warning, OUTPUT_OVER);
            }
        }
        self.sids = sids;
        self.sweep_gone();
        self.tally.add_to(&mut self.engine.stats);
        for crew in &mut self.crews {
            crew.post();
        }
        self.ready.extend(self.later.drain(..));
    }

    fn owner(&self, sid: SessionId) -> Option<u32> {
        self.owners.get(sid.0).copied().filter(|key| *key != NOBODY)
    }

    /// Feeds those again whom the engine takes input from again.
    pub fn resume(&mut self) {
        let mut sids = std::mem::take(&mut self.sids);
        self.engine.take_resumable(&mut sids);
        for sid in sids.drain(..) {
            if let Some(key) = self.owner(sid) {
                self.go_on(key);
            }
        }
        self.sids = sids;
    }

    /// Feeds a lane again that was fed nothing.
    fn go_on(&mut self, key: u32) {
        let lane = &mut self.lanes[key as usize];
        (lane.blocked, lane.fetching, lane.runnable) = (false, false, true);
        if !std::mem::replace(&mut lane.queued, true) {
            self.later.push(key);
        }
        self.unhold(key);
    }

    /// Writes what a lane is owed; `fresh` when that is what it was owed in this batch.
    fn flush(&mut self, key: u32, fresh: bool) {
        let now = self.now_seconds();
        let Some(lane) = self.lanes.get_mut(key as usize).filter(|lane| lane.ending != Ending::Gone) else {
            return;
        };
        if lane.awaits > 0 {
            return;
        }
        let now_ms = self.engine.ks.now();
        let finishing = lane.ending == Ending::Finishing;
        let late = now.saturating_sub(lane.active) >= LINGER_SECONDS;
        let Some(session) = self.engine.session_mut(lane.sid) else {
            return;
        };
        // The reply to what it has written goes out now, and no later one waits for that.
        session.wrote &= !fresh;
        let before = session.out.len();
        match &mut lane.port {
            Port::Crew(crew) => {
                let crew = &mut self.crews[*crew];
                let class = session.class();
                if std::mem::replace(&mut lane.class, class) != class {
                    crew.tell(key, Reply::Class(class));
                }
                crew.deliver(key, &mut session.out);
                session.net_out += before as u64;
                if lane.draining && !std::mem::replace(&mut lane.asked, true) {
                    crew.tell(key, Reply::Tell);
                }
                if finishing {
                    crew.tell(key, Reply::Finish);
                }
            }
            Port::Own(link) => {
                let wrote = link.flush(&mut session.out, &self.registry, &mut self.tally);
                let left = session.out.len();
                session.net_out += (before - left) as u64;
                match wrote {
                    Wrote::All if finishing && !late && !link.is_delivered() => self.lingering.push(key),
                    Wrote::All if finishing => self.bury(key),
                    Wrote::All if lane.draining => self.drained(key),
                    Wrote::All => {}
                    Wrote::Yielded => self.writes.push(key),
                    Wrote::Stalled if self.output.is_over(session, now_ms) => {
                        self.expel_overflowed(key);
                    }
                    Wrote::Stalled => {}
                    Wrote::Broken => self.bury(key),
                }
            }
        }
    }

    fn sweep_gone(&mut self) {
        for key in std::mem::take(&mut self.gone) {
            let lane = self.lanes.remove(key as usize);
            self.engine.disconnect(lane.sid);
            self.owners[lane.sid.0] = NOBODY;
        }
    }

    fn expel_overflowed(&mut self, key: u32) {
        self.engine.stats.output_buffer_closed += 1;
        self.expel(key, Level::Warning, OUTPUT_OVER);
    }

    /// Closes a lane that has broken a limit.
    fn expel(&mut self, key: u32, level: Level, why: &str) {
        let sid = self.lanes[key as usize].sid;
        if let Some(session) = self.engine.session_mut(sid) {
            (self.log)(level, &format!("Closed client {}: {why}", session.peer.addr));
        }
        self.kill(key);
    }

    /// Looks at the next few lanes: closes clients that have been idle too long, and takes the buffers of quiet ones.
    pub fn sweep_idle(&mut self) {
        let now = self.now_seconds();
        let slots = self.lanes.capacity();
        for _ in 0..(slots / SWEEP_PARTS + 1).min(slots) {
            self.sweep_place = (self.sweep_place + 1) % slots;
            let Some(lane) = self.lanes.get(self.sweep_place) else {
                continue;
            };
            let Some(session) = self.engine.session_mut(lane.sid) else {
                continue;
            };
            let quiet = u64::from(now.saturating_sub(lane.active));
            let timeout = self.limits.idle_timeout_seconds(session.peer.door);
            // At the ID door, as at the original's, bytes that are no command renew nothing.
            let idle = match session.peer.door {
                Door::Ids => quiet.max(u64::from(now.saturating_sub((session.last_active_ms / 1000) as u32))),
                Door::Resp | Door::Memcached => quiet,
            };
            // As in Redis: whoever waits for something is not idle.
            let waits = lane.blocked
                || session.monitor
                || session.subscriptions.is_some()
                || lane.ending != Ending::No;
            if timeout > 0 && idle > timeout && !waits {
                self.expel(self.sweep_place as u32, Level::Debug, "idle for too long");
            } else if lane.ending == Ending::No && self.output.is_over(session, u64::from(now) as i64 * 1000)
            {
                self.expel_overflowed(self.sweep_place as u32);
            } else if quiet >= 2 && session.out.is_empty() {
                session.out.take();
            }
        }
    }

    /// Starts the end: what has arrived by now is still read, and no more.
    pub fn drain(&mut self) {
        self.draining = true;
        for (key, lane) in &mut self.lanes {
            if let Port::Own(link) = &mut lane.port {
                link.unread = true;
                if !lane.queued {
                    lane.queued = true;
                    self.ready.push_back(key as u32);
                }
            }
        }
        for crew in &self.crews {
            crew.drain();
        }
    }

    /// Once everything that had arrived is fed, or it is `late`, lets every connection finish; true when all are
    /// closed.
    pub fn finish_all(&mut self, late: bool) -> bool {
        let fetching = self.lanes.iter().any(|(_, lane)| lane.fetching && lane.ending == Ending::No);
        if late || (self.ready.is_empty() && !fetching && self.crews.iter().all(|crew| crew.drained)) {
            let keys: Vec<u32> = self.lanes.iter().map(|(key, _)| key as u32).collect();
            keys.into_iter().for_each(|key| self.finish(key));
        }
        self.lanes.is_empty()
    }

    /// Forgets every connection.
    pub fn abandon(&mut self) {
        let lanes = std::mem::take(&mut self.lanes);
        for (_, lane) in lanes {
            self.engine.disconnect(lane.sid);
        }
        self.tally.add_to(&mut self.engine.stats);
    }
}
