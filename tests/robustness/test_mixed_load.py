"""Fifty clients at once that mix transactions, waiting, messages, scripts and Python functions: nothing is lost, and
nothing comes twice.

`make test` runs a second of it; LOAD=60 in the environment makes it a minute.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from dozo.testing import HOST, Node

COMMANDS = Path(__file__).with_name("load_commands.py")
SECONDS = float(os.environ.get("LOAD", "1"))
PRODUCERS, WORKERS, ACCOUNTANTS, AUDITORS, LISTENERS = 12, 18, 12, 3, 5
QUEUES = [f"queue:{n}" for n in range(6)]
ACCOUNTS = [f"account:{n}" for n in range(6)]
TOTAL = 1000 * len(ACCOUNTS)

PUSH = """
local length = redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('INCR', 'pushed')
redis.call('PUBLISH', 'jobs', ARGV[1])
return length
"""
POP = "return redis.call('RPOP', KEYS[1]) or redis.call('RPOP', KEYS[2])"
MOVE = "redis.call('DECRBY', KEYS[1], ARGV[1]); return redis.call('INCRBY', KEYS[2], ARGV[1])"
SUM = "local sum = 0; for _, key in ipairs(KEYS) do sum = sum + redis.call('GET', key) end; return sum"

Client = redis.Redis
Chance = random.Random


class Crowd:
    """Threads of clients, and what they have seen."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.end = 0.0
        self.popped: list[bytes] = []
        self.pushed: list[bytes] = []
        self.heard: list[list[bytes]] = []
        self.failures: list[BaseException] = []
        self.all_pushed = threading.Event()
        everybody = PRODUCERS + WORKERS + ACCOUNTANTS + AUDITORS + LISTENERS
        self.ready = threading.Barrier(everybody, self._begin, timeout=60)
        self.numbers = itertools.count()

    def _begin(self) -> None:
        self.end = time.monotonic() + SECONDS

    def start(self, work: Callable[[Client, Chance], None], count: int) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._run, args=(work,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, work: Callable[[Client, Chance], None]) -> None:
        number = next(self.numbers)
        try:
            with redis.Redis(HOST, self.node.port, socket_timeout=60, protocol=2 + number % 2) as client:
                client.ping()
                if work != self.listen:
                    self.ready.wait()
                work(client, random.Random(number))
        except BaseException as failure:
            self.failures.append(failure)

    def produce(self, client: Client, chance: Chance) -> None:
        """Push jobs, count them and tell of them, each time as one step."""
        script = client.register_script(PUSH)
        number = next(self.numbers)
        for turn in itertools.count():
            queue, job = chance.choice(QUEUES), b"%d:%d" % (number, turn)
            way = chance.randrange(3)
            if way == 0:
                script([queue], [job])
            elif way == 1:
                client.execute_command("LOAD.PUSH", queue, job)
            else:
                with client.pipeline() as pipe:
                    pipe.lpush(queue, job).incr("pushed").publish("jobs", job).execute()
            self.pushed.append(job)
            if time.monotonic() > self.end:
                return

    def work(self, client: Client, chance: Chance) -> None:
        """Take jobs in every way there is, mostly waiting for them."""
        script = client.register_script(POP)
        own = f"working:{next(self.numbers)}"
        while True:
            last = self.all_pushed.is_set()
            found = self._take(client, script, own, chance)
            self.popped += found
            if last and not found and not any(client.llen(queue) for queue in QUEUES):
                return

    def _take(self, client: Client, script: Callable, own: str, chance: Chance) -> list[bytes]:
        keys, way = chance.sample(QUEUES, 3), chance.randrange(5)
        if way == 0:
            return [found[1]] if (found := client.brpop(keys, timeout=0.1)) else []
        if way == 1:
            return [found[1]] if (found := client.blpop(keys, timeout=0.1)) else []
        if way == 2:
            found = client.blmpop(0.1, len(keys), *keys, direction="RIGHT", count=3)
            return found[1] if found else []
        if way == 3:
            return [found] if (found := script(keys[:2])) else []
        if client.blmove(keys[0], own, 0.1, "RIGHT", "LEFT") is None:
            return []
        with client.pipeline() as pipe:
            return pipe.lrange(own, 0, -1).delete(own).execute()[0]

    def account(self, client: Client, chance: Chance) -> None:
        """Move money between accounts."""
        script = client.register_script(MOVE)
        while time.monotonic() < self.end:
            source, target = chance.sample(ACCOUNTS, 2)
            amount, way = chance.randrange(5), chance.randrange(4)
            if way == 0:
                script([source, target], [amount])
            elif way == 1:
                client.execute_command("LOAD.MOVE", source, target, amount)
            elif way == 2:
                with client.pipeline() as pipe:
                    pipe.decrby(source, amount).incrby(target, amount).execute()
            else:
                self._move_if_unchanged(client, source, target, amount)

    def _move_if_unchanged(self, client: Client, source: str, target: str, amount: int) -> None:
        try:
            with client.pipeline() as pipe:
                pipe.watch(source, target)
                left, right = int(pipe.get(source)), int(pipe.get(target))
                pipe.multi()
                pipe.set(source, left - amount).set(target, right + amount).execute()
        except redis.WatchError:
            pass

    def audit(self, client: Client, chance: Chance) -> None:
        """Add all accounts up: nobody sees money on its way."""
        script = client.register_script(SUM)
        while time.monotonic() < self.end:
            assert script(ACCOUNTS) == TOTAL
            assert client.execute_command("LOAD.SUM", *ACCOUNTS) == TOTAL
            assert sum(map(int, client.mget(ACCOUNTS))) == TOTAL
            with client.pipeline() as pipe:
                for account in ACCOUNTS:
                    pipe.get(account)
                assert sum(map(int, pipe.execute())) == TOTAL

    def listen(self, client: Client, chance: Chance) -> None:
        """Hear of every job until the end is told."""
        heard: list[bytes] = []
        with client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe("jobs")
            # Reads the confirmation.
            pubsub.get_message(timeout=30)
            self.ready.wait()
            for message in pubsub.listen():
                if message["data"] == b"end":
                    break
                heard.append(message["data"])
        self.heard.append(heard)


