"""The expiry of fields of hashes: HEXPIRE and its relatives, HGETEX, HSETEX, HGETDEL (Redis 7.4 and 8.0).

Owns the parsing, whose errors are Redis's. Every effect is absolute (HPEXPIREAT, HSETEX with PXAT); a field whose
moment has passed leaves as HDEL. Expired fields are hidden at once and leave with the event "hexpired".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from dozo.commands.api import DENYOOM, FAST, READONLY, WRITE, Database, Key, command
from dozo.commands.numbers import integer
from dozo.errors import ReplyError, WrongArity

_GROUP: Final = "hash"
_COMPLEXITY: Final = "O(N) for N fields"
_MAX_MS: Final = 2**46 - 1
"""The last moment at which a field may expire, Redis's too."""
_NO_FIELDS: Final = "ERR Mandatory argument FIELDS is missing or not at the right position"
_BAD_NUMBER: Final = "ERR Number of fields must be a positive integer"
_MISMATCH: Final = "ERR The `numfields` parameter must match the number of arguments"
_CONDITIONS: Final = (b"NX", b"XX", b"GT", b"LT")
_UNITS: Final = {b"EX": 1000, b"PX": 1, b"EXAT": 1000, b"PXAT": 1}
_USAGE: Final = "FIELDS numfields field [field ...]"
_TIMES: Final = "EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds"

_MISSING, _NEVER, _REFUSED, _DONE, _DELETED = -2, -1, 0, 1, 2


def _fields(words: Sequence[bytes], error: str = _BAD_NUMBER) -> list[bytes]:
    """FIELDS numfields field [field ...], and nothing after it."""
    if not words or words[0].upper() != b"FIELDS":
        raise ReplyError(_NO_FIELDS)
    number = integer(words[1] if len(words) > 1 else b"", error, low=1)
    if number != len(words) - 2:
        raise ReplyError(_MISMATCH)
    return list(words[2:])


def _moment(db: Database, word: bytes, unit: int, absolute: bool, name: str) -> int:
    """The unix time in milliseconds that a time argument means."""
    time = integer(word)
    if time < 0:
        raise ReplyError("ERR invalid expire time, must be >= 0")
    at = time * unit + (0 if absolute else db.now_ms)
    if at > _MAX_MS:
        raise ReplyError(f"ERR invalid expire time in '{name}' command")
    return at


def _allowed(condition: bytes, current: int, at: int) -> bool:
    """Whether a condition lets a field that expires at `current` (-1: never) expire at `at`."""
    match condition:
        case b"NX":
            return current < 0
        case b"XX":
            return current >= 0
        case b"GT":
            return current >= 0 and at > current
        case b"LT":
            return current < 0 or at < current
    return True


def _remove(db: Database, key: bytes, fields: list[bytes], event: str) -> None:
    """Delete fields that exist, and with the last of them the key."""
    db.hashes.remove(key, fields)
    db.notify("h", event, key)
    db.effect("HDEL", key, *fields)
    if not db.hashes.exists(key):
        db.notify("g", "del", key)


def _persist(db: Database, key: bytes, fields: list[bytes]) -> None:
    """Let fields live for ever that would have expired."""
    if fields:
        db.hashes.set_expiry(key, fields, None)
        db.notify("h", "hpersist", key)
        db.effect("HPERSIST", key, "FIELDS", len(fields), *fields)


def _expire_at(db: Database, key: bytes, fields: list[bytes], at: int) -> None:
    """Let fields expire; in the past, delete them."""
    if at <= db.now_ms:
        _remove(db, key, fields, "hexpired")
        return
    db.hashes.set_expiry(key, fields, at)
    db.notify("h", "hexpire", key)
    db.effect("HPEXPIREAT", key, at, "FIELDS", len(fields), *fields)


def _hexpire(
    db: Database, key: bytes, time: bytes, rest: tuple[bytes, ...], unit: int, absolute: bool, name: str
) -> list[int]:
    db.hashes.exists(key)
    at = _moment(db, time, unit, absolute, name)
    condition = rest[0].upper() if rest and rest[0].upper() in _CONDITIONS else b""
    fields = _fields(rest[1:] if condition else rest, "ERR Parameter `numFields` should be greater than 0")
    current = db.hashes.expiries(key, fields)
    if current is None:
        return [_MISSING] * len(fields)
    done = _DELETED if at <= db.now_ms else _DONE
    chosen: dict[bytes, None] = {}
    answers = []
    for field, expiry in zip(fields, current, strict=True):
        if expiry == _MISSING or (done == _DELETED and field in chosen):
            answers.append(_MISSING)
        elif not _allowed(condition, at if field in chosen else expiry, at):
            answers.append(_REFUSED)
        else:
            answers.append(done)
            chosen[field] = None
    if chosen:
        _expire_at(db, key, list(chosen), at)
    else:
        db.no_effect()
    return answers


