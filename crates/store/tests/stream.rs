//! Streams against a simple model: an ordered map of entries, and one of pending entries.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use dozo_store::collections::stream::{Bound, Claim, Claimed, Fields, Id, References, Stream, Trim};
use dozo_store::{Collection, Packing};
use proptest::prelude::*;

type Entry = Vec<(Vec<u8>, Vec<u8>)>;
type Model = BTreeMap<Id, Entry>;

#[derive(Clone, Debug)]
enum Step {
    Add { ms: u64, seq: u64, fields: u8, size: usize },
    Delete(usize),
    MaxLen(u64),
    MinId(usize),
    Read { who: u8, count: usize },
    Ack(usize),
    Claim { who: u8, at: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3u64, 0..3u64, 0..4u8, prop_oneof![Just(3usize), Just(0), 0..300usize])
            .prop_map(|(ms, seq, fields, size)| Step::Add { ms, seq, fields, size }),
        2 => any::<usize>().prop_map(Step::Delete),
        1 => (0..40u64).prop_map(Step::MaxLen),
        1 => any::<usize>().prop_map(Step::MinId),
        2 => (0..3u8, 0..9usize).prop_map(|(who, count)| Step::Read { who, count }),
        2 => any::<usize>().prop_map(Step::Ack),
        1 => (0..3u8, any::<usize>()).prop_map(|(who, at)| Step::Claim { who, at }),
    ];
    prop::collection::vec(step, 0..200)
}

