"""A kernel made from a configuration: what a server and a store in the caller's process have in common.

Owns which settings the kernel reads itself and how they reach it, now and by CONFIG SET. Refuses to start anything.
"""

from __future__ import annotations

import weakref
from typing import Any, Final

from dozo._kernel import Kernel
from dozo.commands import memcached
from dozo.commands.api import Table
from dozo.config import Config, OutputLimits, SettingError
from dozo.errors import ConfigError
from dozo.log import Logger
from dozo.persistence import Persistence

__all__ = ["build"]

_KERNEL_SETTINGS: Final = (
    "databases",
    "maxmemory",
    "max-keys",
    "default-ttl",
    "max-ttl",
    "expire-interval",
    "maxmemory-samples",
    "lfu-log-factor",
    "lfu-decay-time",
    "maxmemory-policy",
    "requirepass",
    "protected-mode",
    "maxclients",
    "slowlog-log-slower-than",
    "slowlog-max-len",
    "latency-monitor-threshold",
    "latency-tracking",
    "proto-max-bulk-len",
    "busy-reply-threshold",
    "lua-memory-limit",
    "script-cache-max-memory",
    "memcached-max-item-size",
    "memcached-max-stream-size",
    "memcached-stream-timeout",
    "memcached-shutdown",
    "hz",
    "notify-keyspace-events",
    "tracking-table-max-keys",
    "client-query-buffer-limit",
    "client-output-buffer-limit",
    "timeout",
    "id-idle-timeout",
    "tcp-keepalive",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "set-max-intset-entries",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "zset-max-listpack-entries",
    "zset-max-listpack-value",
    "list-max-listpack-size",
    "list-compress-depth",
    "stream-node-max-bytes",
    "stream-node-max-entries",
)
"""The settings that the kernel reads itself; all of these but databases may change while it runs."""


def build(table: Table, config: Config, log: Logger, persistence: Persistence) -> Kernel:
    """Make the kernel of these commands and settings; ConfigError where it can't take one."""
    settings = {name: _for_kernel(config.value(name)) for name in _KERNEL_SETTINGS}
    try:
        kernel = Kernel(
            table.everything(),
            settings,
            config=config,
            log=log,
            memcached_stats=memcached.stats,
            persistence=persistence,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    for name in _KERNEL_SETTINGS:
        config.on_change(name, _applier(weakref.ref(kernel), name))
    return kernel


def _applier(reference: weakref.ref[Kernel], name: str) -> Any:
    """What CONFIG SET calls for a setting of the kernel's, which holds the configuration itself."""

    def apply(new: Any, old: Any) -> None:
        kernel = reference()
        if kernel is None:
            return
        try:
            kernel.configure(name, _for_kernel(new))
        except ValueError as error:
            raise SettingError(str(error), name) from None

    return apply


def _for_kernel(value: Any) -> int | bool | bytes:
    """A typed setting as the kernel takes it; output limits are nine numbers, class by class."""
    if isinstance(value, OutputLimits):
        classes = (value.normal, value.replica, value.pubsub)
        return b" ".join(b"%d %d %d" % (one.hard, one.soft, one.soft_seconds) for one in classes)
    if isinstance(value, str):
        # A password is bytes to a client; those that are no UTF-8 came in as lone surrogates.
        return value.encode("utf-8", "surrogateescape")
    plain: int | bool = value
    return plain
