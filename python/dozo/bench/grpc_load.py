"""Requests through the gRPC door: one connection, many calls at a time, as grpcio's clients do it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc

from dozo.grpc.katsubushi.katsubushi_pb2 import FetchMultiRequest, FetchRequest
from dozo.grpc.katsubushi.katsubushi_pb2_grpc import GeneratorStub
from dozo.grpc.v1.data_pb2 import BatchRequest, GetRequest, Operation, SetRequest
from dozo.grpc.v1.data_pb2_grpc import DataStub
from dozo.testing import HOST

if TYPE_CHECKING:
    from dozo.grpc.katsubushi.katsubushi_pb2_grpc import GeneratorAsyncStub
    from dozo.grpc.v1.data_pb2_grpc import DataAsyncStub

__all__ = ["LOADS"]

_AT_ONCE: Final = 50
_KEY: Final = b"key:0000000001"
_SET: Final = SetRequest(key=_KEY, value=b"x" * 32)
_BATCHED: Final = 16

Call = Callable[["DataAsyncStub", "GeneratorAsyncStub"], Awaitable[object]]
"""One request."""


def _set(data: DataAsyncStub, ids: GeneratorAsyncStub) -> Awaitable[object]:
    return data.Set(_SET)


def _get(data: DataAsyncStub, ids: GeneratorAsyncStub) -> Awaitable[object]:
    return data.Get(GetRequest(key=_KEY))


def _batch(data: DataAsyncStub, ids: GeneratorAsyncStub) -> Awaitable[object]:
    return data.Batch(BatchRequest(operations=[Operation(get=GetRequest(key=_KEY))] * _BATCHED))


def _fetch(data: DataAsyncStub, ids: GeneratorAsyncStub) -> Awaitable[object]:
    return ids.Fetch(FetchRequest())


def _fetch_multi(data: DataAsyncStub, ids: GeneratorAsyncStub) -> Awaitable[object]:
    return ids.FetchMulti(FetchMultiRequest(n=1000))


def _run(call: Call, port: int, requests: int) -> tuple[float, list[float]]:
    return asyncio.run(_send(call, port, requests))


async def _send(call: Call, port: int, requests: int) -> tuple[float, list[float]]:
    waits_ms: list[float] = []
    left = iter(range(requests))

    async def client(data: DataAsyncStub, ids: GeneratorAsyncStub) -> None:
        for _ in left:
            began = time.perf_counter()
            await call(data, ids)
            waits_ms.append((time.perf_counter() - began) * 1000)

    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
        data, ids = DataStub(channel), GeneratorStub(channel)
        await data.Set(_SET)
        began = time.perf_counter()
        await asyncio.gather(*(client(data, ids) for _ in range(_AT_ONCE)))
        return time.perf_counter() - began, waits_ms


LOADS: Final = {
    "Data.Set": (partial(_run, _set), 10),
    "Data.Get": (partial(_run, _get), 10),
    f"Data.Batch of {_BATCHED} gets": (partial(_run, _batch), 20),
    "Generator.Fetch": (partial(_run, _fetch), 10),
    "Generator.FetchMulti of 1000": (partial(_run, _fetch_multi), 40),
}
"""By name, each with how many times fewer requests are enough than through a Redis client."""
