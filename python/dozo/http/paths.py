"""A path of the door and the methods it takes, those and no others: HEAD is none unless it is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["path"]


def path(template: str, endpoint: Callable[[Request], Awaitable[Response]], *methods: str) -> Route:
    """A route for exactly these methods."""
    route = Route(template, endpoint)
    route.methods = set(methods)
    return route
