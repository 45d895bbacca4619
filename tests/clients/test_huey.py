"""Huey: tasks, results, schedule, locks and priorities over its Redis storages."""

from __future__ import annotations

import pytest
from huey import PriorityRedisHuey, RedisHuey
from huey.exceptions import TaskLockedException


@pytest.mark.parametrize("kind", [RedisHuey, PriorityRedisHuey])
def test_jobs(kind: type[RedisHuey], redis_port: int) -> None:
    huey = kind("jobs", host="127.0.0.1", port=redis_port)
    try:
        order: list[int] = []

        @huey.task()
        def add(left: int, right: int) -> int:
            order.append(left)
            return left + right

        results = [add(1, 2), add(3, 4)]
        later = add.schedule((5, 6), delay=3600)
        assert huey.pending_count() == 3
        for _ in range(3):
            huey.execute(huey.dequeue())
        assert [result.get() for result in results] == [3, 7]
        assert order == [1, 3]
        assert huey.scheduled_count() == 1
        assert later.get() is None
        with huey.lock_task("one"), pytest.raises(TaskLockedException), huey.lock_task("one"):
            pass
        if kind is PriorityRedisHuey:
            add(10, 0, priority=1)
            add(20, 0, priority=9)
            for _ in range(2):
                huey.execute(huey.dequeue())
            assert order == [1, 3, 20, 10]
    finally:
        huey.storage.conn.close()
