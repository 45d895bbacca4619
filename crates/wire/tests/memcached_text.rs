//! Text and meta requests of memcached: what 1.6.18 answered to malformed ones, splits, and how much is looked at.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use dozo_wire::Out;
use dozo_wire::memcached::text::{self, Parser, Request};
use dozo_wire::memcached::{Limits, Parsed, Verb, base64, meta};
use proptest::prelude::*;

/// One parsed request as text, or what was done with a refused one.
type Seen = String;

/// Feed `bytes` in pieces that end at `cuts`; what is to be swallowed is swallowed as it comes.
fn feed(bytes: &[u8], cuts: &[usize], limits: &Limits) -> (Vec<Seen>, usize) {
    let mut seen = Vec::new();
    let mut parser = Parser::new();
    let mut start = 0;
    let mut swallow = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        loop {
            let gone = swallow.min(end - start);
            start += gone;
            swallow -= gone;
            let buf = &bytes[start..end];
            match parser.parse(buf, limits) {
                Parsed::Complete(request, used) => {
                    assert!(used <= buf.len(), "consumed beyond the buffer");
                    seen.push(format!("{request:?}"));
                    start += used;
                }
                Parsed::Incomplete { need } => {
                    assert!(need == 0 || need > buf.len());
                    break;
                }
                Parsed::Bad(bad) => {
                    assert!(bad.consumed <= buf.len(), "consumed beyond the buffer");
                    assert!(bad.consumed > 0);
                    let reply = bad.reply.escape_ascii();
                    seen.push(format!("{reply} {} {:?} {}", bad.swallow, bad.unlink, bad.close));
                    start += bad.consumed;
                    swallow = bad.swallow as usize;
                    if bad.close {
                        return (seen, 0);
                    }
                }
            }
        }
    }
    (seen, bytes.len() - start)
}

