"""`POST /command` and `POST /pipeline`: any command, as JSON.

Owns the frame around replies: `{"result": ...}` or `{"error": ...}`, for a pipeline an array of those. A command that
answered an error is no failure of HTTP, so the status is 200. Requires JSON's content type, without which a foreign
page in a browser could send commands unasked.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dozo.errors import ReplyError
from dozo.gateway.upstream import Aborted, Reply
from dozo.http.body import Body, while_connected
from dozo.http.gate import Gate
from dozo.http.parameters import no_parameters_but, query_database, yes_or_no
from dozo.http.paths import path
from dozo.http.problems import Problem
from dozo.http.words import read_command, read_json, to_json

__all__ = ["Commands"]

_MAX_COMMANDS: Final = 10_000


class Commands:
    """The commands of one upstream."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Two paths."""
        return [
            path("/command", self.command, "POST"),
            path("/pipeline", self.pipeline, "POST"),
        ]

    async def command(self, request: Request) -> Response:
        """Run one command."""
        no_parameters_but(request, "db")
        caller, database = self._gate.caller(request), query_database(request)
        words = read_command(await self._json(request))
        (reply,) = await while_connected(
            request, self._gate.upstream.batch(caller, [words], database=database)
        )
        return JSONResponse(_framed(reply))

    async def pipeline(self, request: Request) -> Response:
        """Run commands in order; atomic: as one transaction."""
        no_parameters_but(request, "db", "atomic")
        caller, database = self._gate.caller(request), query_database(request)
        atomic = yes_or_no(request, "atomic")
        given = await self._json(request)
        if not isinstance(given, list) or not 0 < len(given) <= _MAX_COMMANDS:
            raise Problem(400, f"a pipeline is an array of 1 to {_MAX_COMMANDS} commands")
        commands = [read_command(words) for words in given]
        try:
            replies = await while_connected(
                request, self._gate.upstream.batch(caller, commands, database=database, atomic=atomic)
            )
        except Aborted as error:
            raise Problem(409, error.text) from None
        return JSONResponse([_framed(reply) for reply in replies])

    async def _json(self, request: Request) -> Any:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Problem(415, "the body's Content-Type must be application/json")
        body = Body(request)
        if not await body.is_within(self._gate.max_body_bytes):
            raise Problem(413, f"the body is longer than {self._gate.max_body_bytes} bytes (http-max-body)")
        return read_json(body.whole())


def _framed(reply: Reply) -> dict[str, Any]:
    return {"error": reply.text} if isinstance(reply, ReplyError) else {"result": to_json(reply)}
