//! Ids of stream entries: a time in ms and a sequence number within it.

use std::fmt;

/// The id of an entry; the order of ids is the order of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Unix time in ms, usually.
    pub ms: u64,
    /// Position among the entries of that time.
    pub seq: u64,
}

impl Id {
    /// The smallest id, which no entry has.
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    /// The largest id.
    pub const MAX: Id = Id { ms: u64::MAX, seq: u64::MAX };

    /// An id of its parts.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> Id {
        Id { ms, seq }
    }

    /// The id right after, unless this is the largest.
    #[must_use]
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id::new(self.ms, seq)),
            None => self.ms.checked_add(1).map(|ms| Id::new(ms, 0)),
        }
    }

    /// The id right before, unless this is the smallest.
    #[must_use]
    pub fn previous(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id::new(self.ms, seq)),
            None => self.ms.checked_sub(1).map(|ms| Id::new(ms, u64::MAX)),
        }
    }

    /// Reads `ms-seq`, or `ms` with `seq` in place of the missing part.
    #[must_use]
    pub fn parse(text: &[u8], seq: u64) -> Option<Id> {
        match text.iter().position(|byte| *byte == b'-') {
            Some(dash) => Some(Id::new(number(&text[..dash])?, number(&text[dash + 1..])?)),
            None => Some(Id::new(number(text)?, seq)),
        }
    }

    /// Appends `ms-seq`.
    pub fn write(self, to: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        to.extend_from_slice(digits.format(self.ms).as_bytes());
        to.push(b'-');
        to.extend_from_slice(digits.format(self.seq).as_bytes());
    }
}

impl fmt::Display for Id {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}-{}", self.ms, self.seq)
    }
}

/// An unsigned number as Redis reads those of ids: spaces and a plus may come before it, and zeros.
pub fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}
