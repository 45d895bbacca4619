//! Whatever bytes come to a memcached session, in whatever pieces: the same replies, and never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, connect, feed};
use dozo_engine::{Door, Flow, Settings};
use dozo_store::StoreConfig;
use proptest::prelude::*;

/// Feeds `bytes` in pieces that end at `cuts`, as net does: what was not consumed comes again, with more.
fn replies(bytes: &[u8], cuts: &[usize], password: &str) -> (Vec<u8>, bool) {
    let settings =
        Settings { requirepass: password.into(), memcached_max_item_size: 4096, ..Settings::default() };
    let mut bench = Bench::with(StoreConfig::default(), settings);
    let sid = connect(&mut bench.engine, Door::Memcached);
    let (mut start, mut all) = (0, Vec::new());
    for end in cuts.iter().copied().chain([bytes.len()]) {
        let (consumed, flow, reply) = feed(&mut bench.engine, sid, &bytes[start..end]);
        assert!(consumed <= end - start, "no more is consumed than there is");
        all.extend_from_slice(&reply);
        start += consumed;
        if flow == Flow::Close {
            return (all, true);
        }
    }
    (all, false)
}

fn packet(opcode: u8, key: &[u8], extras: usize, value: &[u8], lie: bool) -> Vec<u8> {
    let body = (key.len() + extras + value.len()) as u32 - u32::from(lie);
    let mut bytes = vec![0x80, opcode];
    bytes.extend_from_slice(&(key.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[extras as u8, 0, 0, 0]);
    bytes.extend_from_slice(&body.to_be_bytes());
    bytes.extend_from_slice(&[0; 12]);
    bytes.extend(std::iter::repeat_n(0, extras));
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(value);
    bytes
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => prop::sample::select(vec![
            "set a 1 0 5\r\nhello\r\n",
            "set a 1 0 5 noreply\r\nhello\r\n",
            "set a 1 0 5\r\nwrong length\r\n",
            "set a 1 0 9999\r\n",
            "set default 0 0 14\r\ndefault secret\r\n",
            "get a b c\r\n",
            "gets a\r\n",
            "gat 10 a\r\n",
            "append a 0 0 1\r\n!\r\n",
            "incr n 1\r\n",
            "ma n N0 v\r\n",
            "mg a v t f k Oabc\r\n",
            "mg YQ== b k v\r\n",
            "ms a 3 T10\r\nxyz\r\n",
            "ms a 3 !\r\nxyz\r\n",
            "ms a 9999 q\r\n",
            "md a I q\r\n",
            "me a\r\n",
            "mn\r\n",
            "stats\r\n",
            "stats reset\r\n",
            "flush_all 1\r\n",
            "delete a\r\n",
            "version\n",
            "\r\n",
            "quit\r\n",
        ])
        .prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => "[a-z0-9 \\-\r\n]{0,40}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(line, 1..12).prop_map(|lines| lines.concat())
}

fn binary() -> impl Strategy<Value = Vec<u8>> {
    let sizes = prop::sample::select(vec![0usize, 4, 8, 20]);
    let key = prop::sample::select(vec![b"".to_vec(), b"a".to_vec(), vec![b'k'; 250], vec![b'k'; 251]]);
    let value = prop::sample::select(vec![vec![], b"hello".to_vec(), vec![b'x'; 6000]]);
    let one = (0u8..0x30, key, sizes, value, prop::bool::weighted(0.03)).prop_map(
        |(opcode, key, extras, value, lie)| {
            let lie = lie && key.len() + extras + value.len() > 0;
            packet(opcode, &key, extras, &value, lie)
        },
    );
    prop::collection::vec(one, 1..10).prop_map(|packets| packets.concat())
}

fn check(bytes: &[u8], mut cuts: Vec<usize>, password: &str) {
    let (whole, closed) = replies(bytes, &[], password);
    assert!(!whole.windows(14).any(|w| w == b"internal error"), "a panic");
    cuts.iter_mut().for_each(|cut| *cut %= bytes.len() + 1);
    cuts.sort_unstable();
    assert_eq!(replies(bytes, &cuts, password), (whole.clone(), closed), "cut at {cuts:?}");
    if bytes.len() < 400 {
        let every: Vec<usize> = (1..bytes.len()).collect();
        assert_eq!(replies(bytes, &every, password), (whole, closed), "cut at every byte");
    }
}

proptest! {
    #[test]
    fn text_in_pieces(bytes in text(), cuts in prop::collection::vec(0usize..5000, 0..6), locked: bool) {
        check(&bytes, cuts, if locked { "secret" } else { "" });
    }

    #[test]
    fn binary_in_pieces(bytes in binary(), cuts in prop::collection::vec(0usize..9000, 0..6), locked: bool) {
        check(&bytes, cuts, if locked { "secret" } else { "" });
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(0usize..300, 0..6)) {
        check(&bytes, cuts, "");
    }
}
