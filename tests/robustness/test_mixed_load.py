"""Many clients at once that mix transactions, waiting and plain commands: nothing is lost and nothing comes twice."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections import Counter
from pathlib import Path

import pytest
import redis

from dozo.testing import HOST, Node

COMMANDS = Path(__file__).parent.parent / "blocking" / "user_commands.py"
#: Jobs a producer pushes; LOAD=20 makes it a long run.
JOBS = 100 * int(os.environ.get("LOAD", "1"))
PRODUCERS, WORKERS, ACCOUNTANTS = 10, 25, 15
SLOTS = [f"slot:{n}" for n in range(8)]
ACCOUNTS = [f"account:{n}" for n in range(6)]


class Crowd:
    """Threads of clients, and what they have seen."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.popped: list[bytes] = []
        self.failures: list[BaseException] = []
        self.done = threading.Event()
        self.numbers = itertools.count()

    def run(self, work) -> None:
        try:
            with redis.Redis(HOST, self.node.port, socket_timeout=30) as client:
                work(client, random.Random(next(self.numbers)))
        except BaseException as failure:
            self.failures.append(failure)

    def produce(self, client: redis.Redis, chance: random.Random) -> None:
        """Put jobs into free slots: whoever waits for them is woken."""
        number = chance.getrandbits(64)
        for job in range(JOBS):
            name = f"{number}:{job}"
            while not client.set(chance.choice(SLOTS), name, nx=True):
                pass
            client.incr("pushed")

    def work(self, client: redis.Redis, chance: random.Random) -> None:
        """Take jobs, waiting for them."""
        while not self.done.is_set():
            keys = chance.sample(SLOTS, 4)
            found = client.execute_command("T.TAKE", *keys, "0.2")
            if found is not None:
                self.popped.append(found[1])

    def account(self, client: redis.Redis, chance: random.Random) -> None:
        """Move money between accounts, with WATCH or with a plain transaction."""
        for _ in range(JOBS):
            source, target = chance.sample(ACCOUNTS, 2)
            amount = chance.randrange(5)
            if chance.random() < 0.5:
                with client.pipeline() as pipe:
                    pipe.decrby(source, amount)
                    pipe.incrby(target, amount)
                    pipe.execute()
                continue
            try:
                with client.pipeline() as pipe:
                    pipe.watch(source, target)
                    left, right = int(pipe.get(source) or 0), int(pipe.get(target) or 0)
                    pipe.multi()
                    pipe.set(source, left - amount)
                    pipe.set(target, right + amount)
                    pipe.execute()
            except redis.WatchError:
                pass


@pytest.mark.parametrize("threads", ["0", "2"])
def test_nothing_is_lost_or_doubled(threads: str) -> None:
    with Node.start("--load", str(COMMANDS), "--io-threads", threads) as node:
        crowd = Crowd(node)
        with redis.Redis(HOST, node.port) as client:
            client.mset(dict.fromkeys(ACCOUNTS, 1000))
            tasks = [crowd.produce] * PRODUCERS + [crowd.account] * ACCOUNTANTS
            finite = [threading.Thread(target=crowd.run, args=(task,)) for task in tasks]
            workers = [threading.Thread(target=crowd.run, args=(crowd.work,)) for _ in range(WORKERS)]
            for thread in workers + finite:
                thread.start()
            for thread in finite:
                thread.join(120)
            crowd.done.set()
            for thread in workers:
                thread.join(30)
            left = [value for value in client.mget(SLOTS) if value is not None]
            assert not crowd.failures
            counted = Counter(crowd.popped + left)
            assert set(counted.values()) == {1}
            assert len(counted) == PRODUCERS * JOBS == int(client.get("pushed"))
            assert sum(map(int, client.mget(ACCOUNTS))) == 1000 * len(ACCOUNTS)
            assert client.info("clients")["blocked_clients"] == 0
