//! Streams: listpacks of entries that share their field names, then the figures, then the groups.
//!
//! A node's listpack begins with its master entry (live entries, deleted ones, number of names, the names, 0). Each entry
//! after it is: flags, the two differences of its id from the node's, its fields, and how many listpack entries that were.

use crate::decode::form;
use crate::listpack;
use crate::reader::{Malformed, Reader, Text};
use crate::writer;
use dozo_store::itoa::Buffer;
use std::collections::{BTreeMap, BTreeSet};

const DELETED: i64 = 1;
const SAME_NAMES: i64 = 2;
/// What a group writes that does not know how many entries it has read.
const UNKNOWN: u64 = u64::MAX;
/// Nodes are as large as Redis's own by default: its settings stream-node-max-bytes and -entries.
const NODE_BYTES: usize = 4096;
const NODE_ENTRIES: u64 = 100;

/// Milliseconds and sequence number of an entry.
pub type Id = (u64, u64);

/// What a stream is besides its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The last id given.
    pub last: Id,
    /// The largest id deleted.
    pub max_deleted: Id,
    /// How many entries were ever added.
    pub added: u64,
}

/// One consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: Vec<u8>,
    /// The last id delivered.
    pub last: Id,
    /// How many entries were read, where that is known.
    pub read: Option<u64>,
    /// Its consumers.
    pub consumers: Vec<Consumer>,
    /// What was delivered and not acknowledged.
    pub pending: BTreeMap<Id, Pending>,
}

/// One consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Vec<u8>,
    /// When it was last seen, in milliseconds.
    pub seen: i64,
    /// When it last got something; -1 when it never did, or when that was not written down.
    pub active: i64,
}

/// One entry that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The position of its consumer among [`Group::consumers`].
    pub consumer: usize,
    /// When it was delivered, in milliseconds.
    pub time: i64,
    /// How often it was delivered.
    pub count: u64,
}

/// What takes an entry: its id, and names and values in turn. False when the id is not above the one before.
pub type AddEntry<'f> = dyn FnMut(Id, &[Text<'_>]) -> bool + 'f;

/// Reads a stream.
pub fn read(
    form: u8,
    r: &mut Reader<'_>,
    add: &mut AddEntry<'_>,
) -> Result<(Figures, Vec<Group>), Malformed> {
    let start = r.clone();
    let mut count = 0;
    let (mut first, mut highest) = ((0, 0), (0, 0));
    for _ in 0..r.length()? {
        node(r, &mut |id, fields| {
            if count == 0 {
                first = id;
            }
            count += 1;
            highest = id;
            add(id, fields)
        })?;
    }
    if r.length()? != count {
        return Err(start.fail("a stream with another number of entries than announced"));
    }
    let last = id(r)?;
    let mut figures = Figures { last, max_deleted: (0, 0), added: count };
    if form != form::STREAM_1 {
        id(r)?;
        figures.max_deleted = id(r)?;
        figures.added = r.length()?;
    }
    if highest > last {
        return Err(start.fail("a stream with an entry above its last id"));
    }
    let (mut groups, mut names) = (Vec::new(), BTreeSet::new());
    for _ in 0..r.length()? {
        let at = r.clone();
        let group = group(form, r)?;
        if !names.insert(group.name.clone()) {
            return Err(at.fail("a stream with two groups of one name"));
        }
        groups.push(group);
    }
    Ok((figures, groups))
}

fn id(r: &mut Reader<'_>) -> Result<Id, Malformed> {
    Ok((r.length()?, r.length()?))
}

fn raw_id(bytes: &[u8]) -> Option<Id> {
    let (ms, seq) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*ms), u64::from_be_bytes(seq.try_into().ok()?)))
}