def _in_order(jobs: list[bytes]) -> bool:
    """Each producer's jobs come in the order in which it pushed them."""
    seen: dict[bytes, int] = {}
    for job in jobs:
        producer, _, turn = job.partition(b":")
        if int(turn) <= seen.get(producer, -1):
            return False
        seen[producer] = int(turn)
    return True


@pytest.mark.parametrize("threads", ["0", "2"])
def test_nothing_is_lost_or_doubled(threads: str) -> None:
    with Node.start("--load", str(COMMANDS), "--io-threads", threads) as node:
        crowd = Crowd(node)
        with redis.Redis(HOST, node.port) as client:
            client.mset(dict.fromkeys(ACCOUNTS, 1000))
            listeners = crowd.start(crowd.listen, LISTENERS)
            workers = crowd.start(crowd.work, WORKERS)
            others = crowd.start(crowd.account, ACCOUNTANTS) + crowd.start(crowd.audit, AUDITORS)
            producers = crowd.start(crowd.produce, PRODUCERS)
            for thread in producers + others:
                thread.join()
            crowd.all_pushed.set()
            client.publish("jobs", "end")
            for thread in workers + listeners:
                thread.join()
            assert not crowd.failures
            counted = Counter(crowd.popped)
            assert set(counted.values()) == {1}
            assert counted.keys() == set(crowd.pushed)
            assert len(crowd.pushed) == int(client.get("pushed"))
            for heard in crowd.heard:
                assert len(heard) == len(crowd.pushed)
                assert _in_order(heard)
            assert sum(map(int, client.mget(ACCOUNTS))) == TOTAL
            assert sorted(client.keys()) == sorted(name.encode() for name in [*ACCOUNTS, "pushed"])
            assert client.info("clients")["blocked_clients"] == 0
