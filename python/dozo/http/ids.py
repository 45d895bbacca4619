"""`/id`, `/ids` and `/stats`: katsubushi's HTTP door, byte for byte, so that its clients notice nothing.

Owns those replies. Refuses to make IDs: `ID.NEXT` and `ID.INFO` of the upstream do. IDs are strings in JSON, because
numbers of 64 bits are not safe there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dozo.errors import ReplyError
from dozo.gateway.upstream import Reply, Word
from dozo.http.gate import Gate
from dozo.http.paths import path
from dozo.http.problems import Problem

__all__ = ["Ids"]

_MAX_IDS: Final = 1000
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}\Z")
_OFF: Final = "this server issues no IDs"
_FIGURES: Final = (
    *("pid", "uptime", "time", "version"),
    *("curr_connections", "total_connections", "cmd_get", "get_hits", "get_misses"),
)


class Ids:
    """The IDs of one upstream."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Three paths."""
        return [
            path("/id", self.one, "GET"),
            path("/ids", self.many, "GET"),
            path("/stats", self.stats, "GET"),
        ]

    async def one(self, request: Request) -> Response:
        """One ID."""
        number = await self._call(request, "ID.NEXT")
        if _wants_json(request):
            return Response(f'{{"id":"{number}"}}', headers={"Content-Type": "application/json"})
        return _text(str(number))

    async def many(self, request: Request) -> Response:
        """As many IDs as `n` says."""
        given = request.query_params.get("n") or "1"
        if not _NUMBER.match(given) or int(given) < 0:
            return Response(status_code=400)
        if int(given) > _MAX_IDS:
            text = f"too many IDs requested: {int(given)}, n should be smaller than {_MAX_IDS}"
            return Response(text, 400, media_type="text/plain")
        numbers = await self._call(request, "ID.NEXT", "COUNT", int(given)) if int(given) else []
        texts = [str(number) for number in numbers]
        if _wants_json(request):
            body = json.dumps({"ids": texts}, separators=(",", ":")) + "\n"
            return Response(body, headers={"Content-Type": "application/json"})
        return _text("\n".join(texts))

    async def stats(self, request: Request) -> Response:
        """The figures of the generator."""
        found = figures(await self._call(request, "ID.INFO"))
        told = {name: _plain(found.get(name, 0)) for name in _FIGURES}
        body = json.dumps(told, indent=2) + "\n"
        return Response(body, headers={"Content-Type": "application/json"})

    async def _call(self, request: Request, *command: Word) -> Reply:
        caller, upstream = self._gate.caller(request), self._gate.upstream
        try:
            return await upstream.call(caller, *command)
        except ReplyError as error:
            if error.text.startswith("ERR unknown command"):
                raise Problem(404, _OFF) from None
            # Out of leave for now is another thing than never asked to issue IDs.
            if error.code == "NOID" and figures(await upstream.call(caller, "ID.INFO"))["state"] == b"off":
                raise Problem(404, _OFF) from None
            raise


def figures(flat: Sequence[Reply]) -> dict[str, Reply]:
    """A map as RESP2 has it: names and values in turn."""
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _plain(value: Reply) -> int | str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else int(value)


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _text(text: str) -> Response:
    # Without the charset that starlette would add: katsubushi sends none.
    return Response(text, headers={"Content-Type": "text/plain"})
