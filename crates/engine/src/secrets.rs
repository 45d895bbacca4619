//! Passwords in commands: MONITOR and the slow log show `(redacted)` in their place, as Redis does.

const REDACTED: &[u8] = b"(redacted)";

/// The command as it may be shown; `None` when it holds no secret. `name` is the row's name.
pub(crate) fn redact<'a>(name: &str, args: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let mut shown = args.to_vec();
    match name {
        "auth" => shown[1..].fill(REDACTED),
        "hello" => {
            let auth = args.iter().position(|word| word.eq_ignore_ascii_case(b"auth"))?;
            let end = args.len().min(auth + 3);
            shown[auth + 1..end].fill(REDACTED);
        }
        "config|set" => {
            for pair in shown[2..].chunks_exact_mut(2) {
                if pair[0].eq_ignore_ascii_case(b"requirepass") {
                    pair[1] = REDACTED;
                }
            }
        }
        _ => return None,
    }
    Some(shown)
}
