"""The ID service of a server, as its settings describe it.

Owns which registry a configuration means. Registries that need more than the standard library are imported only where
they are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dozo.config import Config
from dozo.errors import ConfigError
from dozo.ids.keeper import Generator, Keeper
from dozo.ids.registry import Registry, Terms
from dozo.ids.registry.file import FileRegistry
from dozo.log import Log

__all__ = ["keeper", "state_folder"]

_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")
_LEAST_HEARTBEATS: Final = 3
"""A lease that lasts for fewer would end at the first hiccup."""


def keeper(config: Config, generator: Generator, log: Log) -> Keeper | None:
    """Return what supplies the generator with worker IDs; None where the service is off."""
    settings = config.id
    if not settings.is_on:
        return None
    if settings.worker_id >= 0:
        if settings.id_lease:
            raise ConfigError("worker-id and id-lease exclude each other")
        return Keeper(generator, FileRegistry(state_folder(config), settings.worker_id), log)
    return Keeper(generator, _leased(config), log)


def state_folder(config: Config) -> Path:
    """Return the directory in which the marks of fixed worker IDs are: by default one within the data's."""
    if config.id.id_state_dir:
        return Path(config.id.id_state_dir)
    return Path(config.persistence.data_dir or "dozo-data") / "ids"


def _leased(config: Config) -> Registry:
    settings = config.id
    if settings.min_worker_id > settings.max_worker_id:
        raise ConfigError("min-worker-id is greater than max-worker-id")
    if settings.id_lease_ttl < _LEAST_HEARTBEATS * settings.id_lease_heartbeat:
        raise ConfigError(f"id-lease-ttl must be at least {_LEAST_HEARTBEATS} times id-lease-heartbeat")
    terms = Terms(
        settings.id_lease_ttl,
        settings.id_lease_heartbeat,
        range(settings.min_worker_id, settings.max_worker_id + 1),
    )
    scheme = settings.id_lease.partition("://")[0].lower()
    if scheme in _REDIS_SCHEMES:
        from dozo.ids.registry.redis import RedisRegistry

        return RedisRegistry(settings.id_lease, settings.id_lease_namespace, terms)
    if scheme == "etcd":
        from dozo.ids.registry.etcd import EtcdRegistry

        return EtcdRegistry(settings.id_lease, settings.id_lease_namespace, terms)
    raise ConfigError(f"id-lease: {settings.id_lease!r} is neither redis://HOST:PORT nor etcd://HOST:PORT")
