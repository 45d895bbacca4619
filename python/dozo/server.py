"""The life of a server: it is built from a configuration, started, told by a signal to stop, and ends.

Owns the order of these steps and the exit code. Refuses to parse options (cli) and to know commands (commands): it
loads the table, hands it to the kernel with the settings, and waits. The doors that are gateways open after the kernel
listens and close before it does; they reach it by a socket of their own, in a directory that nobody else may enter.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from dozo._kernel import Kernel
from dozo.assembly import build
from dozo.commands.api import load_families, load_file
from dozo.config import Config
from dozo.errors import ConfigError
from dozo.log import Log
from dozo.persistence import Persistence

if TYPE_CHECKING:
    from dozo.ids.keeper import Keeper

if TYPE_CHECKING:
    from dozo.gateway.process import Doors

__all__ = ["Running", "run"]

_DESCRIPTORS_OF_OUR_OWN: Final = 64
"""Files that are open besides the clients' sockets."""

_SEGMENTS_OF_A_TIER: Final = 256
"""Files of a disk tier that are open to be read: it has 64 segments or a few more, of 4 GB at most."""

_SWITCH_INTERVAL_S: Final = 0.0005
"""How long another Python thread may keep the executor waiting for the interpreter."""


class Running:
    """A server in this process: `start` opens its ports and returns, `wait` returns once it has ended."""

    def __init__(self, config: Config, log: Log | None = None) -> None:
        self.config = config
        self._stopping = False
        self._doors: Doors | None = None
        self._private: tempfile.TemporaryDirectory[str] | None = None
        self.log = log or Log.of(config.log)
        for note in config.notes:
            self.log("warning", note)
        table = load_families()
        for path in config.process.load:
            names = ", ".join(command.name for command in load_file(Path(path))) or "no command"
            self.log("info", f"loaded {names} from {path}")
        self.persistence = Persistence(config, self.log)
        self.kernel = build(table, config, self.log, self.persistence)
        config.on_change("loglevel", lambda new, old: self.log.set_level(new))
        self.ids = _keeper(config, self.kernel, self.log)

    def start(self) -> list[str]:
        """Open the ports, start the executor; the places where it listens."""
        # Before a port is open: who can connect may believe that the server has started.
        self.persistence.prepare()
        network = self.config.network
        endpoints = list(_endpoints(self.config))
        if self.config.opens_doors:
            self._private = tempfile.TemporaryDirectory(prefix="dozo-")
            endpoints.append(("resp", f"unix:{self._private.name}/doors", 0o600, False))
        try:
            places = self.kernel.bind(
                endpoints,
                backlog=network.tcp_backlog,
                io_threads=network.io_threads,
                grace_seconds=self.config.process.shutdown_timeout,
            )
        except OSError as error:
            self._close_doors()
            raise ConfigError(str(error)) from None
        self.kernel.run(self.persistence.begin)
        if self.ids is not None:
            # A server that has nothing else to serve waits for its worker ID, and its clients at the port with it.
            self.ids.start(wait=self.config.id.worker_id >= 0 or not self._has_data_ports())
        self.kernel.start()
        if self._private is not None:
            places = [*places[:-1], *self._open_doors(f"{self._private.name}/doors")]
        if self._stopping:
            self.kernel.stop()
        return places

    def stop(self) -> None:
        """Ask for a graceful end, or for one at once where that was asked for before; returns at once."""
        # Noted before it takes effect: the next signal may come while this one is handled.
        again, self._stopping = self._stopping, True
        if self.ids is not None:
            self.ids.interrupt()
        if self._doors is not None and not again:
            self._doors.stop(self.config.process.shutdown_timeout, self.kernel.stop)
        else:
            self.kernel.stop(graceful=not again)

    def wait(self) -> None:
        """Return once the server has ended."""
        self.kernel.join()
        if self.ids is not None:
            self.ids.stop()
        self._close_doors()

    def _open_doors(self, path: str) -> list[str]:
        """Open the gateways; the places where they listen."""
        from dozo.doors import doors_of
        from dozo.gateway.address import Address

        doors = self._doors = doors_of(self.config, self.log, Address(path=path))
        self.config.on_change("requirepass", lambda new, old: doors.forget())
        try:
            return doors.start()
        except ConfigError:
            self.kernel.stop(graceful=False)
            self.wait()
            raise

    def _close_doors(self) -> None:
        if self._doors is not None:
            self._doors.stop(0)
            self._doors.join()
        if self._private is not None:
            self._private.cleanup()

    def _has_data_ports(self) -> bool:
        network = self.config.network
        return bool(network.port or network.memcached_port or network.unixsocket)


def run(config: Config) -> int:
    """Serve until SIGTERM, SIGINT or SHUTDOWN; the exit code. ConfigError: the server could not start."""
    running = Running(config)
    _allow_descriptors(running)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    # What is loaded now stays for good: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    _stop_on_signals(running)
    places = running.start()
    running.log("info", f"ready on {', '.join(places) or 'no port'} (process {os.getpid()})")
    running.wait()
    running.log("info", "stopped")
    return int(running.persistence.failed)


def _keeper(config: Config, kernel: Kernel, log: Log) -> Keeper | None:
    """What supplies the kernel with worker IDs; most servers issue none and need not import it."""
    if not config.id.is_on:
        return None
    from dozo.ids import service

    return service.keeper(config, kernel, log)


def _stop_on_signals(running: Running) -> None:
    """Stop gracefully at the first signal, at once at the second."""

    def stop(number: int, frame: FrameType | None) -> None:
        running.log("info", f"received {signal.Signals(number).name}, stopping")
        running.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _endpoints(config: Config) -> Iterator[tuple[str, str, int, bool]]:
    """(protocol family, address, port, whether it may be missing) of everything that listens."""
    network = config.network
    for address in network.bind:
        host, optional = address.removeprefix("-"), address.startswith("-")
        if network.port:
            yield "resp", host, network.port, optional
        if network.memcached_port:
            yield "memcached", host, network.memcached_port, optional
        if config.id.is_on and config.id.id_port:
            yield "ids", host, config.id.id_port, optional
    if network.unixsocket:
        yield "resp", f"unix:{network.unixsocket}", network.unixsocketperm, False
    if config.id.is_on and config.id.id_unixsocket:
        yield "ids", f"unix:{config.id.id_unixsocket}", network.unixsocketperm, False


def _allow_descriptors(running: Running) -> None:
    """Raise the limit on open files so that `maxclients` fit; where it can't be, serve fewer clients."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit.
    own = _DESCRIPTORS_OF_OUR_OWN + _descriptors_of_doors(running.config)
    wanted = running.config.limits.maxclients + own
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):
        allowed = soft
    if allowed < wanted:
        clients = max(allowed - own, 1)
        running.log(
            "warning", f"the limit on open files ({allowed}) allows {clients} clients, not maxclients"
        )
        running.kernel.configure("maxclients", clients)


def _descriptors_of_doors(config: Config) -> int:
    """Files of a disk tier and of gateways: segments, sockets of clients, ends of connections to the kernel."""
    http, grpc = config.http, config.grpc
    files = _SEGMENTS_OF_A_TIER if config.tier.disk_tier else 0
    if http.http_port:
        files += http.http_max_clients + http.http_connections + http.http_max_streams
    if grpc.grpc_port:
        files += grpc.grpc_max_clients + grpc.grpc_connections + grpc.grpc_max_streams
    return files
