//! The command table as the executor needs it: name -> checks and implementation. It is filled once, from the
//! declarations in `python/dozo/commands`; what those say of documentation never comes here.

use std::collections::HashMap;
use std::fmt;

use crate::cx::Cx;
use crate::flags::Flags;
use crate::key_places::KeyPlaces;
use crate::stats::CommandStats;
use crate::transactions::UNQUEUED;

/// A command of the hot lane. `args[0]` is its name; arity has been checked.
pub type HotFn = fn(&mut Cx<'_>, &[&[u8]]);

/// Where a declared command is implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In `hot::all()`.
    Hot,
    /// In Python.
    Foreign,
    /// Nowhere: it only has subcommands.
    Container,
}

/// A declaration, as Python hands it over.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// Lower-case name; a subcommand as `container|sub`.
    pub name: String,
    /// Redis's arity: exact, or the negated minimum; counts the name, and both names of a subcommand.
    pub arity: i32,
    /// What COMMAND INFO lists.
    pub flags: Flags,
    /// Where it is implemented.
    pub kind: Kind,
    /// First key, last key (negative: from the end) and step; zeros for none.
    pub keys: (i32, i32, i32),
    /// The keys for whose values it may ask: these are fetched first where they lie on disk.
    pub fetched: Vec<KeyPlaces>,
}

/// How a command is run.
#[derive(Clone, Copy)]
pub enum Implementation {
    /// In Rust.
    Hot(HotFn),
    /// Through the host, by the index of its declaration.
    Foreign(u32),
    /// It only has subcommands.
    Container,
}

/// One row.
pub struct Command {
    /// Lower-case name; a subcommand as `container|sub`.
    pub name: String,
    /// See [`CommandSpec::arity`].
    pub arity: i32,
    /// See [`CommandSpec::flags`].
    pub flags: Flags,
    /// See [`CommandSpec::keys`].
    pub keys: (i32, i32, i32),
    /// How it is run.
    pub implementation: Implementation,
    /// Calls, errors, time.
    pub stats: CommandStats,
    /// Run at once within MULTI.
    pub(crate) unqueued: bool,
    /// See [`CommandSpec::fetched`].
    pub(crate) fetched: Vec<KeyPlaces>,
    subcommands: HashMap<Vec<u8>, u32>,
}

impl Command {
    /// Whether `argc` arguments, name included, are acceptable.
    #[inline]
    pub fn accepts(&self, argc: usize) -> bool {
        let argc = i32::try_from(argc).unwrap_or(i32::MAX);
        if self.arity >= 0 { argc == self.arity } else { argc >= -self.arity }
    }

    /// Where the keys stand among `argc` arguments: first, last, step. `None` when there is no fixed range, or one
    /// that does not fit.
    #[inline]
    pub(crate) fn key_range(&self, argc: usize) -> Option<(usize, usize, usize)> {
        let (first, last, step) = self.keys;
        let first = usize::try_from(first).ok().filter(|first| *first > 0)?;
        let last = match usize::try_from(last) {
            Ok(last) => last,
            Err(_) => argc.checked_sub(last.unsigned_abs() as usize)?,
        };
        let step = usize::try_from(step).ok().filter(|step| *step > 0)?;
        (first <= last && last < argc).then_some((first, last, step))
    }
}

/// Why a table can't be built.
#[derive(Debug, PartialEq, Eq)]
pub enum TableError {
    /// Two declarations bear the name.
    Duplicate(String),
    /// Declared as hot, but not in `hot::all()`.
    NotHot(String),
    /// In `hot::all()` and declared as Python's.
    BothLanguages(String),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableError::Duplicate(name) => write!(f, "command '{name}' is declared twice"),
            TableError::NotHot(name) => {
                write!(f, "command '{name}' is declared hot but has no Rust implementation")
            }
            TableError::BothLanguages(name) => {
                write!(f, "command '{name}' is implemented in both languages")
            }
        }
    }
}

impl std::error::Error for TableError {}

/// What a look-up finds.
pub enum Lookup {
    /// The row of the command, or of the subcommand.
    Found(u32),
    /// No such command.
    Unknown,
    /// The container in that row has no such subcommand.
    UnknownSubcommand(u32),
}

/// Names up to 15 bytes are compared as one integer, together with their length; nearly all are.
type ShortName = u128;

/// All commands.
#[derive(Default)]
pub struct CommandTable {
    rows: Vec<Command>,
    /// Open addressing, power of two, at most half full: (lower-case name, row + 1).
    short: Vec<(ShortName, u32)>,
    long: HashMap<Vec<u8>, u32>,
}

