//! The executor: sessions, the command table, the hot lane and the effects stream over one keyspace.
//!
//! It owns every decision that must be taken per request at full speed, and refuses two things:
//! sockets (they are `dozo-net`'s) and commands off the hot lane (they are Python, reached through [`Host`]).

pub mod blocking;
mod changes;
pub mod clients;
pub mod clock;
pub mod cx;
mod dispatch;
pub mod effects;
mod engine;
pub mod events;
mod feed;
mod fetching;
pub mod flags;
mod glob;
pub mod host;
pub mod hot;
pub mod ids;
pub mod items;
pub mod key_places;
pub mod latency;
mod lifetimes;
pub mod loading;
pub mod memcached;
mod memory_watch;
pub mod monitor;
pub mod output;
pub mod persistence;
pub mod pubsub;
pub mod scripting;
mod secrets;
pub mod session;
pub mod settings;
pub mod slowlog;
pub mod stats;
pub mod table;
pub mod tier;
pub mod tracking;
pub mod transactions;
mod warming;

pub use clock::{Clock, SystemClock};
pub use cx::Cx;
pub use effects::{Cause, Effect, Effects, Sink};
pub use engine::{Engine, Flow};
pub use glob::glob;
pub use host::{Host, Level};
pub use session::{Door, Peer, Session, SessionId};
pub use settings::Settings;
pub use table::{Command, CommandSpec, CommandTable, Kind, TableError};
