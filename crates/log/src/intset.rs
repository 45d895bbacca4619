//! Intsets: the width of an integer (u32), how many there are (u32), and they themselves in ascending order.

use crate::reader::{Malformed, Reader, Text};

const HEADER: usize = 8;

/// The integers of an intset that came from outside.
pub fn entries<'a>(
    data: &'a [u8],
    base: usize,
) -> Result<impl Iterator<Item = Result<Text<'a>, Malformed>> + 'a, Malformed> {
    let mut reader = Reader::inside(data, base);
    let width = u32::from_le_bytes(reader.array()?) as usize;
    let count = u32::from_le_bytes(reader.array()?) as usize;
    if !matches!(width, 2 | 4 | 8) || count.checked_mul(width) != Some(data.len() - HEADER) {
        return Err(Malformed { at: base, what: "an intset with a wrong length" });
    }
    Ok((0..count).map(move |_| reader.int(width).map(Text::Int)))
}

/// An intset of integers that ascend.
pub fn write(sorted: &[i64]) -> Vec<u8> {
    let fits = |low: i64, high: i64| sorted.iter().all(|n| (low..=high).contains(n));
    let width = if fits(i64::from(i16::MIN), i64::from(i16::MAX)) {
        2
    } else if fits(i64::from(i32::MIN), i64::from(i32::MAX)) {
        4
    } else {
        8
    };
    let mut out = Vec::with_capacity(HEADER + width * sorted.len());
    out.extend((width as u32).to_le_bytes());
    out.extend((sorted.len() as u32).to_le_bytes());
    for number in sorted {
        out.extend_from_slice(&number.to_le_bytes()[..width]);
    }
    out
}
