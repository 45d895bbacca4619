"""The HTTP application: all resources under one roof, and every failure answered in one form.

Owns which paths exist. No page of a foreign origin reads an answer unless `http-cors-origins` names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from dozo.errors import DozoError
from dozo.http import openapi
from dozo.http.commands import Commands
from dozo.http.events import Events
from dozo.http.gate import Gate
from dozo.http.health import Health
from dozo.http.ids import Ids
from dozo.http.kv import Values
from dozo.http.metrics import Metrics
from dozo.http.paths import path
from dozo.http.problems import answer

__all__ = ["SAFE_HEADERS", "build"]

SAFE_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""On every response: stored bytes are data, whatever a browser would take them for."""

_CLIENT_GONE: Final = 499


def build(gate: Gate, events: Events, origins: Sequence[str]) -> Starlette:
    """The application; `events` is handed in because its streams end with the door."""
    resources = (Values(gate), Commands(gate), events, Ids(gate), Metrics(gate), Health(gate))
    routes = [route for resource in resources for route in resource.routes()]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "PUT", "DELETE", "POST"],
        allow_headers=[
            *("Authorization", "Content-Type", "If-Match", "If-None-Match", "If-Range", "Range"),
            *("Dozo-Flags", "Dozo-TTL"),
        ],
        expose_headers=["Content-Range", "Dozo-Expire-At-Ms", "Dozo-Flags", "ETag", "Retry-After"],
    )
    app = Starlette(
        routes=[*routes, path("/openapi.json", _document, "GET")],
        middleware=[cors] if origins else [],
        exception_handlers=dict.fromkeys((DozoError, HTTPException, ClientDisconnect), _failed),
    )
    app.router.redirect_slashes = False
    return app


async def _document(request: Request) -> Response:
    return JSONResponse(openapi.document())


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a failure; who has gone hears nothing of it."""
    return answer(error) or Response(status_code=_CLIENT_GONE)
