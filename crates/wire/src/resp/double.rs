//! Owns how Redis 7.0 prints a double: C's `%.17g`, with `inf`, `-inf` and `nan`.

/// Append `value` to `out` as Redis 7.0 prints it in replies.
pub fn format_double(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}
