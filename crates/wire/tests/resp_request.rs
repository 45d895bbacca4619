//! Requests of RESP: what Redis 7.0.15 answered to malformed ones, splitting at every byte, and how much is looked at.

use dozo_wire::resp::{Limits, RequestParser, Span, Step, split_args};
use proptest::prelude::*;

/// A request as its arguments.
type Args = Vec<Vec<u8>>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Args(Args),
    Empty,
    Error(String),
}

fn encode(args: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend(format!("${}\r\n", arg.len()).bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Feed `bytes` in pieces that end at `cuts` and return what was seen and how many bytes were left over.
fn feed(bytes: &[u8], cuts: &[usize], limits: &Limits, authenticated: bool) -> (Vec<Seen>, usize) {
    let mut seen = Vec::new();
    let mut parser = RequestParser::new();
    let mut args: Vec<Span> = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        loop {
            let buf = &bytes[start..end];
            let used = match parser.next(buf, &mut args, limits, authenticated) {
                Step::Command { end } => {
                    seen.push(Seen::Args(args.iter().map(|s| s.of(buf).to_vec()).collect()));
                    end
                }
                Step::Inline { end, args } => {
                    seen.push(Seen::Args(args));
                    end
                }
                Step::Empty { end } => {
                    seen.push(Seen::Empty);
                    end
                }
                Step::Incomplete => {
                    assert!(parser.need() <= buf.len() + limits.max_bulk + 3);
                    break;
                }
                Step::Error(text) => {
                    seen.push(Seen::Error(text));
                    return (seen, 0);
                }
            };
            assert!(used <= buf.len(), "consumed beyond the buffer");
            assert!(parser.is_idle());
            start += used;
        }
    }
    (seen, bytes.len() - start)
}

fn whole(bytes: &[u8]) -> Vec<Seen> {
    feed(bytes, &[], &Limits::default(), true).0
}

fn error(text: &str) -> Vec<Seen> {
    vec![Seen::Error(format!("Protocol error: {text}"))]
}

fn words(list: &[&str]) -> Seen {
    Seen::Args(list.iter().map(|w| w.as_bytes().to_vec()).collect())
}

#[test]
fn errors_are_those_of_redis() {
    let table: &[(&[u8], &str)] = &[
        (b"*x\r\n", "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"* 1\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*-0\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (b"*1\r\nx\r\n", "expected '$', got 'x'"),
        (b"*1\r\n\r\n", "expected '$', got ' '"),
        (b"*2\r\n$1\r\na\r\n:1\r\n", "expected '$', got ':'"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$01\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
        (b"PING \"a\r\n", "unbalanced quotes in request"),
        (b"PING \"a\"b\r\n", "unbalanced quotes in request"),
        (b"PING 'a\r\n", "unbalanced quotes in request"),
    ];
    for (bytes, text) in table {
        assert_eq!(whole(bytes), error(text), "{}", bytes.escape_ascii());
    }
    let long = |prefix: &str| [prefix.as_bytes(), &[b'1'; 70_000]].concat();
    assert_eq!(whole(&long("*")), error("too big mbulk count string"));
    assert_eq!(whole(&long("*1\r\n$")), error("too big bulk count string"));
    assert_eq!(whole(&long("")), error("too big inline request"));
}

#[test]
fn limits_before_authentication_are_lower() {
    let limits = Limits::default();
    let unauthenticated = |bytes: &[u8]| feed(bytes, &[], &limits, false).0;
    assert_eq!(unauthenticated(b"*11\r\n"), error("unauthenticated multibulk length"));
    assert_eq!(unauthenticated(b"*10\r\n"), []);
    assert_eq!(unauthenticated(b"*1\r\n$16385\r\n"), error("unauthenticated bulk length"));
    assert_eq!(unauthenticated(b"*1\r\n$16384\r\n"), []);
    assert_eq!(unauthenticated(b"*1\r\n$4\r\nPING\r\n"), [words(&["PING"])]);
}

#[test]
fn low_limits_hold_on_the_fast_path_too() {
    let limits = Limits { max_bulk: 3, max_args: 2, ..Limits::default() };
    let seen = |bytes: &[u8]| feed(bytes, &[], &limits, true).0;
    assert_eq!(seen(b"*1\r\n$4\r\nPING\r\n"), error("invalid bulk length"));
    assert_eq!(seen(b"*3\r\n$1\r\na\r\n"), error("invalid multibulk length"));
    assert_eq!(seen(b"*1\r\n$3\r\nGET\r\n"), [words(&["GET"])]);
}

#[test]
fn requests_that_redis_accepts() {
    assert_eq!(whole(b"*0\r\n*-1\r\n*-7\r\n\r\n\n  \r\n"), vec![Seen::Empty; 6]);
    assert_eq!(whole(b"*1\rX$4\rYPINGab"), [words(&["PING"])]);
    assert_eq!(whole(b"PING\n"), [words(&["PING"])]);
    assert_eq!(whole(b"*1\r\n$0\r\n\r\n"), [words(&[""])]);
    let hundred = vec![vec![b'x'; 100]; 100];
    assert_eq!(whole(&encode(&hundred)), [Seen::Args(hundred)]);
    let big = vec![vec![b'x'; 1_234_567], vec![b'y'; 1000]];
    assert_eq!(whole(&encode(&big)), [Seen::Args(big)]);
}

#[test]
fn inline_quoting_is_that_of_redis() {
    type Words = Option<&'static [&'static [u8]]>;
    let table: &[(&[u8], Words)] = &[
        (b"ECHO a\"b c\"", Some(&[b"ECHO", b"ab c"])),
        (b"ECHO '\\'x'", Some(&[b"ECHO", b"'x"])),
        (b"ECHO '\\n'", Some(&[b"ECHO", b"\\n"])),
        (b"ECHO \"\\x41\\n\\q\\xzz\"", Some(&[b"ECHO", b"A\nqxzz"])),
        (b"ECHO \x0ba", Some(&[b"ECHO", b"a"])),
        (b"ECHO a\x0bb", Some(&[b"ECHO", b"a\x0bb"])),
        (b" \t ECHO ''\t\"\" ", Some(&[b"ECHO", b"", b""])),
        (b"\"a\" 'b'", Some(&[b"a", b"b"])),
        (b"", Some(&[])),
        (b"\"", None),
        (b"\"\\", None),
        (b"\"a\"\"b\"", None),
        (b"'a'b", None),
    ];
    for (line, expected) in table {
        let expected = expected.map(|list| list.iter().map(|w| w.to_vec()).collect::<Args>());
        assert_eq!(split_args(line), expected, "{}", line.escape_ascii());
    }
}

#[test]
fn a_million_arguments_in_pieces_are_looked_at_once() {
    const ARGS: usize = 1_000_000;
    let bytes = encode(&vec![b"ab".to_vec(); ARGS]);
    let limits = Limits::default();
    let mut buf = Vec::new();
    let mut parser = RequestParser::new();
    let mut args = Vec::new();
    let header = b"*1000000\r\n".len();
    let each = b"$2\r\nab\r\n".len();
    for piece in bytes.chunks(1000) {
        assert!(args.len() < ARGS);
        buf.extend_from_slice(piece);
        let step = parser.next(&buf, &mut args, &limits, true);
        if buf.len() == bytes.len() {
            assert_eq!(step, Step::Command { end: bytes.len() });
            break;
        }
        assert_eq!(step, Step::Incomplete);
        // Whoever looked again at what was parsed would find nonsense there.
        let parsed = if args.is_empty() { 0 } else { header + args.len() * each };
        buf[..parsed].fill(b'#');
    }
    assert_eq!(args.len(), ARGS);
    assert_eq!(args[ARGS - 1].start as usize + 4, bytes.len());
}

#[test]
fn an_argument_in_pieces_is_not_looked_at() {
    let limits = Limits::default();
    let mut parser = RequestParser::new();
    let mut args = Vec::new();
    let mut buf = b"*2\r\n$4\r\nECHO\r\n$10000000\r\n".to_vec();
    let start = buf.len();
    assert_eq!(parser.next(&buf, &mut args, &limits, true), Step::Incomplete);
    assert_eq!(parser.need(), start + 10_000_002);
    buf.fill(b'#');
    buf.resize(start + 10_000_001, b'\n');
    assert_eq!(parser.next(&buf, &mut args, &limits, true), Step::Incomplete);
    buf.push(b'\n');
    let end = buf.len();
    assert_eq!(parser.next(&buf, &mut args, &limits, true), Step::Command { end });
    assert_eq!(args[1], Span { start: start as u32, len: 10_000_000 });
}

#[test]
fn a_long_line_in_pieces_is_searched_once() {
    let limits = Limits::default();
    let mut parser = RequestParser::new();
    let mut args = Vec::new();
    let mut buf = Vec::new();
    for _ in 0..60 {
        buf.extend_from_slice(&[b'x'; 1000]);
        assert_eq!(parser.next(&buf, &mut args, &limits, true), Step::Incomplete);
        // A second search would find these line ends.
        buf.fill(b'\n');
    }
}

#[test]
fn what_is_announced_is_not_allocated() {
    let limits = Limits::default();
    let mut parser = RequestParser::new();
    let mut args = Vec::new();
    let bytes = b"*1048576\r\n$536870912\r\n";
    assert_eq!(parser.next(bytes, &mut args, &limits, true), Step::Incomplete);
    assert_eq!(args.capacity(), 0);
    assert!(size_of::<RequestParser>() <= 64);
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 90..1100),
    ]
}

fn pipeline() -> impl Strategy<Value = Vec<Args>> {
    prop::collection::vec(prop::collection::vec(argument(), 1..12), 1..6)
}

proptest! {
    #[test]
    fn arguments_come_back(commands in pipeline(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let bytes: Vec<u8> = commands.iter().flat_map(|args| encode(args)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let expected: Vec<Seen> = commands.into_iter().map(Seen::Args).collect();
        for authenticated in [true, false] {
            let limits = Limits { max_args_unauth: 100, ..Limits::default() };
            let (seen, left) = feed(&bytes, &cuts, &limits, authenticated);
            prop_assert_eq!(&seen, &expected);
            prop_assert_eq!(left, 0);
        }
    }

    #[test]
    fn every_split_gives_the_same(args in prop::collection::vec(argument(), 1..4), tail in "[A-Z ]{0,5}\r?\n") {
        let mut bytes = encode(&args);
        bytes.extend(tail.bytes());
        let expected = feed(&bytes, &[], &Limits::default(), true);
        for cut in 0..bytes.len() {
            prop_assert_eq!(&feed(&bytes, &[cut], &Limits::default(), true), &expected);
        }
        let all: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&feed(&bytes, &all, &Limits::default(), true), &expected);
    }
}
