"""Which doors a configuration opens, and the life of a process that has nothing but doors (`dozo gateway`).

Each door is imported only when its port is set: a server without them starts on the standard library alone.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from types import FrameType

from dozo.config import Config
from dozo.errors import ConfigError
from dozo.gateway.address import Address
from dozo.gateway.process import Door, Doors
from dozo.log import Log

__all__ = ["doors_of", "run"]


def doors_of(config: Config, log: Log, address: Address) -> Doors:
    """The doors of a process, which lead to that address."""
    doors: list[Door] = []
    if config.http.http_port:
        from dozo.http.door import HttpDoor

        doors.append(HttpDoor(config, log, address))
    if config.grpc.grpc_port:
        from dozo.grpc.door import GrpcDoor

        doors.append(GrpcDoor(config, log, address))
    return Doors(doors, log)


def run(config: Config, url: str) -> int:
    """Open the doors to a server elsewhere until SIGTERM or SIGINT; the exit code. ConfigError: they can't open."""
    address = replace(Address.parse(url), requirepass=config.security.requirepass)
    if not config.opens_doors:
        raise ConfigError("no door is open: set http-port or grpc-port")
    if address.password and not address.requirepass:
        raise ConfigError(
            "the upstream's password would serve for everybody: set requirepass, which callers present"
        )
    log = Log.of(config.log)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        log("info", f"received {signal.Signals(number).name}, stopping")
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    doors = doors_of(config, log, address)
    places = doors.start()
    log("info", f"ready on {', '.join(places)}, for {address} (process {os.getpid()})")
    stopping.wait()
    doors.stop(config.process.shutdown_timeout)
    doors.join()
    log("info", "stopped")
    return 0
