//! The door to commands that are written in Python. `dozo-py` implements it; the engine knows no Python.

use crate::cx::Cx;

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For developers.
    Debug,
    /// Normal life.
    Info,
    /// Something an operator should know.
    Warning,
    /// Something failed.
    Error,
}

/// Runs the commands that are not in the hot lane.
pub trait Host: Send + Sync {
    /// Runs `work` with the interpreter attached, so that the commands of a batch pay for it once.
    fn scope(&self, work: &mut dyn FnMut());

    /// Runs foreign command `id` (its index in the declarations) and writes exactly one reply to the session's
    /// output. `args` holds the command's name first. It never panics and never unwinds.
    fn call(&self, id: u32, cx: &mut Cx<'_>, args: &[&[u8]]);

    /// The positions of the keys in the arguments of command `id`, hot or foreign, where no fixed range tells them.
    fn key_positions(&self, _id: u32, _args: &[&[u8]]) -> Vec<usize> {
        Vec::new()
    }

    /// The figures of memcached's `stats [section]`; `None` when there is no such section.
    fn memcached_stats(&self, cx: &mut Cx<'_>, section: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>>;

    /// Whether [`Host::chores`] does anything.
    fn has_chores(&self) -> bool {
        false
    }

    /// The host's own work between requests, about ten times a second.
    fn chores(&self, _cx: &mut Cx<'_>) {}

    /// Looks at the memory of the process, where it was asked to ([`Engine::watch_memory`]).
    fn watch_memory(&self, _cx: &mut Cx<'_>) {}

    /// Writes a line to the server's log.
    fn log(&self, level: Level, message: &str);
}