fn node(r: &mut Reader<'_>, add: &mut AddEntry<'_>) -> Result<(), Malformed> {
    let start = r.clone();
    let wrong = |what| start.fail(what);
    let key = r.string()?;
    let base = raw_id(key.as_bytes(&mut Buffer::new()))
        .ok_or_else(|| wrong("a node of a stream whose id has not 16 bytes"))?;
    let packed = r.string()?;
    let mut digits = Buffer::new();
    let data = packed.as_bytes(&mut digits);
    let mut node = Node {
        entries: listpack::Entries::new(data, r.offset() - data.len().min(r.offset()))?,
        at: start.clone(),
    };
    let (live, deleted) = (node.int()?, node.int()?);
    let names = node.texts()?;
    if node.int()? != 0 || live < 0 || deleted < 0 {
        return Err(wrong("a node of a stream with a wrong master entry"));
    }
    let (mut fields, mut seen) = (Vec::new(), 0);
    for _ in 0..live.saturating_add(deleted) {
        let flags = node.int()?;
        let id = node.id(base)?;
        fields.clear();
        let expected = node.fields(flags, &names, &mut fields)?;
        if node.int()? != expected {
            return Err(wrong("an entry of a stream with a wrong number of parts"));
        }
        if flags & DELETED == 0 {
            seen += 1;
            if !add(id, &fields) {
                return Err(wrong("an entry of a stream whose id is not above the one before"));
            }
        }
    }
    if seen != live || node.entries.next().is_some() {
        return Err(wrong("a node of a stream with another number of entries than announced"));
    }
    Ok(())
}

/// The listpack of a node while it is read.
struct Node<'a> {
    entries: listpack::Entries<'a>,
    at: Reader<'a>,
}

impl<'a> Node<'a> {
    fn text(&mut self) -> Result<Text<'a>, Malformed> {
        self.entries.next().unwrap_or_else(|| Err(self.at.fail("a node of a stream that is cut short")))
    }

    fn int(&mut self) -> Result<i64, Malformed> {
        match self.text()? {
            Text::Int(n) => Ok(n),
            _ => Err(self.at.fail("a string in a stream where a number belongs")),
        }
    }

    /// As many texts as the number before them says.
    fn texts(&mut self) -> Result<Vec<Text<'a>>, Malformed> {
        (0..self.int()?).map(|_| self.text()).collect()
    }

    fn id(&mut self, base: Id) -> Result<Id, Malformed> {
        let (ms, seq) = (self.int()?, self.int()?);
        Ok((base.0.wrapping_add(ms as u64), base.1.wrapping_add(seq as u64)))
    }

    /// Appends names and values in turn; returns the count of parts that must follow.
    fn fields(
        &mut self,
        flags: i64,
        names: &[Text<'a>],
        fields: &mut Vec<Text<'a>>,
    ) -> Result<i64, Malformed> {
        if flags & SAME_NAMES != 0 {
            for name in names {
                fields.push(name.clone());
                fields.push(self.text()?);
            }
            return Ok(names.len() as i64 + 3);
        }
        let count = self.int()?;
        for _ in 0..count {
            fields.push(self.text()?);
            fields.push(self.text()?);
        }
        Ok(count.saturating_mul(2).saturating_add(4))
    }
}

fn group(form: u8, r: &mut Reader<'_>) -> Result<Group, Malformed> {
    let mut group = Group { name: r.string()?.to_vec(), last: id(r)?, ..Group::default() };
    if form != form::STREAM_1 {
        group.read = Some(r.length()?).filter(|read| *read != UNKNOWN);
    }
    // Which consumer an entry belongs to is only told further on.
    let mut delivered = BTreeMap::new();
    for _ in 0..r.length()? {
        let at = r.clone();
        let id = pending_id(r)?;
        if delivered.insert(id, (r.millis()?, r.length()?)).is_some() {
            return Err(at.fail("a pending entry that stands there twice"));
        }
    }
    let mut names = BTreeSet::new();
    for consumer in 0..r.length()? as usize {
        let at = r.clone();
        let (name, seen) = (r.string()?.to_vec(), r.millis()?);
        let active = if form == form::STREAM_3 { r.millis()? } else { seen };
        if !names.insert(name.clone()) {
            return Err(at.fail("a group with two consumers of one name"));
        }
        group.consumers.push(Consumer { name, seen, active });
        for _ in 0..r.length()? {
            let at = r.clone();
            let id = pending_id(r)?;
            let Some((time, count)) = delivered.remove(&id) else {
                return Err(at.fail("a consumer's pending entry that its group does not have"));
            };
            group.pending.insert(id, Pending { consumer, time, count });
        }
    }
    if delivered.is_empty() { Ok(group) } else { Err(r.fail("a pending entry that no consumer has")) }
}

fn pending_id(r: &mut Reader<'_>) -> Result<Id, Malformed> {
    let bytes = r.array::<16>()?;
    raw_id(&bytes).ok_or_else(|| r.fail("an id that has not 16 bytes"))
}

