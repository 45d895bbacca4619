"""Functions whose results are kept: `memoize` and `memoize_stampede`.

A result is kept under the function's name and its arguments as msgpack, or a digest of them where they are long. With
`memoize_stampede` the time that the computation took is kept beside it: a call computes anew before the result's time
is over with a likelihood that grows towards the end, so that seldom anybody has to wait (A. Vattani et al., Optimal
Probabilistic Cache Stampede Prevention, 2015); and only one caller at a time computes.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import math
import random
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dozo.errors import StoreError

if TYPE_CHECKING:
    from dozo.store.api import Store

__all__ = ["memoized", "stampede_memoized"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MISSING: Final = object()
_LONGEST_ARGUMENTS: Final = 128
"""Bytes of arguments that stand in the key as they are."""
_COSTS: Final = 15
"""The database of the times that computations took."""
_LOCKED_S: Final = 60.0
"""How long at least a caller may take to compute before another one tries."""


def _keys(function: Callable[..., Any], name: str | None) -> Callable[..., bytes]:
    """Makes the key of a call."""
    import msgspec

    encode = msgspec.msgpack.Encoder(order="sorted").encode
    prefix = f"{name or f'{function.__module__}.{function.__qualname__}'}:".encode()

    def key(*args: Any, **kwargs: Any) -> bytes:
        try:
            words = encode((args, kwargs))
        except (TypeError, msgspec.MsgspecError) as error:
            raise StoreError(f"the arguments of a memoized function are no msgpack: {error}") from error
        if len(words) > _LONGEST_ARGUMENTS:
            words = b"#" + hashlib.blake2b(words, digest_size=32).digest()
        return prefix + words

    return key


def memoized(
    store: Store, ttl: float | None, tags: Iterable[str], name: str | None
) -> Callable[[_Function], _Function]:
    """The decorator of `Store.memoize`."""
    tags = tags if isinstance(tags, str) else tuple(tags)

    def decorate(function: _Function) -> _Function:
        key_of = _keys(function, name)
        wrapper: Any
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                key = key_of(*args, **kwargs)
                result = store.get(key, _MISSING)
                if result is _MISSING:
                    result = await function(*args, **kwargs)
                    store.set(key, result, ttl, tags)
                return result

        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                key = key_of(*args, **kwargs)
                result = store.get(key, _MISSING)
                if result is _MISSING:
                    result = function(*args, **kwargs)
                    store.set(key, result, ttl, tags)
                return result

        wrapper.key = key_of
        return wrapper  # type: ignore[no-any-return]

    return decorate


class _Computation:
    """What is kept of one call of a slow function; a context within which the lock is held and it is computed."""

    def __init__(self, store: Store, key: bytes, ttl: float, beta: float, tags: Iterable[str]) -> None:
        self._store, self._key, self._ttl, self._beta, self._tags = store, key, ttl, beta, tags
        self._costs = store.database(_COSTS)
        self.lock = store.lock(f"memo:{key.hex()}", ttl=max(_LOCKED_S, 2 * ttl))

    def result(self) -> Any:
        return self._store.get(self._key, _MISSING)

    def result_of_another(self) -> Any:
        """What was computed while the lock was waited for; with a result, the lock is given back."""
        result = self.result()
        if result is not _MISSING:
            self.release()
        return result

    def begins_early(self) -> bool:
        """Whether this call is the one that computes before it must; the lock is taken then."""
        try:
            left = self._store.ttl(self._key)
        except KeyError:
            left = 0.0
        cost = float(self._costs.get(self._key, "0"))
        is_early = left is not None and -cost * self._beta * math.log(1 - random.random()) >= left
        return is_early and self.lock.acquire(blocking=False)

    def keep(self, result: Any) -> Any:
        self._costs.set(self._key, repr(time.perf_counter() - self._began), self._ttl)
        self._store.set(self._key, result, self._ttl, self._tags)
        return result

    def release(self) -> None:
        """Let others compute. Where that took longer than the lock is kept, they do so already."""
        with contextlib.suppress(StoreError):
            self.lock.release()

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.release()


def stampede_memoized(
    store: Store, ttl: float, beta: float, tags: Iterable[str], name: str | None
) -> Callable[[_Function], _Function]:
    """The decorator of `Store.memoize_stampede`."""
    tags = tags if isinstance(tags, str) else tuple(tags)

    def decorate(function: _Function) -> _Function:
        key_of = _keys(function, name)

        def look(*args: Any, **kwargs: Any) -> _Computation:
            return _Computation(store, key_of(*args, **kwargs), ttl, beta, tags)

        is_async = inspect.iscoroutinefunction(function)
        wrapper = _waiting_async(function, look) if is_async else _waiting(function, look)
        wrapper.key = key_of
        return wrapper  # type: ignore[no-any-return]

    return decorate


def _waiting(function: Callable[..., Any], look: Callable[..., _Computation]) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        kept = look(*args, **kwargs)
        result = kept.result()
        if result is _MISSING:
            kept.lock.acquire()
            result = kept.result_of_another()
        elif kept.begins_early():
            result = _MISSING
        if result is not _MISSING:
            return result
        with kept:
            return kept.keep(function(*args, **kwargs))

    return wrapper


def _waiting_async(function: Callable[..., Any], look: Callable[..., _Computation]) -> Any:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        kept = look(*args, **kwargs)
        result = kept.result()
        if result is _MISSING:
            await kept.lock.acquire_async()
            result = kept.result_of_another()
        elif kept.begins_early():
            result = _MISSING
        if result is not _MISSING:
            return result
        with kept:
            return kept.keep(await function(*args, **kwargs))

    return wrapper
