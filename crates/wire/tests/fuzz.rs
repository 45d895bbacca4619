//! Hostile bytes for every codec: no panic, nothing consumed beyond the buffer, the same outcome however they are cut.
//!
//! `DOZO_FUZZ_CASES` sets how many cases each codec gets (`make fuzz` runs long); proptest keeps a failing one.

use dozo_wire::memcached::{self, Parsed, binary, ids, text};
use dozo_wire::resp::{Limits, RequestParser, Step, split_args};
use proptest::prelude::*;
use proptest::sample::Index;

fn config() -> ProptestConfig {
    let cases = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: cases("DOZO_FUZZ_CASES").or_else(|| cases("PROPTEST_CASES")).unwrap_or(2000),
        ..ProptestConfig::default()
    }
}

/// Low limits, so that short inputs reach them.
const RESP: Limits =
    Limits { max_bulk: 1200, max_args: 40, max_inline: 64, max_bulk_unauth: 20, max_args_unauth: 3 };

const MEMCACHED: memcached::Limits = memcached::Limits { max_value: 120, max_line: 48, max_get_line: 400 };

/// How a codec ends a step: consumed bytes with a note, more bytes wanted, or the end of the stream.
enum Outcome {
    Used(usize, String),
    More,
    End(String),
}

/// Run `codec` over `bytes` that arrive in pieces ending at `cuts`; the notes in order, and how many bytes were left.
fn run(bytes: &[u8], cuts: &[usize], mut codec: impl FnMut(&[u8]) -> Outcome) -> (Vec<String>, usize) {
    let mut notes = Vec::new();
    let (mut start, mut ends) = (0, cuts.to_vec());
    ends.push(bytes.len());
    for end in ends {
        while start < end {
            match codec(&bytes[start..end]) {
                Outcome::Used(used, note) => {
                    assert!(used > 0 && used <= end - start, "consumed {used} of {}", end - start);
                    notes.push(note);
                    start += used;
                }
                Outcome::More => break,
                Outcome::End(note) => {
                    notes.push(note);
                    return (notes, 0);
                }
            }
        }
    }
    (notes, bytes.len() - start)
}

fn resp(authenticated: bool) -> impl FnMut(&[u8]) -> Outcome {
    let mut parser = RequestParser::new();
    let mut args = Vec::new();
    move |buf| match parser.next(buf, &mut args, &RESP, authenticated) {
        Step::Command { end } => {
            let args: Vec<&[u8]> = args.iter().map(|span| span.of(&buf[..end])).collect();
            Outcome::Used(end, format!("{args:?}"))
        }
        Step::Inline { end, args } => Outcome::Used(end, format!("{args:?}")),
        Step::Empty { end } => Outcome::Used(end, "-".into()),
        Step::Incomplete => Outcome::More,
        Step::Error(text) => Outcome::End(text),
    }
}

/// Swallowed bytes count as used; a swallow that goes on past the buffer is remembered.
fn swallowing(mut parse: impl FnMut(&[u8]) -> Swallow) -> impl FnMut(&[u8]) -> Outcome {
    let mut owed = 0_u64;
    move |buf| {
        if owed > 0 {
            let gone = owed.min(buf.len() as u64);
            owed -= gone;
            return Outcome::Used(gone as usize, String::new());
        }
        match parse(buf) {
            Swallow::Not(outcome) => outcome,
            Swallow::After(used, more, note) => {
                owed = more;
                Outcome::Used(used, note)
            }
        }
    }
}

enum Swallow {
    Not(Outcome),
    After(usize, u64, String),
}

fn memcached_text() -> impl FnMut(&[u8]) -> Outcome {
    let mut parser = text::Parser::new();
    swallowing(move |buf| match parser.parse(buf, &MEMCACHED) {
        Parsed::Complete(request, used) => Swallow::Not(Outcome::Used(used, format!("{request:?}"))),
        Parsed::Incomplete { .. } => Swallow::Not(Outcome::More),
        Parsed::Bad(bad) if bad.close => Swallow::Not(Outcome::End(format!("{:?}", bad.reply))),
        Parsed::Bad(bad) => {
            Swallow::After(bad.consumed, bad.swallow, format!("{:?} {:?}", bad.reply, bad.unlink))
        }
    })
}

fn memcached_binary() -> impl FnMut(&[u8]) -> Outcome {
    swallowing(move |buf| match binary::parse(buf, &MEMCACHED) {
        Parsed::Complete(request, used) => Swallow::Not(Outcome::Used(used, format!("{request:?}"))),
        Parsed::Incomplete { need } => {
            assert!(need > buf.len());
            Swallow::Not(Outcome::More)
        }
        Parsed::Bad(bad) if bad.close => {
            Swallow::Not(Outcome::End(format!("{:?} {:?}", bad.head, bad.status)))
        }
        Parsed::Bad(bad) => {
            Swallow::After(bad.consumed, bad.swallow, format!("{:?} {:?}", bad.status, bad.unlink))
        }
    })
}

/// Notes without those of swallowing, whose number depends on the pieces.
fn settled((mut notes, left): (Vec<String>, usize)) -> (Vec<String>, usize) {
    notes.retain(|note| !note.is_empty());
    (notes, left)
}