fn plain(fields: Fields<'_>) -> Entry {
    fields.map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

fn nth(model: &Model, at: usize) -> Id {
    model.keys().nth(at % model.len().max(1)).copied().unwrap_or(Id::new(1, 1))
}

fn check(stream: &Stream, model: &Model, pending: &BTreeMap<Id, u8>) {
    let all: Vec<_> = stream.iter().map(|(id, fields)| (id, plain(fields))).collect();
    let expected: Vec<_> = model.iter().map(|(id, entry)| (*id, entry.clone())).collect();
    assert_eq!(all, expected);
    let mut back: Vec<_> =
        stream.range_back(Id::MIN, Id::MAX).map(|(id, fields)| (id, plain(fields))).collect();
    back.reverse();
    assert_eq!(back, expected);
    assert_eq!(stream.len(), model.len() as u64);
    assert_eq!(stream.counters().first_id, model.keys().next().copied().unwrap_or_default());
    if model.len() > 3 {
        let (from, to) = (nth(model, model.len() / 3), nth(model, model.len() / 2));
        let between: Vec<Id> = model.range(from..=to).map(|(id, _)| *id).collect();
        assert_eq!(stream.range(from, to).map(|(id, _)| id).collect::<Vec<_>>(), between);
        assert_eq!(stream.range_back(from, to).count(), between.len());
    }
    let group = stream.group(b"g").unwrap();
    let found: Vec<_> = group.pending().iter().map(|(id, _)| id).collect();
    assert_eq!(found, pending.keys().copied().collect::<Vec<_>>());
    for (id, who) in pending {
        let number = group.find_consumer(&[*who]).unwrap();
        assert_eq!(group.pending().get(*id).unwrap().consumer, number);
        assert!(group.consumer(number).unwrap().pending().get(*id).is_some());
    }
    let owned: usize = group.consumers().flatten().map(|one| one.pending().len()).sum();
    assert_eq!(owned, pending.len());
}

fn run(steps: Vec<Step>, packing: &Packing) {
    let (mut stream, mut model, mut pending) = (Stream::new(), Model::new(), BTreeMap::new());
    let trim = |bound| Trim { bound, approx: false, limit: 0, references: References::Keep };
    stream.create_group(b"g", Id::MIN, Some(0));
    let mut read_until = Id::MIN;
    for step in steps {
        match step {
            Step::Add { ms, seq, fields, size } => {
                let last = stream.counters().last_id;
                let id = Id::new(last.ms + ms, if ms == 0 { last.seq + seq } else { seq });
                let entry: Entry = (0..=fields).map(|at| (vec![b'f'; at as usize], vec![at; size])).collect();
                let pairs: Vec<&[u8]> = entry.iter().flat_map(|(f, v)| [&f[..], &v[..]]).collect();
                assert_eq!(stream.append(id, &pairs, packing), id > last);
                if id > last {
                    model.insert(id, entry);
                }
            }
            Step::Delete(at) => {
                let id = nth(&model, at);
                assert_eq!(stream.delete(id), model.remove(&id).is_some());
            }
            Step::MaxLen(most) => {
                let gone = stream.trim(&trim(Bound::MaxLen(most)));
                let spare = model.len().saturating_sub(most as usize);
                assert_eq!(gone, spare as u64);
                (0..spare).for_each(|_| drop(model.pop_first()));
            }
            Step::MinId(at) => {
                let id = nth(&model, at / 3);
                let kept = model.split_off(&id);
                assert_eq!(stream.trim(&trim(Bound::MinId(id))), model.len() as u64);
                model = kept;
            }
            Step::Read { who, count } => {
                let number = stream.edit_group(b"g", |g| g.consumer_or_new(&[who], 1).0).unwrap();
                let mut got = Vec::new();
                stream.read_new(b"g", (number, 1), count, false, |id, _| got.push(id));
                let new: Vec<Id> = model.keys().filter(|id| **id > read_until).take(count).copied().collect();
                assert_eq!(got, new);
                read_until = got.last().copied().unwrap_or(read_until);
                pending.extend(got.into_iter().map(|id| (id, who)));
            }
            Step::Ack(at) => {
                let id = pending.keys().nth(at % pending.len().max(1)).copied().unwrap_or(Id::MIN);
                let acked = stream.edit_group(b"g", |group| group.acknowledge(id)).unwrap();
                assert_eq!(acked, pending.remove(&id).is_some());
            }
            Step::Claim { who, at } => {
                let id = nth(&model, at);
                let claim =
                    Claim { min_idle: 0, delivered_at: 5, deliveries: None, keep_count: false, force: false };
                let expected = pending.contains_key(&id) && model.contains_key(&id);
                let outcome = stream.claim(b"g", &[who], id, &claim, 7);
                assert_eq!(matches!(outcome, Claimed::Taken(_)), expected);
                if expected {
                    pending.insert(id, who);
                } else if outcome == Claimed::Gone {
                    pending.remove(&id);
                }
            }
        }
        check(&stream, &model, &pending);
    }
    let copy = stream.duplicate();
    check(&copy, &model, &pending);
    free(stream);
    free(copy);
}

/// Frees a stream a step at a time; what remains is what an empty one costs with its spines.
fn free(mut stream: Stream) {
    let before = stream.memory();
    while stream.free_some(1) {}
    assert!(stream.memory() <= before && stream.groups().is_empty() && stream.blocks() == 0);
}

proptest! {
    #[test]
    fn blocks_of_a_few_entries(steps in steps()) {
        run(steps, &Packing { stream_node_max_entries: 4, ..Packing::default() });
    }

    #[test]
    fn blocks_of_some_bytes(steps in steps()) {
        run(steps, &Packing { stream_node_max_bytes: 400, stream_node_max_entries: 0, ..Packing::default() });
    }
}

#[test]
fn ids_are_read_as_redis_reads_them() {
    assert_eq!(Id::parse(b"5", 9), Some(Id::new(5, 9)));
    assert_eq!(Id::parse(b"007-1", 9), Some(Id::new(7, 1)));
    assert_eq!(Id::parse(b"18446744073709551615-18446744073709551615", 0), Some(Id::MAX));
    for bad in [&b""[..], b"-", b"5-", b"-5", b"18446744073709551616", b"5-5-5", b"x", b"1-x"] {
        assert_eq!(Id::parse(bad, 0), None);
    }
}

#[test]
fn an_acked_trim_leaves_what_a_group_has_yet_to_acknowledge() {
    let (mut stream, packing) = (Stream::new(), Packing::default());
    for ms in 1..=5 {
        stream.append(Id::new(ms, 0), &[b"f", b"v"], &packing);
    }
    stream.create_group(b"g", Id::new(3, 0), None);
    stream.edit_group(b"g", |group| {
        let (consumer, _) = group.consumer_or_new(b"c", 1);
        let pending = dozo_store::collections::stream::Pending { consumer, delivered_at: 1, deliveries: 1 };
        group.assign(Id::new(2, 0), pending);
    });
    let mut trim = Trim { bound: Bound::MaxLen(0), approx: false, limit: 0, references: References::Acked };
    assert_eq!(stream.trim(&trim), 2);
    assert_eq!(stream.iter().map(|(id, _)| id.ms).collect::<Vec<_>>(), [2, 4, 5]);
    trim.references = References::Delete;
    assert_eq!(stream.trim(&trim), 3);
    assert!(stream.group(b"g").unwrap().pending().is_empty());
}
