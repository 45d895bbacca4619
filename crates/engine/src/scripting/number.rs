//! Numbers as C prints them: `%.14g` and its like, which scripts see in arguments and in JSON.

/// Appends `value` as C's `%.<precision>g` would print it.
pub(super) fn general(value: f64, precision: usize, to: &mut Vec<u8>) {
    if value.is_nan() {
        return to.extend_from_slice(if value.is_sign_negative() { b"-nan" } else { b"nan" });
    }
    if value.is_infinite() {
        return to.extend_from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
    }
    let precision = precision.max(1);
    let text = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= precision as i32 {
        to.extend_from_slice(trimmed(mantissa).as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        to.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    } else {
        let decimals = usize::try_from(precision as i32 - 1 - exponent).unwrap_or(0);
        to.extend_from_slice(trimmed(&format!("{value:.decimals$}")).as_bytes());
    }
}

/// Without the zeros that end a fraction.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
