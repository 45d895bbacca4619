"""katsubushi's services: IDs from the server's generator, and what it has done.

Owns katsubushi's limit and its words about it. Refuses to generate: the ID commands of the upstream do.
"""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from dozo.gateway import Upstream
from dozo.grpc.calls import Callers, Context, Refused, answers
from dozo.grpc.katsubushi import katsubushi_pb2 as katsubushi
from dozo.grpc.katsubushi import katsubushi_pb2_grpc
from dozo.log import Log

__all__ = ["MOST_AT_ONCE", "Generator", "Stats"]

MOST_AT_ONCE: Final = 1000
"""IDs that a call may ask for."""


class Generator(katsubushi_pb2_grpc.GeneratorServicer):
    """Issues IDs."""

    def __init__(self, upstream: Upstream, callers: Callers, log: Log) -> None:
        self.log = log
        self._upstream = upstream
        self._callers = callers

    @answers
    async def Fetch(self, request: katsubushi.FetchRequest, context: Context) -> katsubushi.FetchResponse:
        """Issue one."""
        return katsubushi.FetchResponse(id=await self._upstream.call(self._callers.of(context), "ID.NEXT"))

    @answers
    async def FetchMulti(
        self, request: katsubushi.FetchMultiRequest, context: Context
    ) -> katsubushi.FetchMultiResponse:
        """Issue several."""
        if request.n > MOST_AT_ONCE:
            text = f"too many IDs requested: {request.n}, n should be smaller than {MOST_AT_ONCE}"
            raise Refused(StatusCode.INVALID_ARGUMENT, text)
        caller = self._callers.of(context)
        ids = await self._upstream.call(caller, "ID.NEXT", "COUNT", request.n or 1)
        return katsubushi.FetchMultiResponse(ids=ids)


class Stats(katsubushi_pb2_grpc.StatsServicer):
    """Tells what the generator has done."""

    def __init__(self, upstream: Upstream, callers: Callers, log: Log) -> None:
        self.log = log
        self._upstream = upstream
        self._callers = callers

    @answers
    async def Get(self, request: katsubushi.StatsRequest, context: Context) -> katsubushi.StatsResponse:
        """Read the figures of ID.INFO; it has more than katsubushi knows."""
        words = iter(await self._upstream.call(self._callers.of(context), "ID.INFO"))
        about = {name.decode(): value for name, value in zip(words, words, strict=True)}
        known = katsubushi.StatsResponse.DESCRIPTOR.fields_by_name
        figures = {name: value for name, value in about.items() if name in known}
        figures["version"] = figures["version"].decode()
        return katsubushi.StatsResponse(**figures)
