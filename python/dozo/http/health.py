"""`/healthz` and `/readyz`: whether this door lives, and whether it reaches an upstream that serves.

Both ask for no password: what watches a server seldom has one, and they tell nothing else.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dozo.http.gate import Gate
from dozo.http.paths import path

__all__ = ["Health"]


class Health:
    """The state of the door and of its upstream."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Two paths."""
        return [
            path("/healthz", self.lives, "GET"),
            path("/readyz", self.serves, "GET"),
        ]

    async def lives(self, request: Request) -> Response:
        """Answer at all."""
        return JSONResponse({"status": "ok"})

    async def serves(self, request: Request) -> Response:
        """Answer once the upstream does; what keeps it from doing so is a problem."""
        await self._gate.upstream.ping()
        return JSONResponse({"status": "ok"})
