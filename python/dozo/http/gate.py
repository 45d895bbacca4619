"""What all resources of the door share: the upstream, who may call, and the limits of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from dozo.gateway.upstream import Caller, Upstream
from dozo.http.caller import caller_of

__all__ = ["Gate"]


@dataclass(frozen=True, slots=True)
class Gate:
    """The way in; `streams` is a second set of connections, for what holds one as long as it lasts."""

    upstream: Upstream
    streams: Upstream
    is_protected: Callable[[], bool]
    max_body_bytes: int

    def caller(self, request: HTTPConnection) -> Caller:
        """Who calls; Problem for one who may not."""
        return caller_of(request, protected=self.is_protected())
