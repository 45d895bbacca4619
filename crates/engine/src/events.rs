//! Keyspace notifications: what happens to keys, told to subscribers (`notify-keyspace-events`).
//!
//! An event goes to `__keyspace@<db>__:<key>` and then to `__keyevent@<db>__:<event>`, at the place of the command
//! where Redis sends it. With the setting off, or without its class, an event costs one comparison.

use crate::cx::Cx;
use crate::engine::Engine;
use crate::settings::Settings;

/// What kind of event it is; each is a letter of the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Class {
    /// `g`: DEL, EXPIRE, RENAME and other commands on keys of any type.
    Generic = 1 << 2,
    /// `$`
    String = 1 << 3,
    /// `l`
    List = 1 << 4,
    /// `s`
    Set = 1 << 5,
    /// `h`
    Hash = 1 << 6,
    /// `z`
    Zset = 1 << 7,
    /// `x`: a key's time was over.
    Expired = 1 << 8,
    /// `e`: a key had to make room.
    Evicted = 1 << 9,
    /// `t`
    Stream = 1 << 10,
    /// `m`: a read found nothing.
    KeyMiss = 1 << 11,
    /// `d`
    Module = 1 << 12,
    /// `n`: a key was created.
    New = 1 << 13,
}

/// `K`: tell `__keyspace@<db>__`.
const KEYSPACE: u32 = 1;
/// `E`: tell `__keyevent@<db>__`.
const KEYEVENT: u32 = 1 << 1;
const LETTERS: [(u8, u32); 14] = [
    (b'K', KEYSPACE),
    (b'E', KEYEVENT),
    (b'g', Class::Generic as u32),
    (b'$', Class::String as u32),
    (b'l', Class::List as u32),
    (b's', Class::Set as u32),
    (b'h', Class::Hash as u32),
    (b'z', Class::Zset as u32),
    (b'x', Class::Expired as u32),
    (b'e', Class::Evicted as u32),
    (b't', Class::Stream as u32),
    (b'm', Class::KeyMiss as u32),
    (b'd', Class::Module as u32),
    (b'n', Class::New as u32),
];
/// `A` stands for every class but `m` and `n`.
const ALL: u32 = (Class::Generic as u32)
    | (Class::String as u32)
    | (Class::List as u32)
    | (Class::Set as u32)
    | (Class::Hash as u32)
    | (Class::Zset as u32)
    | (Class::Expired as u32)
    | (Class::Evicted as u32)
    | (Class::Stream as u32)
    | (Class::Module as u32);

impl Class {
    /// The class of a letter of the setting.
    pub fn parse(letter: &str) -> Option<Self> {
        Some(match letter {
            "g" => Class::Generic,
            "$" => Class::String,
            "l" => Class::List,
            "s" => Class::Set,
            "h" => Class::Hash,
            "z" => Class::Zset,
            "x" => Class::Expired,
            "e" => Class::Evicted,
            "t" => Class::Stream,
            "m" => Class::KeyMiss,
            "d" => Class::Module,
            "n" => Class::New,
            _ => return None,
        })
    }
}

/// The events that the setting asks for, as bits; `None` for a letter that it does not know.
pub(crate) fn events(setting: &[u8]) -> Option<u32> {
    let mut found = 0;
    for letter in setting {
        found |= match LETTERS.iter().find(|(known, _)| known == letter) {
            Some((_, bit)) => *bit,
            None if *letter == b'A' => ALL,
            None => return None,
        };
    }
    // Without a place to tell them no class is told.
    Some(if found & (KEYSPACE | KEYEVENT) == 0 { 0 } else { found })
}

impl Settings {
    /// Whether anybody is told of events of that class.
    #[inline]
    pub fn notifies(&self, class: Class) -> bool {
        self.notify_events & class as u32 != 0
    }
}

impl Engine {
    /// Tells of an event, if the setting asks for its class.
    #[inline]
    pub fn notify(&mut self, db: usize, class: Class, event: &str, key: &[u8]) {
        if self.settings.notifies(class) {
            // What left, was missed or was created before is told before.
            self.record_notices();
            self.tell_event(db, event, key);
        }
    }

    #[cold]
    fn tell_event(&mut self, db: usize, event: &str, key: &[u8]) {
        let mut digits = itoa::Buffer::new();
        let db = digits.format(db).as_bytes();
        if self.settings.notify_events & KEYSPACE != 0 {
            let channel = [b"__keyspace@", db, b"__:", key].concat();
            self.publish(&channel, event.as_bytes());
        }
        if self.settings.notify_events & KEYEVENT != 0 {
            let channel = [b"__keyevent@", db, b"__:", event.as_bytes()].concat();
            self.publish(&channel, key);
        }
    }
}

impl Cx<'_> {
    /// Tells of an event in the selected database.
    #[inline]
    pub fn notify(&mut self, class: Class, event: &str, key: &[u8]) {
        self.engine.notify(self.session.db, class, event, key);
    }

    /// Tells of an event in another database.
    #[inline]
    pub fn notify_in(&mut self, db: usize, class: Class, event: &str, key: &[u8]) {
        self.engine.notify(db, class, event, key);
    }
}
