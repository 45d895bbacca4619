//! RDB files: what stands around the values.
//!
//! Owns the order of a file: magic, auxiliary fields, functions, databases, checksum. It is written in version 10, which
//! every Redis since 7.0 and every Valkey reads; versions 1 to 13, and Valkey's 80, are read. What memcached clients gave
//! a key besides its value stands before it in an auxiliary field, which others skip.

use crate::reader::{Malformed, Reader};
use crate::source::{Fault, Source};
use crate::value::{self, NEWEST, Restored, VALKEY, WRITTEN};
use crate::writer;
use dozo_store::{Item, Packing};

const SLOT_IMPORT_OR_META: u8 = 243;
const SLOT_INFO: u8 = 244;
const FUNCTION: u8 = 245;
const FUNCTION_DRAFT: u8 = 246;
const MODULE_AUX: u8 = 247;
const IDLE: u8 = 248;
const FREQUENCY: u8 = 249;
const AUX: u8 = 250;
const RESIZE: u8 = 251;
const EXPIRY_MS: u8 = 252;
const EXPIRY_S: u8 = 253;
const SELECT: u8 = 254;
const END: u8 = 255;
const MODULE_1: u8 = 6;
const MODULE_2: u8 = 7;

/// The auxiliary field that belongs to the key after it: flags, compare-and-swap number, 1 when stale.
const ITEM_FIELD: &[u8] = b"dozo-item";
/// Letters of a module's name, six bits each.
const NAME_LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What is written of a key's recency, as Redis does it by its eviction policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    #[default]
    None,
    /// Seconds since its last use.
    Idle,
    /// How often it is used.
    Frequency,
}

/// Writes a file, all but its checksum, into a buffer that others empty.
#[derive(Debug, Default)]
pub struct Writer {
    /// What was written and not yet taken.
    pub out: Vec<u8>,
    db: Option<usize>,
    hint: Hint,
    now: i64,
}

impl Writer {
    /// A file as of `now` with these auxiliary fields, and the code of these function libraries.
    pub fn new(hint: Hint, now: i64, aux: &[(String, String)], functions: &[Vec<u8>]) -> Self {
        let mut out = format!("REDIS{WRITTEN:04}").into_bytes();
        for (name, value) in aux {
            put_aux(&mut out, name.as_bytes(), value.as_bytes());
        }
        for code in functions {
            out.push(FUNCTION);
            writer::bytes(&mut out, code);
        }
        Writer { out, db: None, hint, now }
    }

    /// Adds a key.
    pub fn item(&mut self, db: usize, item: &Item<'_>) {
        let out = &mut self.out;
        if self.db != Some(db) {
            self.db = Some(db);
            out.push(SELECT);
            writer::length(out, db as u64);
        }
        if item.flags() != 0 || item.cas() != 0 || item.stale() {
            let text = format!("{} {} {}", item.flags(), item.cas(), u8::from(item.stale()));
            put_aux(out, ITEM_FIELD, text.as_bytes());
        }
        if let Some(at) = item.expire_at() {
            out.push(EXPIRY_MS);
            out.extend(at.to_le_bytes());
        }
        match self.hint {
            Hint::None => {}
            Hint::Idle => {
                out.push(IDLE);
                writer::length(out, u64::from(item.clock_idle_secs(self.now)));
            }
            Hint::Frequency => out.extend([FREQUENCY, item.raw_frequency()]),
        }
        // The value's writer puts its form in front of it, but the key stands between the two.
        let form_at = out.len();
        out.push(0);
        writer::string(out, item.key());
        let value_at = out.len();
        value::write(item.value(), out);
        out[form_at] = out[value_at];
        out.copy_within(value_at + 1.., value_at);
        out.pop();
    }

    /// Ends the file; its checksum comes after it.
    pub fn end(&mut self) {
        self.out.push(END);
    }
}

fn put_aux(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(AUX);
    writer::bytes(out, name);
    writer::string(out, value);
}

/// A key that was read.
pub struct Key {
    /// Its database.
    pub db: u64,
    /// The key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Restored,
    /// The unix time in milliseconds at which it expires.
    pub expire_at: Option<i64>,
    /// Seconds since its last use.
    pub idle: Option<u64>,
    /// How often it is used.
    pub frequency: Option<u8>,
    /// Its memcached flags.
    pub flags: u32,
    /// Its compare-and-swap number.
    pub cas: u64,
    /// Marked stale by memcached's meta delete.
    pub stale: bool,
}

/// What stands in a file.
pub enum Part {
    /// An auxiliary field: name and value.
    Aux(Vec<u8>, Vec<u8>),
    /// The code of a function library.
    Function(Vec<u8>),
    /// A key.
    Key(Box<Key>),
    /// Nothing that matters.
    Nothing,
    /// The end, with a checksum that was right (or was left out).
    End,
}

/// What was read of the next key, until it is whole.
#[derive(Clone, Copy, Default)]
struct Ahead {
    expire_at: Option<i64>,
    idle: Option<u64>,
    frequency: Option<u8>,
    flags: u32,
    cas: u64,
    stale: bool,
}

/// Reads a file.
pub struct File {
    source: Source,
    /// Its version; Valkey's are 80 and above.
    pub version: u32,
    db: u64,
    ahead: Ahead,
}

impl File {
    /// Reads the magic.
    pub fn open(mut source: Source) -> Result<Self, Box<(Source, Fault)>> {
        match read_magic(&mut source) {
            Ok(version) => Ok(File { source, version, db: 0, ahead: Ahead::default() }),
            Err(fault) => Err(Box::new((source, fault))),
        }
    }

    /// How far it was read, and how large it is.
    pub fn progress(&self) -> (u64, u64) {
        (self.source.offset(), self.source.size())
    }

