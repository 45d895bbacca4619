//! Where the keys of a request stand among its words.
//!
//! What a place means is declared in Python, beside the command; here it is applied to the words of a request. Refuses
//! to judge them: a request that makes no sense has no keys, and its command will say so.

/// The places of some keys of a command. Positions are counted from the command's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlaces {
    /// From `first` on, `step` apart; `last` is counted from `first`, or from the end where it is negative.
    Range {
        /// The first key.
        first: usize,
        /// The last one.
        last: isize,
        /// The distance from one to the next.
        step: usize,
    },
    /// As many as the word `at` says, behind it.
    Counted {
        /// The word that is a number.
        at: usize,
        /// The distance from one key to the next.
        step: usize,
    },
    /// Behind a word that stands somewhere.
    Behind {
        /// The word, in any case.
        word: String,
        /// Where it is looked for first.
        from: usize,
        /// Of what follows it, the first half (2), or all (1), are keys.
        part: usize,
    },
}

impl KeyPlaces {
    /// The keys in a request.
    pub fn of<'w, 'a>(&self, words: &'w [&'a [u8]]) -> impl Iterator<Item = &'w &'a [u8]> + use<'w, 'a> {
        let (first, count, step) = self.span(words).unwrap_or((0, 0, 1));
        words.get(first..).unwrap_or_default().iter().step_by(step).take(count)
    }

    /// The first key, how many there are at most, and their distance.
    fn span(&self, words: &[&[u8]]) -> Option<(usize, usize, usize)> {
        match self {
            KeyPlaces::Range { first, last, step } => {
                let end = match usize::try_from(*last) {
                    Ok(last) => first + last + 1,
                    Err(_) => (words.len() + 1).checked_sub(last.unsigned_abs())?,
                };
                Some((*first, end.checked_sub(*first)?.div_ceil(*step), *step))
            }
            KeyPlaces::Counted { at, step } => {
                let count = std::str::from_utf8(words.get(*at)?).ok()?.parse().ok()?;
                Some((at + 1, count, *step))
            }
            KeyPlaces::Behind { word, from, part } => {
                let rest = words.get(*from..)?;
                let at = rest.iter().position(|found| found.eq_ignore_ascii_case(word.as_bytes()))?;
                Some((from + at + 1, (rest.len() - at - 1) / part, 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyPlaces;

    fn keys(places: &KeyPlaces, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let found: Vec<_> = places.of(&words).map(|key| String::from_utf8_lossy(key)).collect();
        found.join(" ")
    }

    #[test]
    fn ranges_end_where_they_say() {
        let one = KeyPlaces::Range { first: 1, last: 0, step: 1 };
        assert_eq!(keys(&one, "GET a b"), "a");
        assert_eq!(keys(&one, "GET"), "");
        let all = KeyPlaces::Range { first: 1, last: -1, step: 1 };
        assert_eq!(keys(&all, "MGET a b c"), "a b c");
        let most = KeyPlaces::Range { first: 1, last: -2, step: 1 };
        assert_eq!(keys(&most, "BLPOP a b 0"), "a b");
        assert_eq!(keys(&most, "BLPOP"), "");
        let pairs = KeyPlaces::Range { first: 1, last: -1, step: 2 };
        assert_eq!(keys(&pairs, "MSET a 1 b 2"), "a b");
    }

    #[test]
    fn counted_keys_are_as_many_as_there_are() {
        let counted = KeyPlaces::Counted { at: 1, step: 1 };
        assert_eq!(keys(&counted, "ZUNION 2 a b WITHSCORES"), "a b");
        assert_eq!(keys(&counted, "ZUNION 18446744073709551615 a"), "a");
        assert_eq!(keys(&counted, "ZUNION -1 a"), "");
        assert_eq!(keys(&counted, "ZUNION x a"), "");
        assert_eq!(keys(&counted, "ZUNION"), "");
    }

    #[test]
    fn keys_behind_a_word_are_a_part_of_what_follows() {
        let half = KeyPlaces::Behind { word: "STREAMS".into(), from: 1, part: 2 };
        assert_eq!(keys(&half, "XREAD COUNT 1 streams a b 0 0"), "a b");
        assert_eq!(keys(&half, "XREAD STREAMS a b 0"), "a");
        assert_eq!(keys(&half, "XREAD STREAMS"), "");
        assert_eq!(keys(&half, "XREAD COUNT 1"), "");
    }
}
