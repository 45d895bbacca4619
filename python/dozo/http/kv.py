"""`/kv/{db}/{key}`: one value, bytes in and out.

Owns what GET, HEAD, PUT and DELETE mean for a key. A long value never lies in memory whole: it comes in and goes out in
pieces. While it comes in, readers see the old value; when it changes while it goes out, the response is broken off.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dozo.errors import DozoError
from dozo.gateway.items import PIECE, Condition, Item, Items, Ttl, Uploading
from dozo.gateway.upstream import Caller, UpstreamError
from dozo.http.body import Body
from dozo.http.conditions import Preconditions, Unsatisfiable, byte_range, entity_tag
from dozo.http.gate import Gate
from dozo.http.openapi import TTL_PATTERN
from dozo.http.parameters import database_of, no_parameters_but, whole_number
from dozo.http.paths import path
from dozo.http.problems import BrokenOff, Problem

__all__ = ["Values"]

_MAX_FLAGS: Final = 2**32 - 1
_TTL: Final = re.compile(TTL_PATTERN)
_BYTES: Final = "application/octet-stream"
_CHANGED: Final = "the key is not as If-Match or If-None-Match demand"


class Values:
    """The values of one upstream."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._items = Items(gate.upstream)

    def routes(self) -> list[Route]:
        """One path, with its methods."""
        return [path("/kv/{db}/{key:path}", self.answer, "GET", "HEAD", "PUT", "DELETE")]

    async def answer(self, request: Request) -> Response:
        """What the method asks for."""
        methods = {"PUT": self.put, "DELETE": self.delete}
        return await methods.get(request.method, self.get)(request)

    async def get(self, request: Request) -> Response:
        """GET and HEAD: the value or a part of it, unless the client has it already."""
        no_parameters_but(request)
        caller, database, key = self._target(request)
        read = self._items.stat if request.method == "HEAD" else self._items.read
        item = await read(caller, database, key)
        preconditions = Preconditions.read(request.headers)
        if item is None and preconditions.match is None:
            raise Problem(404, "there is no such key")
        failure = preconditions.fails(item)
        if failure == 412 or item is None:
            raise Problem(412, _CHANGED)
        headers = _headers(item)
        if failure == 304:
            return Response(status_code=304, headers=headers)
        try:
            part = byte_range(request.headers, item)
        except Unsatisfiable:
            raise Problem(
                416, "the range begins behind the end", {"Content-Range": f"bytes */{item.length}"}
            ) from None
        start, end = part or (0, item.length)
        headers["Content-Length"] = str(end - start)
        if part:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{item.length}"
        status = 206 if part else 200
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers, media_type=_BYTES)
        if item.value is not None:
            body = item.value[start:end] if part else item.value
            return Response(body, status, headers, _BYTES)
        pieces = self._pieces(caller, database, key, item, start, end)
        return StreamingResponse(pieces, status, headers, _BYTES)

    async def put(self, request: Request) -> Response:
        """Store the body, with its flags and its time to live."""
        no_parameters_but(request, "ttl", "flags")
        caller, database, key = self._target(request)
        flags, ttl = _flags(request), _ttl(request)
        condition = Preconditions.read(request.headers).for_write()
        stored = None
        if condition is not None:
            body = Body(request)
            if await body.is_within(PIECE):
                stored = await self._items.write(
                    caller, database, key, body.whole(), condition, flags=flags, ttl=ttl
                )
            else:
                await self._refuse_early(caller, database, key, request)
                upload = await self._items.begin(caller, database, body.length)
                stored = await _store(upload, body, key, condition, flags, ttl)
        if stored is None:
            raise Problem(412, _CHANGED)
        headers = {} if stored.version is None else {"ETag": entity_tag(stored.version)}
        return Response(status_code=204, headers=headers)

    async def delete(self, request: Request) -> Response:
        """Remove the key, of whatever type it is."""
        no_parameters_but(request)
        caller, database, key = self._target(request)
        condition = Preconditions.read(request.headers).for_write()
        if condition is None or condition.exists is False or condition.other_than:
            raise Problem(412, _CHANGED)
        removed = await self._items.delete(caller, database, key, condition.versions)
        if removed is None or (not removed and (condition.exists or condition.versions)):
            raise Problem(412, _CHANGED)
        if not removed:
            raise Problem(404, "there is no such key")
        return Response(status_code=204)

    def _target(self, request: Request) -> tuple[Caller, int, bytes]:
        """Who asks, and for which database and key."""
        caller = self._gate.caller(request)
        return caller, database_of(request.path_params["db"]), _key(request)

    async def _refuse_early(self, caller: Caller, database: int, key: bytes, request: Request) -> None:
        """Let no long value in whose condition fails already; it is checked again when the value is whole."""
        preconditions = Preconditions.read(request.headers)
        if preconditions.match is None and preconditions.none_match is None:
            return
        if preconditions.fails(await self._items.stat(caller, database, key)) is not None:
            raise Problem(412, _CHANGED)

    async def _pieces(
        self, caller: Caller, database: int, key: bytes, item: Item, start: int, end: int
    ) -> AsyncIterator[bytes]:
        """A long value as it goes out. Its length is told already: without the rest the client sees what happened."""
        assert item.version is not None
        while start < end:
            stop = min(start + PIECE, end)
            try:
                piece = await self._items.read_piece(caller, database, key, item.version, start, stop)
            except DozoError as error:
                raise BrokenOff(str(error)) from None
            if piece is None:
                raise BrokenOff("the value changed while it was sent")
            yield piece
            start = stop


async def _store(
    upload: Uploading, body: Body, key: bytes, condition: Condition, flags: int, ttl: Ttl
) -> Item | None:
    """Write a long value; whatever goes wrong, nothing of it remains."""
    try:
        async for piece in body.pieces(PIECE):
            await upload.write(piece)
        return await upload.commit(key, condition, flags=flags, ttl=ttl)
    except (ClientDisconnect, DozoError) as error:
        if not isinstance(error, UpstreamError):
            await upload.abandon()
        raise


def _headers(item: Item) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Dozo-Flags": str(item.flags),
    }
    if item.version is not None:
        headers["ETag"] = entity_tag(item.version)
    if item.expire_at_ms is not None:
        headers["Dozo-Expire-At-Ms"] = str(item.expire_at_ms)
    return headers


def _options(request: Request, name: str) -> Iterator[str]:
    """An option of PUT: the parameter of the query, then the header Dozo-Name; the first one counts."""
    given = (request.query_params.get(name), request.headers.get(f"dozo-{name}"))
    return (value for value in given if value is not None)


def _flags(request: Request) -> int:
    given = [whole_number(text, "flags", most=_MAX_FLAGS) for text in _options(request, "flags")]
    return given[0] if given else 0


def _ttl(request: Request) -> Ttl:
    given = [_ttl_of(text) for text in _options(request, "ttl")]
    return given[0] if given else None


def _ttl_of(text: str) -> Ttl:
    if not _TTL.fullmatch(text):
        raise Problem(400, "ttl is seconds with up to three decimals, from 0.001 to 999999999.999, or keep")
    if text == "keep":
        return "keep"
    whole, _, part = text.partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0"))


def _key(request: Request) -> bytes:
    """The key as its percent-encoded bytes say, which need be no UTF-8 and may hold slashes."""
    parts = request.scope["raw_path"].split(b"/", 3)
    if len(parts) < 4 or unquote_to_bytes(parts[1]) != b"kv":
        raise Problem(404, "there is no such page")
    return unquote_to_bytes(parts[3])
