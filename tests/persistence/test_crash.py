"""kill -9 at random moments: what was acknowledged is there, and nothing that is half.

KILLS says how often (`make crash` takes 500), SEED which moments.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from pymemcache.client.base import Client as Memcached
from pymemcache.exceptions import MemcacheError

from dozo.testing import HOST, Node

from .conftest import Home

KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1 << 30)
LOSS_S = 3.0
"""What everysec may lose: a second, and the time of an fsync on a machine that does much else."""


class Writer(threading.Thread):
    """Writes rising numbers until its server is gone; keeps which were sent, and which were acknowledged when."""

    def __init__(self, name: str, first: int, write: Callable[[int], None]) -> None:
        super().__init__(name=name)
        self.sent = self.acknowledged = first
        self.when: list[tuple[float, int]] = []
        self._write = write

    def run(self) -> None:
        try:
            while True:
                self.sent += 1
                self._write(self.sent)
                self.acknowledged = self.sent
                self.when.append((time.monotonic(), self.sent))
        except (redis.RedisError, MemcacheError, OSError, EOFError):
            return


def writers(node: Node, state: dict[str, int]) -> list[Writer]:
    """Two that write transactions, one that pipelines, two that speak memcached's protocol."""

    def transaction(name: str) -> Callable[[int], None]:
        client = redis.Redis(HOST, node.port, retry=None)

        def write(number: int) -> None:
            with client.pipeline(transaction=True) as pipe:
                pipe.set(f"{name}:left", number)
                pipe.rpush(f"{name}:list", number)
                pipe.set(f"{name}:right", number)
                pipe.execute()

        return write

    def single(name: str) -> Callable[[int], None]:
        connection = socket.create_connection((HOST, node.port))
        file = connection.makefile("rb")

        def write(number: int) -> None:
            connection.sendall(
                b"SET %b:left %d\r\nSET %b:right %d\r\n" % (name.encode(), number, name.encode(), number)
            )
            if file.readline() != b"+OK\r\n" or file.readline() != b"+OK\r\n":
                raise EOFError

        return write

    def memcached(name: str) -> Callable[[int], None]:
        client = Memcached((HOST, node.memcached_port))

        def write(number: int) -> None:
            client.set(f"{name}:left", str(number), flags=9, noreply=False)
            client.set(f"{name}:right", str(number), noreply=False)

        return write

    kinds = {"t1": transaction, "t2": transaction, "s1": single, "m1": memcached, "m2": memcached}
    return [Writer(name, state.get(name, 0), make(name)) for name, make in kinds.items()]


@contextmanager
def killed(
    home: Home, flags: tuple[str, ...], after_s: float, state: dict[str, int]
) -> Iterator[list[Writer]]:
    node, _ = home.dozo(*flags)
    running = writers(node, state)
    for writer in running:
        writer.start()
    time.sleep(after_s)
    node.process.kill()
    node.process.wait()
    for writer in running:
        writer.join()
    yield running


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fsync", ["always", "everysec"])
def test_kill(home: Home, fsync: str) -> None:
    print(f"SEED={SEED}")
    moments = random.Random(SEED)
    flags = (
        "--persistence",
        "both",
        "--appendfsync",
        fsync,
        "--save",
        "1 1",
        "--auto-aof-rewrite-min-size",
        "200kb",
    )
    state: dict[str, int] = {}
    for kill in range(KILLS):
        with killed(home, flags, moments.uniform(0.05, 1.2), state) as running:
            end = time.monotonic()
        node, client = home.dozo(*flags)
        for writer in running:
            state[writer.name] = check(client, writer, fsync, end, f"SEED={SEED}, kill {kill}")
        node.process.kill()
        node.process.wait()


def check(client: redis.Redis, writer: Writer, fsync: str, end: float, where: str) -> int:
    """Compare what is there with what was written; the number to go on from."""
    left, right = (int(client.get(f"{writer.name}:{side}") or 0) for side in ("left", "right"))
    least = writer.acknowledged
    if fsync == "everysec":
        least = max((number for when, number in writer.when if when < end - LOSS_S), default=0)
    assert least <= right <= left <= writer.sent, (
        f"{where}: {writer.name} {least} {right} {left} {writer.sent}"
    )
    if writer.name.startswith("t"):
        last = client.lindex(f"{writer.name}:list", -1)
        assert left == right == int(last or 0), f"{where}: half of a transaction"
        numbers = [int(number) for number in client.lrange(f"{writer.name}:list", 0, -1)]
        assert numbers == sorted(set(numbers)), f"{where}: something was written twice"
    return left
