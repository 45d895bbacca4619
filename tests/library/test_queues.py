"""A queue of jobs as RQ has it, and RQ itself, on `store.redis()`: no server, no socket."""

from __future__ import annotations

import threading
import uuid

import pytest
import redis


@pytest.fixture
def store():
    import dozo

    with dozo.open() as store:
        yield store


class Queue:
    """Jobs in hashes, their IDs in a list; a worker moves one to a list of its own until it is done."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self.client, self.name = client, f"queue:{name}"

    def enqueue(self, number: int) -> str:
        job = uuid.uuid4().hex
        with self.client.pipeline() as pipe:
            pipe.hset(f"job:{job}", mapping={"status": "queued", "number": number})
            pipe.rpush(self.name, job)
            pipe.execute()
        return job

    def work(self, worker: str) -> int:
        done = 0
        mine = f"{self.name}:{worker}"
        while job := self.client.blmove(self.name, mine, timeout=30):
            if job == "stop":
                self.client.lrem(mine, 1, job)
                return done
            key = f"job:{job}"
            self.client.hset(key, "status", "started")
            number = int(self.client.hget(key, "number"))
            with self.client.pipeline() as pipe:
                pipe.hset(key, mapping={"status": "finished", "result": number * number})
                pipe.expire(key, 500)
                pipe.lrem(mine, 1, job)
                pipe.zadd(f"{self.name}:finished", {job: number})
                pipe.publish(f"{self.name}:done", job)
                pipe.execute()
            done += 1
        raise AssertionError("nobody stopped the worker")


def test_workers_share_a_queue(store):
    with store.redis(decode_responses=True) as client:
        queue = Queue(client, "numbers")
        with client.pubsub(ignore_subscribe_messages=True) as done:
            done.subscribe("queue:numbers:done")
            assert done.get_message(timeout=5) is None
            counts: list[int] = []
            workers = [
                threading.Thread(target=lambda name=str(n): counts.append(queue.work(name))) for n in range(3)
            ]
            for worker in workers:
                worker.start()
            jobs = [queue.enqueue(number) for number in range(60)]
            heard = {done.get_message(timeout=30)["data"] for _ in jobs}
            client.rpush(queue.name, "stop", "stop", "stop")
            for worker in workers:
                worker.join(30)
        assert heard == set(jobs)
        assert sum(counts) == 60
        assert client.zrange("queue:numbers:finished", 0, -1) == jobs
        assert [int(client.hget(f"job:{job}", "result")) for job in jobs] == [n * n for n in range(60)]
        assert client.keys("queue:numbers:?") == []
        assert 0 < client.ttl(f"job:{jobs[0]}") <= 500


def test_rq_itself(store):
    from rq import Queue as RqQueue
    from rq import SimpleWorker
    from rq.timeouts import TimerDeathPenalty

    class Worker(SimpleWorker):
        # Signals, of which RQ's own kind is made, are for main threads only.
        death_penalty_class = TimerDeathPenalty

    with store.redis() as client:
        queue = RqQueue(connection=client)
        jobs = [queue.enqueue(pow, number, 2) for number in range(3)]
        failing = queue.enqueue(divmod, 1, 0)
        assert len(queue) == 4
        worker = Worker([queue], connection=client)
        assert worker.work(burst=True) is True
        assert [job.return_value() for job in jobs] == [0, 1, 4]
        assert failing.get_status().value == "failed"
        assert "ZeroDivisionError" in failing.latest_result().exc_string
        assert len(queue) == 0
