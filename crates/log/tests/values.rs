//! Values of the store through a payload and back; payloads that were damaged are refused or read, never fatal.

use dozo_log::value::{self, Refused, Restored};
use dozo_log::{crc64, decode::form};
use dozo_store::collections::stream::{Id, Pending};
use dozo_store::{Collection, End, Hash, List, Object, Packing, Set, Stream, Value, Zset};
use proptest::prelude::*;

fn view(object: &Object) -> Value<'_> {
    match object {
        Object::List(list) => Value::List(list),
        Object::Set(set) => Value::Set(set),
        Object::Zset(zset) => Value::Zset(zset),
        Object::Hash(hash) => Value::Hash(hash),
        Object::Stream(stream) => Value::Stream(stream),
    }
}

fn stream(entries: u64, packing: &Packing) -> Stream {
    let mut stream = Stream::new();
    for ms in 1..=entries {
        stream.append(Id::new(ms, 0), &[b"f", ms.to_string().as_bytes()], packing);
    }
    stream.delete(Id::new(entries / 2, 0));
    stream.create_group(b"g", Id::new(3, 0), Some(3));
    stream.edit_group(b"g", |group| {
        for (name, ms) in [(b"b", 2), (b"a", 1)] {
            let (consumer, _) = group.consumer_or_new(name, 7);
            group.assign(Id::new(ms, 0), Pending { consumer, delivered_at: 9, deliveries: 2 });
        }
    });
    stream
}

/// One value of each type, of so many elements.
fn values(count: u64, packing: &Packing) -> Vec<Object> {
    let (mut list, mut set, mut zset, mut hash) = (List::new(), Set::new(), Zset::new(), Hash::new());
    for number in 0..count {
        let text = if number % 3 == 0 { number.to_string() } else { format!("element {number}") };
        list.push(End::Back, text.as_bytes(), packing);
        set.add(text.as_bytes(), packing);
        zset.add(text.as_bytes(), number as f64 / 8.0, packing);
        hash.set(text.as_bytes(), b"value", packing);
        if number % 5 == 0 {
            hash.set_expiry(text.as_bytes(), Some(33_177_117_420_000 + number as i64));
        }
    }
    let stream = stream(count.max(4), packing);
    vec![list.into_object(), set.into_object(), zset.into_object(), hash.into_object(), stream.into_object()]
}

#[test]
fn every_type_comes_back_whole() {
    let packing = Packing::default();
    for object in [1, 5, 127, 129, 3000].into_iter().flat_map(|count| values(count, &packing)) {
        let payload = value::dump(view(&object));
        let Ok(Restored::Object(back)) = value::restore(&payload, &packing) else {
            panic!("a {} is refused", object.type_of().name());
        };
        assert_eq!(back.type_of(), object.type_of());
        let again = value::dump(view(&back));
        // A table gives its elements in an order of its own, so only the lengths must agree.
        assert_eq!(again.len(), payload.len(), "{}", object.type_of().name());
    }
}

#[test]
fn a_hash_without_times_is_written_for_old_servers() {
    let mut hash = Hash::new();
    hash.set(b"f", b"v", &Packing::default());
    assert_eq!(value::dump(Value::Hash(&hash))[0], form::HASH);
    hash.set_expiry(b"f", Some(33_177_117_420_000));
    assert_eq!(value::dump(Value::Hash(&hash))[0], form::HASH_TIMED);
}

fn sealed(mut body: Vec<u8>, version: u16) -> Vec<u8> {
    body.extend(version.to_le_bytes());
    let checksum = crc64::crc64(&body);
    body.extend(checksum.to_le_bytes());
    body
}

#[test]
fn a_wrong_footer_is_told_from_a_wrong_value() {
    let packing = Packing::default();
    let refused = |payload: &[u8]| value::restore(payload, &packing).err();
    assert_eq!(refused(b"short"), Some(Refused::Footer));
    assert_eq!(refused(&sealed(b"\x00\x01a".to_vec(), 14)), Some(Refused::Footer));
    assert!(matches!(refused(&sealed(b"\x00\x02a".to_vec(), 10)), Some(Refused::Malformed(_))));
    assert!(matches!(refused(&sealed(b"\x00\x01ab".to_vec(), 10)), Some(Refused::Malformed(_))));
    assert!(refused(&sealed(b"\x00\x01a".to_vec(), 10)).is_none());
}

proptest! {
    #[test]
    fn damaged_payloads_do_no_harm(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let packing = Packing::default();
        let objects = values(20, &packing);
        let payload = value::dump(view(&objects[which.index(objects.len())]));
        let mut body = payload[..payload.len() - 10].to_vec();
        for (at, byte) in flips {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if is_cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(Restored::Object(object)) = value::restore(&sealed(body, 12), &packing) {
            let _ = value::dump(view(&object));
        }
    }
}
