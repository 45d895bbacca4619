"""kill -9 at random moments of a load on a disk tier, against a model of what each key was.

A cache may lose what was in memory only; what it must not do is to answer with something that is over: a value
older than the last one that was acknowledged before the tier was last synced, one that was deleted, or one that has
expired. TIER_KILLS says how often (`make tiercrash` takes 200), SEED which moments and which load.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from dozo.testing import HOST, Node

KILLS = int(os.environ.get("TIER_KILLS", "4"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1 << 30)
WRITERS = 4
KEYS = 120
LOSS_S = 3.0
"""What may be lost where nobody has synced: a second, and the time of an fsync on a machine that does much else."""
PATIENCE_S = 60.0
LIMIT = 16 << 20
FLAGS = ("--disk-tier-size", str(LIMIT), "--maxmemory", "6mb", "--maxmemory-policy", "s3fifo")
FLAGS += ("--disk-tier-bounds", "data")


class State(NamedTuple):
    """What a key is: the number of its value, and when it expires (unix milliseconds, -1 never); or it is gone."""

    number: int
    expire_at: int = -1


GONE = State(-1, -2)


class Event:
    """A change of a key, and when it was acknowledged, if it was."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.acknowledged: float | None = None


def value_of(number: int, seed: int) -> bytes:
    """A value that tells its number, of a size of its own: some lie in memory, some on disk at once."""
    chosen = random.Random(number * 1009 + seed)
    size = chosen.choice((20, 100, 300, 2000, 9000, 12_000, 40_000))
    return b"%d:" % number + chosen.randbytes(size)


class Writer(threading.Thread):
    """Changes the keys of a database of its own until the server is gone."""

    def __init__(self, number: int, seed: int, node: Node, states: dict[str, State]) -> None:
        super().__init__(name=f"writer {number}")
        self.db, self.node = number, node
        self.events = {key: [self._base(state)] for key, state in states.items()}
        self.refused: Exception | None = None
        self.changes = 0
        self._random = random.Random(seed)
        self._next = max((state.number for state in states.values()), default=0) + 1

    @staticmethod
    def _base(state: State) -> Event:
        event = Event(state)
        event.acknowledged = 0.0
        return event

    def run(self) -> None:
        try:
            with redis.Redis(
                HOST, self.node.port, db=self.db, retry=None, socket_timeout=PATIENCE_S
            ) as client:
                while True:
                    self._step(client)
                    self.changes += 1
        except (redis.ConnectionError, OSError):
            return
        except Exception as error:
            self.refused = error

    def _note(self, key: str, state: State) -> Event:
        event = Event(state)
        self.events[key].append(event)
        return event

    def _now(self, key: str) -> State:
        return self.events[key][-1].state

    def _step(self, client: redis.Redis) -> None:
        chosen = self._random
        key, other = (f"key:{chosen.randrange(KEYS)}" for _ in range(2))
        changed: list[Event] = []
        match chosen.randrange(20):
            case 0 | 1 | 2 | 3 | 4 | 5 | 6:
                expire_at = chosen.choice(
                    (-1, -1, int(time.time() * 1000) + chosen.choice((300, 90_000_000)))
                )
                state, self._next = State(self._next, expire_at), self._next + 1
                changed = [self._note(key, state)]
                options = {} if expire_at < 0 else {"pxat": expire_at}
                client.set(key, value_of(state.number, self.db), **options)
            case 7 | 8:
                changed = [self._note(key, GONE)]
                client.delete(key)
            case 9 | 10:
                changed = self._expire(client, key)
            case 11 if key != other:
                changed = [self._note(other, self._now(key)), self._note(key, GONE)]
                try:
                    client.rename(key, other)
                except redis.ResponseError:
                    # It was not there any more, so the other one stays what it was.
                    self.events[other].pop()
                    changed = changed[1:]
            case 12 if chosen.randrange(100) == 0:
                changed = [self._note(each, GONE) for each in self.events]
                client.flushdb(asynchronous=True)
            case _:
                self._read(client, key)
        when = time.monotonic()
        for event in changed:
            event.acknowledged = when

    def _expire(self, client: redis.Redis, key: str) -> list[Event]:
        expire_at = self._random.choice(
            (-1, int(time.time() * 1000) + self._random.choice((400, 80_000_000)))
        )
        event = self._note(key, self._now(key)._replace(expire_at=expire_at))
        if self._now(key).number < 0:
            event.state = GONE
        done = client.persist(key) if expire_at < 0 else client.pexpireat(key, expire_at)
        if not done and not (expire_at < 0 and client.exists(key)):
            event.state = GONE
        return [event]

    def _read(self, client: redis.Redis, key: str) -> None:
        found = client.get(key)
        state = self._now(key)
        if found is not None and found != value_of(state.number, self.db):
            raise AssertionError(f"{key} is {found[:20]!r}, not {state}")

    def check(self, client: redis.Redis, boundary: float, where: str) -> dict[str, State]:
        """Compare what is there with what may be; what there is."""
        found = {}
        for key, events in self.events.items():
            data, expire_at = client.pipeline().get(key).pexpiretime(key).execute()
            if data is None:
                found[key] = GONE
                continue
            number = int(data.partition(b":")[0])
            assert data == value_of(number, self.db), (where, key)
            state = found[key] = State(number, expire_at)
            last = max(
                at
                for at, event in enumerate(events)
                if event.acknowledged is not None and event.acknowledged <= boundary
            )
            may_be = [event.state for event in events[last:]]
            assert state in may_be, (where, key, state, may_be[:5])
            assert expire_at == -1 or expire_at > time.time() * 1000 - 1000, (where, key, "has expired")
        return found


