"""diskcache's recipes: locks, a semaphore, a barrier, throttling, an average, and memoization without stampedes.

Built on `Cache` alone, so they hold between threads and processes. Waiting is trying again after a millisecond, as a
cache tells nobody when a key goes. Refuses to guess at a holder that died: give `expire` where that may happen.
"""

from __future__ import annotations

import functools
import math
import os
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from dozo.compat.diskcache import keys as keys_
from dozo.compat.diskcache.cache import ENOVAL, Cache, full_name

P = ParamSpec("P")
R = TypeVar("R")

_PAUSE_S = 0.001


class _Held(ABC):
    """What is acquired and released, also by `with`."""

    def __init__(self, cache: Cache, key: Any, expire: float | None = None, tag: Any = None) -> None:
        self._cache = cache
        self._key = key
        self._expire = expire
        self._tag = tag

    def acquire(self) -> None:
        """Wait until it is ours."""
        while not self._take():
            time.sleep(_PAUSE_S)

    @abstractmethod
    def _take(self) -> bool:
        """Take it unless somebody has it; whether it was taken."""

    @abstractmethod
    def release(self) -> None:
        """Let it go."""

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Lock(_Held):
    """A lock between threads and processes; whoever releases it need not have acquired it."""

    def _take(self) -> bool:
        return self._cache.add(self._key, 1, self._expire, tag=self._tag)

    def release(self) -> None:
        """Free the lock."""
        self._cache.delete(self._key)

    def locked(self) -> bool:
        """Return whether somebody has it."""
        return self._key in self._cache


class RLock(_Held):
    """A lock that the thread that has it may acquire again; it is free after as many releases."""

    def _me(self) -> str:
        return f"{os.getpid()}-{threading.get_ident()}"

    def _take(self) -> bool:
        with self._cache.transact(retry=True):
            owner, count = self._cache.get(self._key, (None, 0))
            if count and owner != self._me():
                return False
            return self._cache.set(self._key, [self._me(), count + 1], self._expire, tag=self._tag)

    def release(self) -> None:
        """Undo one acquire."""
        with self._cache.transact(retry=True):
            owner, count = self._cache.get(self._key, (None, 0))
            if owner != self._me() or count < 1:
                raise AssertionError("cannot release un-acquired lock")
            self._cache.set(self._key, [owner, count - 1], self._expire, tag=self._tag)


class BoundedSemaphore(_Held):
    """A semaphore of so many places between threads and processes."""

    def __init__(
        self, cache: Cache, key: Any, value: int = 1, expire: float | None = None, tag: Any = None
    ) -> None:
        super().__init__(cache, key, expire, tag)
        self._value = value

    def _take(self) -> bool:
        with self._cache.transact(retry=True):
            left = self._cache.get(self._key, self._value)
            return left > 0 and self._cache.set(self._key, left - 1, self._expire, tag=self._tag)

    def release(self) -> None:
        """Give one place back."""
        with self._cache.transact(retry=True):
            left = self._cache.get(self._key, self._value)
            if left >= self._value:
                raise AssertionError("cannot release un-acquired semaphore")
            self._cache.set(self._key, left + 1, self._expire, tag=self._tag)


class Averager:
    """The average of all values that were added under a key."""

    def __init__(self, cache: Cache, key: Any, expire: float | None = None, tag: Any = None) -> None:
        self._cache = cache
        self._key = key
        self._expire = expire
        self._tag = tag

    def add(self, value: float) -> None:
        """Take a value into the average."""
        with self._cache.transact(retry=True):
            total, count = self._cache.get(self._key, (0.0, 0))
            self._cache.set(self._key, [total + value, count + 1], self._expire, tag=self._tag)

    def get(self) -> float | None:
        """Return the average, None without values."""
        return _average(self._cache.get(self._key, (0.0, 0)))

    def pop(self) -> float | None:
        """Return the average and begin anew."""
        return _average(self._cache.pop(self._key, (0.0, 0)))


def _average(pair: tuple[float, int]) -> float | None:
    return pair[0] / pair[1] if pair[1] else None


def throttle(
    cache: Cache,
    count: int,
    seconds: float,
    name: str | None = None,
    expire: float | None = None,
    tag: Any = None,
    time_func: Callable[[], float] = time.time,
    sleep_func: Callable[[float], object] = time.sleep,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets a function be called `count` times in so many seconds; further calls wait."""
    rate = count / seconds

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        key = full_name(function) if name is None else name
        cache.set(key, [time_func(), float(count)], expire, tag=tag)

        def delay() -> float:
            # A bucket of `count` calls that fills at the rate; one call is taken out, or the time until there is one.
            with cache.transact(retry=True):
                now = time_func()
                last: float
                left: float
                last, left = cache.get(key, (now, float(count)))
                left = min(left + (now - last) * rate, float(count))
                if left < 1:
                    return (1 - left) / rate
                cache.set(key, [now, left - 1], expire, tag=tag)
                return 0.0

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            while wait := delay():
                sleep_func(wait)
            return function(*args, **kwargs)

        return wrapper

    return decorate


def barrier(
    cache: Cache,
    lock_factory: Callable[..., AbstractContextManager[Any]],
    name: str | None = None,
    expire: float | None = None,
    tag: Any = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that lets one call of a function run at a time, under a lock that the factory makes."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        key = full_name(function) if name is None else name
        lock = lock_factory(cache, key, expire=expire, tag=tag)

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with lock:
                return function(*args, **kwargs)

        return wrapper

    return decorate


def memoize_stampede(
    cache: Cache,
    expire: float,
    name: str | None = None,
    typed: bool = False,
    tag: Any = None,
    beta: float = 1,
    ignore: Iterable[int | str] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps results and renews one in a thread, by chance, shortly before it expires.

    The chance is that of Vattani, Chierichetti and Lowenstein, "Optimal probabilistic cache stampede prevention" (VLDB
    2015): it rises towards the expiry, the sooner the longer the function takes; beta above 1 renews earlier.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        base = (name if name is not None else full_name(function),)

        def cache_key(*args: P.args, **kwargs: P.kwargs) -> tuple[Any, ...]:
            return keys_.of_call(base, args, kwargs, typed, ignore)

        def renew(key: tuple[Any, ...], args: Any, kwargs: Any) -> R:
            start = time.monotonic()
            result = function(*args, **kwargs)
            # Beside the result and not in one value with it, as no serializer takes all that a store takes by itself.
            cache.set((*key, "seconds"), time.monotonic() - start, expire, tag=tag)
            cache.set(key, result, expire, tag=tag)
            return result

        def is_due(took: float, expires: float | None) -> bool:
            # 1 - random() is above 0, so that it has a logarithm.
            left = math.inf if expires is None else expires - time.time()
            return -took * beta * math.log(1 - random.random()) >= left

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            key = cache_key(*args, **kwargs)
            result, expires = cache.get(key, ENOVAL, expire_time=True)
            if result is ENOVAL:
                return renew(key, args, kwargs)
            took = cache.get((*key, "seconds"), 0.0)
            # The mark keeps all but one from renewing, for as long as that takes.
            if is_due(took, expires) and cache.add((*key, "renewing"), 1, max(took, _PAUSE_S)):
                threading.Thread(target=renew, args=(key, args, kwargs), daemon=True).start()
            kept: R = result
            return kept

        wrapper.__cache_key__ = cache_key  # type: ignore[attr-defined]
        return wrapper

    return decorate
