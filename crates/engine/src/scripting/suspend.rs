//! A script past its time: it stands in the middle of its run and goes on for a slice of each tick. Between the slices
//! others hear BUSY, and may kill it as long as it has written nothing.
//!
//! It keeps the keyspace for itself: what it has done is half of a change. So nothing expires meanwhile, and for the
//! script no time passes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::run::{self, Running};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::session::{Session, SessionId};
use crate::table::Lookup;

/// What others wait for while the script runs.
const SLICE: Duration = Duration::from_millis(5);
const BUSY_SCRIPT: &str =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const BUSY_FUNCTION: &str =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
const UNKILLABLE: &str = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can \
either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";

/// The script, and whom it is to be answered to.
pub(super) struct Suspended {
    running: Running,
    sid: SessionId,
    client: u64,
    args: Vec<Vec<u8>>,
    /// The database it has selected.
    db: usize,
    /// The time that it sees, unix ms.
    now: i64,
    began: Instant,
}

/// What FUNCTION STATS tells of it.
pub struct Late<'a> {
    /// SHA-1 of the script, or name of the function.
    pub name: &'a str,
    /// The command that called it.
    pub args: &'a [Vec<u8>],
    /// Since it began.
    pub elapsed: Duration,
}

impl Engine {
    /// Whether a script is past its time.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.scripting.suspended.0.is_some()
    }

    /// What others hear then.
    pub(crate) fn busy_text(&self) -> &'static str {
        let function = self.scripting.suspended.0.as_ref().is_some_and(|script| script.running.function);
        if function { BUSY_FUNCTION } else { BUSY_SCRIPT }
    }

    /// The script that is past its time.
    pub fn late_script(&self) -> Option<Late<'_>> {
        let script = self.scripting.suspended.0.as_ref()?;
        Some(Late { name: &script.running.name, args: &script.args, elapsed: script.began.elapsed() })
    }

    /// SCRIPT KILL, or FUNCTION KILL: the script ends with an error as soon as it goes on.
    pub fn kill_script(&self, function: bool) -> Result<(), &'static str> {
        let Some(script) = &self.scripting.suspended.0 else {
            return Err("NOTBUSY No scripts in execution right now.");
        };
        if script.running.rules.wrote {
            return Err(UNKILLABLE);
        }
        if script.running.function != function {
            return Err(self.busy_text());
        }
        script.running.exchange.killed.set(true);
        Ok(())
    }

    /// Leaves a script standing; its client waits for the answer.
    pub(super) fn suspend(&mut self, session: &mut Session, running: Running, args: &[&[u8]]) {
        session.in_script = true;
        let limit = u64::try_from(self.settings.busy_reply_threshold).unwrap_or(0);
        let began = Instant::now().checked_sub(Duration::from_millis(limit)).unwrap_or_else(Instant::now);
        self.scripting.suspended.0 = Some(Box::new(Suspended {
            running,
            sid: session.sid,
            client: session.id,
            args: args.iter().map(|arg| arg.to_vec()).collect(),
            db: session.db,
            now: self.ks.now(),
            began,
        }));
    }

    /// Lets the script that is past its time go on for a while; whether it still isn't done.
    pub(crate) fn resume_script(&mut self) -> bool {
        let Some(mut script) = self.scripting.suspended.0.take() else {
            return false;
        };
        let now = self.ks.now();
        let mut session = self.take_caller(&script, now);
        session.db = script.db;
        self.ks.set_now(script.now);
        script.running.exchange.deadline.set(Some(Instant::now() + SLICE));
        let start = session.out.mark();
        let mut cx = Cx::new(self, &mut session, 0);
        let outcome = catch_unwind(AssertUnwindSafe(|| run::drive(&mut cx, &mut script.running)));
        self.ks.set_now(now);
        script.db = session.db;
        let goes_on = matches!(outcome, Ok(None));
        if goes_on {
            self.scripting.suspended.0 = Some(script);
        } else {
            let Suspended { running, args, began, .. } = *script;
            session.wrote |= running.rules.wrote;
            match outcome {
                Ok(Some(outcome)) => run::end(&mut Cx::new(self, &mut session, 0), running, outcome),
                _ => {
                    self.abandon_atomic();
                    session.out.rollback(start);
                    session.reply().error("ERR internal error");
                }
            }
            self.account_late(&mut session, &args, began.elapsed());
            session.in_script = false;
            if session.id != 0 {
                self.go_on(&mut session, start);
            }
            self.release_held();
        }
        if session.id != 0
            && let Some(slot) = self.sessions.get_mut(session.sid.0)
        {
            *slot = Some(session);
        }
        goes_on
    }

    /// The session that called the script, or one for nobody if it has left.
    fn take_caller(&mut self, script: &Suspended, now: i64) -> Box<Session> {
        let slot = self.sessions.get_mut(script.sid.0);
        let own = slot.filter(|slot| slot.as_ref().is_some_and(|session| session.id == script.client));
        own.and_then(Option::take).unwrap_or_else(|| Box::new(Session::internal(now)))
    }

    /// Counts the call as [`Engine::run_accounted`] counts those that end at once.
    fn account_late(&mut self, session: &mut Session, args: &[Vec<u8>], elapsed: Duration) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let Lookup::Found(row) = self.table.find(&args) else { return };
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let histogram = self.settings.latency_tracking;
        self.table.row_mut(row).stats.record(elapsed, false, histogram);
        self.note_slow(session, row, &args, elapsed);
    }
}
