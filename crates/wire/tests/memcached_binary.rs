//! Packets of memcached's binary protocol: every opcode, what 1.6.18 refuses and how, splits.

use std::sync::Arc;

use dozo_wire::Out;
use dozo_wire::memcached::binary::{self, Bad, HEADER, Head, Op, Request, Status};
use dozo_wire::memcached::{Limits, Parsed, Verb};
use proptest::prelude::*;

fn packet(opcode: u8, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, opcode];
    bytes.extend((key.len() as u16).to_be_bytes());
    bytes.extend([extras.len() as u8, 0, 0, 0]);
    bytes.extend(((extras.len() + key.len() + value.len()) as u32).to_be_bytes());
    bytes.extend(0xdead_beef_u32.to_be_bytes());
    bytes.extend(77_u64.to_be_bytes());
    [bytes.as_slice(), extras, key, value].concat()
}

fn parse(bytes: &[u8]) -> Parsed<Request<'_>, Bad<'_>> {
    binary::parse(bytes, &Limits::default())
}

fn request(bytes: &[u8]) -> Request<'_> {
    match parse(bytes) {
        Parsed::Complete(request, used) => {
            assert_eq!(used, bytes.len());
            assert_eq!((request.head.opaque, request.head.cas), (0xdead_beef, 77));
            request
        }
        other => panic!("{other:?}"),
    }
}

fn refused(bytes: &[u8]) -> Bad<'_> {
    match parse(bytes) {
        Parsed::Bad(bad) => bad,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_opcode() {
    let store = [[0, 0, 0, 5], [0, 0, 0, 9]].concat();
    let arith = [&7_u64.to_be_bytes()[..], &8_u64.to_be_bytes(), &[255; 4]].concat();
    let exptime = [0, 0, 0, 9];
    let expected = |opcode: u8, op: Op<'_>, quiet: bool, extras: &[u8], key: &[u8], value: &[u8]| {
        let bytes = packet(opcode, extras, key, value);
        let got = request(&bytes);
        assert_eq!((got.op, got.head.quiet, got.head.opcode), (op, quiet, opcode));
    };
    let key = b"k".as_slice();
    for (opcode, with_key, quiet) in
        [(0x00, false, false), (0x09, false, true), (0x0c, true, false), (0x0d, true, true)]
    {
        expected(opcode, Op::Get { key, with_key }, quiet, b"", key, b"");
    }
    for (opcode, with_key, quiet) in
        [(0x1d, false, false), (0x1e, false, true), (0x23, true, false), (0x24, true, true)]
    {
        expected(opcode, Op::Gat { key, exptime: 9, with_key }, quiet, &exptime, key, b"");
    }
    for (opcode, verb, quiet) in [
        (0x01, Verb::Set, false),
        (0x02, Verb::Add, false),
        (0x03, Verb::Replace, false),
        (0x11, Verb::Set, true),
        (0x12, Verb::Add, true),
        (0x13, Verb::Replace, true),
    ] {
        expected(
            opcode,
            Op::Store { verb, key, flags: 5, exptime: 9, value: b"v" },
            quiet,
            &store,
            key,
            b"v",
        );
    }
    for (opcode, verb, quiet) in [
        (0x0e, Verb::Append, false),
        (0x0f, Verb::Prepend, false),
        (0x19, Verb::Append, true),
        (0x1a, Verb::Prepend, true),
    ] {
        expected(opcode, Op::Concat { verb, key, value: b"v" }, quiet, b"", key, b"v");
    }
    for (opcode, decr, quiet) in
        [(0x05, false, false), (0x06, true, false), (0x15, false, true), (0x16, true, true)]
    {
        expected(
            opcode,
            Op::Arith { key, delta: 7, initial: 8, exptime: u32::MAX, decr },
            quiet,
            &arith,
            key,
            b"",
        );
    }
    for (opcode, quiet) in [(0x04, false), (0x14, true)] {
        expected(opcode, Op::Delete { key }, quiet, b"", key, b"");
    }
    for (opcode, quiet) in [(0x07, false), (0x17, true)] {
        expected(opcode, Op::Quit, quiet, b"", b"", b"");
    }
    for (opcode, quiet) in [(0x08, false), (0x18, true)] {
        expected(opcode, Op::Flush { exptime: 0 }, quiet, b"", b"", b"");
        expected(opcode, Op::Flush { exptime: 9 }, quiet, &exptime, b"", b"");
    }
    expected(0x0a, Op::Noop, false, b"", b"", b"");
    expected(0x0b, Op::Version, false, b"", b"", b"");
    expected(0x10, Op::Stat { name: b"" }, false, b"", b"", b"");
    expected(0x10, Op::Stat { name: key }, false, b"", key, b"");
    expected(0x1b, Op::Verbosity { level: 9 }, false, &exptime, b"", b"");
    expected(0x1c, Op::Touch { key, exptime: 9 }, false, &exptime, key, b"");
    expected(0x20, Op::SaslList, false, b"", b"", b"");
    expected(0x21, Op::SaslAuth { mechanism: b"PLAIN", data: b"\0u\0p" }, false, b"", b"PLAIN", b"\0u\0p");
    expected(0x22, Op::SaslStep { mechanism: b"PLAIN", data: b"" }, false, b"", b"PLAIN", b"");
}

