"""DEBUG: what test suites need to steer the server. Refuses what would look into, or break, its memory."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any, Final

from dozo._kernel import glob_match
from dozo.commands.api import ADMIN, LOADING, NOSCRIPT, STALE, Database, Server, Simple, Verbatim, command
from dozo.errors import NoSuchKey, NotFloat, NotInteger, ReplyError
from dozo.replies import OK

_MATCHES: Final = 2_000
_MAX_ARGUMENTS: Final = 1 << 20
_MAX_POPULATION: Final = 100_000_000
_MAX_SIZE: Final = 512 << 20
_PAYLOAD_FRAME: Final = 11
"""A payload's bytes besides the value: its type, its version and its checksum."""
_HELP: Final = """\
DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
DIGEST
    Answers a signature of everything that is stored, the same as Redis's for the same data.
DIGEST-VALUE [<key> ...]
    Answers a signature of each value.
ERROR <string>
    Answers an error with that text.
HELP
    Tells what the subcommands do.
LISTPACK <key>
    Writes the elements of a value in its small form to the server's log.
LOG <message>
    Writes a line to the server's log.
OBJECT <key>
    Tells how the server keeps a key.
POPULATE <count> [<prefix>] [<size>]
    Creates keys such as key:0 with values such as value:0, leaving alone those that exist.
LOADAOF
    Writes the journal to the medium and loads it anew.
RELOAD [MERGE] [NOFLUSH] [NOSAVE]
    Writes a snapshot and loads it anew.
PROTOCOL <type>
    Answers a value of that type: string, integer, double, bignum, null, array, set, map, verbatim, true or false.
SET-ACTIVE-EXPIRE <0|1>
    Turns the search for expired keys off or on; keys still expire when they are looked at.
TIER <COOL|CHURN|REST|SYNC>
    Moves every value to the disk tier: once, after every batch, or not any more. SYNC waits until what is to go there
    is on the medium.
SLEEP <seconds>
    Holds the whole server up.
STRINGMATCH-TEST
    Matches random patterns against random strings."""


@command(
    "DEBUG",
    arity=-2,
    flags=ADMIN | NOSCRIPT | LOADING | STALE,
    group="server",
    since="1.0.0",
    complexity="Depends on the subcommand.",
    args="",
    doc_flags=("syscmd",),
)
def debug(db: Database, server: Server, subcommand: str, *args: bytes) -> Any:
    """Steers the server for tests; DEBUG HELP tells how."""
    name = subcommand.upper()
    counts, run = _SUBCOMMANDS.get(name, ((), None))
    if run is None or len(args) not in counts:
        raise ReplyError(
            f"ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try DEBUG HELP."
        )
    return run(db, server, *args)


def _digest(db: Database, _server: Server) -> Simple:
    """Keys are combined by XOR, as their order must not count."""
    total = 0
    for index in range(db.databases):
        other = db.select(index)
        if len(other):
            total = _mix(total, index.to_bytes(4, "big"))
        for key in other.keys(b"*"):
            total ^= _sha1(_value_digest(other, key, _mix(0, key)).to_bytes(20, "big"))
    return Simple(f"{total:040x}")


def _digest_value(db: Database, _server: Server, *keys: bytes) -> list[Simple]:
    return [Simple(f"{_value_digest(db, key, 0):040x}") for key in keys]


def _value_digest(db: Database, key: bytes, digest: int) -> int:
    kind = db.type(key)
    if kind is None:
        return digest
    number, _, mix = _DIGESTS[kind]
    digest = mix(_mix(digest, number.to_bytes(4, "big")), _whole(db, kind, key))
    return digest if db.expire_at(key) == -1 else digest ^ _sha1(b"!!expire!!")


def _whole(db: Database, kind: str, key: bytes) -> Any:
    """All that a key holds, as the command replies that reads it."""
    read = _DIGESTS[kind][1]
    return db.peek(key) if read is None else db.call(*read[:1], key, *read[1:])


def _mix_all(digest: int, found: list[bytes]) -> int:
    """What has an order: each element changes what comes after it."""
    for data in found:
        digest = _mix(digest, data)
    return digest