/// Writes a stream as Redis 7.0 does: nodes while entries come, then the rest.
#[derive(Debug, Default)]
pub struct Writer {
    nodes: Vec<u8>,
    node_count: u64,
    count: u64,
    first: Id,
    open: Option<OpenNode>,
}

#[derive(Debug)]
struct Entry {
    id: Id,
    /// Where they differ from the node's.
    names: Option<Vec<Vec<u8>>>,
    values: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct OpenNode {
    base: Id,
    names: Vec<Vec<u8>>,
    count: u64,
    /// The entries; the master entry is written before them at the end, when their number is known.
    body: Vec<Entry>,
    bytes: usize,
}

impl Writer {
    /// Adds an entry with an id above all before; `fields` are names and values in turn.
    pub fn entry<'a>(&mut self, id: Id, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        let (names, values): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
            fields.map(|(name, value)| (name.to_vec(), value.to_vec())).unzip();
        if self.count == 0 {
            self.first = id;
        }
        self.count += 1;
        let size = names.iter().chain(&values).map(|text| text.len() + 8).sum::<usize>() + 24;
        if self.open.as_ref().is_some_and(|n| n.count >= NODE_ENTRIES || n.bytes + size > NODE_BYTES) {
            self.close();
        }
        let node = self.open.get_or_insert_with(|| OpenNode {
            base: id,
            names: names.clone(),
            count: 0,
            body: Vec::new(),
            bytes: 0,
        });
        let names = (node.names != names).then_some(names);
        node.body.push(Entry { id, names, values });
        node.count += 1;
        node.bytes += size;
    }

    fn close(&mut self) {
        let Some(node) = self.open.take() else { return };
        let mut pack = listpack::Writer::default();
        pack.int(node.count as i64);
        pack.int(0);
        pack.int(node.names.len() as i64);
        node.names.iter().for_each(|name| pack.string(name));
        pack.int(0);
        for entry in &node.body {
            write_entry(&mut pack, node.base, entry);
        }
        writer::bytes(&mut self.nodes, &id_bytes(node.base));
        writer::bytes(&mut self.nodes, &pack.finish());
        self.node_count += 1;
    }

    /// Appends the whole stream to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>, figures: &Figures, groups: &[Group]) {
        self.close();
        writer::length(out, self.node_count);
        out.extend_from_slice(&self.nodes);
        writer::length(out, self.count);
        for (ms, seq) in [figures.last, self.first, figures.max_deleted] {
            writer::length(out, ms);
            writer::length(out, seq);
        }
        writer::length(out, figures.added);
        writer::length(out, groups.len() as u64);
        for group in groups {
            write_group(out, group);
        }
    }
}

fn id_bytes(id: Id) -> [u8; 16] {
    (u128::from(id.0) << 64 | u128::from(id.1)).to_be_bytes()
}

fn write_entry(pack: &mut listpack::Writer, base: Id, entry: &Entry) {
    let before = pack.count();
    pack.int(if entry.names.is_none() { SAME_NAMES } else { 0 });
    pack.int(entry.id.0.wrapping_sub(base.0) as i64);
    pack.int(entry.id.1.wrapping_sub(base.1) as i64);
    match &entry.names {
        None => entry.values.iter().for_each(|value| pack.string(value)),
        Some(names) => {
            pack.int(names.len() as i64);
            for (name, value) in names.iter().zip(&entry.values) {
                pack.string(name);
                pack.string(value);
            }
        }
    }
    pack.int((pack.count() - before) as i64);
}

fn write_group(out: &mut Vec<u8>, group: &Group) {
    writer::bytes(out, &group.name);
    writer::length(out, group.last.0);
    writer::length(out, group.last.1);
    writer::length(out, group.read.unwrap_or(UNKNOWN));
    writer::length(out, group.pending.len() as u64);
    let mut of_consumer = vec![Vec::new(); group.consumers.len()];
    for (id, pending) in &group.pending {
        out.extend(id_bytes(*id));
        out.extend(pending.time.to_le_bytes());
        writer::length(out, pending.count);
        if let Some(ids) = of_consumer.get_mut(pending.consumer) {
            ids.push(*id);
        }
    }
    writer::length(out, group.consumers.len() as u64);
    for (consumer, ids) in group.consumers.iter().zip(&of_consumer) {
        writer::string(out, &consumer.name);
        out.extend(consumer.seen.to_le_bytes());
        writer::length(out, ids.len() as u64);
        for id in ids {
            out.extend(id_bytes(*id));
        }
    }
}
