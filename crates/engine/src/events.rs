//! Keyspace events: which classes there are.

/// The class of an event; `notify-keyspace-events` switches them on by their letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// g: commands of any type.
    Generic,
    /// $: strings.
    String,
    /// l: lists.
    List,
    /// s: sets.
    Set,
    /// h: hashes.
    Hash,
    /// z: sorted sets.
    Zset,
    /// x: keys that expired.
    Expired,
    /// e: keys that were evicted.
    Evicted,
    /// t: streams.
    Stream,
    /// m: reads of missing keys.
    KeyMiss,
    /// n: new keys.
    New,
    /// d: commands of `--load` files.
    Module,
}

impl Class {
    /// The class of that letter.
    pub fn parse(letter: &str) -> Option<Class> {
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
            "n" => Class::New,
            "d" => Class::Module,
            _ => return None,
        })
    }
}