def _mix_set(digest: int, found: Iterable[bytes]) -> int:
    for data in found:
        digest ^= _sha1(data)
    return digest


def _mix_pairs(digest: int, found: Any) -> int:
    """Fields or members with their values or scores; RESP2 has them in turn, RESP3 in pairs."""
    pairs = found.items() if isinstance(found, dict) else found
    if not isinstance(found, dict) and found and not isinstance(found[0], list):
        pairs = zip(found[::2], found[1::2], strict=True)
    for name, value in pairs:
        text = b"%.17g" % value if isinstance(value, float) else value
        digest ^= _sha1(_mix(_mix(0, name), text).to_bytes(20, "big"))
    return digest


def _mix_stream(digest: int, found: list[Any]) -> int:
    for identity, fields in found:
        digest = _mix_all(_mix(digest, identity.replace(b"-", b".")), fields)
    return digest


def _mix(digest: int, data: bytes) -> int:
    """A digest that depends on the order in which data is mixed in."""
    return _sha1((digest ^ _sha1(data)).to_bytes(20, "big"))


def _sha1(data: bytes) -> int:
    # OpenSSL comes with hashlib and takes 4 MB, which only tests need to spend.
    import hashlib

    return int.from_bytes(hashlib.sha1(data, usedforsecurity=False).digest(), "big")


def _error(_db: Database, _server: Server, text: bytes) -> Any:
    raise ReplyError(text.decode(errors="replace"))


def _help(_db: Database, _server: Server) -> list[Simple]:
    return [Simple(line) for line in _HELP.split("\n")]


def _listpack(db: Database, server: Server, key: bytes) -> Simple:
    kind = db.type(key)
    if kind is None:
        raise NoSuchKey
    if db.encoding(key) != "listpack":
        raise ReplyError("ERR Not a listpack encoded object.")
    server.log("info", f"DEBUG LISTPACK {key!r}: {_whole(db, kind, key)!r}")
    return Simple("Listpack structure printed on stdout")


def _load_journal(db: Database, server: Server) -> Simple:
    return _reload_from(db, server, server.persistence.reload_journal)


def _reload(db: Database, server: Server, *options: bytes) -> Simple:
    words = {option.upper() for option in options}
    if not words <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise ReplyError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    flush = b"NOFLUSH" not in words

    def reload(server: Server, empty: Callable[[], None]) -> None:
        server.persistence.reload_snapshot(
            server, empty if flush else lambda: None, save=b"NOSAVE" not in words
        )

    return _reload_from(db, server, reload)


def _reload_from(
    db: Database, server: Server, reload: Callable[[Server, Callable[[], None]], None]
) -> Simple:
    if server.disk.is_atomic:
        raise ReplyError("ERR the data can't be loaded anew within a transaction or a script")

    def empty() -> None:
        db.flush_all()

    try:
        reload(server, empty)
    except OSError as error:
        raise ReplyError(f"ERR Error trying to load the data: {error.strerror or error}") from None
    # The data are what they were.
    db.no_effect()
    return OK


def _log(_db: Database, server: Server, message: bytes) -> Simple:
    server.log("info", f"DEBUG LOG: {message.decode(errors='replace')}")
    return OK


def _object(db: Database, _server: Server, key: bytes) -> Simple:
    idle = db.idle_seconds(key)
    payload = db.dump(key)
    if payload is None:
        raise NoSuchKey
    length = len(payload) - _PAYLOAD_FRAME
    return Simple(
        f"Value at:0x0 refcount:1 encoding:{db.encoding(key)} serializedlength:{length}"
        f" lru:0 lru_seconds_idle:{idle}"
    )


def _populate(
    db: Database, _server: Server, count: bytes, prefix: bytes = b"key", size: bytes = b""
) -> Simple:
    if (
        not count.isdigit()
        or int(count) > _MAX_POPULATION
        or not (size or b"0").isdigit()
        or int(size or 0) > _MAX_SIZE
    ):
        raise NotInteger
    for number in range(int(count)):
        key, value = b"%b:%d" % (prefix, number), b"value:%d" % number
        if not db.exists(key):
            db.set(key, value[: int(size)].ljust(int(size), b"\0") if size else value)
    return OK


