//! Append-only files: commands as RESP, one after the other, with lines between them that begin with `#`.
//!
//! Owns what such lines mean to dozo. Redis skips them, if they are short; so they carry what Redis has no words for:
//!
//! ```text
//! #dozo-crc <bytes> <checksum>   what was written since the last such line
//! #dozo-start                    the file goes on after a stop: what stands before it may lack its checksum
//! #dozo+ <hex>                   a piece of a command of dozo's own, in RESP; `#dozo.` is its last piece
//! ```

use crate::crc64::crc64;
use crate::reader::{Malformed, Reader};
use crate::source::{Fault, Source};

/// Redis reads 127 bytes of a line and takes what comes after them for a command.
const LINE_MAX: usize = 128;
/// Bytes of a command in one line.
const PIECE: usize = 56;
/// Arguments of a command, and bytes of one; Redis has the same limits.
const ARGUMENTS_MAX: u64 = 1 << 31;
const ARGUMENT_MAX: u64 = 1 << 33;

const CRC: &[u8] = b"#dozo-crc ";
const START: &[u8] = b"#dozo-start";
const MORE: &[u8] = b"#dozo+ ";
const LAST: &[u8] = b"#dozo. ";

/// A command, name first.
pub type Command = Vec<Vec<u8>>;

/// Appends a command.
pub fn write(to: &mut Vec<u8>, args: &[&[u8]]) {
    let mut digits = itoa::Buffer::new();
    to.push(b'*');
    to.extend_from_slice(digits.format(args.len()).as_bytes());
    for arg in args {
        to.extend_from_slice(b"\r\n$");
        to.extend_from_slice(digits.format(arg.len()).as_bytes());
        to.extend_from_slice(b"\r\n");
        to.extend_from_slice(arg);
    }
    to.extend_from_slice(b"\r\n");
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a command that Redis doesn't know, so that it skips it.
pub fn write_hidden(to: &mut Vec<u8>, args: &[&[u8]]) {
    let mut command = Vec::new();
    write(&mut command, args);
    let mut pieces = command.chunks(PIECE).peekable();
    while let Some(piece) = pieces.next() {
        to.extend_from_slice(if pieces.peek().is_some() { MORE } else { LAST });
        to.reserve(2 * piece.len() + 1);
        for byte in piece {
            to.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        to.push(b'\n');
    }
}

/// Appends the line that ends a block.
pub fn seal(block: &mut Vec<u8>) {
    let line = format!("#dozo-crc {} {:016x}\n", block.len(), crc64(block));
    block.extend_from_slice(line.as_bytes());
}

/// The line with which a file goes on.
pub const RESUMED: &[u8] = b"#dozo-start\n";

enum Line {
    Command(Command),
    Crc(u64, u64),
    Start,
    Piece(Vec<u8>, bool),
    Other,
}

/// Reads a file.
pub struct File {
    source: Source,
    /// Where the last whole command, or the last whole transaction, ends.
    good: u64,
    hidden: Vec<u8>,
}

impl File {
    /// From where the source stands.
    pub fn new(mut source: Source) -> Self {
        source.restart_sum();
        File { good: source.offset(), source, hidden: Vec::new() }
    }

    /// How far it was read, and how large it is.
    pub fn progress(&self) -> (u64, u64) {
        (self.source.offset(), self.source.size())
    }

    /// Where the last whole command or transaction ends.
    pub fn good(&self) -> u64 {
        self.good
    }

    /// The next command, or all commands of the next transaction; `None` at the end.
    pub fn next_unit(&mut self) -> Result<Option<Vec<Command>>, Fault> {
        self.unit().map_err(|fault| self.judged(fault))
    }

    fn unit(&mut self) -> Result<Option<Vec<Command>>, Fault> {
        let mut unit: Option<Vec<Command>> = None;
        loop {
            if self.source.is_at_end()? {
                if unit.is_none() && self.hidden.is_empty() {
                    return Ok(None);
                }
                let what = "the file ends within a transaction".into();
                return Err(Fault { at: self.source.offset(), what, torn: true });
            }
            let Some(command) = self.command()? else {
                if unit.is_none() && self.hidden.is_empty() {
                    self.good = self.source.offset();
                }
                continue;
            };
            let is = |name: &[u8]| command.len() == 1 && command[0].eq_ignore_ascii_case(name);
            match &mut unit {
                None if is(b"MULTI") => unit = Some(Vec::new()),
                None => {
                    self.good = self.source.offset();
                    return Ok(Some(vec![command]));
                }
                Some(_) if is(b"EXEC") => {
                    self.good = self.source.offset();
                    return Ok(unit);
                }
                Some(commands) => commands.push(command),
            }
        }
    }

    /// The next command, if a command is next.
    fn command(&mut self) -> Result<Option<Command>, Fault> {
        let at = self.source.offset();
        // Only a line that bears a checksum is compared with it.
        let (sum, summed) =
            if self.source.ahead().first() == Some(&b'#') { self.source.sum() } else { (0, 0) };
        match self.source.piece(line)? {
            Line::Command(command) => return Ok(Some(command)),
            Line::Crc(len, crc) => {
                if (len, crc) != (summed, sum) {
                    let what = format!("the checksum of the {summed} bytes before it is wrong");
                    return Err(Fault { at, what, torn: false });
                }
                self.source.restart_sum();
            }
            Line::Start => self.source.restart_sum(),
            Line::Piece(bytes, last) => {
                self.hidden.extend(bytes);
                if last {
                    let hidden = std::mem::take(&mut self.hidden);
                    let parsed = line(&mut Reader::new(&hidden));
                    let Ok(Line::Command(command)) = parsed else {
                        return Err(Fault { at, what: "no command in hexadecimal".into(), torn: false });
                    };
                    return Ok(Some(command));
                }
            }
            Line::Other => {}
        }
        Ok(None)
    }

    /// A file that ends too early is not torn, but damaged, if a whole block follows: a length was changed.
    fn judged(&mut self, mut fault: Fault) -> Fault {
        while fault.torn {
            if has_seal(self.source.ahead()) {
                fault.torn = false;
                fault.what = "a length that reaches beyond the end".into();
            }
            match self.source.skip_ahead(2 * LINE_MAX) {
                Ok(true) => {}
                _ => break,
            }
        }
        fault
    }
}

/// Whether a line that ends a block stands somewhere in it.
fn has_seal(mut bytes: &[u8]) -> bool {
    while let Some(at) = bytes.windows(CRC.len()).position(|window| window == CRC) {
        bytes = &bytes[at..];
        if let Ok(Line::Crc(..)) = line(&mut Reader::new(bytes)) {
            return true;
        }
        bytes = &bytes[1..];
    }
    false
}

fn line(r: &mut Reader<'_>) -> Result<Line, Malformed> {
    match r.peek() {
        Ok(b'*') => return command(r).map(Line::Command),
        Ok(b'#') => {}
        Ok(_) => return Err(r.fail("no command")),
        Err(_) => r.take(1).map(drop)?,
    }
    let start = r.clone();
    let text = r.line(LINE_MAX * 8)?;
    let wrong = |what| Err(start.fail(what));
    if let Some(rest) = text.strip_prefix(CRC) {
        return match crc_line(rest) {
            Some((len, crc)) => Ok(Line::Crc(len, crc)),
            None => wrong("a line of a checksum that has none"),
        };
    }
    for (prefix, last) in [(MORE, false), (LAST, true)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return match unhex(rest) {
                Some(bytes) => Ok(Line::Piece(bytes, last)),
                None => wrong("no hexadecimal digits"),
            };
        }
    }
    if text == START {
        return Ok(Line::Start);
    }
    Ok(Line::Other)
}

fn crc_line(text: &[u8]) -> Option<(u64, u64)> {
    let (len, crc) = std::str::from_utf8(text).ok()?.split_once(' ')?;
    let found = (len.parse().ok()?, u64::from_str_radix(crc, 16).ok()?);
    // In the one form in which it is written, so that a changed byte shows.
    (format!("{} {:016x}", found.0, found.1).as_bytes() == text).then_some(found)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

fn command(r: &mut Reader<'_>) -> Result<Command, Malformed> {
    let start = r.clone();
    let count = number(r, b'*', ARGUMENTS_MAX)?;
    if count == 0 {
        return Err(start.fail("a command without a name"));
    }
    let mut args = Vec::with_capacity((count as usize).min(r.left() / 6 + 1));
    for _ in 0..count {
        let len = number(r, b'$', ARGUMENT_MAX)?;
        args.push(r.take(usize::try_from(len).unwrap_or(usize::MAX))?.to_vec());
        let at = r.clone();
        if r.take(2)? != b"\r\n" {
            return Err(at.fail("an argument of another length than announced"));
        }
    }
    Ok(args)
}

fn number(r: &mut Reader<'_>, sign: u8, max: u64) -> Result<u64, Malformed> {
    let start = r.clone();
    let text = r.line(32)?;
    let digits = text.strip_prefix(&[sign]).filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    number.filter(|number| *number <= max).ok_or_else(|| start.fail("no length"))
}
