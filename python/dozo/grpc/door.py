"""The gRPC door: a server of grpcio's that lives in the doors' event loop.

Owns the ports, the limits on connections and messages, reflection, and the health of each service, which is that of the
upstream. Refuses calls to what services do (data.py, ids.py).
"""

from __future__ import annotations

from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from dozo.config import Config
from dozo.errors import ReplyError
from dozo.gateway import Address, Caller, Denied, Upstream, UpstreamError
from dozo.gateway.listen import addresses
from dozo.grpc.calls import Callers
from dozo.grpc.data import Data
from dozo.grpc.health import Health
from dozo.grpc.ids import Generator, Stats
from dozo.grpc.katsubushi import katsubushi_pb2, katsubushi_pb2_grpc
from dozo.grpc.v1 import data_pb2, data_pb2_grpc
from dozo.log import Log

__all__ = ["GrpcDoor"]

_ENVELOPE: Final = 64 << 10
"""What a message may be larger than the value in it."""

_EVERY: Final = {"0.0.0.0", "::"}

_DATA: Final = data_pb2.DESCRIPTOR.services_by_name["Data"].full_name
_IDS: Final = tuple(service.full_name for service in katsubushi_pb2.DESCRIPTOR.services_by_name.values())


class GrpcDoor:
    """Serves `dozo.v1.Data` and katsubushi's services on `grpc-port`, with an upstream at `address` behind them."""

    name = "grpc"

    def __init__(self, config: Config, log: Log, address: Address) -> None:
        self._config = config
        self._log = log
        self._address = address

    async def open(self) -> list[str]:
        """Listen on the addresses of `bind`; the places. OSError: one can't be had."""
        settings = self._config.grpc
        places = self._places()
        self._upstream = self._reach(settings.grpc_connections)
        # Of their own, so that streams never keep calls waiting.
        self._streams_upstream = self._reach(settings.grpc_max_streams)
        self._server = grpc.aio.server(
            options=_options(self._config), maximum_concurrent_rpcs=settings.grpc_max_calls
        )
        self._add_services()
        try:
            for place in places:
                self._server.add_insecure_port(place)
        except RuntimeError as error:
            raise OSError(f"can't listen for gRPC: {error}") from None
        await self._server.start()
        return places

    async def close(self, grace_s: float) -> None:
        """End streams at once, let calls in flight take so many seconds."""
        await self._health.close()
        self._data.end_streams()
        await self._server.stop(grace_s)
        for upstream in (self._upstream, self._streams_upstream):
            await upstream.close()

    def forget(self) -> None:
        """Ask everyone for the password again."""
        for upstream in (self._upstream, self._streams_upstream):
            upstream.forget()

    def _reach(self, connections: int) -> Upstream:
        most = self._config.grpc.grpc_max_message_size + _ENVELOPE
        return Upstream(self._address, self.name, connections=connections, max_reply_bytes=most)

    def _add_services(self) -> None:
        settings = self._config.grpc
        callers = Callers(lambda: self._config.network.protected_mode)
        shared = (self._upstream, callers, self._log)
        self._data = Data(
            *shared,
            self._streams_upstream,
            max_value_bytes=settings.grpc_max_message_size,
            most_streams=settings.grpc_max_streams,
        )
        probes = {"": self._has_data, _DATA: self._has_data} | dict.fromkeys(_IDS, self._has_ids)
        self._health = Health(probes, self._log, settings.grpc_max_calls)
        data_pb2_grpc.add_DataServicer_to_server(self._data, self._server)
        katsubushi_pb2_grpc.add_GeneratorServicer_to_server(Generator(*shared), self._server)
        katsubushi_pb2_grpc.add_StatsServicer_to_server(Stats(*shared), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (_DATA, *_IDS, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    def _places(self) -> list[str]:
        """Where to listen, by `bind`; OSError: an address can't be had."""
        network, port = self._config.network, self._config.grpc.grpc_port
        # grpcio opens its sockets itself and says little when it can't, so it gets only what can be had.
        found = addresses(network.bind, port)
        # What is every address of one family is every address at all to grpcio, and it takes that only once.
        hosts = ["::"] if _EVERY.intersection(found) else found
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts]

    async def _has_data(self) -> bool:
        """Whether the upstream answers."""
        try:
            await self._upstream.call(self._myself(), "PING")
        except Denied:
            return True  # It works for those who know its password.
        except (UpstreamError, ReplyError):
            return False
        return True

    async def _has_ids(self) -> bool:
        """Whether the upstream may issue IDs now."""
        try:
            about = await self._upstream.call(self._myself(), "ID.INFO")
        except (UpstreamError, ReplyError):
            return False
        return dict(zip(about[::2], about[1::2], strict=True)).get(b"state") == b"issuing"

    def _myself(self) -> Caller:
        """The door itself, which knows the password of the server that it is in."""
        return Caller(self._config.security.requirepass or None)


def _options(config: Config) -> list[tuple[str, int]]:
    network = config.network
    options = [
        # Without it a port that another process has would be shared with it.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", config.grpc.grpc_max_message_size + _ENVELOPE),
        ("grpc.max_allowed_incoming_connections", config.grpc.grpc_max_clients),
    ]
    if network.tcp_keepalive:
        options.append(("grpc.keepalive_time_ms", network.tcp_keepalive * 1000))
    return options
