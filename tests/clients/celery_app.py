"""The tasks that test_celery.py sends; its worker imports this file as a program of its own."""

from __future__ import annotations

import os

from celery import Celery, Task

app = Celery("jobs", broker=os.environ["JOBS_URL"], backend=os.environ["JOBS_URL"])
app.conf.update(task_default_queue="jobs", result_expires=60, broker_connection_retry_on_startup=True)


@app.task
def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


@app.task
def total(numbers: list[int]) -> int:
    """Add many numbers: the body of a chord."""
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def third_time(self: Task) -> int:
    """Fail twice, then say how often it failed."""
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return int(self.request.retries)
