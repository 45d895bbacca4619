"""Requests through the HTTP door: connections that stay open, one request at a time on each."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import Final

from dozo.testing import HOST

__all__ = ["LOADS"]

_AT_ONCE: Final = 50
_BATCHED: Final = 16
_PATH: Final = "/kv/0/key:0000000001"


def _request(method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_PUT: Final = _request("PUT", _PATH, b"x" * 32)
_GET: Final = _request("GET", _PATH)
_PIPELINE: Final = _request(
    "POST", "/pipeline", json.dumps([["GET", "key:0000000001"]] * _BATCHED).encode(), "application/json"
)


def _run(request: bytes, port: int, requests: int) -> tuple[float, list[float]]:
    return asyncio.run(_send(request, port, requests))


async def _send(request: bytes, port: int, requests: int) -> tuple[float, list[float]]:
    waits_ms: list[float] = []
    left = iter(range(requests))

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in left:
            began = time.perf_counter()
            await _exchange(reader, writer, request)
            waits_ms.append((time.perf_counter() - began) * 1000)

    connections = [await asyncio.open_connection(HOST, port) for _ in range(_AT_ONCE)]
    try:
        await _exchange(*connections[0], _PUT)
        began = time.perf_counter()
        await asyncio.gather(*(client(*each) for each in connections))
        return time.perf_counter() - began, waits_ms
    finally:
        for _, writer in connections:
            writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Send a request and read its answer, which has to be a good one."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 20"):
        raise RuntimeError(f"the door answered {head.splitlines()[0]!r}")
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if found:
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))


LOADS: Final = {
    "PUT /kv": (partial(_run, _PUT), 10),
    "GET /kv": (partial(_run, _GET), 10),
    f"POST /pipeline of {_BATCHED} gets": (partial(_run, _PIPELINE), 20),
}
"""By name, each with how many times fewer requests are enough than through a Redis client."""
