//! Owns the splitting of an inline request (and of a configuration line) into arguments, with Redis's quoting.

/// Split `line` as redis-cli and redis-server do; `None` when quotes are unbalanced.
///
/// Words are separated by white space. `"..."` knows `\xHH \n \r \t \b \a` and `\` before any other byte, `'...'`
/// knows only `\'`; a closing quote must end its word.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let Some((b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, tail)) = rest.split_first() {
            rest = tail;
        }
        if rest.is_empty() || rest[0] == 0 {
            return Some(words);
        }
        words.push(take_word(&mut rest)?);
    }
}

/// Take one word from the front of `rest`.
fn take_word(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0 => break,
            b'"' | b'\'' => {
                *rest = tail;
                take_quoted(rest, byte, &mut word)?;
                break;
            }
            _ => {
                word.push(byte);
                *rest = tail;
            }
        }
    }
    Some(word)
}

/// Take what is quoted by `quote` up to the closing quote, which must end its word.
fn take_quoted(rest: &mut &[u8], quote: u8, word: &mut Vec<u8>) -> Option<()> {
    loop {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        if byte == quote {
            return match rest.first() {
                None | Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0) => Some(()),
                Some(_) => None,
            };
        }
        match (byte, rest.first()) {
            (0, _) => return None,
            (b'\\', Some(b'\'')) if quote == b'\'' => {
                word.push(b'\'');
                *rest = &rest[1..];
            }
            (b'\\', Some(_)) if quote == b'"' => take_escape(rest, word),
            _ => word.push(byte),
        }
    }
}

/// Take the escape whose backslash is already taken; at least one byte follows.
fn take_escape(rest: &mut &[u8], word: &mut Vec<u8>) {
    if let [b'x', high, low, ..] = rest
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        word.push(high << 4 | low);
        *rest = &rest[3..];
        return;
    }
    word.push(match rest[0] {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    });
    *rest = &rest[1..];
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
