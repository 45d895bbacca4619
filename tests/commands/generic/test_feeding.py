"""Whatever puts elements under a key serves who waits for it, as in redis-server: commands of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.waiting import until

LISTS = {
    "waits": ["BLPOP k 0", "BRPOP none k 0", "BLMOVE k other LEFT RIGHT 0", "BLMPOP 0 2 none k LEFT COUNT 2"],
    "feeds": [
        "RPUSH k a b",
        "MULTI; RPUSH k a; RPUSH k b; EXEC",
        "MULTI; RPUSH k a; DEL k; EXEC",
        "MULTI; ZADD k 1 a; DEL k; RPUSH k b; EXEC",
        "RPUSH x a b; RENAME x k",
        "RPUSH x a b; RENAMENX x k",
        "RPUSH x a b; COPY x k",
        "RPUSH x a b; dump x k",
        "RPUSH x a b; LMOVE x k RIGHT LEFT",
        "RPUSH x a b; RPOPLPUSH x k",
        "RPUSH x 2 1; SORT x STORE k",
        "SELECT 1; RPUSH k a b; MOVE k 0",
        "SELECT 1; RPUSH k a b; SWAPDB 0 1",
        'EVAL \'redis.call("RPUSH", KEYS[1], "a", "b")\' 1 k',
        "LPUSHX k a",
        "SET k x",
        "ZADD k 1 a",
        "SET k x; DEL k; RPUSH k a",
    ],
}
SORTED_SETS = {
    "waits": ["BZPOPMIN k 0", "BZPOPMAX none k 0", "BZMPOP 0 2 none k MIN COUNT 2"],
    "feeds": [
        "ZADD k 1 a 2 b",
        "ZINCRBY k 1 a",
        "ZADD k XX 1 a",
        "MULTI; ZADD k 1 a; ZADD k 0 b; EXEC",
        "MULTI; ZADD k 1 a; ZREM k a; EXEC",
        "ZADD x 1 a; RENAME x k",
        "ZADD x 1 a; COPY x k",
        "ZADD x 1 a; dump x k",
        "ZADD x 1 a; ZUNIONSTORE k 1 x",
        "ZADD x 1 a; ZINTERSTORE k 1 x",
        "ZADD x 1 a; ZDIFFSTORE k 1 x",
        "ZADD x 1 a; ZRANGESTORE k x 0 -1",
        "GEOADD k 1 1 a",
        "SELECT 1; ZADD k 1 a; MOVE k 0",
        'EVAL \'redis.call("ZADD", KEYS[1], 2, "a")\' 1 k',
        "RPUSH k a",
    ],
}
STREAMS = {
    "waits": [
        "XREAD BLOCK 0 STREAMS k $",
        "XREAD BLOCK 0 COUNT 1 STREAMS none k 0 1-1",
        "XREADGROUP GROUP g c BLOCK 0 STREAMS k >",
        "XREADGROUP GROUP g c NOACK COUNT 1 BLOCK 0 STREAMS k >",
    ],
    "setup": ["XADD k 1-1 f v", "XGROUP CREATE k g $"],
    "feeds": [
        "XADD k 2-2 f v",
        "XADD k 2-2 f v; XADD k 3-3 f v",
        "MULTI; XADD k 2-2 f v; XADD k 3-3 f v; EXEC",
        'EVAL \'redis.call("XADD", KEYS[1], "2-2", "f", "v")\' 1 k',
        "XDEL k 1-1",
        "XSETID k 5-5",
        "XGROUP SETID k g 0",
    ],
}
CASES = [
    (wait, feed, family.get("setup", []))
    for family in (LISTS, SORTED_SETS, STREAMS)
    for wait in family["waits"]
    for feed in family["feeds"]
]
#: What ends the waiting of a group's reader: its stream or its group is gone.
ENDS = [
    "DEL k",
    "UNLINK k",
    "XGROUP DESTROY k g",
    "SET k x",
    "FLUSHALL",
    "RENAME k other",
    "MULTI; DEL k; EXEC",
]


def _blocked(connection: Any) -> int:
    return int(connection("INFO clients").split(b"blocked_clients:")[1].split(b"\r\n")[0])


def _run(connection: Any, line: str) -> None:
    if line.startswith("dump "):
        _, source, target = line.split()
        connection("RESTORE", target, 0, connection("DUMP", source))
    else:
        connection(line)


@pytest.fixture
def outcome(dial: Callable[[int], Any]) -> Callable[..., Any]:
    """Return a function that lets one client wait and another one feed: what the first one got, or None."""

    def of(port: int, wait: str, feed: str, setup: list[str]) -> Any:
        waiter, feeder = dial(port), dial(port)
        for line in setup:
            feeder(line)
        identity = waiter("CLIENT ID")
        waiter.send(wait)
        until("it waits", lambda: _blocked(feeder))
        for line in feed.split("; "):
            _run(feeder, line)
        unblocked = feeder("CLIENT", "UNBLOCK", identity)
        got = waiter.read()
        assert _blocked(feeder) == 0
        feeder("SELECT 0")
        left = [feeder(f"TYPE {key}") for key in ("k", "x", "other")]
        return bool(unblocked), got, left

    return of


@pytest.mark.parametrize(("wait", "feed", "setup"), CASES)
def test_a_waiter_is_served_alike(server, redis_server, outcome, wait, feed, setup):
    ours, theirs = (outcome(peer.port, wait, feed, setup) for peer in (server, redis_server))
    assert ours == theirs


@pytest.mark.parametrize("end", ENDS)
def test_a_group_s_reader_learns_that_it_is_gone(server, redis_server, outcome, end):
    wait, setup = "XREADGROUP GROUP g c BLOCK 0 STREAMS k >", STREAMS["setup"]
    ours, theirs = (outcome(peer.port, wait, end, setup) for peer in (server, redis_server))
    assert ours == theirs


def test_every_reader_of_a_stream_is_served_and_groups_share(server, redis_server, dial):
    found = []
    for peer in (server, redis_server):
        feeder = dial(peer.port)
        for line in STREAMS["setup"]:
            feeder(line)
        readers = []
        for line in (
            *["XREAD BLOCK 0 STREAMS k $"] * 2,
            *["XREADGROUP GROUP g c BLOCK 0 COUNT 1 STREAMS k >"] * 2,
        ):
            readers.append(dial(peer.port))
            readers[-1].send(line)
            until("it waits", lambda feeder=feeder, count=len(readers): _blocked(feeder) == count)
        feeder("XADD k 2-2 f v")
        replies = [reader.read() for reader in readers[:3]]
        feeder("XADD k 3-3 f v")
        found.append([*replies, readers[3].read()])
    assert found[0] == found[1]
