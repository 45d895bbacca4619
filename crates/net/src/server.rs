//! The server: opening its listeners, and the loop of turns from start to stop.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dozo_engine::{Engine, Level};
use mio::{Events, Poll, Token, Waker};

use crate::crew::Crew;
use crate::handle::{Handle, Inbox, Job, Stop};
use crate::listen::{BindError, Listener, reason};
use crate::settings::Settings;
use crate::turn::Turn;

const WAKE: Token = Token(usize::MAX);
/// Listeners are numbered downwards from here, lanes upwards from 0.
const FIRST_LISTENER: usize = usize::MAX - 1;
/// Connections taken from one listener in a turn.
const ACCEPTS: usize = 128;
/// Pause of a listener after the system ran out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The part of the grace in which clients that never pause are still read.
const READ_PART: u32 = 20;
/// A stop takes at most this long, whatever the setting says.
const LONGEST_GRACE: Duration = Duration::from_secs(3600);
/// Longest that the loop sleeps while it, or a connection, ends.
const STOP_POLL: Duration = Duration::from_millis(10);

/// A server whose listeners are open and whose loop is not yet running. Connections wait in the backlog.
pub struct Server {
    settings: Settings,
    listeners: Vec<Listener>,
    poll: Poll,
    inbox: Arc<Inbox>,
}

impl Server {
    /// Opens every listener, or none and says which one failed.
    pub fn bind(settings: Settings) -> Result<Self, BindError> {
        let (poll, waker) = Poll::new()
            .and_then(|poll| Waker::new(poll.registry(), WAKE).map(|waker| (poll, waker)))
            .map_err(BindError::no_poll)?;
        let mut listeners = Vec::new();
        for endpoint in &settings.endpoints {
            listeners.extend(Listener::bind(endpoint, settings.backlog)?);
        }
        let inbox = Arc::new(Inbox::new(waker, settings.inbox, Arc::clone(&settings.limits)));
        Ok(Self { settings, listeners, poll, inbox })
    }

    /// The way in from other threads.
    pub fn handle(&self) -> Handle {
        Handle { inbox: Arc::clone(&self.inbox) }
    }

    /// Where it listens, for people: `127.0.0.1:6379` or a path.
    pub fn places(&self) -> Vec<String> {
        self.listeners.iter().map(|listener| listener.place.clone()).collect()
    }

    /// Serves until it is told to stop, by its handle or by the engine. The calling thread becomes the executor.
    pub fn run(self, engine: &mut Engine) -> io::Result<()> {
        let Self { settings, mut listeners, poll, inbox } = self;
        for (i, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(FIRST_LISTENER - i))?;
        }
        let crews = (0..settings.io_threads)
            .map(|n| Crew::start(n, Arc::clone(&inbox), Arc::clone(&engine.output_limits)))
            .collect::<io::Result<_>>()?;
        let handle = Handle { inbox: Arc::clone(&inbox) };
        engine.set_waker(Arc::new(move || handle.wake()));
        let registry = poll.registry().try_clone()?;
        let turn =
            Turn::new(engine, crews, registry, Arc::clone(&settings.limits), Arc::clone(&settings.log));
        let doors =
            listeners.into_iter().map(|listener| Door { listener, waiting: false, pause: None }).collect();
        let mut life = Life {
            settings,
            doors,
            inbox,
            turn,
            jobs: Vec::new(),
            deadline: None,
            next_tick_ms: 0,
            background: None,
        };
        let result = life.run(poll);
        life.inbox.close();
        life.turn.abandon();
        result
    }
}

/// A listener and whether connections wait at it.
struct Door {
    listener: Listener,
    waiting: bool,
    /// The system had no room for another connection; tried again at this time.
    pause: Option<Instant>,
}

/// A server that is running.
struct Life<'e> {
    settings: Settings,
    doors: Vec<Door>,
    inbox: Arc<Inbox>,
    turn: Turn<'e>,
    jobs: Vec<Job>,
    /// Set once it stops: when it ends in any case.
    deadline: Option<Instant>,
    next_tick_ms: i64,
    /// The engine has work of its own, which goes on after that time at the latest.
    background: Option<Duration>,
}

