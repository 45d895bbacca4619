//! Lengths and strings as RDB version 10 writes them.

/// Appends a length.
pub fn length(out: &mut Vec<u8>, length: u64) {
    match length {
        0..64 => out.push(length as u8),
        64..16_384 => out.extend([0x40 | (length >> 8) as u8, length as u8]),
        16_384..0x1_0000_0000 => {
            out.push(0x80);
            out.extend((length as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend(length.to_be_bytes());
        }
    }
}

/// Appends a string; a short canonical integer goes in binary, as Redis does it.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    let small = if text.len() <= 11 { canonical(text).and_then(|n| i32::try_from(n).ok()) } else { None };
    if let Some(number) = small {
        return int(out, number);
    }
    bytes(out, text);
}

/// Appends a string as it is.
pub fn bytes(out: &mut Vec<u8>, text: &[u8]) {
    length(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn int(out: &mut Vec<u8>, number: i32) {
    let le = number.to_le_bytes();
    let (code, size) = match number {
        -0x80..0x80 => (0xc0, 1),
        -0x8000..0x8000 => (0xc1, 2),
        _ => (0xc2, 4),
    };
    out.push(code);
    out.extend_from_slice(&le[..size]);
}

/// The integer that `text` spells in the one form in which it would be printed.
pub fn canonical(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == text).then_some(number)
}
