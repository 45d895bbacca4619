//! Owns how Redis 7.0 prints a double: C's `%.17g`, with `inf`, `-inf` and `nan`.

use std::io::Write;

/// Significant digits: enough that every double reads back as itself.
const DIGITS: i32 = 17;

/// Append `value` to `out` as Redis 7.0 prints it in replies.
pub fn format_double(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        // C tells the sign of what is no number too.
        out.extend_from_slice(match (value.is_nan(), value.is_sign_negative()) {
            (true, false) => b"nan",
            (true, true) => b"-nan",
            (false, false) => b"inf",
            (false, true) => b"-inf",
        });
        return;
    }
    // Rust prints exactly 17 correctly rounded digits as d.dddde±x; `%g` only lays them out differently.
    let mut text = [0_u8; 32];
    let mut free = text.as_mut_slice();
    let written = write!(free, "{value:.16e}").map(|()| 32 - free.len());
    let text = &text[..written.unwrap_or(0)];
    let Some(e) = text.iter().position(|byte| *byte == b'e') else {
        return;
    };
    let exponent = parse_exponent(&text[e + 1..]);
    let (sign, mantissa) = match text[..e].strip_prefix(b"-") {
        Some(mantissa) => (b"-".as_slice(), mantissa),
        None => (b"".as_slice(), &text[..e]),
    };
    let mut digits = [0_u8; DIGITS as usize];
    for (slot, digit) in digits.iter_mut().zip(mantissa.iter().filter(|byte| **byte != b'.')) {
        *slot = *digit;
    }
    let used = digits.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
    out.extend_from_slice(sign);
    lay_out(&digits[..used], exponent, out);
}

/// Write the significant `digits` (no trailing zeros) times ten to `exponent`, the first digit being the units.
fn lay_out(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    if !(-4..DIGITS).contains(&exponent) {
        out.push(digits[0]);
        push_fraction(&digits[1..], out);
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let magnitude = exponent.unsigned_abs();
        if magnitude < 10 {
            out.push(b'0');
        }
        out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(digits);
    } else {
        let units = exponent as usize + 1;
        if digits.len() <= units {
            out.extend_from_slice(digits);
            out.extend(std::iter::repeat_n(b'0', units - digits.len()));
        } else {
            out.extend_from_slice(&digits[..units]);
            push_fraction(&digits[units..], out);
        }
    }
}

fn push_fraction(digits: &[u8], out: &mut Vec<u8>) {
    if !digits.is_empty() {
        out.push(b'.');
        out.extend_from_slice(digits);
    }
}

fn parse_exponent(text: &[u8]) -> i32 {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    if negative { -magnitude } else { magnitude }
}
