//! The formats by themselves: what one side writes the other reads, known bytes mean what they should, and bytes that
//! were flipped, cut or made up are refused without a panic.

#![allow(clippy::unwrap_used)]

use dozo_log::decode::{self, form};
use dozo_log::{Malformed, Reader, Text, crc64, intset, listpack, lzf, stream, writer, ziplist, zipmap};
use proptest::prelude::*;

fn texts<'a>(entries: impl Iterator<Item = Result<Text<'a>, Malformed>>) -> Result<Vec<Vec<u8>>, Malformed> {
    entries.map(|entry| entry.map(|text| text.to_vec())).collect()
}

/// Everything a value can be, in one shape.
#[derive(Debug, PartialEq, Default)]
struct Seen {
    elements: Vec<Vec<u8>>,
    scores: Vec<(Vec<u8>, f64)>,
    fields: Vec<(Vec<u8>, Vec<u8>, Option<i64>)>,
    entries: Vec<(stream::Id, Vec<Vec<u8>>)>,
    rest: Option<(stream::Figures, Vec<stream::Group>)>,
}

fn read(form: u8, version: u32, data: &[u8]) -> Result<Seen, Malformed> {
    let mut seen = Seen::default();
    let mut r = Reader::new(data);
    match form {
        form::LIST | form::LIST_ZIPLIST | form::QUICKLIST | form::QUICKLIST_2 => {
            decode::list(form, &mut r, &mut |text| seen.elements.push(text.to_vec()))?;
        }
        form::SET | form::SET_INTSET | form::SET_LISTPACK => {
            decode::set(form, &mut r, &mut |text| {
                let new = !seen.elements.iter().any(|other| other == text);
                seen.elements.push(text.to_vec());
                new
            })?;
        }
        form::ZSET | form::ZSET_TEXT | form::ZSET_ZIPLIST | form::ZSET_LISTPACK => {
            decode::zset(form, &mut r, &mut |text, score| {
                seen.scores.push((text.to_vec(), score));
                true
            })?;
        }
        form::STREAM_1 | form::STREAM_2 | form::STREAM_3 => {
            let rest = stream::read(form, &mut r, &mut |id, fields| {
                seen.entries.push((id, fields.iter().map(Text::to_vec).collect()));
                true
            })?;
            seen.rest = Some(rest);
        }
        _ => decode::hash(form, version, &mut r, &mut |name, value, expiry| {
            seen.fields.push((name.to_vec(), value.to_vec(), expiry));
            true
        })?,
    }
    if r.left() == 0 { Ok(seen) } else { Err(r.fail("rest")) }
}

