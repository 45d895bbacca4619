//! Replies of RESP2 and RESP3: the bytes that Redis 7.0.15 sends.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use dozo_wire::Out;
use dozo_wire::resp::{Proto, Reply, format_double};
use proptest::prelude::*;

fn both(write: impl Fn(&mut Reply<'_>)) -> (String, String) {
    let encode = |proto| {
        let mut out = Out::new();
        write(&mut Reply::new(&mut out, proto));
        String::from_utf8(out.to_vec()).unwrap()
    };
    (encode(Proto::Resp2), encode(Proto::Resp3))
}

fn check(write: impl Fn(&mut Reply<'_>), resp2: &str, resp3: &str) {
    assert_eq!(both(write), (resp2.to_owned(), resp3.to_owned()));
}

#[test]
fn every_type_in_both_versions() {
    check(|r| r.ok(), "+OK\r\n", "+OK\r\n");
    check(|r| r.simple("a\r\nb"), "+a  b\r\n", "+a  b\r\n");
    check(|r| r.error("ERR a\nb"), "-ERR a b\r\n", "-ERR a b\r\n");
    check(|r| r.error_bytes(b"ERR a\rb"), "-ERR a b\r\n", "-ERR a b\r\n");
    check(|r| r.int(7), ":7\r\n", ":7\r\n");
    check(|r| r.int(-12), ":-12\r\n", ":-12\r\n");
    check(|r| r.int(i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n");
    check(|r| r.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n");
    check(|r| r.bulk(b"0123456789"), "$10\r\n0123456789\r\n", "$10\r\n0123456789\r\n");
    check(|r| r.bulk_int(-5), "$2\r\n-5\r\n", "$2\r\n-5\r\n");
    check(|r| r.null(), "$-1\r\n", "_\r\n");
    check(|r| r.null_array(), "*-1\r\n", "_\r\n");
    check(|r| r.array(3), "*3\r\n", "*3\r\n");
    check(|r| r.array(99), "*99\r\n", "*99\r\n");
    check(|r| r.array(1000), "*1000\r\n", "*1000\r\n");
    check(|r| r.map(2), "*4\r\n", "%2\r\n");
    check(|r| r.set(2), "*2\r\n", "~2\r\n");
    check(|r| r.push(2), "*2\r\n", ">2\r\n");
    check(|r| r.boolean(true), ":1\r\n", "#t\r\n");
    check(|r| r.boolean(false), ":0\r\n", "#f\r\n");
    check(
        |r| r.big_number(b"12345678901234567890"),
        "$20\r\n12345678901234567890\r\n",
        "(12345678901234567890\r\n",
    );
    check(|r| r.verbatim("txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
    check(|r| r.double(3.0), "$1\r\n3\r\n", ",3\r\n");
    check(|r| r.double(f64::INFINITY), "$3\r\ninf\r\n", ",inf\r\n");
    check(|r| r.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(|r| r.double(f64::NAN.copysign(1.0)), "$3\r\nnan\r\n", ",nan\r\n");
    check(|r| r.double(f64::NAN.copysign(-1.0)), "$4\r\n-nan\r\n", ",-nan\r\n");
}

#[test]
fn shared_bulk_strings_read_like_others() {
    for len in [0, 1, 16_383, 16_384, 100_000] {
        let value = Arc::new(vec![b'v'; len]);
        let mut spliced = Out::new();
        Reply::new(&mut spliced, Proto::Resp2).bulk_shared(&value);
        let mut copied = Out::new();
        Reply::new(&mut copied, Proto::Resp2).bulk(&value);
        assert_eq!(spliced.to_vec(), copied.to_vec());
        assert_eq!(spliced.len(), copied.len());
    }
}

fn printed(value: f64) -> String {
    let mut out = Vec::new();
    format_double(value, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn doubles_look_like_those_of_c() {
    // The right column is what Redis 7.0.15 replied to ZSCORE, or printf's %.17g.
    let table = [
        (0.0, "0"),
        (-0.0, "-0"),
        (0.1, "0.10000000000000001"),
        (5.125, "5.125"),
        (3.0, "3"),
        (1e-7, "9.9999999999999995e-08"),
        (1e-4, "0.0001"),
        (1e-5, "1.0000000000000001e-05"),
        (1e300, "1.0000000000000001e+300"),
        (1e21, "1e+21"),
        (1e16, "10000000000000000"),
        (1e17, "1e+17"),
        (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
        (12_345_678_901_234_568.0, "12345678901234568"),
        (-2.5, "-2.5"),
        (1024.75, "1024.75"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "4.9406564584124654e-324"),
    ];
    for (value, text) in table {
        assert_eq!(printed(value), text);
    }
}

proptest! {
    #[test]
    fn doubles_read_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let text = printed(value);
        if value.is_nan() {
            prop_assert_eq!(text, if value.is_sign_negative() { "-nan" } else { "nan" });
        } else {
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
        }
    }

    #[test]
    fn integers_and_bulks_frame_themselves(value in any::<i64>(), data in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut out = Out::new();
        let mut reply = Reply::new(&mut out, Proto::Resp3);
        reply.int(value);
        reply.bulk(&data);
        let expected = [format!(":{value}\r\n${}\r\n", data.len()).as_bytes(), &data, b"\r\n"].concat();
        prop_assert_eq!(out.to_vec(), expected);
    }

    #[test]
    fn lines_stay_lines(text in any::<String>()) {
        let mut out = Out::new();
        Reply::new(&mut out, Proto::Resp2).error(&text);
        let bytes = out.to_vec();
        prop_assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 1);
        prop_assert!(bytes.ends_with(b"\r\n"));
    }
}
