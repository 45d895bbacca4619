//! HyperLogLog: the number of distinct elements, estimated from 16,384 registers in a string of Redis's own format.
//!
//! Owns the format: a header of 16 bytes ("HYLL", the encoding, three unused bytes, the cached estimate) and then either
//! 6 bits a register (*dense*) or runs of equal registers (*sparse*):
//!
//! ```text
//! 00llllll            a run of up to 64 zeros
//! 01llllll llllllll   a run of up to 16,384 zeros
//! 1vvvvvll            a run of up to 4 registers of a value up to 32
//! ```
//!
//! The bytes are those that redis-server writes for the same elements in the same order. Strings come from clients, so
//! none is believed: what is malformed is [`Corrupt`]. The estimate is Ertl's (arXiv:1702.01284). Refuses keys.

use std::fmt::Write as _;

/// Number of registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;

const INDEX_BITS: u32 = 14;
const HASH_BITS: u32 = 64 - INDEX_BITS;
const SEED: u64 = 0xadc8_3b19;
const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
/// The largest register that a sparse run holds.
const SPARSE_MAX: u8 = 32;
const ZERO_RUN: usize = 64;
const VALUE_RUN: usize = 4;
/// As many as Redis's own test takes.
const SELF_TEST_ELEMENTS: u64 = 10_000_000;
/// How often it writes every register.
const SELF_TEST_CYCLES: usize = 1000;
/// The counter that chooses its encoding is sparse at least up to so many elements.
const SELF_TEST_SPARSE: u64 = 1500;
/// How many runs are looked at for neighbours to join.
const JOINED: usize = 5;

/// The registers are not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// One run of the sparse encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Run {
    value: u8,
    len: usize,
    /// Bytes that it takes.
    bytes: usize,
}

/// A counter without elements: 16,384 zeros in one run.
pub fn empty() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.resize(HEADER, 0);
    bytes[ENCODING_AT] = SPARSE;
    put_zeros(&mut bytes, REGISTERS);
    bytes
}

/// Whether the bytes look like a counter: what tells WRONGTYPE from [`Corrupt`].
pub fn is_counter(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && bytes.starts_with(MAGIC)
        && (bytes[ENCODING_AT] == SPARSE || (bytes[ENCODING_AT] == DENSE && bytes.len() == DENSE_LEN))
}

/// Whether every register has its own 6 bits.
pub fn is_dense(bytes: &[u8]) -> bool {
    bytes.get(ENCODING_AT) == Some(&DENSE)
}

/// Counts an element; whether a register changed.
///
/// A sparse counter that would grow beyond `sparse_max` bytes becomes dense.
pub fn add(bytes: &mut Vec<u8>, element: &[u8], sparse_max: usize) -> Result<bool, Corrupt> {
    let hash = murmur64a(element);
    let index = hash as usize & (REGISTERS - 1);
    let zeros = (hash >> INDEX_BITS | 1 << HASH_BITS).trailing_zeros();
    raise(bytes, index, zeros as u8 + 1, sparse_max)
}

/// Forgets the cached estimate.
pub fn invalidate(bytes: &mut [u8]) {
    bytes[HEADER - 1] |= 0x80;
}

/// The cached estimate, if it is one of the present registers.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let cache = bytes.get(HEADER - 8..HEADER)?.first_chunk()?;
    Some(u64::from_le_bytes(*cache)).filter(|_| bytes[HEADER - 1] & 0x80 == 0)
}

/// Writes the estimate into the cache.
pub fn cache(bytes: &mut [u8], estimate: u64) {
    bytes[HEADER - 8..HEADER].copy_from_slice(&estimate.to_le_bytes());
}

/// The estimate from the registers.
pub fn estimate(bytes: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = [0u32; 64];
    each_run(bytes, |_, run| histogram[usize::from(run.value)] += run.len as u32)?;
    Ok(from_histogram(&histogram))
}

/// The estimate from plain registers.
pub fn estimate_of(registers: &[u8; REGISTERS]) -> u64 {
    let mut histogram = [0u32; 64];
    registers.iter().for_each(|value| histogram[usize::from(value & 63)] += 1);
    from_histogram(&histogram)
}

/// Raises the plain registers to those of the counter, where these are higher.
pub fn merge_into(registers: &mut [u8; REGISTERS], bytes: &[u8]) -> Result<(), Corrupt> {
    each_run(bytes, |at, run| {
        registers[at..at + run.len].iter_mut().for_each(|register| *register = run.value.max(*register));
    })
}

/// Raises the counter's registers to the plain ones, where these are higher; makes it dense first if told so.
pub fn raise_all(
    bytes: &mut Vec<u8>,
    registers: &[u8; REGISTERS],
    dense: bool,
    sparse_max: usize,
) -> Result<(), Corrupt> {
    if dense {
        make_dense(bytes)?;
    }
    for (index, value) in registers.iter().enumerate().filter(|(_, value)| **value > 0) {
        raise(bytes, index, *value, sparse_max)?;
    }
    invalidate(bytes);
    Ok(())
}