class Syncer(threading.Thread):
    """Has the tier synced now and then; knows from when on everything before was safe."""

    def __init__(self, node: Node, seed: int) -> None:
        super().__init__(name="syncer")
        self.boundary = 0.0
        self._node, self._random = node, random.Random(seed)
        self.gone = threading.Event()

    def run(self) -> None:
        with (
            suppress(redis.ConnectionError, OSError),
            redis.Redis(HOST, self._node.port, retry=None) as client,
        ):
            while not self.gone.wait(self._random.uniform(0.02, 0.4)):
                before = time.monotonic()
                client.execute_command("DEBUG", "TIER", "SYNC")
                self.boundary = before


def load_until_killed(
    node: Node, moments: random.Random, states: list[dict[str, State]]
) -> tuple[list[Writer], float]:
    """Let everybody work and kill the server; the writers, and up to when nothing may be lost."""
    writers = [Writer(number, moments.randrange(1 << 30), node, states[number]) for number in range(WRITERS)]
    syncer = Syncer(node, moments.randrange(1 << 30)) if moments.randrange(3) else None
    for thread in [*writers, *filter(None, [syncer])]:
        thread.start()
    writers[0].join(moments.uniform(0.1, 2.0))
    node.process.kill()
    end = time.monotonic()
    node.process.wait()
    if syncer:
        syncer.gone.set()
        syncer.join()
    for writer in writers:
        writer.join()
    refused = {writer.name: writer.refused for writer in writers if writer.refused}
    assert not refused, f"SEED={SEED}: {refused}"
    return writers, max(end - LOSS_S, syncer.boundary if syncer else 0.0)


def bytes_in(folder: Path) -> int:
    """What the segments take; the server may remove one between the two looks."""
    total = 0
    for file in folder.glob("tier-*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


@pytest.mark.slow
def test_kill(tmp_path: Path, stack: ExitStack) -> None:
    moments = random.Random(SEED)
    states = [{f"key:{number}": GONE for number in range(KEYS)} for _ in range(WRITERS)]
    changes = kept = 0
    node = Node.start("--disk-tier", str(tmp_path), *FLAGS)
    for kill in range(KILLS):
        writers, boundary = load_until_killed(node, moments, states)
        node.close()
        node = Node.start("--disk-tier", str(tmp_path), *FLAGS)
        stack.callback(node.close)
        for writer in writers:
            with redis.Redis(HOST, node.port, db=writer.db, socket_timeout=PATIENCE_S) as client:
                states[writer.db] = writer.check(client, boundary, f"SEED={SEED}, kill {kill}, {writer.name}")
                changes += writer.changes
        kept += sum(state != GONE for found in states for state in found.values())
        figures = redis.Redis(HOST, node.port).info("tier")
        assert figures["tier_bytes"] <= LIMIT
        assert figures["tier_damaged_records"] == 0, figures
        assert "given up" not in node.log(), node.log()
        assert bytes_in(tmp_path) <= LIMIT
    print(
        f"{KILLS} kills, {changes} changes, {kept // KILLS} keys kept on average, none of them old (SEED={SEED})"
    )
    assert kept > 20 * KILLS, f"SEED={SEED}: a restart keeps what was on disk"
