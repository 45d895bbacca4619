"""DUMP and RESTORE: a value as the bytes of an RDB file, with version and checksum after it.

Owns the payload of strings. A payload is a type byte, the value, two bytes of RDB version and eight of CRC-64, all
little-endian. Refuses the other types until dozo stores them.
"""

from __future__ import annotations

from typing import Annotated, Final

from dozo import _kernel
from dozo.commands.api import DENYOOM, READONLY, WRITE, Database, Flag, Key, Range, command
from dozo.commands.arguments import KeySpec
from dozo.commands.lzf import decompress
from dozo.errors import ReplyError
from dozo.replies import OK, Simple

_RDB_VERSION: Final = 10
_NEWEST_VERSION: Final = 12
"""Later versions of RDB write strings as version 10 does, so payloads of Redis 7.2 to 8 can be read."""
_STRING: Final = 0
_FOOTER: Final = 10
_LZF: Final = 3
_MAX_LENGTH: Final = 512 << 20
_BAD_FORMAT: Final = "ERR Bad data format"
_BAD_PAYLOAD: Final = "ERR DUMP payload version or checksum are wrong"
_AT_LEAST_0: Final = "ERR Invalid {} value, must be >= 0"


@command(
    "DUMP",
    key_flags="RO access",
    flags=READONLY,
    group="generic",
    since="2.6.0",
    complexity="O(N) for a value of N bytes",
    tips=("nondeterministic_output",),
)
def dump(db: Database, key: Key) -> bytes | None:
    """Returns the value of a key in the form that RESTORE reads, null for a missing key."""
    value = db.get(key)
    if value is None:
        return None
    payload = bytes((_STRING,)) + _encode_string(value) + _RDB_VERSION.to_bytes(2, "little")
    return payload + _kernel.crc64(payload).to_bytes(8, "little")


@command(
    "RESTORE",
    key_specs=(KeySpec("OW update"),),
    flags=WRITE | DENYOOM,
    group="generic",
    since="2.6.0",
    complexity="O(N) for a value of N bytes",
    args="key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
    acl=("keyspace", "dangerous"),
    history=(
        ("3.0.0", "The REPLACE option exists."),
        ("5.0.0", "The ABSTTL option exists."),
        ("5.0.0", "The IDLETIME and FREQ options exist."),
    ),
)
def restore(
    db: Database,
    key: Key,
    ttl: int,
    payload: bytes,
    *,
    replace: Flag = False,
    absttl: Flag = False,
    idletime: Annotated[int | None, Range(0, error=_AT_LEAST_0.format("IDLETIME"))] = None,
    freq: Annotated[int | None, Range(0, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255")] = None,
) -> Simple:
    """Creates a key from what DUMP returned; ttl counts milliseconds, 0 means that it never expires."""
    if not replace and db.exists(key):
        raise ReplyError("BUSYKEY Target key name already exists.")
    at = None if ttl == 0 else ttl if absttl else ttl + db.now_ms
    if ttl < 0 or (at or 0) >= 2**63:
        raise ReplyError(_AT_LEAST_0.format("TTL"))
    value = _value(payload)
    if at is not None and at <= db.now_ms:
        if db.delete(key):
            db.effect("DEL", key)
        return OK
    db.set(key, value, expire_at_ms=at)
    if at is None:
        db.effect("SET", key, value)
    else:
        db.effect("SET", key, value, "PXAT", at)
    if idletime is not None:
        db.set_idle_seconds(key, idletime)
    if freq is not None:
        db.set_freq(key, freq)
    return OK


def _value(payload: bytes) -> bytes:
    """Check a payload and take the string out of it."""
    body, footer = payload[:-_FOOTER], payload[-_FOOTER:]
    version = int.from_bytes(footer[:2], "little")
    checksum = int.from_bytes(footer[2:], "little")
    if len(footer) < _FOOTER or version > _NEWEST_VERSION or checksum != _kernel.crc64(payload[:-8]):
        raise ReplyError(_BAD_PAYLOAD)
    if not body or body[0] != _STRING:
        raise ReplyError(_BAD_FORMAT)
    try:
        value, end = _decode_string(body, 1)
    except (IndexError, ValueError):
        raise ReplyError(_BAD_FORMAT) from None
    if end != len(body):
        raise ReplyError(_BAD_FORMAT)
    return value


def _encode_string(value: bytes) -> bytes:
    """A string as RDB writes it: small integers in binary, everything else with its length before it."""
    if len(value) <= 11 and value.removeprefix(b"-").isdigit() and b"%d" % int(value) == value:
        number = int(value)
        for code, size in ((0xC0, 1), (0xC1, 2), (0xC2, 4)):
            if -(1 << (8 * size - 1)) <= number < 1 << (8 * size - 1):
                return bytes((code,)) + number.to_bytes(size, "little", signed=True)
    return _encode_length(len(value)) + value


def encoded_length(value: bytes) -> int:
    """How many bytes a string takes in an RDB file."""
    return len(_encode_string(value))


def _encode_length(length: int) -> bytes:
    if length < 1 << 6:
        return length.to_bytes(1, "big")
    if length < 1 << 14:
        return (0x4000 | length).to_bytes(2, "big")
    return b"\x80" + length.to_bytes(4, "big")


def _decode_string(data: bytes, at: int) -> tuple[bytes, int]:
    """The string at a position and the position after it. IndexError or ValueError where it is malformed."""
    length, special, at = _decode_length(data, at)
    if not special:
        return _slice(data, at, length), at + length
    if length < _LZF:
        size = 1 << length
        number = int.from_bytes(_slice(data, at, size), "little", signed=True)
        return b"%d" % number, at + size
    if length != _LZF:
        raise ValueError("unknown string encoding")
    packed, _, at = _decode_length(data, at)
    full, _, at = _decode_length(data, at)
    if full > _MAX_LENGTH:
        raise ValueError("the string is too long")
    return decompress(_slice(data, at, packed), full), at + packed


def _decode_length(data: bytes, at: int) -> tuple[int, bool, int]:
    """A length, whether it is an encoding's number instead, and the position after it."""
    first = data[at]
    match first >> 6:
        case 0:
            return first, False, at + 1
        case 1:
            return (first & 0x3F) << 8 | data[at + 1], False, at + 2
        case 3:
            return first & 0x3F, True, at + 1
    size = {0x80: 4, 0x81: 8}.get(first)
    if size is None:
        raise ValueError("unknown length encoding")
    return int.from_bytes(_slice(data, at + 1, size), "big"), False, at + 1 + size


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ValueError("the payload is cut short")
    return data[at : at + size]