_Declared = Callable[[Callable[..., Any]], Callable[..., Any]]


def _setting(name: str, unit: str) -> _Declared:
    """Declare a command that says when fields expire."""
    return command(
        name,
        arity=-6,
        key_flags="RW update",
        flags=WRITE | DENYOOM | FAST,
        group=_GROUP,
        since="7.4.0",
        complexity=_COMPLEXITY,
        args=f"key {unit} [NX | XX | GT | LT] {_USAGE}",
    )


def _asking(name: str, *tips: str) -> _Declared:
    """Declare a command that tells when fields expire."""
    return command(
        name,
        arity=-5,
        flags=READONLY | FAST,
        group=_GROUP,
        since="7.4.0",
        complexity=_COMPLEXITY,
        args=f"key {_USAGE}",
        tips=tips,
    )


@_setting("HEXPIRE", "seconds")
def hexpire(db: Database, key: Key, time: bytes, *rest: bytes) -> list[int]:
    """Sets the time to live of fields in seconds; of each 1, 2 when deleted, 0 when refused, -2 when missing."""
    return _hexpire(db, key, time, rest, 1000, False, "hexpire")


@_setting("HPEXPIRE", "milliseconds")
def hpexpire(db: Database, key: Key, time: bytes, *rest: bytes) -> list[int]:
    """Sets the time to live of fields in milliseconds; answers as HEXPIRE does."""
    return _hexpire(db, key, time, rest, 1, False, "hpexpire")


@_setting("HEXPIREAT", "unix-time-seconds")
def hexpireat(db: Database, key: Key, time: bytes, *rest: bytes) -> list[int]:
    """Sets the moment at which fields expire, in unix seconds; answers as HEXPIRE does."""
    return _hexpire(db, key, time, rest, 1000, True, "hexpireat")


@_setting("HPEXPIREAT", "unix-time-milliseconds")
def hpexpireat(db: Database, key: Key, time: bytes, *rest: bytes) -> list[int]:
    """Sets the moment at which fields expire, in unix milliseconds; answers as HEXPIRE does."""
    return _hexpire(db, key, time, rest, 1, True, "hpexpireat")


def _expiries(db: Database, key: bytes, rest: tuple[bytes, ...]) -> list[int]:
    """When each field expires in unix milliseconds; -1 for never, -2 for a missing one."""
    db.hashes.exists(key)
    fields = _fields(rest)
    found = db.hashes.expiries(key, fields)
    return [_MISSING] * len(fields) if found is None else found


@_asking("HPEXPIRETIME")
def hpexpiretime(db: Database, key: Key, *rest: bytes) -> list[int]:
    """Returns when fields expire in unix milliseconds; -1 for never, -2 for a missing field."""
    return _expiries(db, key, rest)


