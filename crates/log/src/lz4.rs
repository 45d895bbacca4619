//! LZ4, for values that get shorter by it: a block alone, whose length somebody else knows, or with its length before it.
//!
//! Owns when compression pays. Refuses to trust what it reads: no more memory is taken than those bytes can stand for.

use lz4_flex::block;

/// A value whose compressed form is not at least an eighth shorter is kept as it is.
const WORTH: usize = 8;
/// A value of at least so many bytes is compressed only where that pays for one of three samples of it.
const SAMPLED_FROM: usize = 64 << 10;
const SAMPLE: usize = 4 << 10;
/// Bytes of the length that stands before a block, the lowest first.
const LENGTH: usize = 4;
/// Bytes that one byte of a block stands for, at most.
const RATIO: usize = 255;

/// The block of these bytes, where it pays.
pub fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    // To try it on all of a picture costs as much time as to write it.
    let may_pay = plain.len() < SAMPLED_FROM || samples(plain).any(|part| paying(part).is_some());
    if may_pay { paying(plain) } else { None }
}

/// The bytes that a block of that length stands for; `None` where it is damaged.
pub fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > packed.len().saturating_mul(RATIO) {
        return None;
    }
    block::decompress(packed, len).ok().filter(|plain| plain.len() == len)
}

/// As `pack`, with the length before it.
pub fn pack_sized(plain: &[u8]) -> Option<Vec<u8>> {
    let len = u32::try_from(plain.len()).ok()?;
    let packed = pack(plain)?;
    // In a short value the length counts.
    pays(packed.len() + LENGTH, plain.len()).then(|| [&len.to_le_bytes()[..], &packed].concat())
}

/// As `unpack`, with the length before it.
pub fn unpack_sized(packed: &[u8]) -> Option<Vec<u8>> {
    let (len, packed) = packed.split_first_chunk::<LENGTH>()?;
    unpack(packed, u32::from_le_bytes(*len) as usize)
}

fn paying(plain: &[u8]) -> Option<Vec<u8>> {
    let packed = block::compress(plain);
    pays(packed.len(), plain.len()).then_some(packed)
}

fn pays(packed: usize, plain: usize) -> bool {
    packed + plain.div_ceil(WORTH) <= plain
}

/// Parts of the beginning, the middle and the end.
fn samples(plain: &[u8]) -> impl Iterator<Item = &[u8]> {
    let last = plain.len().saturating_sub(SAMPLE);
    [0, last / 2, last].into_iter().filter_map(move |at| plain.get(at..at + SAMPLE))
}