#[test]
fn the_checksum_is_redis_s() {
    assert_eq!(crc64::crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    let long: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let parts = crc64::update(crc64::crc64(&long[..333]), &long[333..]);
    assert_eq!(parts, crc64::crc64(&long));
}

#[test]
fn lzf_repeats_overlapping_bytes_and_refuses_what_is_wrong() {
    assert_eq!(lzf::decompress(b"\x01ab\xe0\x01\x01", 12), Ok(b"abababababab".to_vec()));
    assert!(lzf::decompress(b"\x01ab\xe0\x01\x01", 11).is_err());
    assert!(lzf::decompress(b"\x01ab\xe0\x01\x02", 12).is_err());
    assert!(lzf::decompress(b"\x01a", 2).is_err());
    assert!(lzf::decompress(b"\x01ab", 1 << 40).is_err());
}

/// The bytes are those of the format's description, as a Redis 2.8 to 6.2 wrote them.
#[test]
fn ziplists_of_old_servers_are_read() {
    let mut body = Vec::new();
    body.extend(b"\x00\x01a\x03\xf4\x02\xfe\x80\x03\xc0\xff\x7f\x04\xf0\x00\x00\x80\x05\xd0\xff\xff\xff\x7f");
    body.extend(b"\x06\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x0a\x40\x40");
    body.extend([b'x'; 64]);
    let mut data = ((10 + body.len() + 1) as u32).to_le_bytes().to_vec();
    data.extend([0, 0, 0, 0, 8, 0]);
    data.extend(body);
    data.push(0xff);
    let expected: [&[u8]; 8] =
        [b"a", b"3", b"-128", b"32767", b"-8388608", b"2147483647", b"9223372036854775807", &[b'x'; 64]];
    let found = texts(ziplist::Entries::new(&data, 0).unwrap()).unwrap();
    assert_eq!(found, expected);

    let mut list = Vec::new();
    writer::bytes(&mut list, &data);
    assert_eq!(read(form::LIST_ZIPLIST, 6, &list).unwrap().elements, expected);
    let mut quick = vec![1];
    quick.extend(&list);
    assert_eq!(read(form::QUICKLIST, 9, &quick).unwrap().elements, expected);
    assert_eq!(
        read(form::HASH_ZIPLIST, 6, &list).unwrap().fields[1],
        (b"-128".into(), b"32767".into(), None)
    );
    assert!(read(form::ZSET_ZIPLIST, 6, &list).is_err());
}

#[test]
fn zipmaps_of_old_servers_are_read() {
    let data = b"\x02\x03foo\x03\x00bar\x05hello\x05\x01world!\xff";
    let found = texts(zipmap::Entries::new(data, 0).unwrap()).unwrap();
    assert_eq!(found, [&b"foo"[..], b"bar", b"hello", b"world"]);
    assert!(texts(zipmap::Entries::new(&data[..9], 0).unwrap()).is_err());
    assert!(texts(zipmap::Entries::new(b"\x01\x03foo\xff", 0).unwrap()).is_err());
}

#[test]
fn scores_in_decimals_are_read() {
    let mut data = vec![4];
    for (member, score) in [(b"a", &b"\x03-.5"[..]), (b"b", b"\xff"), (b"c", b"\xfe"), (b"d", b"\x043e10")] {
        writer::string(&mut data, member);
        data.extend(score);
    }
    let scores: Vec<f64> = read(form::ZSET_TEXT, 5, &data).unwrap().scores.iter().map(|(_, s)| *s).collect();
    assert_eq!(scores, [-0.5, f64::NEG_INFINITY, f64::INFINITY, 3e10]);
    let nan = [1, 1, b'x', 253];
    assert_eq!(read(form::ZSET_TEXT, 5, &nan).unwrap_err().what, "a score that is no number");
}

#[test]
fn fields_with_times_are_read_in_every_form() {
    let expected = vec![(b"a".to_vec(), b"1".to_vec(), None), (b"b".to_vec(), b"2".to_vec(), Some(1005))];
    let base = 1000_i64.to_le_bytes();
    let mut timed = base.to_vec();
    timed.extend(b"\x02\x00\x01a\x01\x31\x06\x01b\x01\x32");
    assert_eq!(read(form::HASH_TIMED, 12, &timed).unwrap().fields, expected);

    let mut pack = listpack::Writer::default();
    for (name, value, time) in [(b"a", b"1", 0), (b"b", b"2", 1005)] {
        pack.string(name);
        pack.string(value);
        pack.int(time);
    }
    let pack = pack.finish();
    let mut listpack = base.to_vec();
    writer::bytes(&mut listpack, &pack);
    assert_eq!(read(form::HASH_TIMED_LISTPACK, 12, &listpack).unwrap().fields, expected);
    assert_eq!(read(form::HASH_TIMED_23, 12, &listpack[8..]).unwrap().fields, expected);

    let mut early = b"\x02\x00\x01a\x01\x31".to_vec();
    writer::length(&mut early, 1005);
    early.extend(b"\x01b\x01\x32");
    assert_eq!(read(form::HASH_TIMED_22, 12, &early).unwrap().fields, expected);

    let mut valkey = b"\x02\x01a\x01\x31".to_vec();
    valkey.extend((-1_i64).to_le_bytes());
    valkey.extend(b"\x01b\x01\x32");
    valkey.extend(1005_i64.to_le_bytes());
    assert_eq!(read(form::HASH_TIMED_22, 80, &valkey).unwrap().fields, expected);
}

#[test]
fn an_error_says_where() {
    let error = read(form::LIST, 10, b"\x03\x01a\x01b\xc5").unwrap_err();
    assert_eq!(error.to_string(), "an unknown form of string at byte 5");
    let error = read(form::SET, 10, b"\x02\x01a\x01a").unwrap_err();
    assert_eq!(error.what, "an element that stands there twice");
    assert_eq!(read(form::LIST, 10, b"\x00").unwrap_err().what, "an empty collection");
}

fn sample_stream() -> Vec<u8> {
    let mut writer = stream::Writer::default();
    for ms in 1..=250_u64 {
        let name: &[u8] = if ms % 7 == 0 { b"other" } else { b"name" };
        writer.entry((ms, ms % 3), [(name, &b"value"[..]), (b"n", b"12")].into_iter());
    }
    let pending = (1..5_u64)
        .map(|ms| ((ms, ms % 3), stream::Pending { consumer: (ms % 2) as usize, time: 7, count: ms }))
        .collect();
    let consumer = |name: &[u8]| stream::Consumer { name: name.to_vec(), seen: 5, active: 5 };
    let group = stream::Group {
        name: b"g".to_vec(),
        last: (4, 1),
        read: Some(4),
        consumers: vec![consumer(b"x"), consumer(b"y")],
        pending,
    };
    let unread = stream::Group { name: b"h".to_vec(), ..stream::Group::default() };
    let mut out = Vec::new();
    let figures = stream::Figures { last: (300, 0), max_deleted: (2, 9), added: 260 };
    writer.finish(&mut out, &figures, &[group, unread]);
    out
}

#[test]
fn a_stream_comes_back() {
    let seen = read(form::STREAM_2, 10, &sample_stream()).unwrap();
    assert_eq!(seen.entries.len(), 250);
    assert_eq!(
        seen.entries[6],
        ((7, 1), vec![b"other".to_vec(), b"value".to_vec(), b"n".to_vec(), b"12".to_vec()])
    );
    let (figures, groups) = seen.rest.unwrap();
    assert_eq!(figures, stream::Figures { last: (300, 0), max_deleted: (2, 9), added: 260 });
    assert_eq!(groups[0].pending[&(3, 0)], stream::Pending { consumer: 1, time: 7, count: 3 });
    assert_eq!((groups[0].read, groups[1].read, groups.len()), (Some(4), None, 2));
}

/// A value of every form, from which the damaged ones are made.
fn samples() -> Vec<(u8, Vec<u8>)> {
    let mut pack = listpack::Writer::default();
    for number in [0, 1, -1, 127, 128, 4095, -4096, 40_000, -9_000_000, 1 << 40] {
        pack.int(number);
        pack.string(&vec![b'v'; number.unsigned_abs() as usize % 5000]);
    }
    let mut packed = Vec::new();
    writer::bytes(&mut packed, &pack.finish());
    let mut ints = Vec::new();
    writer::bytes(&mut ints, &intset::write(&[-70_000, 1, 2, 3]));
    let mut plain = vec![4];
    for text in [&b"a"[..], b"12", b"100000", &[b'x'; 100]] {
        writer::string(&mut plain, text);
    }
    let mut quick = vec![2, 1, 3, b'a', b'b', b'c', 2];
    quick.extend(&packed);
    let mut samples = vec![(form::LIST, plain.clone()), (form::SET, plain), (form::QUICKLIST_2, quick)];
    samples.extend([(form::SET_INTSET, ints), (form::HASH_LISTPACK, packed.clone())]);
    samples.extend([(form::SET_LISTPACK, packed), (form::STREAM_2, sample_stream())]);
    samples
}

#[test]
fn no_cut_value_is_taken_for_a_whole_one() {
    for (form, data) in samples() {
        if form != form::SET_LISTPACK {
            read(form, 10, &data).unwrap();
        }
        for end in 0..data.len() {
            assert!(read(form, 10, &data[..end]).is_err(), "form {form} cut at {end}");
        }
    }
}

proptest! {
    #[test]
    fn strings_come_back(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut out = Vec::new();
        writer::string(&mut out, &text);
        let mut r = Reader::new(&out);
        prop_assert_eq!(r.string().unwrap().to_vec(), text);
        prop_assert_eq!(r.left(), 0);
    }

    #[test]
    fn lengths_come_back(length in any::<u64>(), shift in 0_u32..64) {
        let mut out = Vec::new();
        writer::length(&mut out, length >> shift);
        prop_assert_eq!(Reader::new(&out).length(), Ok(length >> shift));
    }

    #[test]
    fn listpacks_come_back(pairs in prop::collection::vec((any::<i64>(), 0_u32..64, 0_usize..5000), 0..20)) {
        let mut pack = listpack::Writer::default();
        let mut expected = Vec::new();
        for (number, shift, size) in pairs {
            pack.int(number >> shift);
            expected.push((number >> shift).to_string().into_bytes());
            pack.string(&vec![b'z'; size]);
            expected.push(vec![b'z'; size]);
        }
        let data = pack.finish();
        prop_assert_eq!(texts(listpack::Entries::new(&data, 0).unwrap()).unwrap(), expected);
    }

    #[test]
    fn intsets_come_back(numbers in prop::collection::btree_set(any::<i64>(), 0..30), shift in 0_u32..60) {
        let numbers: std::collections::BTreeSet<i64> = numbers.into_iter().map(|n| n >> shift).collect();
        let sorted: Vec<i64> = numbers.into_iter().collect();
        let expected: Vec<Vec<u8>> = sorted.iter().map(|n| n.to_string().into_bytes()).collect();
        let data = intset::write(&sorted);
        prop_assert_eq!(texts(intset::entries(&data, 0).unwrap()).unwrap(), expected);
    }

    #[test]
    fn damaged_values_do_no_harm(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let samples = samples();
        let (form, mut data) = samples[which.index(samples.len())].clone();
        for (at, byte) in flips {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if is_cut {
            data.truncate(cut.index(data.len()));
        }
        let _ = read(form, 10, &data);
    }

    #[test]
    fn noise_does_no_harm(form in 0_u8..30, version in 1_u32..90, data in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(form, version, &data);
    }

    #[test]
    fn noise_in_lzf_does_no_harm(data in prop::collection::vec(any::<u8>(), 0..100), length in 0_usize..5000) {
        if let Ok(bytes) = lzf::decompress(&data, length) {
            prop_assert_eq!(bytes.len(), length);
        }
    }
}
