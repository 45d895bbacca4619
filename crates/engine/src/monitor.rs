//! MONITOR: every command, as one line, to those who watch.

/// Appends `+<seconds>.<micros> [<db> <addr>] "arg" "arg"...\r\n`.
pub(crate) fn line(unix_us: i64, db: usize, addr: &str, args: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("+{}.{:06} [{db} {addr}]", unix_us / 1_000_000, unix_us % 1_000_000).into_bytes();
    for arg in args {
        text.push(b' ');
        quote(arg, &mut text);
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// Appends the argument as redis-cli would print it.
fn quote(arg: &[u8], to: &mut Vec<u8>) {
    to.push(b'"');
    for &byte in arg {
        match byte {
            b'\\' | b'"' => to.extend_from_slice(&[b'\\', byte]),
            b'\n' => to.extend_from_slice(b"\\n"),
            b'\r' => to.extend_from_slice(b"\\r"),
            b'\t' => to.extend_from_slice(b"\\t"),
            0x07 => to.extend_from_slice(b"\\a"),
            0x08 => to.extend_from_slice(b"\\b"),
            b' '..=b'~' => to.push(byte),
            _ => to.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    to.push(b'"');
}