    /// Gives the file back, to read what follows the end.
    pub fn into_source(self) -> Source {
        self.source
    }

    /// The next part.
    pub fn next(&mut self, packing: &Packing) -> Result<Part, Fault> {
        let (version, ahead, db) = (self.version, self.ahead, self.db);
        let step = self.source.piece(|r| step(r, version, packing))?;
        let keep = |this: &mut Self, change: &dyn Fn(&mut Ahead)| {
            change(&mut this.ahead);
            Ok(Part::Nothing)
        };
        match step {
            Step::Nothing => Ok(Part::Nothing),
            Step::Select(db) => {
                self.db = db;
                Ok(Part::Nothing)
            }
            Step::Expiry(at) => keep(self, &|ahead| ahead.expire_at = Some(at)),
            Step::Idle(seconds) => keep(self, &|ahead| ahead.idle = Some(seconds)),
            Step::Frequency(frequency) => keep(self, &|ahead| ahead.frequency = Some(frequency)),
            Step::Aux(name, text) if name == ITEM_FIELD => {
                let Some((flags, cas, stale)) = item_field(&text) else {
                    return Err(self.source.fault("a field of memcached's that is no such field"));
                };
                keep(self, &|ahead| (ahead.flags, ahead.cas, ahead.stale) = (flags, cas, stale))
            }
            Step::Aux(name, text) => Ok(Part::Aux(name, text)),
            Step::Function(code) => Ok(Part::Function(code)),
            Step::Refused(what) => Err(self.source.fault(what)),
            Step::Key(key, value) => {
                self.ahead = Ahead::default();
                let Ahead { expire_at, idle, frequency, flags, cas, stale } = ahead;
                let key = Key { db, key, value, expire_at, idle, frequency, flags, cas, stale };
                Ok(Part::Key(Box::new(key)))
            }
            Step::End => self.check_sum(),
        }
    }

    fn check_sum(&mut self) -> Result<Part, Fault> {
        if self.version < 5 {
            return Ok(Part::End);
        }
        let (sum, _) = self.source.sum();
        let at = self.source.offset();
        let stored = u64::from_le_bytes(self.source.piece(|r| r.array())?);
        // Redis writes 0 when it was told not to compute any.
        if stored != 0 && stored != sum {
            return Err(Fault { at, what: "the checksum is that of other bytes".into(), torn: false });
        }
        Ok(Part::End)
    }
}

enum Step {
    Nothing,
    Select(u64),
    Expiry(i64),
    Idle(u64),
    Frequency(u8),
    Aux(Vec<u8>, Vec<u8>),
    Function(Vec<u8>),
    Key(Vec<u8>, Restored),
    Refused(String),
    End,
}

fn step(r: &mut Reader<'_>, version: u32, packing: &Packing) -> Result<Step, Malformed> {
    Ok(match r.byte()? {
        END => Step::End,
        SELECT => Step::Select(r.length()?),
        RESIZE => {
            r.length()?;
            r.length()?;
            Step::Nothing
        }
        SLOT_INFO => {
            for _ in 0..3 {
                r.length()?;
            }
            Step::Nothing
        }
        AUX => Step::Aux(r.string()?.to_vec(), r.string()?.to_vec()),
        EXPIRY_MS => Step::Expiry(r.millis()?),
        EXPIRY_S => Step::Expiry(i64::from(i32::from_le_bytes(r.array()?)).saturating_mul(1000)),
        IDLE => Step::Idle(r.length()?),
        FREQUENCY => Step::Frequency(r.byte()?),
        FUNCTION => Step::Function(r.string()?.to_vec()),
        FUNCTION_DRAFT => Step::Refused("a function of a release candidate of Redis 7".into()),
        MODULE_AUX => Step::Refused(format!("data of the module '{}'", module_name(r.length()?))),
        SLOT_IMPORT_OR_META if version >= VALKEY => Step::Refused("a slot on its way between nodes".into()),
        SLOT_IMPORT_OR_META if version >= 13 => Step::Refused("metadata of a key".into()),
        MODULE_1 | MODULE_2 => {
            let key = r.string()?.to_vec();
            let name = module_name(r.length()?);
            let key = String::from_utf8_lossy(&key).into_owned();
            Step::Refused(format!("a value of the module '{name}' (key '{key}')"))
        }
        form => {
            let key = r.string()?.to_vec();
            Step::Key(key, value::read(form, version, r, packing)?)
        }
    })
}

fn module_name(id: u64) -> String {
    (0..9).map(|place| char::from(NAME_LETTERS[(id >> (58 - 6 * place)) as usize & 63])).collect()
}

fn item_field(text: &[u8]) -> Option<(u32, u64, bool)> {
    let mut parts = std::str::from_utf8(text).ok()?.split(' ');
    let (flags, cas) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((flags, cas, parts.next()? == "1"))
}

fn read_magic(source: &mut Source) -> Result<u32, Fault> {
    let magic: [u8; 9] = source.piece(|r| r.array())?;
    let digits = |from: &[u8]| std::str::from_utf8(from).ok().and_then(|text| text.parse::<u32>().ok());
    let version = match (magic.strip_prefix(b"REDIS"), magic.strip_prefix(b"VALKEY")) {
        (Some(rest), _) => digits(rest).filter(|version| (1..=NEWEST).contains(version)),
        (_, Some(rest)) => digits(rest).filter(|version| *version == VALKEY),
        _ => return Err(Fault { at: 0, what: "no RDB file".into(), torn: false }),
    };
    let Some(version) = version else {
        let what = format!("version {} is not known", String::from_utf8_lossy(&magic));
        return Err(Fault { at: 0, what, torn: false });
    };
    Ok(version)
}