def _protocol(_db: Database, _server: Server, kind: bytes) -> Any:
    name = kind.decode(errors="replace").lower()
    if name not in _EXAMPLES:
        raise ReplyError(
            f"ERR Wrong protocol type name. Please use one of the following: {'|'.join(_EXAMPLES)}"
        )
    return _EXAMPLES[name]


def _set_active_expire(_db: Database, server: Server, on: bytes) -> Simple:
    if not on.removeprefix(b"-").isdigit():
        raise NotInteger
    server.configure("active-expire", bool(int(on)))
    return OK


def _tier(_db: Database, server: Server, what: bytes) -> Simple:
    if server.disk.tier_state() is None:
        raise ReplyError("ERR there is no disk tier")
    match what.upper():
        case b"COOL":
            server.disk.cool_all()
        case b"CHURN" | b"REST" as word:
            server.disk.set_tier_rule("churn", word == b"CHURN")
        case b"SYNC":
            server.disk.settle_tier(0)
        case _:
            raise ReplyError("ERR COOL, CHURN, REST or SYNC")
    return OK


def _sleep(_db: Database, server: Server, seconds: bytes) -> Simple:
    try:
        server.sleep(max(0.0, float(seconds)))
    except ValueError:
        raise NotFloat from None
    return OK


def _stringmatch_test(db: Database, _server: Server) -> Simple:
    """A pattern must neither break the server nor take it for long; the seed is the time, so that tests differ."""
    import random

    chosen = random.Random(db.now_ms)
    for _ in range(_MATCHES):
        pattern = bytes(chosen.choices(b"*?[]^-\\\0ab\xff", k=chosen.randrange(32)))
        glob_match(
            pattern, bytes(chosen.choices(b"ab-\0\xff", k=chosen.randrange(1024))), chosen.random() < 0.5
        )
    return Simple("Apparently Redis did not crash: test passed")


_DIGESTS: Final[dict[str, tuple[int, tuple[str, ...] | None, Callable[[int, Any], int]]]] = {
    "string": (0, None, _mix),
    "list": (1, ("LRANGE", "0", "-1"), _mix_all),
    "set": (2, ("SMEMBERS",), _mix_set),
    "zset": (3, ("ZRANGE", "0", "-1", "WITHSCORES"), _mix_pairs),
    "hash": (4, ("HGETALL",), _mix_pairs),
    "stream": (6, ("XRANGE", "-", "+"), _mix_stream),
}
"""By type: Redis's number of it, the command that reads it whole, and how its parts enter the digest."""
_EXAMPLES: Final[dict[str, Any]] = {
    "string": b"Hello World",
    "integer": 12345,
    "double": 3.141,
    "bignum": 1234567999999999999999999999999999999,
    "null": None,
    "array": [0, 1, 2],
    "set": {0, 1, 2},
    "map": {0: False, 1: True, 2: False},
    "verbatim": Verbatim("This is a verbatim\nstring"),
    "true": True,
    "false": False,
}
_SUBCOMMANDS: Final[dict[str, tuple[Container[int], Callable[..., Any]]]] = {
    "DIGEST": ((0,), _digest),
    "DIGEST-VALUE": (range(_MAX_ARGUMENTS), _digest_value),
    "ERROR": ((1,), _error),
    "HELP": ((0,), _help),
    "LISTPACK": ((1,), _listpack),
    "LOADAOF": ((0,), _load_journal),
    "LOG": ((1,), _log),
    "OBJECT": ((1,), _object),
    "POPULATE": ((1, 2, 3), _populate),
    "PROTOCOL": ((1,), _protocol),
    "RELOAD": (range(4), _reload),
    "SET-ACTIVE-EXPIRE": ((1,), _set_active_expire),
    "SLEEP": ((1,), _sleep),
    "STRINGMATCH-TEST": ((0,), _stringmatch_test),
    "TIER": ((1,), _tier),
}
