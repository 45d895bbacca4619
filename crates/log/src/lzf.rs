//! LZF decompression. Refuses to compress: what dozo writes is readable uncompressed.

/// The most bytes that one byte of LZF can stand for: three bytes repeat at most 264.
const RATIO_MAX: usize = 264 / 3;

/// Undoes LZF. The result has exactly `length` bytes, or the error says why it has not.
pub fn decompress(data: &[u8], length: usize) -> Result<Vec<u8>, &'static str> {
    if length / RATIO_MAX > data.len() {
        return Err("LZF data is too short for the length it announces");
    }
    let mut out = Vec::with_capacity(length);
    let mut rest = data;
    while let Some((&control, after)) = rest.split_first() {
        rest = if control < 32 {
            literal(&mut out, after, usize::from(control) + 1)?
        } else {
            repeat(&mut out, after, usize::from(control), length)?
        };
        if out.len() > length {
            return Err("LZF data is longer than announced");
        }
    }
    if out.len() == length { Ok(out) } else { Err("LZF data is shorter than announced") }
}

fn literal<'a>(out: &mut Vec<u8>, from: &'a [u8], size: usize) -> Result<&'a [u8], &'static str> {
    let (bytes, rest) = from.split_at_checked(size).ok_or("LZF data is cut short")?;
    out.extend_from_slice(bytes);
    Ok(rest)
}

/// Appends bytes that are there already; they may overlap what is being appended.
fn repeat<'a>(
    out: &mut Vec<u8>,
    mut from: &'a [u8],
    control: usize,
    length: usize,
) -> Result<&'a [u8], &'static str> {
    let mut next = || {
        let (&byte, rest) = from.split_first().ok_or("LZF data is cut short")?;
        from = rest;
        Ok::<usize, &'static str>(usize::from(byte))
    };
    let mut size = control >> 5;
    if size == 7 {
        size += next()?;
    }
    let back = ((control & 0x1f) << 8) + next()? + 1;
    size += 2;
    let start = out.len().checked_sub(back).ok_or("LZF data refers to before its beginning")?;
    if size > length - out.len() {
        return Err("LZF data is longer than announced");
    }
    if back >= size {
        out.extend_from_within(start..start + size);
    } else {
        for at in start..start + size {
            out.push(out[at]);
        }
    }
    Ok(from)
}
