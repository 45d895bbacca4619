//! Has the host look at the memory of the process as often as traffic can have changed it.
//!
//! What is counted here is data only. The interpreter, buffers of connections and what the allocator keeps come on top, and
//! only the system knows how much that is. Whoever bounds the whole must look often enough for no burst to pass unseen: so
//! the clock here is bytes that came and went, not time.
//!
//! Refuses to decide what follows from what is seen.

use crate::cx::Cx;
use crate::engine::Engine;
use crate::session::Session;

/// When the host is to look.
#[derive(Default)]
pub(crate) struct MemoryWatch {
    /// Bytes between two looks; 0 asks for none.
    step: u64,
    /// Bytes that had passed at the last look.
    seen: u64,
}

impl Engine {
    /// Has the host look whenever so many bytes have passed; 0 ends that.
    pub fn watch_memory(&mut self, step: u64) {
        self.memory_watch = MemoryWatch { step, seen: self.passed_bytes() };
    }

    /// Keeps so much of the limit of memory from data.
    pub fn reserve_memory(&mut self, bytes: u64) {
        self.ks.set_reserved(bytes);
        // What does not leave now leaves with the next writes.
        self.make_room();
    }

    fn passed_bytes(&self) -> u64 {
        self.stats.net_in.wrapping_add(self.stats.net_out)
    }

    #[inline]
    pub(crate) fn have_memory_watched(&mut self) {
        let MemoryWatch { step, seen } = self.memory_watch;
        if step > 0 && self.passed_bytes().wrapping_sub(seen) >= step && self.atomic == 0 {
            self.have_memory_looked_at();
        }
    }

    #[cold]
    fn have_memory_looked_at(&mut self) {
        self.memory_watch.seen = self.passed_bytes();
        let Some(host) = self.host().filter(|_| !self.attached) else { return };
        let now = self.ks.now();
        host.scope(&mut || {
            self.set_attached(true);
            host.watch_memory(&mut Cx::new(self, &mut Session::internal(now), 0));
            self.set_attached(false);
        });
        self.end_batch();
    }
}
