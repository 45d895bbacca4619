"""Values with everything that belongs to them (flags, version, expiry), as a gateway reads and writes them.

Owns the two ways to do so: `ITEM.*` commands where the upstream is dozo, and plain commands where it is another server,
which has neither flags nor versions; what it can't do is Unsupported.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dozo.errors import DozoError, ReplyError
from dozo.gateway.upstream import Caller, Session, Upstream, Word

__all__ = ["PIECE", "Condition", "Item", "Items", "Ttl", "Unsupported"]

PIECE: Final = 1 << 20
"""Bytes up to which a value goes in one command; a longer one is read and written in pieces of this size."""

Ttl = int | Literal["keep"] | None
"""Milliseconds to live, the expiry that the key has already, or none."""


class Unsupported(DozoError):
    """The upstream is no dozo and can't do this."""


@dataclass(frozen=True, slots=True)
class Item:
    """A value and what belongs to it; `version` is None where the upstream keeps none."""

    length: int
    flags: int = 0
    version: bytes | None = None
    expire_at_ms: int | None = None
    value: bytes | None = None
    """None when it was not asked for, or is longer than a piece."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a key must be for a write: there, missing, of one of these versions, or of none of those."""

    exists: bool | None = None
    versions: Sequence[bytes] = ()
    other_than: Sequence[bytes] = ()

    def words(self) -> list[Word]:
        """The options of ITEM.SET and ITEM.COMMIT."""
        words: list[Word] = [] if self.exists is None else ["XX" if self.exists else "NX"]
        if self.versions:
            words += ["IFVERSION", b",".join(self.versions)]
        if self.other_than:
            words += ["IFNOTVERSION", b",".join(self.other_than)]
        return words


def _ttl_words(ttl: Ttl) -> list[Word]:
    if ttl is None:
        return []
    return ["KEEPTTL"] if ttl == "keep" else ["PX", ttl]


class Items:
    """The items of one upstream."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._has_items: bool | None = None

    async def read(self, caller: Caller, database: int, key: bytes) -> Item | None:
        """The item, with its value unless that is longer than a piece; None for a missing key."""
        async with self._upstream.session(caller, database) as session:
            if not await self._has(session):
                return await _read_plainly(session, key)
            found = await session.call("ITEM.GET", key, "MAX", PIECE)
        return None if found is None else _item(found, found[4])

    async def stat(self, caller: Caller, database: int, key: bytes) -> Item | None:
        """The item without its value."""
        async with self._upstream.session(caller, database) as session:
            if not await self._has(session):
                return await _stat_plainly(session, key)
            found = await session.call("ITEM.STAT", key)
        return None if found is None else _item(found, None)

    async def read_piece(
        self, caller: Caller, database: int, key: bytes, version: bytes, start: int, end: int
    ) -> bytes | None:
        """The bytes from start up to end, without it; None when the key has no longer that version."""
        piece: bytes | None = await self._upstream.call(
            caller, "ITEM.RANGE", key, version, start, end - 1, database=database
        )
        return piece

    async def write(
        self,
        caller: Caller,
        database: int,
        key: bytes,
        value: bytes,
        condition: Condition,
        *,
        flags: int = 0,
        ttl: Ttl = None,
    ) -> Item | None:
        """Store a value; what is then there, or None when the key is not as the condition says."""
        words = [*condition.words(), *_ttl_words(ttl)]
        async with self._upstream.session(caller, database) as session:
            if await self._has(session):
                version = await session.call("ITEM.SET", key, value, "FLAGS", flags, *words)
                return None if version is None else Item(len(value), flags, version)
            if flags or condition.versions or condition.other_than:
                raise Unsupported("the upstream is no dozo: it has neither flags nor versions")
            stored = await session.call("SET", key, value, *words)
            return None if stored is None else Item(len(value))

    async def delete(
        self, caller: Caller, database: int, key: bytes, versions: Sequence[bytes] = ()
    ) -> bool | None:
        """Remove a key; false when it is missing, None when it has none of these versions."""
        async with self._upstream.session(caller, database) as session:
            if await self._has(session):
                words: Sequence[Word] = ("IFVERSION", b",".join(versions)) if versions else ()
                removed = await session.call("ITEM.DEL", key, *words)
                return None if removed is None else bool(removed)
            if versions:
                raise Unsupported("the upstream is no dozo: it has no versions")
            return bool(await session.call("DEL", key))

    async def begin(self, caller: Caller, database: int, size: int | None) -> Uploading:
        """Prepare to write a value in pieces; `size` is its length where that is known."""
        async with self._upstream.session(caller, database) as session:
            if not await self._has(session):
                raise Unsupported(f"the upstream is no dozo: it takes values up to {PIECE} bytes")
        return Uploading(self._upstream, caller, database, size)

    async def _has(self, session: Session) -> bool:
        """Whether the upstream has ITEM commands; asked once."""
        if self._has_items is None:
            (about,) = await session.call("COMMAND", "INFO", "ITEM.GET")
            self._has_items = about is not None
        return self._has_items


class Uploading:
    """A value on its way in, piece by piece; `commit` or `abandon` ends it, and so does a minute without a piece."""

    def __init__(self, upstream: Upstream, caller: Caller, database: int, size: int | None) -> None:
        self._upstream = upstream
        self._caller = caller
        self._database = database
        self._size = size
        self._name = f"dozo:upload:{uuid.uuid4()}"
        self.length = 0

    async def write(self, piece: bytes) -> None:
        """Add a piece."""
        size: Sequence[Word] = ("SIZE", self._size) if self._size and not self.length else ()
        await self._call("ITEM.WRITE", self._name, self.length, piece, *size)
        self.length += len(piece)

    async def commit(self, key: bytes, condition: Condition, *, flags: int, ttl: Ttl) -> Item | None:
        """Put the value in its place, as `Items.write` does."""
        words = [*condition.words(), *_ttl_words(ttl)]
        version = await self._call("ITEM.COMMIT", self._name, key, "FLAGS", flags, *words)
        return None if version is None else Item(self.length, flags, version)

    async def abandon(self) -> None:
        """Remove what was written."""
        await self._call("UNLINK", self._name)

    async def _call(self, *args: Word) -> bytes | None:
        reply: bytes | None = await self._upstream.call(self._caller, *args, database=self._database)
        return reply


def _item(found: list[int | bytes], value: bytes | None) -> Item:
    length, flags, version, expire_at = found[:4]
    assert isinstance(length, int)
    assert isinstance(flags, int)
    assert isinstance(version, bytes)
    assert isinstance(expire_at, int)
    return Item(length, flags, version, None if expire_at == -1 else expire_at, value)


async def _read_plainly(session: Session, key: bytes) -> Item | None:
    replies = await session.batch(
        [("EXISTS", key), ("STRLEN", key), ("PEXPIRETIME", key), ("GETRANGE", key, 0, PIECE - 1)], atomic=True
    )
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise reply
    exists, length, expire_at, value = replies
    if not exists:
        return None
    if length > PIECE:
        raise Unsupported(f"the upstream is no dozo: it gives values up to {PIECE} bytes")
    return Item(length, expire_at_ms=None if expire_at < 0 else expire_at, value=value)


async def _stat_plainly(session: Session, key: bytes) -> Item | None:
    replies = await session.batch([("EXISTS", key), ("STRLEN", key), ("PEXPIRETIME", key)], atomic=True)
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise reply
    exists, length, expire_at = replies
    return Item(length, expire_at_ms=None if expire_at < 0 else expire_at) if exists else None
