"""Locks: redis-py's own, and python-redis-lock, which waits with BLPOP and releases by script."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import redis
import redis_lock
from redis.exceptions import LockError, LockNotOwnedError


@pytest.fixture
def connection(redis_port: int) -> Iterator[redis.Redis]:
    """Return a client of an empty server."""
    with redis.Redis("127.0.0.1", redis_port) as connected:
        yield connected


def test_redis_py(connection: redis.Redis) -> None:
    lock = connection.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    other = connection.lock("lock", timeout=10)
    assert not other.acquire(blocking=False)
    assert lock.owned()
    assert lock.extend(20)
    assert lock.reacquire()
    with pytest.raises(LockError):
        other.release()
    lock.release()
    assert other.acquire(blocking_timeout=5)
    connection.set("lock", "stolen")
    with pytest.raises(LockNotOwnedError):
        other.release()


def test_python_redis_lock(connection: redis.Redis) -> None:
    counter = 0

    def work() -> None:
        nonlocal counter
        for _ in range(10):
            with redis_lock.Lock(connection, "lock", expire=30):
                seen = counter
                counter = seen + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counter == 40
    lock = redis_lock.Lock(connection, "lock", expire=30, id="me")
    assert lock.acquire(blocking=False)
    assert not redis_lock.Lock(connection, "lock", expire=30).acquire(timeout=1)
    assert lock.get_owner_id() == "me"
    lock.extend(60)
    lock.release()
    with pytest.raises(redis_lock.NotAcquired):
        lock.release()
    redis_lock.reset_all(connection)
