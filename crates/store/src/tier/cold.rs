//! What is remembered of a value that lies on disk.
//!
//! Owns the bytes of it that stand in the entry in the value's place: where the record is, and the facts that commands
//! ask for without the value itself.

use crate::collections::Packing;
use crate::object::Type;

/// Where a record lies. Segments are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The segment.
    pub segment: u32,
    /// The start of the record, in units of eight bytes.
    pub at: u32,
    /// The length of the record in bytes.
    pub len: u32,
    /// A part of the record's checksum, so that another record is never taken for it.
    pub check: u32,
}

/// The form that a value had in memory, and gets again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Encoding {
    Int = 0,
    Embstr,
    Raw,
    Listpack,
    Quicklist,
    Intset,
    Hashtable,
    Skiplist,
    Stream,
}

impl Encoding {
    const ALL: [Encoding; 9] = [
        Encoding::Int,
        Encoding::Embstr,
        Encoding::Raw,
        Encoding::Listpack,
        Encoding::Quicklist,
        Encoding::Intset,
        Encoding::Hashtable,
        Encoding::Skiplist,
        Encoding::Stream,
    ];

    /// The name that OBJECT ENCODING answers.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
            Encoding::Listpack => "listpack",
            Encoding::Quicklist => "quicklist",
            Encoding::Intset => "intset",
            Encoding::Hashtable => "hashtable",
            Encoding::Skiplist => "skiplist",
            Encoding::Stream => "stream",
        }
    }

    /// The encoding of that name.
    pub fn parse(name: &str) -> Option<Encoding> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// The encoding of that number.
    pub fn of_number(number: u8) -> Option<Encoding> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Thresholds under which a value that is built anew gets this form, whatever is set at present: a collection that
    /// once grew large stays large, and one that was small before the thresholds were lowered stays small.
    pub(crate) fn packing(self, present: &Packing) -> Packing {
        const ANY: u32 = u32::MAX;
        let small = Packing {
            hash_max_entries: ANY,
            hash_max_value: ANY,
            set_max_intset: 0,
            set_max_entries: ANY,
            set_max_value: ANY,
            zset_max_entries: ANY,
            zset_max_value: ANY,
            ..*present
        };
        match self {
            Encoding::Listpack => small,
            Encoding::Intset => Packing { set_max_intset: ANY, ..small },
            Encoding::Hashtable | Encoding::Skiplist => Packing {
                hash_max_entries: 0,
                set_max_intset: 0,
                set_max_entries: 0,
                zset_max_entries: 0,
                ..*present
            },
            _ => *present,
        }
    }
}

const PLAIN_BYTES: usize = 26;
const DUE_BYTES: usize = 8;
/// The longest form of [`Cold`].
const MOST_BYTES: usize = PLAIN_BYTES + DUE_BYTES;

/// What stands in an entry whose value lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cold {
    pub place: Place,
    /// The length of a string in bytes.
    pub length: u32,
    /// The unix second of the last read that left the value on disk; 0: none since it came there.
    pub hit: u32,
    pub of: Type,
    pub encoding: Encoding,
    /// When the next element of the value expires.
    pub due: Option<i64>,
}

impl Cold {
    pub(crate) fn encoded_len(&self) -> usize {
        if self.due.is_some() { MOST_BYTES } else { PLAIN_BYTES }
    }

    pub(crate) fn encode(&self) -> [u8; MOST_BYTES] {
        let Place { segment, at, len, check } = self.place;
        let mut bytes = [0; MOST_BYTES];
        for (place, number) in bytes.chunks_exact_mut(4).zip([segment, at, len, check, self.length, self.hit])
        {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes[24] = self.of as u8;
        bytes[25] = self.encoding as u8;
        bytes[PLAIN_BYTES..].copy_from_slice(&self.due.unwrap_or(0).to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Cold {
        let number = |at: usize| {
            let four = bytes.get(at * 4..).and_then(|rest| rest.first_chunk());
            four.map_or(0, |four| u32::from_le_bytes(*four))
        };
        let due = bytes.get(PLAIN_BYTES..).and_then(|rest| rest.first_chunk());
        Cold {
            place: Place { segment: number(0), at: number(1), len: number(2), check: number(3) },
            length: number(4),
            hit: number(5),
            of: Type::of_number(bytes.get(24).copied().unwrap_or(0)),
            encoding: bytes.get(25).and_then(|number| Encoding::of_number(*number)).unwrap_or(Encoding::Raw),
            due: due.map(|eight| i64::from_le_bytes(*eight)),
        }
    }
}
