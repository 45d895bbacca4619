"""ITEM.*: values with everything that belongs to them, as the HTTP and the gRPC door need them.

Owns versions (what HTTP calls an ETag): `cas-run`, where the first part is memcached's CAS number, which changes with
the value, and the second names this start of the server, because CAS numbers begin anew with each. A version is opaque.
Owns uploads: a value that arrives in pieces grows under a key of its own, unseen by whoever reads its target, and moves
there at once. An upload that nobody continues expires. Refuses values that are no strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from dozo.commands.api import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    Database,
    Flag,
    Key,
    Range,
    Server,
    Token,
    command,
)
from dozo.errors import ReplyError

_GROUP: Final = "string"
_SINCE: Final = "1.0.0"
_UPLOAD_PREFIX: Final = b"dozo:upload:"
_UPLOAD_TTL_MS: Final = 60_000
_NO_UPLOAD: Final = "ERR the upload is gone: it expired, or was evicted"
_UINT32: Final = 2**32 - 1
_INT64: Final = 2**63 - 1

_Flags = Annotated[int, Range(0, _UINT32)]
_Millis = Annotated[int, Range(1, _INT64)]
_Size = Annotated[int, Range(0, _INT64)]


@dataclass(frozen=True, slots=True)
class _Condition:
    """What a key must be for a write; versions are joined by commas."""

    nx: bool = False
    xx: bool = False
    versions: bytes | None = None
    other_than: bytes | None = None

    def holds(self, db: Database, server: Server, key: bytes) -> bool:
        """Whether the key is so now."""
        if self.nx or self.xx:
            exists = db.exists(key)
            if exists if self.nx else not exists:
                return False
        if self.versions is None and self.other_than is None:
            return True
        version = _version(db, server, key)
        if self.versions is not None and version not in self.versions.split(b","):
            return False
        return self.other_than is None or version not in self.other_than.split(b",")


@command("ITEM.GET", flags=READONLY, group=_GROUP, since=_SINCE, complexity="O(N) for N bytes returned")
def item_get(
    db: Database, server: Server, key: Key, *, most: Annotated[_Size | None, Token("MAX")] = None
) -> list[Any] | None:
    """Returns length, flags, version, expiry in unix ms or -1, and the value unless it is longer than MAX."""
    length = db.strlen(key)
    if not length and not db.exists(key):
        return None
    value = db.peek(key) if most is None or length <= most else None
    return [*_about(db, server, key, length), value]


@command("ITEM.STAT", flags=READONLY | FAST, group=_GROUP, since=_SINCE, complexity="O(1)")
def item_stat(db: Database, server: Server, key: Key) -> list[Any] | None:
    """Returns length, flags, version, and expiry in unix milliseconds or -1."""
    length = db.strlen(key)
    return _about(db, server, key, length) if length or db.exists(key) else None


@command("ITEM.RANGE", flags=READONLY, group=_GROUP, since=_SINCE, complexity="O(N) for N bytes returned")
def item_range(
    db: Database, server: Server, key: Key, version: bytes, start: _Size, end: _Size
) -> bytes | None:
    """Returns the bytes from start to end, both included, or null when the key has no longer that version."""
    if _version(db, server, key) != version:
        return None
    return db.get_range(key, start, end)


@command(
    "ITEM.SET",
    key_flags="RW access update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since=_SINCE,
    complexity="O(1)",
    exclusive=[("nx", "xx"), ("px", "pxat", "keepttl")],
)
def item_set(
    db: Database,
    server: Server,
    key: Key,
    value: bytes,
    *,
    nx: Flag = False,
    xx: Flag = False,
    ifversion: bytes | None = None,
    ifnotversion: bytes | None = None,
    flags: _Flags = 0,
    px: _Millis | None = None,
    pxat: _Millis | None = None,
    keepttl: Flag = False,
) -> bytes | None:
    """Stores a value and returns its version, or null when the key is not as NX, XX or the versions demand."""
    if not _Condition(nx, xx, ifversion, ifnotversion).holds(db, server, key):
        return None
    expire_at = _expiry(db, key, px, pxat, keepttl)
    db.set(key, value, expire_at)
    db.effect("SET", key, value, *(() if expire_at is None else ("PXAT", expire_at)))
    return _finish(db, server, key, flags)


@command(
    "ITEM.DEL",
    key_flags="RW delete",
    flags=WRITE,
    group=_GROUP,
    since=_SINCE,
    complexity="O(1)",
)
def item_del(db: Database, server: Server, key: Key, *, ifversion: bytes | None = None) -> int | None:
    """Removes a key of any type; returns how many that were, or null when it has another version."""
    if not _Condition(versions=ifversion).holds(db, server, key):
        return None if db.exists(key) else 0
    if not db.delete(key):
        return 0
    db.notify("g", "del", key)
    db.effect("DEL", key)
    return 1


@command(
    "ITEM.WRITE",
    key_flags="RW update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since=_SINCE,
    complexity="O(N) for N bytes written",
)
def item_write(db: Database, upload: Key, offset: _Size, piece: bytes, *, size: _Size = 0) -> int:
    """Writes a piece of an upload and returns its length; the first piece (offset 0) may tell the whole SIZE."""
    _check_upload(upload)
    end = max(size, offset + len(piece))
    if end > db.max_value_len:
        raise ReplyError("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    if not offset:
        db.delete(upload)
    elif not db.exists(upload):
        raise ReplyError(_NO_UPLOAD)
    if size > len(piece) and not offset:
        # Allocated at once, a large value needs no second copy of itself while it grows.
        db.set_range(upload, size - 1, b"\0")
        db.effect("SETRANGE", upload, size - 1, b"\0")
    length = db.set_range(upload, offset, piece)
    expire_at = db.now_ms + _UPLOAD_TTL_MS
    db.set_expire(upload, expire_at)
    db.effect("SETRANGE", upload, offset, piece)
    db.effect("PEXPIREAT", upload, expire_at)
    return length


@command(
    "ITEM.COMMIT",
    keys=(1, 2, 1),
    key_flags="RW access update",
    flags=WRITE,
    group=_GROUP,
    since=_SINCE,
    complexity="O(1)",
    exclusive=[("nx", "xx"), ("px", "pxat", "keepttl")],
)
def item_commit(
    db: Database,
    server: Server,
    upload: Key,
    key: Key,
    *,
    nx: Flag = False,
    xx: Flag = False,
    ifversion: bytes | None = None,
    ifnotversion: bytes | None = None,
    flags: _Flags = 0,
    px: _Millis | None = None,
    pxat: _Millis | None = None,
    keepttl: Flag = False,
) -> bytes | None:
    """Stores an upload as ITEM.SET would store its bytes; where a condition fails, the upload is removed."""
    _check_upload(upload)
    if not db.exists(upload):
        raise ReplyError(_NO_UPLOAD)
    if not _Condition(nx, xx, ifversion, ifnotversion).holds(db, server, key):
        db.delete(upload)
        db.effect("DEL", upload)
        return None
    expire_at = _expiry(db, key, px, pxat, keepttl)
    db.rename(upload, key)
    db.effect("RENAME", upload, key)
    db.set_expire(key, expire_at)
    db.effect(*(("PERSIST", key) if expire_at is None else ("PEXPIREAT", key, expire_at)))
    return _finish(db, server, key, flags)


def _finish(db: Database, server: Server, key: bytes, flags: int) -> bytes | None:
    """Give a key that was just written its flags and announce it; its version."""
    if flags:
        db.set_flags(key, flags)
        db.effect("DOZO.ITEM", key, flags)
    db.notify("$", "set", key)
    return _version(db, server, key)


def _about(db: Database, server: Server, key: bytes, length: int) -> list[Any]:
    return [length, db.flags(key), _version(db, server, key), db.expire_at(key)]


def _version(db: Database, server: Server, key: bytes) -> bytes | None:
    """The version of a key; None where it is missing."""
    cas = db.cas(key)
    return None if cas is None else b"%d-%s" % (cas, server.run_id[:8].encode())


def _expiry(db: Database, key: bytes, px: int | None, pxat: int | None, keep: bool) -> int | None:
    """The unix milliseconds at which a key that is about to be written expires."""
    if px is not None:
        if px > _INT64 - db.now_ms:
            raise ReplyError("ERR invalid expire time")
        return db.now_ms + px
    if pxat is not None and pxat <= db.now_ms:
        raise ReplyError("ERR invalid expire time")
    if not keep:
        return pxat
    at = db.expire_at(key)
    return None if at == -1 else at


def _check_upload(upload: bytes) -> None:
    if not upload.startswith(_UPLOAD_PREFIX):
        raise ReplyError(f"ERR an upload's name begins with {_UPLOAD_PREFIX.decode()}")
