"""IDs without a server: a kernel that is never started, supplied with a worker ID like one that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dozo._kernel import Kernel
from dozo.config import Config
from dozo.errors import ConfigError
from dozo.ids import service
from dozo.log import Log

__all__ = ["issue"]

_MOST: Final = 1000
"""IDs that one call of ID.NEXT gives."""


def issue(config: Config, count: int, command: object) -> Iterator[int]:
    """Issue IDs as the worker that the settings name or lease; ConfigError where there is none.

    `command` is the declaration of ID.NEXT.
    """
    kernel = Kernel([command], {})
    keeper = service.keeper(config, kernel, Log("warning"))
    if keeper is None:
        raise ConfigError("IDs need --worker-id or --id-lease")
    try:
        keeper.start(wait=True)
        while count > 0:
            yield from kernel.call("ID.NEXT", "COUNT", min(count, _MOST))
            count -= _MOST
    finally:
        keeper.stop()
