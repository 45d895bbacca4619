"""A cache backend for Django over a store in the process: no server to run, no socket on the way.

    CACHES = {"default": {"BACKEND": "dozo.compat.django.DozoCache", "LOCATION": "/var/cache/mysite"}}

LOCATION is a directory, which all processes of the site share, or `memory:` and a name for a store of this process.
OPTIONS are the keyword arguments of `dozo.open`. Owns keys, versions and timeouts as Django means them. Refuses options
that it does not know, and to unpickle unless `serializer` is "pickle".
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.exceptions import ImproperlyConfigured

from dozo.cache import Key, Store
from dozo.compat import shared

#: What a site takes unless it says otherwise, and which keys leave then.
DEFAULTS: dict[str, Any] = {"maxmemory": "256mb", "policy": "allkeys-lru", "serializer": "msgpack"}
_OPTIONS = (*DEFAULTS, "disk", "fsync")


class DozoCache(BaseCache):  # type: ignore[misc]
    """Django's cache API; made once a thread by Django, while the store is one for the process."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = params.get("OPTIONS", {})
        for name in options:
            _check(name)
        self._options = DEFAULTS | options
        self._serializer: str = self._options.pop("serializer")
        self._place = shared.place_of(location or shared.MEMORY)
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The store underneath, for what Django's API has no word for."""
        if self._store is None:
            self._store = shared.borrow(self._place, self._serializer, self._options, self)
        return self._store

    def forget(self) -> None:
        """Drop the store of the process that this one was forked from."""
        self._store = None

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> float | None:
        """Return seconds to live, None for ever, at most 0 for not at all."""
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return None if timeout is None else float(timeout)

    def _key(self, key: Any, version: int | None) -> str:
        name: str = self.make_and_validate_key(key, version=version)
        return name

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return a value, or the default."""
        return self.store.get(self._key(key, version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store a value."""
        ttl = self.get_backend_timeout(timeout)
        if ttl is not None and ttl <= 0:
            self.store.delete(self._key(key, version))
        else:
            self.store.set(self._key(key, version), value, ttl)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store a value unless the key has one; whether it was stored."""
        name = self._key(key, version)
        ttl = self.get_backend_timeout(timeout)
        if ttl is not None and ttl <= 0:
            return name not in self.store
        return self.store.add(name, value, ttl)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Change when a key expires; whether there is one."""
        name = self._key(key, version)
        ttl = self.get_backend_timeout(timeout)
        if ttl is not None and ttl <= 0:
            return self.store.delete(name)
        return self.store.touch(name, ttl)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Remove a key; whether there was one."""
        return self.store.delete(self._key(key, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Return whether there is a value, also if it is None."""
        return self._key(key, version) in self.store

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a number; a missing key is a ValueError."""
        try:
            return self.store.incr(self._key(key, version), delta, None)
        except KeyError:
            raise ValueError(f"Key {key!r} not found") from None

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values of the keys that have one."""
        names: dict[Key, Any] = {self._key(key, version): key for key in keys}
        return {names[name]: value for name, value in self.store.get_many(list(names)).items()}

    def set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Store several values; return the keys of those that could not be, which is none."""
        named: dict[Key, Any] = {self._key(key, version): value for key, value in data.items()}
        ttl = self.get_backend_timeout(timeout)
        if ttl is not None and ttl <= 0:
            self.store.delete_many(list(named))
        else:
            self.store.set_many(named, ttl)
        return []

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Remove several keys."""
        self.store.delete_many([self._key(key, version) for key in keys])

    def clear(self) -> None:
        """Remove everything that is in the store, whatever its prefix."""
        self.store.clear()

    # A call is over in microseconds, so a coroutine makes it where it is; Django would send it to a thread.

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return a value, or the default."""
        return self.get(key, default, version)

    async def aset(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Store a value."""
        self.set(key, value, timeout, version)

    async def aadd(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store a value unless the key has one; whether it was stored."""
        return self.add(key, value, timeout, version)

    async def atouch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Change when a key expires; whether there is one."""
        return self.touch(key, timeout, version)

    async def adelete(self, key: Any, version: int | None = None) -> bool:
        """Remove a key; whether there was one."""
        return self.delete(key, version)

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        """Return whether there is a value."""
        return self.has_key(key, version)

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a number; a missing key is a ValueError."""
        return self.incr(key, delta, version)

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values of the keys that have one."""
        return self.get_many(keys, version)

    async def aset_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Store several values; return the keys of those that could not be, which is none."""
        return self.set_many(data, timeout, version)

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Remove several keys."""
        self.delete_many(keys, version)

    async def aclear(self) -> None:
        """Remove everything that is in the store, whatever its prefix."""
        self.clear()


def _check(option: str) -> None:
    if option in _OPTIONS:
        return
    if option in ("MAX_ENTRIES", "CULL_FREQUENCY"):
        raise ImproperlyConfigured(
            f"OPTIONS: {option} means nothing to a store, which is bounded by maxmemory"
        )
    near = difflib.get_close_matches(option.lower(), _OPTIONS, 1)
    raise ImproperlyConfigured(
        f"OPTIONS: there is no {option!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    )
