//! What a running command sees: the engine, the calling session, and the effects it makes.

use dozo_store::{Access, Head, Item};
use dozo_wire::Out;
use dozo_wire::resp::{Proto, Reply};

use crate::effects::Cause;
use crate::engine::Engine;
use crate::session::Session;

/// How deep commands may call commands.
pub const MAX_CALL_DEPTH: u32 = 16;

/// Bytes of the reply of a command called by a command or a script; a longer one is an error.
pub const MAX_CALL_REPLY: usize = 1 << 30;

/// Redis's text for a value of another type.
pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// The context of one command.
pub struct Cx<'a> {
    /// The executor.
    pub engine: &'a mut Engine,
    /// Whose command it is.
    pub session: &'a mut Session,
    /// 0 for a client's command, more for a command called by a command.
    pub(crate) depth: u32,
    /// The command has named its effects, or has none: no verbatim one is made.
    pub(crate) effect_settled: bool,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(engine: &'a mut Engine, session: &'a mut Session, depth: u32) -> Self {
        Self { engine, session, depth, effect_settled: false }
    }

    /// For work that is no command.
    pub fn internal(engine: &'a mut Engine, session: &'a mut Session) -> Self {
        Self::new(engine, session, 0)
    }

    /// Encoder of the reply.
    #[inline]
    pub fn reply(&mut self) -> Reply<'_> {
        self.session.reply()
    }

    /// Answers an error; `text` starts with its code.
    pub fn error(&mut self, text: &str) {
        self.session.reply().error(text);
    }

    /// Unix ms, the same for the whole batch.
    #[inline]
    pub fn now(&self) -> i64 {
        self.engine.ks.now()
    }

    /// How reads of this client touch entries.
    #[inline]
    pub fn read_access(&self) -> Access {
        if self.session.no_touch { Access::Untouched } else { Access::Read }
    }

    /// Looks a key up for reading in the selected database.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<Item<'_>> {
        let access = self.read_access();
        self.engine.ks.get(self.session.db, key, access)
    }

    /// Looks a key up in order to change it.
    #[inline]
    pub fn write(&mut self, key: &[u8]) -> Option<Item<'_>> {
        self.engine.ks.get(self.session.db, key, Access::Write)
    }

    /// Looks a key up without its value, which may lie on disk.
    #[inline]
    pub fn head(&mut self, key: &[u8], access: Access) -> Option<Head<'_>> {
        self.engine.ks.head(self.session.db, key, access)
    }

    /// Records an effect in place of the verbatim command.
    pub fn effect(&mut self, args: &[&[u8]]) {
        self.effect_in(self.session.db, args);
    }

    /// Records an effect in another database.
    pub fn effect_in(&mut self, db: usize, args: &[&[u8]]) {
        self.effect_settled = true;
        self.engine.record_notices();
        self.engine.effects.record(db, args, Cause::Command);
    }

    /// The command changes nothing that must be journaled or replicated.
    pub fn no_effect(&mut self) {
        self.effect_settled = true;
    }

    /// Runs another command atomically and returns its RESP3 reply. The inner command records its own effects,
    /// so the caller's verbatim effect is dropped as soon as the inner one changed something.
    pub fn call(&mut self, args: &[&[u8]]) -> Out {
        let outer_out = std::mem::take(&mut self.session.out);
        self.session.out.set_limit(MAX_CALL_REPLY);
        let outer_proto = std::mem::replace(&mut self.session.proto, Proto::Resp3);
        if self.depth >= MAX_CALL_DEPTH {
            self.error("ERR commands call each other too deeply");
        } else {
            let before = self.engine.ks.dirty();
            self.engine.run_nested(self.session, args, self.depth + 1);
            self.effect_settled |= self.engine.ks.dirty() != before;
        }
        self.session.proto = outer_proto;
        whole(std::mem::replace(&mut self.session.out, outer_out))
    }

    /// Has those who wait for a key look at it again after this command, though its value did not change.
    pub fn wake(&mut self, db: usize, key: &[u8]) {
        self.engine.waiters.note(db, key);
    }

    /// Every connected session, the calling one included.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        let own = (self.session.id != 0).then_some(&*self.session);
        own.into_iter().chain(self.engine.sessions())
    }
}

/// What a called command has answered, or an error where that has passed [`MAX_CALL_REPLY`] and was dropped.
pub(crate) fn whole(out: Out) -> Out {
    if !out.has_overflowed() {
        return out;
    }
    let mut error = Out::new();
    Reply::new(&mut error, Proto::Resp3).error("ERR the reply of a called command is larger than 1 GB");
    error
}
