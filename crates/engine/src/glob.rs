//! Redis's glob: `*`, `?`, `[a-z]`, `[^a]` and backslash.

/// Matches without recursion: on a mismatch only the last `*` has to be tried again, one byte further, so the time is
/// bounded by the product of the lengths whatever the pattern.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == b'*' {
            while p < pattern.len() && pattern[p] == b'*' {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            star = Some((p, t));
            continue;
        }
        if t == text.len() {
            return p == pattern.len();
        }
        match (p < pattern.len()).then(|| one(&pattern[p..], text[t])) {
            Some((true, width)) => {
                p += width;
                t += 1;
            }
            _ => {
                let Some((after, at)) = star else {
                    return false;
                };
                star = Some((after, at + 1));
                (p, t) = (after, at + 1);
            }
        }
    }
}

/// Whether the first element of the pattern takes `byte`, and how long the element is.
fn one(pattern: &[u8], byte: u8) -> (bool, usize) {
    match pattern {
        [b'?', ..] => (true, 1),
        [b'\\', escaped, ..] => (*escaped == byte, 2),
        [b'[', ..] => class(pattern, byte),
        [literal, ..] => (*literal == byte, 1),
        [] => (false, 0),
    }
}

/// `[abc]`, `[^abc]`, `[a-z]`, with backslash; a class that isn't closed ends with the pattern, as in Redis.
fn class(pattern: &[u8], byte: u8) -> (bool, usize) {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    while let Some(&first) = pattern.get(at) {
        match (first, pattern.get(at + 1), pattern.get(at + 2)) {
            (b'\\', Some(&escaped), _) => {
                found |= escaped == byte;
                at += 2;
            }
            (b']', _, _) => return (found != negated, at + 1),
            (low, Some(b'-'), Some(&high)) => {
                found |= (low.min(high)..=low.max(high)).contains(&byte);
                at += 3;
            }
            (literal, _, _) => {
                found |= literal == byte;
                at += 1;
            }
        }
    }
    (found != negated, at)
}