/// The one request in `bytes`.
fn request(bytes: &[u8]) -> Request<'_> {
    match Parser::new().parse(bytes, &Limits::default()) {
        Parsed::Complete(request, used) => {
            assert_eq!(used, bytes.len());
            request
        }
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

/// What is answered to the refused request in `bytes`, and how much is skipped after its line.
fn refused(bytes: &[u8]) -> (String, u64) {
    match Parser::new().parse(bytes, &Limits::default()) {
        Parsed::Bad(bad) => {
            assert!(!bad.close);
            (String::from_utf8(bad.reply.to_vec()).unwrap(), bad.swallow)
        }
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

/// `line` with `{K}` standing for a key of 251 bytes and `{O}` for an opaque of 32.
fn expand(line: &str) -> String {
    line.replace("{K}", &"k".repeat(251))
        .replace("{O}", &"1".repeat(32))
        .replace("{19}", "A B C D E F G H I J K L M N O P Q R S")
}

fn check(table: &[(&str, &str)]) {
    for (line, expected) in table {
        let (reply, _) = refused(format!("{}\r\n", expand(line)).as_bytes());
        let expected = if expected.is_empty() { String::new() } else { format!("{expected}\r\n") };
        assert_eq!(reply, expected, "{line}");
    }
}

const FORMAT: &str = "CLIENT_ERROR bad command line format";

#[test]
fn lines_that_are_no_commands() {
    let lines = [
        "",
        "x",
        "get",
        "get ",
        "GET a",
        "gets",
        "gat",
        "set\ta 0 0 1",
        "set a 0 0",
        "set a 0 0 1 noreply x",
        "cas a 0 0 1",
        "delete",
        "delete a b c d",
        "incr a",
        "incr a 1 noreply x",
        "touch a",
        "flush_all 0 0 0",
        "verbosity",
        "verbosity 1 2 3",
        "cache_memlimit",
        "cache_memlimit x",
        "lru",
        "extstore",
        "misbehave",
        "VERSION",
        "host: x",
        "mx",
        "m",
        "mg",
        "ms",
        "md",
        "ma",
    ];
    check(&lines.map(|line| (line, "ERROR")));
}

#[test]
fn classic_errors_are_those_of_memcached() {
    check(&[
        ("get {K}", FORMAT),
        ("get a {K}", FORMAT),
        ("gat a b", "CLIENT_ERROR invalid exptime argument"),
        ("gat x {K}", "CLIENT_ERROR invalid exptime argument"),
        ("gat 0 a {K}", FORMAT),
        ("set a 0 0 -1", FORMAT),
        ("set a 0 0 x", FORMAT),
        ("set a -1 0 1", FORMAT),
        ("set a 0x1 0 1", FORMAT),
        ("set a 0 0 2147483646", FORMAT),
        ("set {K} 0 0 1", FORMAT),
        ("set a x 0 1 noreply", ""),
        ("cas a 0 0 1 x", FORMAT),
        ("cas a 0 0 1 -1", FORMAT),
        ("cas a 0 0 1 18446744073709551616", FORMAT),
        ("delete a 1", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"),
        ("delete a 0 0", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"),
        ("delete a noreply noreply", ""),
        ("delete {K}", FORMAT),
        ("incr a x", "CLIENT_ERROR invalid numeric delta argument"),
        ("incr a -1", "CLIENT_ERROR invalid numeric delta argument"),
        ("incr a 18446744073709551616", "CLIENT_ERROR invalid numeric delta argument"),
        ("incr a x noreply", ""),
        ("incr {K} 1", FORMAT),
        ("touch a x", "CLIENT_ERROR invalid exptime argument"),
        ("touch a 1.5", "CLIENT_ERROR invalid exptime argument"),
        ("touch {K} 0", FORMAT),
        ("flush_all x", "CLIENT_ERROR invalid exptime argument"),
        ("flush_all noreply noreply", ""),
        ("verbosity x", FORMAT),
        ("verbosity noreply", ""),
    ]);
}

#[test]
fn meta_errors_are_those_of_memcached() {
    check(&[
        ("mg {K}", FORMAT),
        ("mg a v v", "CLIENT_ERROR duplicate flag"),
        ("mg a \x7f", "CLIENT_ERROR duplicate flag"),
        ("mg a !", "CLIENT_ERROR invalid flag"),
        ("mg a E1", "CLIENT_ERROR invalid flag"),
        ("mg a S1", "CLIENT_ERROR invalid flag"),
        ("mg a x", "CLIENT_ERROR invalid flag"),
        ("mg a Tx", "CLIENT_ERROR bad token in command line format"),
        ("mg a T", "CLIENT_ERROR bad token in command line format"),
        ("mg a N", "CLIENT_ERROR bad token in command line format"),
        ("mg a Rx", "CLIENT_ERROR bad token in command line format"),
        ("mg a Cx", "CLIENT_ERROR bad token in command line format"),
        ("mg a M", "CLIENT_ERROR incorrect length for M token"),
        ("mg a Jx", "CLIENT_ERROR invalid numeric initial value"),
        ("mg a Dx", "CLIENT_ERROR invalid numeric delta value"),
        ("mg a q Fx", FORMAT),
        ("mg a b", "CLIENT_ERROR error decoding key"),
        ("mg a O{O}", "CLIENT_ERROR opaque token too long"),
        ("mg a {19}", "CLIENT_ERROR options flags are too long"),
        ("ms a", FORMAT),
        ("ms a x", FORMAT),
        ("ms a S1", FORMAT),
        ("ms a -1", FORMAT),
        ("ms a 2147483646", FORMAT),
        ("ms {K} 1", FORMAT),
        ("ms a 1 {19}", "CLIENT_ERROR options flags too long"),
        ("md a !", "CLIENT_ERROR invalid or duplicate flag"),
        ("md a v v", "CLIENT_ERROR invalid or duplicate flag"),
        ("md a Cx", "CLIENT_ERROR invalid or duplicate flag"),
        ("md a b", "CLIENT_ERROR invalid or duplicate flag"),
        ("md {K}", FORMAT),
        ("md a O{O}", "CLIENT_ERROR opaque token too long"),
        ("md a {19}", "CLIENT_ERROR options flags too long"),
        ("ma a MX", "CLIENT_ERROR invalid mode for ma M token"),
        ("ma a Mi", "CLIENT_ERROR invalid mode for ma M token"),
        ("ma a Dx", "CLIENT_ERROR invalid or duplicate flag"),
        ("ma {K}", FORMAT),
        ("me", FORMAT),
        ("me {K}", FORMAT),
        ("me a b", FORMAT),
    ]);
}

#[test]
fn a_refused_meta_set_swallows_its_data() {
    let table = [
        ("ms a 3 v v", "CLIENT_ERROR duplicate flag"),
        ("ms a 3 MX", "CLIENT_ERROR invalid mode for ms M token"),
        ("ms a 3 Me", "CLIENT_ERROR invalid mode for ms M token"),
        ("ms a 3 MX O{O}", "CLIENT_ERROR invalid mode for ms M token"),
        ("ms a 3 M", "CLIENT_ERROR incorrect length for M token"),
        ("ms a 3 Fx", FORMAT),
        ("ms a 3 Tx", "CLIENT_ERROR bad token in command line format"),
        ("ms a 3 O{O}", "CLIENT_ERROR opaque token too long"),
        ("ms a! 3 b", "CLIENT_ERROR error decoding key"),
        ("ms a 3 E99 c", "CLIENT_ERROR invalid flag"),
    ];
    for (line, reply) in table {
        let bytes = format!("{}\r\n", expand(line));
        assert_eq!(refused(bytes.as_bytes()), (format!("{reply}\r\n"), 5), "{line}");
    }
}

#[test]
fn large_values_are_swallowed_and_the_old_one_goes() {
    let too_large = "SERVER_ERROR object too large for cache\r\n";
    let parse = |line: &'static str| match Parser::new().parse(line.as_bytes(), &Limits::default()) {
        Parsed::Bad(bad) => (bad.reply, bad.swallow, bad.unlink.map(|key| key.raw)),
        other => panic!("{other:?}"),
    };
    let set = parse("set a 0 0 1048517\r\n");
    assert_eq!(set, (too_large.as_bytes(), 1_048_519, Some(b"a".as_slice())));
    assert_eq!(parse("set a 0 0 1048517 noreply\r\n").0, b"");
    assert_eq!(parse("add a 0 0 2000000\r\n"), (too_large.as_bytes(), 2_000_002, None));
    let ms = parse("ms YQ== 2000000 b q\r\n");
    assert_eq!(ms, (too_large.as_bytes(), 2_000_002, Some(b"YQ==".as_slice())));
    // The greatest values that memcached 1.6.18 stores.
    for line in ["set a 0 0 1048516\r\n", "set a 5 0 1048512\r\n"] {
        let need = line.len() + line[10..line.len() - 2].parse::<usize>().unwrap() + 2;
        let parsed = Parser::new().parse(line.as_bytes(), &Limits::default());
        assert_eq!(parsed, Parsed::Incomplete { need });
    }
    assert!(matches!(Parser::new().parse(b"set a 5 0 1048513\r\n", &Limits::default()), Parsed::Bad(_)));
}

#[test]
fn a_bad_data_chunk_takes_exactly_its_length() {
    let (seen, left) = feed(b"set a 0 0 1\r\n12\r\nversion\r\n", &[], &Limits::default());
    assert_eq!(left, 0);
    assert_eq!(seen[0], "CLIENT_ERROR bad data chunk\\r\\n 0 None false");
    assert_eq!(seen[1], "ERROR\\r\\n 0 None false");
    assert_eq!(seen[2], "Version");
    let (seen, _) = feed(b"set a 0 0 1 noreply\r\n12\r\n", &[], &Limits::default());
    assert_eq!(seen[0], " 0 None false");
    let (seen, _) = feed(b"ms a 1 q\r\n12\r\n", &[], &Limits::default());
    assert_eq!(seen[0], "CLIENT_ERROR bad data chunk\\r\\n 0 None false");
}

#[test]
fn lines_without_an_end_are_cut_off() {
    let limits = Limits { max_get_line: 10_000, ..Limits::default() };
    let closes = |bytes: &[u8]| matches!(Parser::new().parse(bytes, &limits), Parsed::Bad(bad) if bad.close);
    assert!(!closes(&[b'x'; 2048]));
    assert!(closes(&[b'x'; 2049]));
    assert!(closes(&[&[b'x'; 2049], b"\r\n".as_slice()].concat()));
    for list in ["get ", "gets ", "gat 0 ", "gats 0 ", "    get "] {
        let line = [list.as_bytes(), &b"a ".repeat(2000)].concat();
        assert!(!closes(&line), "{list}");
        assert!(closes(&[line, b"a ".repeat(5000)].concat()), "{list}");
    }
    assert!(closes(&[&[b' '; 101], b"get ".as_slice(), &[b'a'; 2000]].concat()));
    assert!(closes(b"POST / HTTP/1.1\r\n"), "a browser");
}

#[test]
fn numbers_are_read_as_c_reads_them() {
    let store = |line: &str| match request(format!("{line}\r\n1\r\n").as_bytes()) {
        Request::Store(store) => (store.flags, store.exptime, store.cas),
        other => panic!("{other:?}"),
    };
    assert_eq!(store("set a +1 -1 01"), (1, -1, 0));
    assert_eq!(store("  set  a 1\t 0  1 "), (1, 0, 0));
    assert_eq!(store("set a 4294967296 0 1"), (0, 0, 0));
    assert_eq!(store("set a 4294967295 99999999999 1 nope"), (u32::MAX, 1_215_752_191, 0));
    assert_eq!(store("cas a 0 0 1 18446744073709551615"), (0, 0, u64::MAX));
}

#[test]
fn classic_requests() {
    assert_eq!(request(b"delete a\n"), Request::Delete { key: b"a", noreply: false });
    assert_eq!(request(b"delete a 0\r\n"), Request::Delete { key: b"a", noreply: false });
    assert_eq!(request(b"delete a 0 noreply\r\n"), Request::Delete { key: b"a", noreply: true });
    assert_eq!(request(b"delete noreply\r\n"), Request::Delete { key: b"noreply", noreply: false });
    assert_eq!(request(b"flush_all\r\n"), Request::FlushAll { delay: None, noreply: false });
    assert_eq!(request(b"flush_all noreply\r\n"), Request::FlushAll { delay: None, noreply: true });
    assert_eq!(request(b"flush_all -1\r\n"), Request::FlushAll { delay: Some(-1), noreply: false });
    assert_eq!(request(b"verbosity 1 noreply\r\n"), Request::Verbosity { level: 1, noreply: true });
    assert_eq!(request(b"cache_memlimit 64\r\n"), Request::MemLimit { megabytes: 64, noreply: false });
    assert_eq!(request(b"version x\r\n"), Request::Version);
    assert_eq!(request(b"quit x\r\n"), Request::Quit);
    let touch = Request::Touch { key: b"a", exptime: -7, noreply: false };
    assert_eq!(request(b"touch a -7 x\r\n"), touch);
    let decr = Request::Arith { key: b"a", delta: u64::MAX, decr: true, noreply: true };
    assert_eq!(request(b"decr a 18446744073709551615 noreply\r\n"), decr);
    let Request::Get { keys, cas: true } = request(b"gets a  bb\tc\r \r\n") else { panic!() };
    assert_eq!(keys.collect::<Vec<_>>(), [b"a".as_slice(), b"bb\tc\r"]);
    let Request::Gat { exptime: 9, keys, cas: false } = request(b"gat 9\r\n") else { panic!() };
    assert_eq!(keys.count(), 0);
    let Request::Stats { args } = request(b"stats detail on\r\n") else { panic!() };
    assert_eq!(args.count(), 2);
    let Request::Machinery { name: b"lru_crawler", args } = request(b"lru_crawler crawl all\r\n") else {
        panic!()
    };
    assert_eq!(args.count(), 2);
    let Request::Store(store) = request(b"prepend k 3 9 4 noreply\r\n\r\n\r\n\r\n") else { panic!() };
    assert_eq!((store.verb, store.key, store.data), (Verb::Prepend, b"k".as_slice(), b"\r\n\r\n".as_slice()));
    assert!(store.noreply);
}

#[test]
fn meta_requests() {
    let line = b"mg YWJj b k O12 t v q N30 T-1 R5 D7 J8 C9 F4294967296 MI l h u s c f I P1 L2\r\n";
    assert!(matches!(Parser::new().parse(line, &Limits::default()), Parsed::Bad(_)), "too many flags");
    let line = b"mg YWJj b k O12 t v q N30 T-1 R5 D7 J8 C9 F4294967296 MI l\r\n";
    let Request::MetaGet(get) = request(line) else { panic!() };
    assert_eq!(get.key(&mut [0; 250]), b"abc");
    assert_eq!((get.sent.raw, get.sent.base64), (b"YWJj".as_slice(), true));
    let numbers = get.numbers;
    assert_eq!((numbers.vivify, numbers.exptime, numbers.recache), (30, -1, 5));
    assert_eq!((numbers.delta, numbers.initial, numbers.cas, numbers.client_flags), (7, 8, 9, 0));
    assert!(
        get.has(b'b')
            && get.has(b'l')
            && !get.has(b's')
            && !get.has(b'!')
            && get.decrements() == (numbers.mode != b'I')
    );
    let first: Vec<_> = get.flags.take(3).collect();
    assert_eq!(first, [(b'b', b"".as_slice()), (b'k', b""), (b'O', b"12")]);
    let verb = |line: &str| match request(format!("{line}\r\nab\r\n").as_bytes()) {
        Request::MetaSet(set, b"ab") => set.verb(),
        other => panic!("{other:?}"),
    };
    assert_eq!(verb("ms a 2"), Verb::Set);
    assert_eq!(verb("ms a 2 MS C1"), Verb::Cas);
    assert_eq!(verb("ms a 2 MR"), Verb::Replace);
    assert_eq!(verb("ms a 2 MR C1"), Verb::Cas);
    assert_eq!(verb("ms a 2 ME C1"), Verb::Add);
    assert_eq!(verb("ms a 2 MA"), Verb::Append);
    assert_eq!(verb("ms a 2 MP"), Verb::Prepend);
    let Request::MetaArith(arith) = request(b"ma a M-\r\n") else { panic!() };
    assert!(arith.decrements());
    assert_eq!(arith.numbers.delta, 1);
    let Request::MetaDelete(delete) = request(b"md a q I T0\r\n") else { panic!() };
    assert!(delete.has(b'I'));
    assert_eq!(request(b"mn x\r\n"), Request::MetaNoop);
    let Request::MetaDebug(debug) = request(b"me a x v v\r\n") else { panic!() };
    assert_eq!(debug.key(&mut [0; 250]), b"a");
    let Request::MetaDebug(debug) = request(b"me YWJj b\r\n") else { panic!() };
    assert_eq!(debug.key(&mut [0; 250]), b"abc");
}

#[test]
fn replies() {
    let shown = |write: &dyn Fn(&mut Out)| {
        let mut out = Out::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    };
    assert_eq!(shown(&|o| text::value(o, b"k", 0, b"abc", None)), "VALUE k 0 3\r\nabc\r\n");
    assert_eq!(shown(&|o| text::value(o, b"k", 7, b"", Some(9))), "VALUE k 7 0 9\r\n\r\n");
    let shared = Arc::new(vec![b'x'; 20_000]);
    let spliced = shown(&|o| text::value_shared(o, b"k", 7, &shared, None));
    assert_eq!(spliced, shown(&|o| text::value(o, b"k", 7, &shared, None)));
    assert_eq!(shown(&|o| text::number(o, u64::MAX)), "18446744073709551615\r\n");
    assert_eq!(shown(&|o| text::stat(o, b"pid", b"1")), "STAT pid 1\r\n");
    let Request::MetaGet(get) = request(b"mg YWJj b k O12 v\r\n") else { panic!() };
    let va = shown(&|o| {
        meta::value_code(o, 3);
        meta::flag_number(o, b't', -1);
        meta::key(o, get.sent);
        meta::echo(o, b'O', b"12");
        meta::mark(o, b'W');
        meta::end(o);
        meta::data(o, b"abc");
    });
    assert_eq!(va, "VA 3 t-1 kYWJj b O12 W\r\nabc\r\n");
}

#[test]
fn a_long_get_line_is_searched_once() {
    let limits = Limits::default();
    let mut parser = Parser::new();
    let mut buf = b"get ".to_vec();
    for _ in 0..1000 {
        buf.extend_from_slice(&[b'k', b' '].repeat(500));
        assert_eq!(parser.parse(&buf, &limits), Parsed::Incomplete { need: 0 });
        // A second search would find these line ends.
        buf[4..].fill(b'\n');
    }
}

#[test]
fn a_value_in_pieces_is_not_looked_at() {
    let limits = Limits { max_value: 64 << 20, ..Limits::default() };
    let mut parser = Parser::new();
    let head = b"set a 0 0 33554432\r\n";
    let mut buf = head.to_vec();
    let need = head.len() + (32 << 20) + 2;
    while buf.len() < need - 100_000 {
        assert_eq!(parser.parse(&buf, &limits), Parsed::Incomplete { need });
        buf.resize(buf.len() + 10_000, b'v');
        // Until all is there, nobody reads even the command line again.
        buf[..head.len()].fill(b'#');
    }
    buf.resize(need, b'v');
    buf[..head.len()].copy_from_slice(head);
    buf[need - 2..].copy_from_slice(b"\r\n");
    let Parsed::Complete(Request::Store(store), used) = parser.parse(&buf, &limits) else { panic!() };
    assert_eq!((used, store.data.len()), (need, 32 << 20));
}

/// Lines that are nearly right, so that all branches are met.
fn line() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "get|gets|gat|set|add|cas|delete|incr|touch|flush_all|mg|ms|md|ma|me|mn|verbosity|noreply|stats",
        "[a-z]{1,9}",
        "-?[0-9]{1,3}",
        "[A-Za-z][0-9a-zA-Z]{0,4}",
        "YWJj",
        "b",
        "k",
        " ",
    ];
    prop::collection::vec(word, 1..8).prop_map(|words| words.join(" "))
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let store = ("(set|add|ms) [a-z]{1,3}( 0 0)? ", 0usize..30, "( noreply)?", any::<bool>()).prop_map(
        |(head, len, tail, good)| {
            let end = if good { "\r\n" } else { "x" };
            format!("{head}{len}{tail}\r\n{}{end}", "v".repeat(len))
        },
    );
    let item = prop_oneof![line().prop_map(|line| line + "\r\n"), line().prop_map(|line| line + "\n"), store];
    prop::collection::vec(item, 1..6).prop_map(|items| items.concat().into_bytes())
}

proptest! {
    #[test]
    fn every_split_gives_the_same(bytes in stream()) {
        let limits = Limits { max_value: 80, max_line: 64, max_get_line: 200 };
        let expected = feed(&bytes, &[], &limits);
        for cut in 0..bytes.len() {
            prop_assert_eq!(&feed(&bytes, &[cut], &limits), &expected);
        }
        let all: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&feed(&bytes, &all, &limits), &expected);
    }

    #[test]
    fn stores_come_back(key in "[!-~]{1,250}", flags in any::<u32>(), exptime in any::<i32>(), cas in any::<u64>(), data in prop::collection::vec(any::<u8>(), 0..200)) {
        let head = format!("cas {key} {flags} {exptime} {} {cas} noreply\r\n", data.len());
        let bytes = [head.as_bytes(), &data, b"\r\n"].concat();
        let Request::Store(store) = request(&bytes) else { panic!() };
        prop_assert_eq!(store.key, key.as_bytes());
        prop_assert_eq!((store.flags, store.exptime, store.cas), (flags, exptime, cas));
        prop_assert_eq!(store.data, &data[..]);
    }

    #[test]
    fn base64_comes_back(data in prop::collection::vec(any::<u8>(), 1..187)) {
        let mut text = Vec::new();
        base64::encode(&data, &mut text);
        let mut scratch = [0; 250];
        let len = base64::decode(&text, &mut scratch).unwrap();
        prop_assert_eq!(&scratch[..len], &data[..]);
    }

    #[test]
    fn base64_takes_any_text(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = base64::decode(&text, &mut [0; 250]);
    }
}

#[test]
fn base64_is_strict() {
    let decode = |text: &[u8]| {
        let mut out = [0; 250];
        base64::decode(text, &mut out).map(|len| out[..len].to_vec())
    };
    assert_eq!(decode(b"YQ=="), Some(b"a".to_vec()));
    assert_eq!(decode(b"YWI="), Some(b"ab".to_vec()));
    for bad in ["", "Y", "YQ", "YQ=", "Y===", "====", "YQ==YQ==", "YW!j", "YW-_", "=YWI"] {
        assert_eq!(decode(bad.as_bytes()), None, "{bad}");
    }
}
