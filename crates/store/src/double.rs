//! Floating-point numbers as C's strtod reads them, which is how Redis reads the ones in arguments and elements.

/// A number that takes all of the text: decimal or hexadecimal, `inf`, `infinity` or `nan` in any case, no blanks. What
/// is too large becomes infinite, what is too small 0.
pub fn strtod(text: &[u8]) -> Option<f64> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = match rest {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        [b'+' | b'-', ..] => return None,
        _ => std::str::from_utf8(rest).ok()?.parse().ok()?,
    };
    Some(if negative { -value } else { value })
}

/// A number as arguments give it: what a double can hold, and not NaN.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let value = strtod(text)?;
    let named = text.iter().any(|byte| matches!(byte, b'n' | b'N'));
    let hexadecimal = text.iter().any(|byte| matches!(byte, b'x' | b'X'));
    let power = |byte: &u8| match byte {
        b'p' | b'P' => true,
        _ => !hexadecimal && matches!(byte, b'e' | b'E'),
    };
    let some = |digit: &u8| match digit {
        b'1'..=b'9' => true,
        _ => hexadecimal && matches!(digit, b'a'..=b'f' | b'A'..=b'F'),
    };
    let mantissa = text.split(power).next().unwrap_or(text);
    let lost = value.is_infinite() || (value == 0.0 && mantissa.iter().any(some));
    if value.is_nan() || (lost && !named) { None } else { Some(value) }
}

/// The number in a C string: what stands before a NUL, after blanks; a string of nothing stands for `0`.
pub fn c_number(text: &[u8]) -> Option<&[u8]> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or(text);
    match text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r')) {
        None => text.is_empty().then_some(b"0"),
        Some(start) => Some(&text[start..]),
    }
}

/// A number as C reads a string, whatever its size; never NaN.
pub fn parse_c_double(text: &[u8]) -> Option<f64> {
    strtod(c_number(text)?).filter(|value| !value.is_nan())
}

/// What follows `0x`: at least one digit, and perhaps a power of two.
fn hexadecimal(text: &[u8]) -> Option<f64> {
    let mut parts = text.splitn(2, |byte| matches!(byte, b'p' | b'P'));
    let (digits, power) = (parts.next()?, parts.next());
    let mut exponent = match power {
        // Far beyond what a double can hold it doesn't matter how far.
        Some(power) => std::str::from_utf8(power).ok()?.parse::<i64>().ok()?.clamp(-1 << 40, 1 << 40),
        None => 0,
    };
    let (mut mantissa, mut seen, mut fraction) = (0_u64, false, false);
    for byte in digits {
        let digit = match char::from(*byte).to_digit(16) {
            Some(digit) => u64::from(digit),
            None if *byte == b'.' && !fraction => {
                fraction = true;
                continue;
            }
            None => return None,
        };
        seen = true;
        exponent -= if fraction { 4 } else { 0 };
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
        } else {
            // The digits beyond only say to which side a tie goes.
            mantissa |= u64::from(digit != 0);
            exponent += 4;
        }
    }
    seen.then(|| scaled(mantissa, exponent))
}

/// `mantissa` times two to `exponent`, rounded once, ties to even.
fn scaled(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let shift = mantissa.leading_zeros();
    let (mantissa, exponent) = (mantissa << shift, exponent - i64::from(shift));
    // Below the normal numbers fewer bits are left than the usual 53.
    let bits = (exponent + 64 + 1074).clamp(0, 53) as u32;
    let dropped = 64 - bits;
    let (kept, rest) = if bits == 0 { (0, mantissa) } else { (mantissa >> dropped, mantissa << bits) };
    let half = 1 << 63;
    let up = exponent + 64 >= -1074 && (rest > half || (rest == half && kept & 1 == 1));
    let power = exponent + i64::from(dropped);
    // Two steps, as a power below the normal numbers has no exact double on its own.
    let step = (power / 2).clamp(-1_000_000, 1_000_000) as i32;
    let rest = (power - power / 2).clamp(-1_000_000, 1_000_000) as i32;
    (kept + u64::from(up)) as f64 * 2_f64.powi(step) * 2_f64.powi(rest)
}
