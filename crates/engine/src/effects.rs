//! Effects: every change to the data as one totally ordered stream of commands.
//!
//! An effect is the command as it must be journaled and replicated: deterministic, with absolute expiry. The
//! offset counts the bytes of the stream's RESP form, SELECTs included, so that it is what PSYNC and the AOF
//! need it to be, whether or not anybody consumes the stream. Consumers are [`Sink`]s; without one, an effect
//! costs the sum of its lengths and nothing is encoded.

use dozo_log::aof;

/// Commands of dozo's own begin so; other servers must not see them in the journal.
const OWN: &[u8] = b"DOZO.";

/// Why a change happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A client's command.
    Command,
    /// A time to live that ran out.
    Expired,
    /// Memory was needed.
    Evicted,
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Effect<'a> {
    /// Bytes of the stream before this effect.
    pub offset: u64,
    /// Database that it applies to.
    pub db: usize,
    /// The command, name first.
    pub args: &'a [&'a [u8]],
    /// Why it happened.
    pub cause: Cause,
}

impl Effect<'_> {
    /// Appends the RESP form.
    pub fn encode(&self, to: &mut Vec<u8>) {
        aof::write(to, self.args);
    }

    /// Length of the RESP form.
    pub fn encoded_len(&self) -> u64 {
        let args: usize = self.args.iter().map(|a| a.len() + decimal_len(a.len()) + 5).sum();
        (args + decimal_len(self.args.len()) + 3) as u64
    }
}

/// Number of decimal digits.
fn decimal_len(n: usize) -> usize {
    n.checked_ilog10().unwrap_or(0) as usize + 1
}

/// A consumer of the stream: the journal, replicas, keyspace events, a test.
pub trait Sink: Send {
    /// Called once for each effect, in order, on the executor.
    fn effect(&mut self, effect: &Effect<'_>);
}

/// Effects that belong together. The first one is held back: only when a second comes are they wrapped.
#[derive(Default)]
struct Group {
    depth: usize,
    /// MULTI is in the stream.
    open: bool,
    held: Option<(usize, Vec<Vec<u8>>, Cause)>,
}

/// The head of the stream.
#[derive(Default)]
pub struct Effects {
    offset: u64,
    count: u64,
    selected: Option<usize>,
    sinks: Vec<Box<dyn Sink>>,
    group: Group,
    /// What the journal has not taken yet, where there is one.
    journal: Option<Vec<u8>>,
}

impl Effects {
    /// An empty stream at offset 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the stream so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Effects so far, SELECTs not counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Adds a consumer. The next effect is preceded by a SELECT, so that the consumer knows the database.
    pub fn subscribe(&mut self, sink: Box<dyn Sink>) {
        self.sinks.push(sink);
        self.selected = None;
    }

    /// Keeps the stream's bytes for the journal from now on, beginning with a SELECT; or no more.
    pub fn record_into_journal(&mut self, yes: bool) {
        self.journal = yes.then(Vec::new);
        self.selected = None;
    }

    /// The bytes that the journal has not taken yet. Between batches they are whole commands and whole groups.
    pub fn journal_bytes(&mut self) -> &mut Vec<u8> {
        self.journal.get_or_insert_default()
    }

    /// Whether anybody is told of what is recorded.
    pub fn is_read(&self) -> bool {
        self.journal.is_some() || !self.sinks.is_empty()
    }

    /// Counts a change of so many bytes while nobody is told of any.
    pub fn pass(&mut self, bytes: u64) {
        self.offset += bytes;
        self.count += 1;
    }

    /// Begins a group: if more than one effect comes before its end, MULTI and EXEC stand around them. It nests.
    pub fn begin_group(&mut self) {
        self.group.depth += 1;
    }

    /// Ends a group.
    pub fn end_group(&mut self) {
        self.group.depth = self.group.depth.saturating_sub(1);
        if self.group.depth > 0 {
            return;
        }
        if let Some((db, args, cause)) = self.group.held.take() {
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            self.append(db, &args, cause);
            self.count += 1;
        }
        if std::mem::take(&mut self.group.open) {
            let db = self.selected.unwrap_or(0);
            self.append(db, &[b"EXEC"], Cause::Command);
        }
    }

    /// Adds one change.
    pub fn record(&mut self, db: usize, args: &[&[u8]], cause: Cause) {
        if self.group.depth > 0 && !self.group.open {
            let Some((first_db, first, first_cause)) = self.group.held.take() else {
                let args = args.iter().map(|arg| arg.to_vec()).collect();
                self.group.held = Some((db, args, cause));
                return;
            };
            self.group.open = true;
            let first: Vec<&[u8]> = first.iter().map(Vec::as_slice).collect();
            self.append(first_db, &[b"MULTI"], Cause::Command);
            self.append(first_db, &first, first_cause);
            self.count += 1;
        }
        self.append(db, args, cause);
        self.count += 1;
    }

    /// Appends to the stream.
    fn append(&mut self, db: usize, args: &[&[u8]], cause: Cause) {
        debug_assert!(!args.is_empty(), "an effect is a command");
        if self.selected != Some(db) {
            self.selected = Some(db);
            let mut digits = itoa::Buffer::new();
            let select: [&[u8]; 2] = [b"SELECT", digits.format(db).as_bytes()];
            self.push(&Effect { offset: self.offset, db, args: &select, cause });
        }
        self.push(&Effect { offset: self.offset, db, args, cause });
    }

    fn push(&mut self, effect: &Effect<'_>) {
        for sink in &mut self.sinks {
            sink.effect(effect);
        }
        self.offset += match &mut self.journal {
            Some(journal) if effect.args[0].starts_with(OWN) => {
                aof::write_hidden(journal, effect.args);
                effect.encoded_len()
            }
            Some(journal) => {
                let before = journal.len();
                effect.encode(journal);
                (journal.len() - before) as u64
            }
            None => effect.encoded_len(),
        };
    }
}
