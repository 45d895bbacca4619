//! Numbers in arguments, as C reads them.

/// A number as C's strtod reads it, hexadecimal ones too, but not NaN and without blanks.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().or_else(|| parse_hex(text)).filter(|value: &f64| !value.is_nan())
}

/// `[+-]0x<digits>[.<digits>][p<exponent>]`; digits beyond what a double holds are not rounded.
fn parse_hex(text: &str) -> Option<f64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let (digits, exponent) = match text.split_once(['p', 'P']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + part.len() == 0 {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(part.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.saturating_sub(4 * i32::try_from(part.len()).ok()?);
    Some(sign * value * 2f64.powi(shift))
}
