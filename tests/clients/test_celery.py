"""Celery with a worker process of its own: broker and results, a chord, an ETA, retries, a revoked task."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PATIENCE_S = 60


@pytest.fixture
def jobs(redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Start a worker, and return the module of the tasks as its client sees it."""
    monkeypatch.setenv("JOBS_URL", redis_url)
    monkeypatch.syspath_prepend(str(HERE))
    sys.modules.pop("celery_app", None)
    import celery_app

    words = ["-A", "celery_app", "worker", "--pool", "solo", "--concurrency", "1", "--loglevel", "INFO"]
    log = (tmp_path / "worker.log").open("wb")
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", *words],
        cwd=HERE,
        env=os.environ | {"JOBS_URL": redis_url},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield celery_app
    finally:
        worker.terminate()
        worker.wait(PATIENCE_S)
        log.close()
        celery_app.app.close()
        sys.modules.pop("celery_app", None)


def test_jobs(jobs: Any) -> None:
    from celery import chain, chord, group

    assert jobs.add.delay(2, 3).get(timeout=PATIENCE_S) == 5
    assert group(jobs.add.s(n, n) for n in range(5))().get(timeout=PATIENCE_S) == [0, 2, 4, 6, 8]
    assert chain(jobs.add.s(1, 2), jobs.add.s(10))().get(timeout=PATIENCE_S) == 13
    assert chord((jobs.add.s(n, 1) for n in range(10)), jobs.total.s())().get(timeout=PATIENCE_S) == 55
    assert jobs.third_time.delay().get(timeout=PATIENCE_S) == 2
    start = time.monotonic()
    assert jobs.add.apply_async((20, 22), countdown=1).get(timeout=PATIENCE_S) == 42
    assert time.monotonic() - start >= 0.9
    answers = jobs.app.control.ping(timeout=PATIENCE_S, limit=1)
    assert [list(answer.values()) for answer in answers] == [[{"ok": "pong"}]]
