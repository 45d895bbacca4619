//! The only sockets and the only threads of dozo, on mio.
//!
//! Net owns listeners, connections, their unparsed input and the loop that drives the engine. It refuses meaning:
//! it never looks into a request or a reply. It hands bytes to [`dozo_engine::Engine::feed`] and writes what the
//! engine leaves in a session's output.
//!
//! One turn of the loop: poll; run what other threads submitted; feed every connection that has bytes; end the
//! batch; write each reply buffer with one call. With `io_threads = 0` the executor's thread reads and writes
//! itself (`Port::Own`); with more, [`crew`] threads do, and exchange whole batches with it (`Port::Crew`).

mod crew;
mod handle;
mod lane;
mod listen;
mod server;
mod settings;
mod stream;
mod turn;

pub use handle::{Handle, Job, Refused};
pub use listen::BindError;
pub use server::Server;
pub use settings::{Address, Endpoint, Limits, Log, Settings};
