"""kill -9 at random moments: what was acknowledged is there, and nothing that is half.

KILLS says how often (`make crash` takes 500), SEED which moments.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import redis
from pymemcache.client.base import Client as Memcached
from pymemcache.exceptions import MemcacheUnexpectedCloseError

from dozo.testing import HOST, Node

from .conftest import PATIENCE_S, Home

KILLS = int(os.environ.get("KILLS", "8"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1 << 30)
LOSS_S = 3.0
"""What everysec may lose: a second, and the time of an fsync on a machine that does much else."""

SCRIPT = """
redis.call('SET', KEYS[1], ARGV[1])
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[1])
"""

Write = Callable[[int], object]


class Writer(threading.Thread):
    """Writes rising numbers until its server is gone; keeps which were sent, and which were acknowledged when."""

    def __init__(self, name: str, first: int, write: Write) -> None:
        super().__init__(name=name)
        self.sent = self.acknowledged = first
        self.when: list[tuple[float, int]] = []
        self.refused: Exception | None = None
        self._write = write

    def run(self) -> None:
        try:
            while True:
                self.sent += 1
                self._write(self.sent)
                self.acknowledged = self.sent
                self.when.append((time.monotonic(), self.sent))
        except (redis.ConnectionError, MemcacheUnexpectedCloseError, OSError, EOFError):
            return
        except Exception as error:
            self.refused = error


def connect(node: Node) -> redis.Redis:
    """Connect a client that waits for an fsync on a busy disk, where redis-py's own would give up after 5 s."""
    return redis.Redis(HOST, node.port, retry=None, socket_timeout=PATIENCE_S)


def transaction(node: Node, name: str, stack: ExitStack) -> Write:
    client = stack.enter_context(connect(node))

    def write(number: int) -> None:
        with client.pipeline(transaction=True) as pipe:
            pipe.set(f"{name}:left", number).rpush(f"{name}:list", number).set(f"{name}:right", number)
            pipe.execute()

    return write


def script(node: Node, name: str, stack: ExitStack) -> Write:
    client = stack.enter_context(connect(node))
    return lambda number: client.eval(SCRIPT, 3, f"{name}:left", f"{name}:list", f"{name}:right", number)


def pipeline(node: Node, name: str, stack: ExitStack) -> Write:
    connection = stack.enter_context(socket.create_connection((HOST, node.port)))
    file = stack.enter_context(connection.makefile("rb"))

    def write(number: int) -> None:
        lines = (f"SET {name}:{side} {number}\r\n" for side in ("left", "right"))
        connection.sendall("".join(lines).encode())
        for _ in range(2):
            if not (line := file.readline()):
                raise EOFError
            assert line == b"+OK\r\n", line

    return write


def memcached(node: Node, name: str, stack: ExitStack) -> Write:
    client = Memcached((HOST, node.memcached_port))
    stack.callback(client.close)

    def write(number: int) -> None:
        assert client.set(f"{name}:left", str(number), flags=9, noreply=False)
        assert client.set(f"{name}:right", str(number), noreply=False)

    return write


def deleting(node: Node, name: str, stack: ExitStack) -> Write:
    """Even numbers are told by a key that is gone."""
    client = stack.enter_context(connect(node))
    return lambda number: client.set(f"{name}:left", number) if number % 2 else client.delete(f"{name}:left")


KINDS = {
    "t1": transaction,
    "t2": transaction,
    "e1": script,
    "p1": pipeline,
    "m1": memcached,
    "m2": memcached,
    "d1": deleting,
}


def write_until_killed(node: Node, seconds: float, state: dict[str, int]) -> tuple[list[Writer], float]:
    """Let all kinds write and kill the server after so long; the writers, and when that was."""
    with ExitStack() as stack:
        writers = [Writer(name, state.get(name, 0), kind(node, name, stack)) for name, kind in KINDS.items()]
        for writer in writers:
            writer.start()
        writers[0].join(seconds)
        node.process.kill()
        end = time.monotonic()
        node.process.wait()
        for writer in writers:
            writer.join()
    refused = {writer.name: writer.refused for writer in writers if writer.refused}
    assert not refused, f"SEED={SEED}"
    return writers, end


@pytest.mark.slow
@pytest.mark.parametrize("fsync", ["always", "everysec"])
def test_kill(home: Home, fsync: str) -> None:
    moments = random.Random(SEED)
    flags = ("--persistence", "both", "--appendfsync", fsync, "--save", "1 1")
    flags += ("--auto-aof-rewrite-min-size", "200kb")
    state: dict[str, int] = {}
    acknowledged = 0
    node, client = home.dozo(*flags)
    for kill in range(KILLS):
        before = dict(state)
        writers, end = write_until_killed(node, moments.uniform(0.05, 1.2), state)
        node.close()
        client.close()
        node, client = home.dozo(*flags)
        for writer in writers:
            where = f"SEED={SEED}, kill {kill}, {writer.name}"
            state[writer.name] = check(client, writer, fsync, end, where)
            acknowledged += writer.acknowledged - before.get(writer.name, 0)
    print(f"{fsync}: {KILLS} kills, {acknowledged} acknowledged writes, none lost (SEED={SEED})")
    assert acknowledged > 0


def check(client: redis.Redis, writer: Writer, fsync: str, end: float, where: str) -> int:
    """Compare what is there with what was written; the number to go on from."""
    least = writer.acknowledged
    if fsync == "everysec":
        least = max((number for when, number in writer.when if when < end - LOSS_S), default=0)
    left, right = (int(client.get(f"{writer.name}:{side}") or 0) for side in ("left", "right"))
    if writer.name.startswith("d"):
        # A key that is gone tells an even number.
        fits = least <= left <= writer.sent if left else least % 2 == 0 or writer.sent > least
        assert fits, (where, least, left, writer.sent)
        return left or writer.sent // 2 * 2
    assert least <= right <= left <= writer.sent, (where, least, right, left, writer.sent)
    if writer.name.startswith(("t", "e")):
        last = client.lindex(f"{writer.name}:list", -1)
        assert left == right == int(last or 0), f"{where}: half of a transaction"
        numbers = [int(number) for number in client.lrange(f"{writer.name}:list", 0, -1)]
        assert numbers == sorted(set(numbers)), f"{where}: something was written twice"
    # Of two single writes the first may have come through alone: then both are made again.
    return right
