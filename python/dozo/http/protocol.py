"""A connection of the HTTP door that neither waits for ever nor holds more than a head.

Owns the time a client has for the head of a request, from the moment it connects or begins one, and for the rest of a
body that nobody wants any more; and how much of a head, or of trailers, is held. uvicorn itself only limits the silence
between two requests. The time of a body that is wanted is limited where it is read (body.py).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["PatientProtocol"]

_WAIT_S: Final = 10.0
_HEAD_BYTES: Final = 64 << 10


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's, closed when a request does not become whole in time or in size."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # Before the parser is made, which asks for the callbacks below.
        self._in_head = False
        self._is_whole = False
        self._held_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        super().__init__(*args, **options)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request (asyncio calls this)."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more (asyncio calls this)."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read (asyncio calls this)."""
        self._held_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._held_bytes > _HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")
        elif not self._is_whole and (self._in_head or self._is_idle()):
            if self._deadline is None:
                self._wait()
        else:
            self._wait_no_more()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, in the form of every failure, and close."""
        body = json.dumps({"error": msg}).encode()
        headers = (
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        )
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + body)
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request (the parser calls this)."""
        self._in_head, self._is_whole = True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End its head (the parser calls this)."""
        self._in_head, self._held_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on a part of its body (the parser calls this)."""
        self._held_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End it (the parser calls this)."""
        self._is_whole, self._held_bytes = True, 0
        super().on_message_complete()

    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(_WAIT_S, self._give_up)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """Close, unless a request from before is still being answered."""
        if self._is_idle():
            self._deadline = None
            self.transport.close()
        else:
            self._wait()
