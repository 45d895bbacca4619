"""The jobs that test_rq.py queues."""

from __future__ import annotations

import redis
from rq import get_current_job


def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


def fail_first(port: int) -> str:
    """Fail when it runs for the first time."""
    with redis.Redis("127.0.0.1", port) as client:
        if client.incr("attempts") == 1:
            raise RuntimeError("not yet")
    job = get_current_job()
    return "done" if job is not None else "no job"