impl CommandTable {
    /// Builds the table; each declaration must have exactly one implementation.
    pub fn build(specs: &[CommandSpec], hot: &[(&str, HotFn)]) -> Result<Self, TableError> {
        let hot: HashMap<&str, HotFn> = hot.iter().copied().collect();
        let mut table = CommandTable { short: vec![(0, 0); 64], ..Self::default() };
        for (id, spec) in specs.iter().enumerate() {
            let implementation = match (spec.kind, hot.get(spec.name.as_str())) {
                (Kind::Hot, Some(run)) => Implementation::Hot(*run),
                (Kind::Hot, None) => return Err(TableError::NotHot(spec.name.clone())),
                (_, Some(_)) => return Err(TableError::BothLanguages(spec.name.clone())),
                (Kind::Foreign, None) => Implementation::Foreign(id as u32),
                (Kind::Container, None) => Implementation::Container,
            };
            table.rows.push(Command {
                name: spec.name.clone(),
                arity: spec.arity,
                flags: spec.flags,
                keys: spec.keys,
                implementation,
                stats: CommandStats::default(),
                unqueued: UNQUEUED.contains(&spec.name.as_str()),
                fetched: spec.fetched.clone(),
                subcommands: HashMap::new(),
            });
        }
        table.index(specs)?;
        Ok(table)
    }

    fn index(&mut self, specs: &[CommandSpec]) -> Result<(), TableError> {
        let mut seen = HashMap::new();
        for (row, spec) in specs.iter().enumerate() {
            if seen.insert(spec.name.as_str(), row as u32).is_some() {
                return Err(TableError::Duplicate(spec.name.clone()));
            }
        }
        for (row, spec) in specs.iter().enumerate() {
            match spec.name.split_once('|') {
                Some((container, sub)) => {
                    if let Some(parent) = seen.get(container) {
                        self.rows[*parent as usize].subcommands.insert(sub.as_bytes().to_vec(), row as u32);
                    }
                }
                None => self.insert_name(spec.name.as_bytes(), row as u32),
            }
        }
        Ok(())
    }

    fn insert_name(&mut self, name: &[u8], row: u32) {
        let Some(short) = short_name(name) else {
            self.long.insert(name.to_vec(), row);
            return;
        };
        let used = self.short.iter().filter(|(_, row)| *row != 0).count();
        if (used + 1) * 2 > self.short.len() {
            let doubled = vec![(0, 0); self.short.len() * 2];
            for (name, row) in std::mem::replace(&mut self.short, doubled) {
                if row != 0 {
                    self.place(name, row);
                }
            }
        }
        self.place(short, row + 1);
    }

    fn place(&mut self, name: ShortName, row: u32) {
        let mask = self.short.len() - 1;
        let mut at = slot_of(name) & mask;
        while self.short[at].1 != 0 {
            at = (at + 1) & mask;
        }
        self.short[at] = (name, row);
    }

    /// Finds the row of `args[0]`, or of the subcommand `args[1]` where it is a container.
    #[inline]
    pub fn find(&self, args: &[&[u8]]) -> Lookup {
        let Some(row) = args.first().and_then(|name| self.find_name(name)) else {
            return Lookup::Unknown;
        };
        let command = &self.rows[row as usize];
        if command.subcommands.is_empty() {
            return Lookup::Found(row);
        }
        let Some(sub) = args.get(1) else {
            return Lookup::Found(row);
        };
        match command.subcommands.get(&sub.to_ascii_lowercase()) {
            Some(sub) => Lookup::Found(*sub),
            None => Lookup::UnknownSubcommand(row),
        }
    }

    #[inline]
    fn find_name(&self, name: &[u8]) -> Option<u32> {
        let Some(short) = short_name(name) else {
            return self.long.get(&name.to_ascii_lowercase()).copied();
        };
        let mask = self.short.len().checked_sub(1)?;
        let mut at = slot_of(short) & mask;
        loop {
            match self.short[at] {
                (_, 0) => return None,
                (found, row) if found == short => return Some(row - 1),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Where the keys of a command with that name and `argc` arguments stand: first, last, step. `None` when it
    /// has no fixed range, or one that does not fit.
    #[inline]
    pub(crate) fn key_range(&self, name: &[u8], argc: usize) -> Option<(usize, usize, usize)> {
        self.rows[self.find_name(name)? as usize].key_range(argc)
    }

    /// A row by index.
    #[inline]
    pub fn row(&self, row: u32) -> &Command {
        &self.rows[row as usize]
    }

    /// A row by index.
    #[inline]
    pub fn row_mut(&mut self, row: u32) -> &mut Command {
        &mut self.rows[row as usize]
    }

    /// All rows, in the order of their declaration.
    pub fn rows(&self) -> &[Command] {
        &self.rows
    }

    /// Forgets all calls.
    pub fn reset_stats(&mut self) {
        for row in &mut self.rows {
            row.stats = CommandStats::default();
        }
    }
}

/// The lower-case name and its length in one integer, `None` over 15 bytes.
#[inline]
fn short_name(name: &[u8]) -> Option<ShortName> {
    if name.len() > 15 {
        return None;
    }
    let mut bytes = [0u8; 16];
    bytes[..name.len()].copy_from_slice(name);
    bytes.make_ascii_lowercase();
    // A name that ends in NUL bytes is another one.
    bytes[15] = name.len() as u8;
    Some(ShortName::from_le_bytes(bytes))
}

#[inline]
fn slot_of(name: ShortName) -> usize {
    let mixed = (name as u64 ^ (name >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 40) as usize
}
