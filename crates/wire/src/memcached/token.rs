//! Owns the splitting of a command line at spaces and the numbers in it, with memcached's notion of a valid number.

/// An iterator over the words of a line, separated by one or more spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// The words of `line`.
    #[inline]
    pub const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// The bytes that are not yet split.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|b| *b != b' ')?;
        let word = &self.rest[start..];
        let end = memchr::memchr(b' ', word).unwrap_or(word.len());
        self.rest = &word[end..];
        Some(&word[..end])
    }
}
