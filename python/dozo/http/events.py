"""`GET /events`: what is published, as server-sent events.

Owns the form of an event: `data` is JSON with channel, data and, for a pattern, pattern. What was published before the
response began can't be had: pub/sub keeps nothing. A comment every 15 seconds keeps proxies from closing the stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dozo.gateway.upstream import Message, UpstreamError
from dozo.http.gate import Gate
from dozo.http.openapi import MAX_NAME, MAX_NAMES
from dozo.http.paths import path
from dozo.http.problems import Problem
from dozo.http.words import to_json

__all__ = ["Events"]

_HEARTBEAT_S: Final = 15.0
_EVENTS: Final = "text/event-stream"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Subscription = AbstractAsyncContextManager[AsyncIterator[Message]]


class Events:
    """The event streams of one upstream; `close` ends them all."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._closing = asyncio.Event()

    def routes(self) -> list[Route]:
        """One path."""
        return [path("/events", self.get, "GET")]

    def close(self) -> None:
        """End every stream, as the door closes."""
        self._closing.set()

    async def get(self, request: Request) -> Response:
        """Stream what is published on channels and on those that match patterns."""
        caller = self._gate.caller(request)
        names: dict[str, list[str]] = {"channel": [], "pattern": []}
        for name, value in request.query_params.multi_items():
            if name not in names:
                raise Problem(400, f"there is no parameter {name!r} here")
            names[name].append(value)
        for given in names.values():
            if len(given) > MAX_NAMES or any(len(name) > MAX_NAME for name in given):
                raise Problem(400, f"name at most {MAX_NAMES} of each kind, of {MAX_NAME} characters")
        if not (names["channel"] or names["pattern"]):
            names["pattern"] = ["*"]
        if request.method == "HEAD":
            return Response(headers=_HEADERS, media_type=_EVENTS)
        subscription = self._gate.streams.subscription(
            caller, channels=names["channel"], patterns=names["pattern"]
        )
        # Entered here, so that a refusal is still a status, and who has the response misses nothing from then on.
        messages = await subscription.__aenter__()
        return EventResponse(subscription, messages, self._closing)


class EventResponse(StreamingResponse):
    """The stream of one subscription, which it leaves in any case."""

    def __init__(
        self, subscription: Subscription, messages: AsyncIterator[Message], closing: asyncio.Event
    ) -> None:
        super().__init__(_stream(messages, closing), headers=_HEADERS, media_type=_EVENTS)
        self._subscription = subscription

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream (starlette calls this)."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._subscription.__aexit__(None, None, None)


async def _stream(messages: AsyncIterator[Message], closing: asyncio.Event) -> AsyncIterator[bytes]:
    """The messages as they come; ends with the door, or when the upstream goes."""
    yield b": subscribed\n\n"
    ending = asyncio.ensure_future(closing.wait())
    coming: asyncio.Future[Message] | None = None
    try:
        while not ending.done():
            coming = coming or asyncio.ensure_future(anext(messages))
            await asyncio.wait((coming, ending), timeout=_HEARTBEAT_S, return_when="FIRST_COMPLETED")
            if coming.done():
                message, coming = coming.result(), None
                yield _event(message)
            elif not ending.done():
                yield b": still here\n\n"
    except UpstreamError:
        return  # The client sees the end and may come again.
    finally:
        for waiting in (coming, ending):
            if waiting is not None:
                waiting.cancel()


def _event(message: Message) -> bytes:
    told = {"channel": to_json(message.channel), "data": to_json(message.data)}
    if message.pattern is not None:
        told["pattern"] = to_json(message.pattern)
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n".encode()