#[test]
fn malformed_packets_are_answered_and_the_connection_closed() {
    let bad = [
        packet(0x00, b"", b"", b""),
        packet(0x00, b"1234", b"k", b""),
        packet(0x00, b"", b"k", b"v"),
        packet(0x00, b"", &[b'k'; 251], b""),
        packet(0x01, b"", b"k", b"v"),
        packet(0x01, &[0; 8], b"", b"v"),
        packet(0x04, b"", b"", b""),
        packet(0x05, &[0; 8], b"k", b""),
        packet(0x07, b"", b"k", b""),
        packet(0x08, b"12", b"", b""),
        packet(0x0a, b"", b"", b"v"),
        packet(0x0e, b"1234", b"k", b"v"),
        packet(0x10, b"1234", b"", b""),
        packet(0x1c, b"", b"k", b""),
        packet(0x21, b"", b"", b"v"),
    ];
    for bytes in &bad {
        // The header says it all: nothing more is waited for.
        let bad = refused(&bytes[..HEADER]);
        assert_eq!((bad.status, bad.close, bad.swallow), (Status::Invalid, true, 0));
        assert!(bad.head.is_some());
    }
    let mut overlapping = packet(0x00, b"", b"k", b"");
    overlapping[11] = 0;
    let bad = refused(&overlapping);
    assert_eq!((bad.status, bad.close), (Status::UnknownCommand, true));
    let bad = refused(b"get a\r\n");
    assert_eq!((bad.head, bad.close, bad.consumed), (None, true, 7));
}

#[test]
fn unknown_opcodes_and_large_bodies_are_swallowed() {
    let unknown = packet(0x66, b"ab", b"key", b"value");
    let bad = refused(&unknown[..HEADER]);
    assert_eq!((bad.status, bad.close), (Status::UnknownCommand, false));
    assert_eq!((bad.consumed, bad.swallow), (HEADER, 10));
    let value = vec![b'v'; 1 << 20];
    let large = packet(0x01, &[0; 8], b"key", &value);
    assert_eq!(parse(&large[..HEADER]), Parsed::Incomplete { need: HEADER + 11 });
    let bad = refused(&large[..HEADER + 11]);
    assert_eq!((bad.status, bad.close), (Status::TooLarge, false));
    assert_eq!((bad.consumed, bad.swallow), (HEADER + 11, 1 << 20));
    assert_eq!(bad.unlink, Some(b"key".as_slice()));
    let append = packet(0x0e, b"", b"key", &value);
    let bad = refused(&append[..HEADER]);
    assert_eq!((bad.status, bad.unlink), (Status::TooLarge, None));
    assert_eq!((bad.consumed, bad.swallow), (HEADER, (1 << 20) + 3));
    let name = packet(0x21, b"", &[b'M'; 33], b"");
    assert_eq!(refused(&name).status, Status::Invalid);
}

#[test]
fn a_value_that_is_announced_is_only_waited_for() {
    let whole = packet(0x01, &[0; 8], b"key", &[b'v'; 1000]);
    for len in 0..whole.len() {
        let Parsed::Incomplete { need } = parse(&whole[..len]) else {
            panic!("{len}");
        };
        assert!(need > len && need <= whole.len());
    }
    request(&whole);
}

#[test]
fn replies() {
    let head = Head { opcode: 0x0c, opaque: 0xdead_beef, cas: 77, quiet: false };
    let mut out = Out::new();
    binary::reply(&mut out, head, Status::Success, 9, &[0, 0, 0, 5], b"key", b"value");
    let mut expected = vec![0x81, 0x0c, 0, 3, 4, 0, 0, 0, 0, 0, 0, 12, 0xde, 0xad, 0xbe, 0xef];
    expected.extend(9_u64.to_be_bytes());
    expected.extend(b"\0\0\0\x05keyvalue");
    assert_eq!(out.to_vec(), expected);
    let value = Arc::new(vec![b'v'; 50_000]);
    let (mut spliced, mut copied) = (Out::new(), Out::new());
    binary::reply_shared(&mut spliced, head, 1, b"abcd", b"k", &value);
    binary::reply(&mut copied, head, Status::Success, 1, b"abcd", b"k", &value);
    assert_eq!(spliced.to_vec(), copied.to_vec());
    out.clear();
    binary::error(&mut out, head, Status::Exists);
    assert_eq!(&out.to_vec()[6..8], &[0, 2]);
    assert_eq!(&out.to_vec()[16..24], &[0; 8]);
    assert_eq!(&out.to_vec()[24..], b"Data exists for key.");
    assert_eq!(Status::NonNumeric.text(), "Non-numeric server-side value for incr or decr");
}

proptest! {
    #[test]
    fn stores_come_back(key in prop::collection::vec(any::<u8>(), 1..=250), flags in any::<u32>(), exptime in any::<i32>(), value in prop::collection::vec(any::<u8>(), 0..500), tail in prop::collection::vec(any::<u8>(), 0..9)) {
        let extras = [flags.to_be_bytes(), exptime.to_be_bytes()].concat();
        let bytes = packet(0x12, &extras, &key, &value);
        let expected = Op::Store { verb: Verb::Add, key: &key, flags, exptime, value: &value };
        prop_assert_eq!(request(&bytes).op, expected);
        let followed = [bytes.clone(), tail].concat();
        let Parsed::Complete(again, used) = parse(&followed) else { panic!() };
        prop_assert_eq!((again.op, used), (expected, bytes.len()));
    }
}