@_asking("HEXPIRETIME")
def hexpiretime(db: Database, key: Key, *rest: bytes) -> list[int]:
    """Returns when fields expire in unix seconds; -1 for never, -2 for a missing field."""
    return [(at + 999) // 1000 if at >= 0 else at for at in _expiries(db, key, rest)]


@_asking("HPTTL", "nondeterministic_output")
def hpttl(db: Database, key: Key, *rest: bytes) -> list[int]:
    """Returns the time to live of fields in milliseconds; -1 for never, -2 for a missing field."""
    return [at - db.now_ms if at >= 0 else at for at in _expiries(db, key, rest)]


@_asking("HTTL", "nondeterministic_output")
def httl(db: Database, key: Key, *rest: bytes) -> list[int]:
    """Returns the time to live of fields in seconds; -1 for never, -2 for a missing field."""
    return [(at - db.now_ms + 999) // 1000 if at >= 0 else at for at in _expiries(db, key, rest)]


@command(
    "HPERSIST",
    arity=-5,
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="7.4.0",
    complexity=_COMPLEXITY,
    args=f"key {_USAGE}",
)
def hpersist(db: Database, key: Key, *rest: bytes) -> list[int]:
    """Lets fields live for ever; of each 1, -1 when it did already, -2 when it is missing."""
    chosen: dict[bytes, None] = {}
    answers = []
    for field, at in zip(rest[2:], _expiries(db, key, rest), strict=False):
        answers.append(_DONE if at >= 0 and field not in chosen else min(at, _NEVER))
        if at >= 0:
            chosen[field] = None
    _persist(db, key, list(chosen))
    return answers


@command(
    "HGETDEL",
    arity=-5,
    key_flags="RW access delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="8.0.0",
    complexity=_COMPLEXITY,
    args=f"key {_USAGE}",
)
def hgetdel(db: Database, key: Key, *rest: bytes) -> list[bytes | None]:
    """Returns the values of fields and deletes them."""
    db.hashes.exists(key)
    fields = _fields(rest)
    values = db.hashes.get_many(key, fields)
    gone: dict[bytes, None] = {}
    answers = []
    for field, value in zip(fields, values, strict=True):
        answers.append(None if field in gone else value)
        if value is not None:
            gone[field] = None
    if gone:
        _remove(db, key, list(gone), "hdel")
    return answers


class _Options:
    """What stands before the fields of HGETEX and HSETEX."""

    def __init__(self, db: Database, name: str, words: tuple[bytes, ...], keep: bytes, width: int) -> None:
        self.condition = b""
        self.keep = False
        self.at: int | None = None
        self._one_of = f"ERR Only one of EX, PX, EXAT, PXAT or {keep.decode()} arguments can be specified"
        self._db, self._name, self._keep = db, name, keep
        self.fields: list[bytes] = []
        at = 0
        while at < len(words) and not self.fields:
            at = self._word(words, at, width)
        if not self.fields:
            raise ReplyError(_NO_FIELDS)

    def _word(self, words: tuple[bytes, ...], at: int, width: int) -> int:
        word = words[at].upper()
        if word == b"FIELDS":
            count = words[at + 1] if at + 1 < len(words) else b""
            number = integer(count, "ERR invalid number of fields", low=1)
            if len(words) - at - 2 != number * width:
                raise WrongArity(self._name)
            self.fields = list(words[at + 2 :])
            return len(words)
        if word in _UNITS or word == self._keep:
            if self.keep or self.at is not None:
                raise ReplyError(self._one_of)
            if word == self._keep:
                self.keep = True
                return at + 1
            if at + 1 == len(words):
                raise ReplyError("ERR missing expire time")
            self.at = _moment(self._db, words[at + 1], _UNITS[word], word.endswith(b"AT"), self._name)
            return at + 2
        if word in (b"FNX", b"FXX") and self._keep == b"KEEPTTL":
            if self.condition:
                raise ReplyError("ERR Only one of FXX or FNX arguments can be specified")
            self.condition = word
            return at + 1
        raise ReplyError(f"ERR unknown argument: {words[at].decode('utf-8', 'replace')}")


@command(
    "HGETEX",
    arity=-5,
    key_flags="RW access update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="8.0.0",
    complexity=_COMPLEXITY,
    args=f"key [{_TIMES} | PERSIST] {_USAGE}",
)
def hgetex(db: Database, key: Key, *rest: bytes) -> list[bytes | None]:
    """Returns the values of fields, and sets or drops their expiry."""
    db.hashes.exists(key)
    options = _Options(db, "hgetex", rest, b"PERSIST", 1)
    values = db.hashes.get_many(key, options.fields)
    expiries = db.hashes.expiries(key, options.fields) or []
    present = dict.fromkeys(f for f, at in zip(options.fields, expiries, strict=False) if at != _MISSING)
    if options.at is not None and present:
        _expire_at(db, key, list(present), options.at)
    elif options.keep:
        _persist(db, key, [f for f, at in zip(options.fields, expiries, strict=False) if at >= 0])
    return values


@command(
    "HSETEX",
    arity=-6,
    key_flags="RW update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="8.0.0",
    complexity=_COMPLEXITY,
    args=f"key [FNX | FXX] [{_TIMES} | KEEPTTL] FIELDS numfields field value [field value ...]",
)
def hsetex(db: Database, key: Key, *rest: bytes) -> int:
    """Sets fields with their expiry; 0, and nothing is set, when FNX or FXX forbids one of them."""
    db.hashes.exists(key)
    options = _Options(db, "hsetex", rest, b"KEEPTTL", 2)
    pairs = list(zip(options.fields[::2], options.fields[1::2], strict=True))
    names = list(dict(pairs))
    if options.condition:
        found = [value is not None for value in db.hashes.get_many(key, names)]
        if any(found) if options.condition == b"FNX" else not all(found):
            return 0
    db.hashes.set(key, pairs, keep_ttl=options.keep)
    db.notify("h", "hset", key)
    words = [word for pair in pairs for word in pair]
    if options.at is None:
        how = ["KEEPTTL"] if options.keep else []
    elif options.at <= db.now_ms:
        _remove(db, key, names, "hexpired")
        return 1
    else:
        db.hashes.set_expiry(key, names, options.at)
        db.notify("h", "hexpire", key)
        how = ["PXAT", str(options.at)]
    db.effect("HSETEX", key, *how, "FIELDS", len(pairs), *words)
    return 1
