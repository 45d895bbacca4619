//! Owns the standard base64 alphabet with padding, as meta keys use it. Refuses white space and other alphabets.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What `VALUES` holds for bytes outside the alphabet.
const NONE: u8 = 0xff;

/// The six bits of each letter.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// Decode `text` into `out` and return the number of bytes; `None` when it is empty, not base64, or does not fit.
pub fn decode(text: &[u8], out: &mut [u8]) -> Option<usize> {
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let len = text.len() / 4 * 3 - padding;
    let (letters, out) = (&text[..text.len() - padding], out.get_mut(..len)?);
    for (quad, bytes) in letters.chunks(4).zip(out.chunks_mut(3)) {
        let mut bits: u32 = 0;
        for letter in quad {
            let value = VALUES[usize::from(*letter)];
            if value == NONE {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - quad.len());
        bytes.copy_from_slice(&bits.to_be_bytes()[1..=bytes.len()]);
    }
    Some(len)
}

/// Append the base64 of `data` to `out`.
pub fn encode(data: &[u8], out: &mut Vec<u8>) {
    for chunk in data.chunks(3) {
        let mut bytes = [0_u8; 4];
        bytes[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(bytes);
        let mut letters = [b'='; 4];
        for (at, letter) in letters.iter_mut().enumerate().take(chunk.len() + 1) {
            *letter = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
        }
        out.extend_from_slice(&letters);
    }
}
