"""Servers with files: dozo and redis-server on directories of their own, filled with values of every type."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.waiting import until

from dozo.testing import HOST, Node, Server, start

PATIENCE_S = 60.0


def serves(client: redis.Redis) -> bool:
    """Whether the server has loaded its data."""
    try:
        return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


class Home:
    """A data directory and the servers that run on it, one after the other."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path = path
        self._stack = stack

    @property
    def journal(self) -> Path:
        """The journal's directory."""
        return self.path / "appendonlydir"

    @property
    def increment(self) -> Path:
        """The file that the journal's changes go to."""
        return max(self.journal.glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))

    def dozo(self, *flags: str) -> tuple[Node, redis.Redis]:
        """Start dozo on the directory and wait until it has loaded what is there."""
        node = self._stack.enter_context(Node.start("--data-dir", str(self.path), *flags))
        client = self._stack.enter_context(
            redis.Redis(HOST, node.port, socket_timeout=PATIENCE_S, retry=None)
        )
        until("dozo has loaded its data", lambda: serves(client) or not node.running)
        assert node.running, node.log()
        return node, client

    def redis(self, *flags: str) -> tuple[Server, redis.Redis]:
        """Start redis-server on the directory and wait until it has loaded what is there."""
        command = ["redis-server", "--dir", str(self.path), "--save", "", "--bind", HOST]
        command += ["--enable-debug-command", "yes", "--port"]
        peer = self._stack.enter_context(
            start(lambda ports: Server([*command, str(ports[0]), *flags], ports, os.environ), 1)
        )
        client = self._stack.enter_context(redis.Redis(HOST, peer.ports[0], retry=None))
        until("redis-server has loaded its data", lambda: serves(client) or not peer.running)
        assert peer.running, peer.log()
        return peer, client


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    """Return a function that makes a home; its servers end with the test."""
    with ExitStack() as stack:
        count = iter(range(100))

        def make(path: Path | None = None) -> Home:
            path = path or tmp_path / f"home{next(count)}"
            path.mkdir(exist_ok=True)
            return Home(path, stack)

        yield make


@pytest.fixture
def home(homes: Callable[..., Home]) -> Home:
    """Return an empty data directory."""
    return homes()


def fill(client: redis.Redis) -> None:
    """Store values of every type, small and large, with and without expiry, in two databases."""
    far = int(time.time() * 1000) + 3_600_000_000
    client.execute_command("SELECT", 0)
    client.set("string", "value")
    client.set("binary", bytes(range(256)) * 3)
    client.set("long", "repeated " * 20_000)
    client.set("timed", "value", pxat=far)
    for number in (0, -1, 127, 128, 40_000, -(2**31), 2**31, 2**63 - 1):
        client.set(f"number:{number}", number)
    client.setbit("bits", 10_000, 1)
    client.pfadd("counter", *range(2000))
    for size in (3, 600):
        words = [f"element {number}" if number % 3 else number for number in range(size)]
        client.rpush(f"list:{size}", *words)
        client.sadd(f"set:{size}", *words)
        client.sadd(f"integers:{size}", *range(1000, 1000 + size))
        client.zadd(f"zset:{size}", {f"member {number}": number / 8 for number in range(size)})
        client.hset(f"hash:{size}", mapping={f"field {number}": f"value {number}" for number in range(size)})
        for number in range(1, size):
            client.xadd(f"stream:{size}", {"field": number, f"other{number % 5}": "x" * 9}, id=f"{number}-1")
        client.xdel(f"stream:{size}", "2-1")
        client.xgroup_create(f"stream:{size}", "group", id="0")
        client.xreadgroup("group", "alice", {f"stream:{size}": ">"}, count=2)
    client.zadd("scores", {"low": float("-inf"), "high": float("inf"), "tiny": 5e-324, "third": 1 / 3})
    client.rpush("large", "x" * 100_000, "y", "")
    client.hset("empty", "", "")
    client.xadd("gone", {"a": "b"}, id="5-5")
    client.xdel("gone", "5-5")
    client.pexpireat("list:600", far)
    client.execute_command("SELECT", 9)
    client.set("elsewhere", "value")
    client.execute_command("SELECT", 0)


def contents(client: redis.Redis) -> dict[str, Any]:
    """What both servers tell alike of everything that is stored."""
    found: dict[str, Any] = {"digest": client.execute_command("DEBUG", "DIGEST")}
    for database in (0, 9):
        client.execute_command("SELECT", database)
        for key in sorted(client.keys()):
            line = [client.type(key), client.execute_command("PEXPIRETIME", key)]
            line.append(client.execute_command("DEBUG", "DIGEST-VALUE", key))
            if line[0] == b"stream":
                line.append(_stream(client, key))
            found[f"{database} {key!r}"] = line
    client.execute_command("SELECT", 0)
    return found


def _stream(client: redis.Redis, key: bytes) -> Any:
    info = client.xinfo_stream(key, full=True)
    # How many nodes a stream has is each server's own business, and when a consumer was seen last is its clock's.
    for name in ("radix-tree-keys", "radix-tree-nodes"):
        info.pop(name, None)
    for group in info["groups"]:
        for consumer in group["consumers"]:
            for name in (b"seen-time", b"active-time"):
                consumer.pop(name, None)
    return info


def passes(*command: str | Path) -> str:
    """Run a checker that must find nothing wrong; what it wrote."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
