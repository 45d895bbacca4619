//! Numbers in texts, as C's strtod reads them.

use dozo_store::{parse_c_double, parse_double, strtod};
use proptest::prelude::*;

#[test]
fn decimals_and_names() {
    for (text, value) in [("1", 1.0), ("-2.5", -2.5), ("+.5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-0", 0.0)]
    {
        assert_eq!(strtod(text.as_bytes()), Some(value), "{text}");
    }
    assert_eq!(strtod(b"iNfinity"), Some(f64::INFINITY));
    assert_eq!(strtod(b"-inf"), Some(f64::NEG_INFINITY));
    for text in
        ["", " 1", "1 ", "+", "+-1", "--1", ".", "1e", "1_0", "infin", "0x", "0x.", "0xg", "0x1p", "0x1.2.3"]
    {
        assert_eq!(strtod(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn hexadecimals() {
    for (text, value) in [
        ("0x10", 16.0),
        ("-0X.8", -0.5),
        ("0x1p3", 8.0),
        ("0x1.8P-1", 0.75),
        ("0x1p-1074", 5e-324),
        ("0x1p-1075", 0.0),
        ("0x1.8p-1075", 5e-324),
        ("0x3p-1075", 1e-323),
        ("0x1p1023", f64::MAX / (2.0 - f64::EPSILON)),
        ("0x1p1024", f64::INFINITY),
        ("0x1p-99999999999", 0.0),
        ("0x1.00000000000008p0", 1.0),
        ("0x1.000000000000080000000000000001p0", 1.0 + f64::EPSILON),
        ("0x1.00000000000018p0", 1.0 + 2.0 * f64::EPSILON),
        ("0xffffffffffffffffffff", 1_208_925_819_614_629_174_706_175.0),
    ] {
        assert_eq!(strtod(text.as_bytes()), Some(value), "{text}");
    }
}

#[test]
fn arguments_are_within_a_double() {
    for text in ["1e400", "-1e400", "1e-400", "0x1p1024", "0x1p-1080", "0xap-1090", "nan"] {
        assert_eq!(parse_double(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse_double(b"inf"), Some(f64::INFINITY));
    assert_eq!(parse_double(b"0e-400"), Some(0.0));
    assert_eq!(parse_double(b"0x0p9999"), Some(0.0));
    assert_eq!(parse_double(b"4e-324"), Some(5e-324));
}

#[test]
fn c_strings_have_blanks_in_front_and_end_with_a_nul() {
    assert_eq!(parse_c_double(b""), Some(0.0));
    assert_eq!(parse_c_double(b"\0x"), Some(0.0));
    assert_eq!(parse_c_double(b" \t\x0b+1"), Some(1.0));
    assert_eq!(parse_c_double(b"1\0x"), Some(1.0));
    assert_eq!(parse_c_double(b"1e400"), Some(f64::INFINITY));
    for text in [&b" "[..], b"1 ", b"nan", b"x"] {
        assert_eq!(parse_c_double(text), None);
    }
}

proptest! {
    #[test]
    fn every_double_is_read_back(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let (exponent, mantissa) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
        let (lead, power) = if exponent == 0 { (0, -1022) } else { (1, exponent as i64 - 1023) };
        let sign = if value.is_sign_negative() { "-" } else { "" };
        let text = format!("{sign}0x{lead}.{mantissa:013x}p{power}");
        prop_assert_eq!(strtod(text.as_bytes()).map(f64::to_bits), Some(bits));
        prop_assert_eq!(strtod(format!("{value:e}").as_bytes()).map(f64::to_bits), Some(bits));
    }
}