/// The plain registers.
pub fn registers(bytes: &[u8]) -> Result<Box<[u8; REGISTERS]>, Corrupt> {
    let mut registers = Box::new([0; REGISTERS]);
    merge_into(&mut registers, bytes)?;
    Ok(registers)
}

/// The runs of a sparse counter in Redis's notation: `Z:100 v:2,1 z:3`. A last run without its second byte counts as if
/// that were 0, as there Redis reads what stands behind all its strings.
pub fn describe(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = HEADER;
    let last = |at| bytes.get(at).and_then(|head| run_at(&[*head, 0], 0));
    while let Some(run) = run_at(bytes, at).or_else(|| last(at)) {
        let separator = if text.is_empty() { "" } else { " " };
        // Writing to a String can't fail.
        let _ = match (run.value, run.bytes) {
            (0, 1) => write!(text, "{separator}z:{}", run.len),
            (0, _) => write!(text, "{separator}Z:{}", run.len),
            (value, _) => write!(text, "{separator}v:{value},{}", run.len),
        };
        at += run.bytes;
    }
    text
}

/// Checks the registers and the estimate on random elements; the error says what failed.
pub fn self_test(seed: u64) -> Result<(), String> {
    let mut random = crate::hashing::Random::new(seed);
    test_registers(&mut random)?;
    test_estimates(random.next()).unwrap_or_else(|Corrupt| Err("TESTFAILED Corrupt counter".to_owned()))
}

/// Writes all registers again and again; each must keep its own value.
fn test_registers(random: &mut crate::hashing::Random) -> Result<(), String> {
    let mut bytes = vec![0; DENSE_LEN];
    let mut plain = vec![0; REGISTERS];
    for _ in 0..SELF_TEST_CYCLES {
        for (index, value) in plain.iter_mut().enumerate() {
            *value = (random.next() & 63) as u8;
            set_register(&mut bytes, index, *value);
        }
        if let Some(index) = (0..REGISTERS).find(|index| register(&bytes, *index) != plain[*index]) {
            let (is, should) = (register(&bytes, index), plain[index]);
            return Err(format!("TESTFAILED Register {index} should be {should} but is {is}"));
        }
    }
    Ok(())
}

/// Counts with a dense counter and with one that chooses; both must agree, and be right, at every power of ten.
fn test_estimates(salt: u64) -> Result<Result<(), String>, Corrupt> {
    let (mut either, mut dense) = (empty(), empty());
    make_dense(&mut dense)?;
    let mut checkpoint = 1;
    for count in 1..=SELF_TEST_ELEMENTS {
        let element = (count ^ salt).to_le_bytes();
        add(&mut either, &element, 3000)?;
        add(&mut dense, &element, 0)?;
        if count != checkpoint {
            continue;
        }
        checkpoint *= 10;
        let (one, other) = (estimate(&either)?, estimate(&dense)?);
        if count < SELF_TEST_SPARSE && is_dense(&either) {
            return Ok(Err("TESTFAILED sparse encoding not used".to_owned()));
        }
        // Six standard errors of 0.81 %, and a collision.
        if one != other || one.abs_diff(count) > count / 20 + 1 {
            return Ok(Err(format!("TESTFAILED Too big error. card:{count} sparse:{one} dense:{other}")));
        }
    }
    Ok(Ok(()))
}

/// Gives every register its own 6 bits.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<(), Corrupt> {
    if is_dense(bytes) {
        return Ok(());
    }
    let mut dense = vec![0; DENSE_LEN];
    each_run(bytes, |at, run| {
        if run.value > 0 {
            (at..at + run.len).for_each(|index| set_register(&mut dense, index, run.value));
        }
    })?;
    dense[..HEADER].copy_from_slice(&bytes[..HEADER]);
    dense[ENCODING_AT] = DENSE;
    *bytes = dense;
    Ok(())
}

/// Calls `f` with the first register and the shape of every run (of one, when dense), which together cover all.
fn each_run(bytes: &[u8], mut f: impl FnMut(usize, Run)) -> Result<(), Corrupt> {
    if is_dense(bytes) {
        if bytes.len() != DENSE_LEN {
            return Err(Corrupt);
        }
        (0..REGISTERS).for_each(|at| f(at, Run { value: register(bytes, at), len: 1, bytes: 0 }));
        return Ok(());
    }
    let (mut at, mut first) = (HEADER, 0);
    while let Some(run) = run_at(bytes, at) {
        if first + run.len > REGISTERS {
            return Err(Corrupt);
        }
        f(first, run);
        at += run.bytes;
        first += run.len;
    }
    if first == REGISTERS && at == bytes.len() { Ok(()) } else { Err(Corrupt) }
}

