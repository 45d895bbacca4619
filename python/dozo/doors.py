"""Which doors a configuration opens. Each is imported only when its port is set."""

from __future__ import annotations

from dozo.config import Config
from dozo.gateway.address import Address
from dozo.gateway.process import Door, Doors
from dozo.log import Log

__all__ = ["doors_of"]


def doors_of(config: Config, log: Log, address: Address) -> Doors:
    """The doors of a process, which lead to that address."""
    doors: list[Door] = []
    if config.http.http_port:
        from dozo.http.door import HttpDoor

        doors.append(HttpDoor(config, log, address))
    return Doors(doors, log)
