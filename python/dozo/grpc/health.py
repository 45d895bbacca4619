"""The standard health service: a service is as healthy as what it needs of the upstream.

Owns asking the upstream, which happens when somebody wants to know: at each Check, and every second while somebody
watches. Refuses the protocol itself, which is grpcio-health-checking's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from grpc_health.v1 import health, health_pb2

from dozo.grpc.calls import Context, answers
from dozo.grpc.streams import Streams
from dozo.log import Log

__all__ = ["Health"]

_EVERY_S: Final = 1.0

_Response = health_pb2.HealthCheckResponse


class Health(health.aio.HealthServicer):
    """Answers by `probes`: for each service, the empty name for all of them, whether it works."""

    def __init__(
        self, probes: Mapping[str, Callable[[], Awaitable[bool]]], log: Log, most_watchers: int
    ) -> None:
        super().__init__()
        self.log = log
        self._probes = probes
        self._watchers = Streams(most_watchers, "grpc-max-calls")
        self._probing: asyncio.Task[None] | None = None

    @answers
    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Ask the upstream and tell."""
        if request.service in self._probes:
            await self._probe(request.service)
        return await super().Check(request, context)

    @answers
    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        """Tell of each change until the call is cancelled."""
        async with self._watchers.one():
            await self._probe_all()
            if self._probing is None:
                self._probing = asyncio.create_task(self._probe_regularly())
            await super().Watch(request, context)

    async def close(self) -> None:
        """Tell that no service works any more, and end."""
        if self._probing is not None:
            self._probing.cancel()
        await self.enter_graceful_shutdown()
        self._watchers.end()

    async def _probe_regularly(self) -> None:
        try:
            while self._watchers.count:
                await asyncio.sleep(_EVERY_S)
                await self._probe_all()
        finally:
            self._probing = None

    async def _probe_all(self) -> None:
        for service in self._probes:
            await self._probe(service)

    async def _probe(self, service: str) -> None:
        works = await self._probes[service]()
        await self.set(service, _Response.SERVING if works else _Response.NOT_SERVING)