/// The run that starts at a byte; none at the end, or where its second byte is missing.
fn run_at(bytes: &[u8], at: usize) -> Option<Run> {
    let head = *bytes.get(at)?;
    Some(if head & 0x80 != 0 {
        Run { value: (head >> 2 & 0x1f) + 1, len: usize::from(head & 3) + 1, bytes: 1 }
    } else if head & 0x40 == 0 {
        Run { value: 0, len: usize::from(head & 0x3f) + 1, bytes: 1 }
    } else {
        let len = usize::from(head & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?);
        Run { value: 0, len: len + 1, bytes: 2 }
    })
}

fn put_zeros(to: &mut Vec<u8>, len: usize) {
    if len > ZERO_RUN {
        to.extend_from_slice(&[0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]);
    } else if len > 0 {
        to.push((len - 1) as u8);
    }
}

fn put_values(to: &mut Vec<u8>, value: u8, len: usize) {
    if len > 0 {
        to.push(0x80 | (value - 1) << 2 | (len - 1) as u8);
    }
}

/// Raises one register; whether it was lower.
fn raise(bytes: &mut Vec<u8>, index: usize, value: u8, sparse_max: usize) -> Result<bool, Corrupt> {
    if !is_dense(bytes) {
        let done = if value > SPARSE_MAX { None } else { raise_sparse(bytes, index, value, sparse_max)? };
        if let Some(changed) = done {
            return Ok(changed);
        }
        make_dense(bytes)?;
    }
    let higher = register(bytes, index) < value;
    if higher {
        set_register(bytes, index, value);
    }
    Ok(higher)
}

/// [`raise`] within the sparse encoding; `None` when only the dense one has room.
fn raise_sparse(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max: usize,
) -> Result<Option<bool>, Corrupt> {
    let (mut at, mut first, mut before) = (HEADER, 0, HEADER);
    let run = loop {
        let run = run_at(bytes, at).ok_or(Corrupt)?;
        if index < first + run.len {
            break run;
        }
        before = at;
        at += run.bytes;
        first += run.len;
    };
    if run.value >= value {
        return Ok(Some(false));
    }
    let mut split = Vec::with_capacity(5);
    let (left, right) = (index - first, first + run.len - 1 - index);
    let put_rest = |split: &mut Vec<u8>, len| match run.value {
        0 => put_zeros(split, len),
        value => put_values(split, value, len),
    };
    put_rest(&mut split, left);
    put_values(&mut split, value, 1);
    put_rest(&mut split, right);
    if split.len() > run.bytes && bytes.len() + split.len() - run.bytes > sparse_max {
        return Ok(None);
    }
    bytes.splice(at..at + run.bytes, split);
    join_values(bytes, before);
    invalidate(bytes);
    Ok(Some(true))
}

/// Joins neighbouring runs of one value, as far as Redis looks for them.
fn join_values(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED {
        let Some(run) = run_at(bytes, at) else {
            return;
        };
        let next = run_at(bytes, at + run.bytes).filter(|next| run.value > 0 && next.value == run.value);
        match next {
            Some(next) if run.len + next.len <= VALUE_RUN => {
                bytes[at + 1] = 0x80 | (run.value - 1) << 2 | (run.len + next.len - 1) as u8;
                bytes.remove(at);
            }
            _ => at += run.bytes,
        }
    }
}

/// A register of the dense encoding: 6 bits, the lowest bits of a byte first.
fn register(bytes: &[u8], index: usize) -> u8 {
    let (at, shift) = (HEADER + index * 6 / 8, index * 6 % 8);
    let pair = u16::from(bytes[at]) | u16::from(bytes.get(at + 1).copied().unwrap_or(0)) << 8;
    (pair >> shift) as u8 & 0x3f
}

fn set_register(bytes: &mut [u8], index: usize, value: u8) {
    let (at, shift) = (HEADER + index * 6 / 8, index * 6 % 8);
    let (mask, value) = (0x3fu16 << shift, u16::from(value) << shift);
    bytes[at] = bytes[at] & !(mask as u8) | value as u8;
    if let Some(next) = bytes.get_mut(at + 1) {
        *next = *next & !((mask >> 8) as u8) | (value >> 8) as u8;
    }
}

fn from_histogram(histogram: &[u32; 64]) -> u64 {
    let all = REGISTERS as f64;
    let of = |value: usize| f64::from(histogram[value]);
    let longest = HASH_BITS as usize + 1;
    let mut z = all * tau((all - of(longest)) / all);
    for value in (1..longest).rev() {
        z = (z + of(value)) * 0.5;
    }
    z += all * sigma(of(0) / all);
    // 1 / (2 ln 2), to the digits that Redis has.
    #[allow(clippy::excessive_precision)]
    let alpha = 0.721_347_520_444_481_703_680;
    (alpha * all * all / z).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// Austin Appleby's MurmurHash2 in its 64-bit form A.
fn murmur64a(data: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let (words, rest) = data.as_chunks::<8>();
    let mut hash = SEED ^ (data.len() as u64).wrapping_mul(M);
    for word in words {
        let mixed = u64::from_le_bytes(*word).wrapping_mul(M);
        hash = (hash ^ (mixed ^ mixed >> 47).wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}