fn same_in_pieces<C: FnMut(&[u8]) -> Outcome>(bytes: &[u8], cuts: &[Index], codec: impl Fn() -> C) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let whole = settled(run(bytes, &[], codec()));
    assert_eq!(settled(run(bytes, &cuts, codec())), whole, "{cuts:?}");
    let each: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(settled(run(bytes, &each, codec())), whole, "byte by byte");
}

/// Bytes put together from `tokens` and noise.
fn soup(tokens: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(tokens).prop_map(<[u8]>::to_vec),
        2 => prop::collection::vec(any::<u8>(), 0..4),
        2 => (0u32..200).prop_map(|n| n.to_string().into_bytes()),
        1 => (0usize..130).prop_map(|n| vec![b'v'; n]),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

const RESP_TOKENS: &[&[u8]] = &[
    b"*",
    b"$",
    b"\r\n",
    b"\r",
    b"\n",
    b"*1\r\n",
    b"*2\r\n",
    b"*12\r\n",
    b"$3\r\n",
    b"$0\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"$1\r\na\r\n",
    b"$3\r\nGET\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    b"PING\r\n",
    b" ",
    b"\"",
    b"'",
    b"\\x4",
    b"\0",
    b"$1000\r\n",
    b"-",
];

const TEXT_TOKENS: &[&[u8]] = &[
    b"get ",
    b"gets ",
    b"gat 0 ",
    b"set k 0 0 ",
    b"ms k ",
    b"mg k ",
    b"md k ",
    b"ma k ",
    b"me k ",
    b"mn",
    b"cas k 1 2 3 4",
    b"incr k 1",
    b"delete k",
    b"touch k 9",
    b"flush_all",
    b"version",
    b"stats ",
    b" noreply",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"k",
    b"v",
    b" b",
    b" q",
    b" O1",
    b" T9",
    b" ME",
    b" F1",
    b" C7",
    b"YWJj",
    b"3\r\nabc\r\n",
    b"5 F1\r\nabcde\r\n",
    b"999",
    b"-1",
    b"HTTP/1.1",
];

/// A packet whose lengths may or may not agree.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![4 => 0u32..30, 1 => 200u32..300, 1 => any::<u32>()];
    let magic = prop_oneof![30 => Just(0x80u8), 1 => any::<u8>()];
    let opcode = prop_oneof![9 => 0u8..0x26, 1 => any::<u8>()];
    let extras = prop::sample::select(&[0u8, 0, 0, 4, 8, 8, 20, 255][..]);
    let key = prop_oneof![6 => 0u16..6, 1 => 245u16..260, 1 => any::<u16>()];
    (magic, opcode, extras, key, length, prop::collection::vec(any::<u8>(), 12), any::<bool>(), 0usize..300)
        .prop_map(|(magic, opcode, extras, key, length, tail, agree, given)| {
            let body = if agree { u32::from(extras) + u32::from(key) + length % 200 } else { length };
            let mut bytes = vec![magic, opcode];
            bytes.extend(key.to_be_bytes());
            bytes.extend([extras, 0, 0, 0]);
            bytes.extend(body.to_be_bytes());
            bytes.extend(tail);
            bytes.extend(vec![0; if agree { body as usize } else { given }]);
            bytes
        })
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..6)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fuzz_resp(bytes in soup(RESP_TOKENS), cuts in cuts(), authenticated in any::<bool>()) {
        same_in_pieces(&bytes, &cuts, || resp(authenticated));
    }

    #[test]
    fn fuzz_resp_noise(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in cuts()) {
        same_in_pieces(&bytes, &cuts, || resp(true));
        let _ = split_args(&bytes);
    }

    #[test]
    fn fuzz_memcached_text(bytes in soup(TEXT_TOKENS), cuts in cuts()) {
        same_in_pieces(&bytes, &cuts, memcached_text);
    }

    #[test]
    fn fuzz_memcached_text_noise(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in cuts()) {
        same_in_pieces(&bytes, &cuts, memcached_text);
    }

    #[test]
    fn fuzz_id_lines(line in soup(TEXT_TOKENS), noise in prop::collection::vec(any::<u8>(), 0..300)) {
        for bytes in [&line, &noise] {
            if let ids::Line::Get(keys) = ids::parse_line(bytes) {
                prop_assert!(ids::words(keys).all(|key| !key.is_empty() && !key.iter().any(u8::is_ascii_whitespace)));
            }
        }
    }

    #[test]
    fn fuzz_id_packets(packets in prop::collection::vec(packet(), 1..5), at in any::<Index>()) {
        let bytes = packets.concat();
        let piece = &bytes[..at.index(bytes.len()) + 1];
        match ids::parse_packet(piece) {
            ids::Packet::Request { .. } => prop_assert_eq!(ids::parse_packet(piece), ids::parse_packet(&bytes)),
            ids::Packet::Incomplete => prop_assert!(piece.len() < binary::HEADER),
            ids::Packet::Malformed => prop_assert_eq!(ids::parse_packet(&bytes), ids::Packet::Malformed),
        }
    }

    #[test]
    fn fuzz_memcached_binary(packets in prop::collection::vec(packet(), 1..5), cuts in cuts()) {
        same_in_pieces(&packets.concat(), &cuts, memcached_binary);
    }

    #[test]
    fn fuzz_memcached_binary_noise(mut bytes in prop::collection::vec(any::<u8>(), 1..300), cuts in cuts()) {
        bytes[0] = binary::REQUEST_MAGIC;
        same_in_pieces(&bytes, &cuts, memcached_binary);
    }
}