impl Life<'_> {
    fn run(&mut self, mut poll: Poll) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match poll.poll(&mut events, Some(self.sleep())) {
                Ok(()) => self.sort(&events),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.turn.engine.begin_batch();
            self.turn.engine.end_overdue_waits();
            if self.turn.engine.collect_fetched() {
                self.turn.resume();
            }
            self.accept();
            for job in std::mem::take(&mut self.jobs) {
                job(self.turn.engine);
            }
            self.turn.release();
            self.turn.feed_all();
            self.turn.engine.end_batch();
            self.tick();
            self.turn.engine.commit();
            self.turn.deliver();
            if self.is_over() {
                return Ok(());
            }
            // No reply waits for it, and no request that has come already.
            let idle = events.is_empty() && !self.turn.is_busy();
            self.background = self.turn.engine.background(idle);
        }
    }

    /// How long the poll may sleep.
    fn sleep(&self) -> Duration {
        let waits = |door: &Door| door.waiting && door.pause.is_none();
        if self.turn.is_busy() || self.doors.iter().any(waits) {
            return Duration::ZERO;
        }
        let until_tick = (self.next_tick_ms - self.turn.engine.ks.now()).clamp(1, 1000);
        let until_due = self.turn.engine.next_deadline_ms().unwrap_or(1000);
        let mut sleep = Duration::from_millis(until_tick.min(until_due).unsigned_abs());
        sleep = sleep.min(self.background.unwrap_or(sleep));
        if self.doors.iter().any(|door| door.pause.is_some()) {
            sleep = sleep.min(ACCEPT_PAUSE);
        }
        if self.deadline.is_some() || self.turn.lingers() {
            sleep = sleep.min(STOP_POLL);
        }
        sleep
    }

    fn sort(&mut self, events: &Events) {
        for event in events {
            let token = event.token();
            if token == WAKE {
                self.inbox.take(&mut self.jobs, &mut self.turn.batches);
            } else if let Some(door) = self.doors.get_mut(FIRST_LISTENER - token.0) {
                door.waiting = true;
            } else {
                self.turn.notice(event);
            }
        }
    }

    fn accept(&mut self) {
        for door in &mut self.doors {
            if door.pause.is_some_and(|until| until <= Instant::now()) {
                door.pause = None;
                door.waiting = true;
            }
            if !door.waiting || door.pause.is_some() {
                continue;
            }
            for _ in 0..ACCEPTS {
                match door.listener.accept(self.settings.limits.keepalive()) {
                    Ok((stream, peer)) => self.turn.admit(stream, peer),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        door.waiting = false;
                        break;
                    }
                    Err(error) if is_of_one_peer(&error) => {}
                    Err(error) => {
                        let text = format!("Could not accept a connection: {}", reason(&error));
                        (self.settings.log)(Level::Warning, &text);
                        door.waiting = false;
                        door.pause = Some(Instant::now() + ACCEPT_PAUSE);
                        break;
                    }
                }
            }
        }
    }

    /// Calls the engine's background work when it is due. Should the clock jump, it is due.
    fn tick(&mut self) {
        let now = self.turn.engine.ks.now();
        if (1..=2000).contains(&(self.next_tick_ms - now)) {
            return;
        }
        let pause = self.turn.engine.tick();
        self.next_tick_ms = now + i64::try_from(pause.as_millis()).unwrap_or(1000).max(1);
        self.turn.sweep_idle();
    }

    /// Follows the order to stop; true when the loop has to end.
    fn is_over(&mut self) -> bool {
        let stop = match self.inbox.stop() {
            Stop::No if self.turn.engine.shutdown_requested() => Stop::Graceful,
            stop => stop,
        };
        match stop {
            Stop::No => return false,
            Stop::Now => return true,
            Stop::Graceful => {}
        }
        let grace = self.settings.grace.min(LONGEST_GRACE);
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + grace);
        if !self.turn.draining {
            self.doors.clear();
            self.turn.drain();
        }
        let left = deadline.saturating_duration_since(Instant::now());
        self.turn.finish_all(left < grace - grace / READ_PART) || left.is_zero()
    }
}

/// Whether an error of accept concerns the one connection that was to be taken, which has gone.
fn is_of_one_peer(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}
