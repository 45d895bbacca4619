//! A value of the store as RDB writes it, and back.
//!
//! Owns the choice of the form in which each type is written: the plain ones, which every Redis and Valkey reads.

use crate::decode::{self, form};
use crate::reader::{Malformed, Reader};
use crate::stream::{self, Figures};
use crate::writer;
use dozo_store::collections::stream::{Group, Id, Pending};
use dozo_store::itoa::Buffer;
use dozo_store::{End, Hash, List, Object, Packing, Set, Str, Stream, Value, Zset};

/// The newest Redis version of RDB that is read, and the one of Valkey.
pub(crate) const NEWEST: u32 = 13;
pub(crate) const VALKEY: u32 = 80;
/// The version that is written.
pub(crate) const WRITTEN: u16 = 10;

/// A value that was read.
pub enum Restored {
    /// A string.
    Str(Vec<u8>),
    /// Anything else; not empty unless it is a stream.
    Object(Object),
}

/// Why a payload is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The version is unknown, or the checksum is that of other bytes.
    Footer,
    /// The bytes are not as they should be.
    Malformed(Malformed),
}

/// Appends the number of the value's form and the value.
pub fn write(value: Value<'_>, out: &mut Vec<u8>) {
    let mut put = |form: u8, count: Option<usize>| {
        out.push(form);
        if let Some(count) = count {
            writer::length(out, count as u64);
        }
    };
    match value {
        Value::Str(string) => {
            put(form::STRING, None);
            text(out, string);
        }
        Value::List(list) => {
            put(form::LIST, Some(list.len()));
            list.iter().for_each(|element| text(out, element));
        }
        Value::Set(set) => {
            put(form::SET, Some(set.len()));
            set.iter().for_each(|member| text(out, member));
        }
        Value::Zset(zset) => {
            put(form::ZSET, Some(zset.len()));
            for (member, score) in zset.iter() {
                text(out, member);
                out.extend(score.to_le_bytes());
            }
        }
        Value::Hash(hash) => write_hash(hash, out),
        Value::Stream(stream) => {
            put(form::STREAM_2, None);
            write_stream(stream, out);
        }
    }
}

fn text(out: &mut Vec<u8>, text: Str<'_>) {
    writer::string(out, text.as_bytes(&mut Buffer::new()));
}

/// Times of fields have no form that Redis 7.0 reads; a hash with any is written as Redis 7.4 does it.
fn write_hash(hash: &Hash, out: &mut Vec<u8>) {
    let earliest = hash.iter_with_expiry().filter_map(|(_, _, expiry)| expiry).min();
    // `len` may count fields whose time has passed already; what is written must count what is written.
    let count = hash.iter_with_expiry().count() as u64;
    match earliest {
        None => out.push(form::HASH),
        Some(earliest) => {
            out.push(form::HASH_TIMED);
            out.extend(earliest.to_le_bytes());
        }
    }
    writer::length(out, count);
    for (name, value, expiry) in hash.iter_with_expiry() {
        if let Some(earliest) = earliest {
            writer::length(out, expiry.map_or(0, |at| at.abs_diff(earliest) + 1));
        }
        text(out, name);
        text(out, value);
    }
}

fn write_stream(stream: &Stream, out: &mut Vec<u8>) {
    let mut writer = stream::Writer::default();
    for (id, fields) in stream.iter() {
        writer.entry((id.ms, id.seq), fields);
    }
    let counters = stream.counters();
    let figures = Figures {
        last: (counters.last_id.ms, counters.last_id.seq),
        max_deleted: (counters.max_deleted.ms, counters.max_deleted.seq),
        added: counters.added,
    };
    let groups: Vec<stream::Group> = stream.groups().iter().map(|group| group_parts(group)).collect();
    writer.finish(out, &figures, &groups);
}

fn group_parts(group: &Group) -> stream::Group {
    let consumers = group.consumers().flatten().map(|consumer| stream::Consumer {
        name: consumer.name().to_vec(),
        seen: consumer.seen_at,
        active: consumer.active_at,
    });
    let mut parts = stream::Group {
        name: group.name().to_vec(),
        last: (group.last_id.ms, group.last_id.seq),
        read: group.entries_read,
        consumers: consumers.collect(),
        ..stream::Group::default()
    };
    for (at, consumer) in group.consumers().flatten().enumerate() {
        for (id, ()) in consumer.pending().iter() {
            if let Some(found) = group.pending().get(id) {
                let (time, count) = (found.delivered_at, found.deliveries);
                parts.pending.insert((id.ms, id.seq), stream::Pending { consumer: at, time, count });
            }
        }
    }
    parts
}

