"""The HTTP door as a process opens and closes it: its sockets, its uvicorn, its connections to the upstream."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import uvicorn

from dozo.config import Config
from dozo.gateway.address import Address
from dozo.gateway.listen import listen
from dozo.gateway.upstream import Upstream
from dozo.http.app import SAFE_HEADERS, build
from dozo.http.events import Events
from dozo.http.gate import Gate
from dozo.http.problems import BrokenOff
from dozo.http.protocol import PatientProtocol
from dozo.log import Log

__all__ = ["HttpDoor"]

_KEEP_ALIVE_S: Final = 75
_WAIT_S: Final = 5.0
"""How long a request waits for a free connection to the upstream."""


class HttpDoor:
    """The HTTP door of one server or gateway; made in any thread, used in that of its event loop."""

    name = "http"

    def __init__(self, config: Config, log: Log, address: Address) -> None:
        self._config = config
        self._log = log
        self._address = address
        self._upstreams: tuple[Upstream, ...] = ()

    async def open(self) -> list[str]:
        """Listen; OSError where that can't be."""
        settings, network = self._config.http, self._config.network
        sockets = listen(network.bind, settings.http_port, network.tcp_backlog)
        upstream = self._upstream(settings.http_connections, _WAIT_S)
        streams = self._upstream(settings.http_max_streams, 0.0)
        self._upstreams = (upstream, streams)
        gate = Gate(upstream, streams, lambda: network.protected_mode, settings.http_max_body)
        self._events = Events(gate)
        self._server = uvicorn.Server(
            uvicorn.Config(
                build(gate, self._events, settings.http_cors_origins),
                http=PatientProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                headers=list(SAFE_HEADERS),
                limit_concurrency=settings.http_max_clients,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        _log_to(self._log)
        places = [_place(each.getsockname()) for each in sockets]
        self._task = asyncio.create_task(self._server.serve(sockets))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise OSError("the HTTP door ended at once")
            await asyncio.sleep(0)
        return places

    async def close(self, grace_s: float) -> None:
        """End event streams and idle connections at once, give other requests their time."""
        self._events.close()
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_s))
        self._server.should_exit = True
        await self._task
        for upstream in self._upstreams:
            await upstream.close()

    def forget(self) -> None:
        """Ask the upstream anew who may call."""
        for upstream in self._upstreams:
            upstream.forget()

    def _upstream(self, connections: int, wait_s: float) -> Upstream:
        return Upstream(
            self._address,
            self.name,
            connections=connections,
            wait_s=wait_s,
            max_reply_bytes=self._config.http.http_max_reply,
        )


def _place(name: tuple[str, int]) -> str:
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _log_to(log: Log) -> None:
    """Write what uvicorn complains about into the log; what clients do wrong is not worth a line."""
    logger = logging.getLogger("uvicorn")
    logger.handlers[:] = [_Handler(log)]
    logger.propagate = False
    logger.setLevel(logging.WARNING)


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._write = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, BrokenOff):
            self._write("debug", f"a response was broken off: {error}")
        else:
            self._write("error" if record.levelno >= logging.ERROR else "debug", self.format(record).strip())
