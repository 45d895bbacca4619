"""RQ: queues, dependencies, failures, retries and results with its own worker, in a burst."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import redis


def test_jobs(redis_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from rq import Queue, Retry, SimpleWorker

    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    sys.modules.pop("rq_jobs", None)
    import rq_jobs

    with redis.Redis("127.0.0.1", redis_port) as connection:
        queue = Queue("jobs", connection=connection)
        first = queue.enqueue(rq_jobs.add, 2, 3)
        second = queue.enqueue(rq_jobs.add, 4, 5, depends_on=first)
        retried = queue.enqueue(rq_jobs.fail_first, redis_port, retry=Retry(max=2))
        wrong = queue.enqueue(rq_jobs.add, "a", 1)
        SimpleWorker([queue], connection=connection).work(burst=True, logging_level="ERROR")
        assert first.return_value() == 5
        assert second.return_value() == 9
        assert retried.return_value() == "done"
        assert wrong.is_failed
        finished = queue.finished_job_registry.get_job_ids()
        assert sorted(finished) == sorted(job.id for job in (first, second, retried))
        assert queue.failed_job_registry.get_job_ids() == [wrong.id]
        assert queue.count == 0