/// Reads the value of a form, as a file or payload of that version has it.
pub fn read(form: u8, version: u32, r: &mut Reader<'_>, packing: &Packing) -> Result<Restored, Malformed> {
    Ok(Restored::Object(match form {
        form::STRING => return Ok(Restored::Str(r.string()?.to_vec())),
        form::LIST | form::LIST_ZIPLIST | form::QUICKLIST | form::QUICKLIST_2 => {
            let mut list = List::new();
            decode::list(form, r, &mut |element| list.push(End::Back, element, packing))?;
            Object::List(list)
        }
        form::SET | form::SET_INTSET | form::SET_LISTPACK => {
            let mut set = Set::new();
            decode::set(form, r, &mut |member| set.add(member, packing))?;
            Object::Set(set)
        }
        form::ZSET | form::ZSET_TEXT | form::ZSET_ZIPLIST | form::ZSET_LISTPACK => {
            let mut zset = Zset::new();
            decode::zset(form, r, &mut |member, score| zset.add(member, score, packing).0)?;
            Object::Zset(zset)
        }
        form::STREAM_1 | form::STREAM_2 | form::STREAM_3 => Object::Stream(read_stream(form, r, packing)?),
        _ => {
            let mut hash = Hash::new();
            decode::hash(form, version, r, &mut |name, value, expiry| {
                let new = hash.set(name, value, packing);
                if expiry.is_some() {
                    hash.set_expiry(name, expiry);
                }
                new
            })?;
            Object::Hash(hash)
        }
    }))
}

fn read_stream(form: u8, r: &mut Reader<'_>, packing: &Packing) -> Result<Stream, Malformed> {
    let mut stream = Stream::new();
    let (figures, mut groups) = stream::read(form, r, &mut |id, fields| {
        let mut digits = vec![Buffer::new(); fields.len()];
        let pairs: Vec<&[u8]> =
            fields.iter().zip(&mut digits).map(|(field, digits)| field.as_bytes(digits)).collect();
        stream.append(Id::new(id.0, id.1), &pairs, packing)
    })?;
    let id = |(ms, seq)| Id::new(ms, seq);
    stream.set_counters(id(figures.last), Some(figures.added), Some(id(figures.max_deleted)));
    // In the order of names each goes to the end, whatever order a hostile payload has.
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    for parts in &groups {
        stream.create_group(&parts.name, id(parts.last), parts.read);
        stream.edit_group(&parts.name, |group| fill_group(group, parts));
    }
    Ok(stream)
}

fn fill_group(group: &mut Group, parts: &stream::Group) {
    let mut numbers = vec![0; parts.consumers.len()];
    let mut order: Vec<_> = parts.consumers.iter().zip(&mut numbers).collect();
    order.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    for (consumer, place) in order {
        let (number, _) = group.consumer_or_new(&consumer.name, consumer.seen);
        if let Some(made) = group.consumer_mut(number) {
            made.active_at = consumer.active;
        }
        *place = number;
    }
    for (&(ms, seq), pending) in &parts.pending {
        let Some(&consumer) = numbers.get(pending.consumer) else { continue };
        let (delivered_at, deliveries) = (pending.time, pending.count);
        group.assign(Id::new(ms, seq), Pending { consumer, delivered_at, deliveries });
    }
}

/// The payload that DUMP answers: form, value, version, checksum.
pub fn dump(value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out.extend(WRITTEN.to_le_bytes());
    out.extend(crate::crc64::crc64(&out).to_le_bytes());
    out
}

/// The value in such a payload, of any version that is read.
pub fn restore(payload: &[u8], packing: &Packing) -> Result<Restored, Refused> {
    let (summed, checksum) = payload.split_last_chunk::<8>().ok_or(Refused::Footer)?;
    let (body, version) = summed.split_last_chunk::<2>().ok_or(Refused::Footer)?;
    let version = u32::from(u16::from_le_bytes(*version));
    let known = (1..=NEWEST).contains(&version) || version == VALKEY;
    if !known || crate::crc64::crc64(summed) != u64::from_le_bytes(*checksum) {
        return Err(Refused::Footer);
    }
    let mut reader = Reader::new(body);
    let read = (|| {
        let form = reader.byte()?;
        let value = read(form, version, &mut reader, packing)?;
        if reader.left() == 0 { Ok(value) } else { Err(reader.fail("something after the value")) }
    })();
    read.map_err(Refused::Malformed)
}
