"""dozo in the caller's process beside what Python programs keep values in: a dict, cachetools, diskcache, fakeredis.

Times get and set of a 100-byte value in one thread and in four, and weighs many of them, each peer in its own process:
memory that one has freed would be there for the next. Calls are those that a program would write, methods of one object
with str keys and bytes values. A dict and cachetools need a lock once threads share them, so there they have one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from dozo.bench.processes import BenchError

VALUE_BYTES = 100
THREADS = 4
#: Keys that the timed calls go to.
KEYS = 10_000
Get = Callable[[str], object]
Set = Callable[[str, bytes], object]


@dataclass(frozen=True)
class Calls:
    """What is timed of a peer; calls is how many a run makes, fewer where each takes long."""

    get: Get
    set: Set
    calls: int = 200_000
    threads_safe: bool = True


@dataclass(frozen=True)
class Figures:
    """Nanoseconds a call, wall time over all calls of all threads; bytes of memory that an item takes."""

    get_ns: float
    set_ns: float
    get_threads_ns: float
    set_threads_ns: float
    bytes_per_item: float


def _locked(calls: Calls) -> Calls:
    lock = threading.Lock()

    def get(key: str) -> object:
        with lock:
            return calls.get(key)

    def set_(key: str, value: bytes) -> object:
        with lock:
            return calls.set(key, value)

    return Calls(get, set_, calls.calls)


@contextlib.contextmanager
def _dict() -> Iterator[Calls]:
    kept: dict[str, bytes] = {}
    yield Calls(kept.get, kept.__setitem__, threads_safe=False)


@contextlib.contextmanager
def _cachetools() -> Iterator[Calls]:
    import cachetools

    kept: MutableMapping[str, bytes] = cachetools.LRUCache(maxsize=1 << 30)
    yield Calls(kept.get, kept.__setitem__, threads_safe=False)


@contextlib.contextmanager
def _diskcache() -> Iterator[Calls]:
    import diskcache

    with tempfile.TemporaryDirectory(prefix="dozo-bench-") as folder, diskcache.Cache(folder) as cache:
        yield Calls(cache.get, cache.set, 10_000)


@contextlib.contextmanager
def _fakeredis() -> Iterator[Calls]:
    import fakeredis

    with fakeredis.FakeRedis() as client:
        yield Calls(client.get, client.set, 5_000)


@contextlib.contextmanager
def _store() -> Iterator[Calls]:
    import dozo

    with dozo.open() as store:
        yield Calls(store.get, store.set)


@contextlib.contextmanager
def _store_path() -> Iterator[Calls]:
    import dozo

    with tempfile.TemporaryDirectory(prefix="dozo-bench-") as folder, dozo.open(folder) as store:
        yield Calls(store.get, store.set)


@contextlib.contextmanager
def _store_redis() -> Iterator[Calls]:
    import dozo

    with dozo.open() as store, store.redis() as client:
        yield Calls(client.get, client.set, 20_000)


@contextlib.contextmanager
def _store_diskcache() -> Iterator[Calls]:
    from dozo.compat.diskcache import Cache

    with tempfile.TemporaryDirectory(prefix="dozo-bench-") as folder, Cache(folder) as cache:
        yield Calls(cache.get, cache.set)


#: What is measured, and the package that it needs.
PEERS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[Calls]], str]] = {
    "dozo": (_store, "dozo"),
    "dozo, with a path": (_store_path, "dozo"),
    "dozo, redis-py": (_store_redis, "dozo"),
    "dozo, compat.diskcache": (_store_diskcache, "dozo"),
    "dict": (_dict, "dozo"),
    "cachetools": (_cachetools, "cachetools"),
    "fakeredis": (_fakeredis, "fakeredis"),
    "diskcache": (_diskcache, "diskcache"),
}


def _names(count: int) -> list[str]:
    return [f"object:{number:08}" for number in range(count)]


def _value(number: int) -> bytes:
    return b"%0*d" % (VALUE_BYTES, number)


def _gets(get: Get, names: list[str], rounds: int) -> None:
    for _ in range(rounds):
        for name in names:
            get(name)


def _sets(set_: Set, names: list[str], rounds: int) -> None:
    value = _value(0)
    for _ in range(rounds):
        for name in names:
            set_(name, value)


def _alone(work: Callable[[list[str], int], None], names: list[str], calls: int) -> float:
    rounds = max(calls // len(names), 1)
    start = time.perf_counter_ns()
    work(names, rounds)
    return (time.perf_counter_ns() - start) / (rounds * len(names))


def _together(work: Callable[[list[str], int], None], names: list[str], calls: int) -> float:
    """Threads do the work on a part of the names each; they begin at once."""
    share = len(names) // THREADS
    rounds = max(calls // len(names), 1)
    ready = threading.Barrier(THREADS + 1)

    def run(part: list[str]) -> None:
        ready.wait()
        work(part, rounds)

    threads = [
        threading.Thread(target=run, args=(names[at * share : (at + 1) * share],)) for at in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter_ns()
    for thread in threads:
        thread.join()
    return (time.perf_counter_ns() - start) / (rounds * share * THREADS)


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _weigh(set_: Set, items: int) -> float:
    """Memory that an item takes with its key; both are made for it, as a program's would be."""
    before = _rss_bytes()
    for number in range(items):
        set_(f"weighed:{number:08}", _value(number))
    return (_rss_bytes() - before) / items


def measure(name: str, calls_share: float, items: int, rounds: int) -> Figures:
    """All figures of a peer, in this process; the middle of the rounds."""
    make, _ = PEERS[name]
    with make() as calls:
        shared = calls if calls.threads_safe else _locked(calls)
        count = max(int(calls.calls * calls_share), THREADS)
        names = _names(min(KEYS, count))
        found: dict[str, list[float]] = {"set": [], "get": [], "set_threads": [], "get_threads": []}
        for _ in range(rounds):
            found["set"].append(_alone(partial(_sets, calls.set), names, count))
            found["get"].append(_alone(partial(_gets, calls.get), names, count))
            found["set_threads"].append(_together(partial(_sets, shared.set), names, count))
            found["get_threads"].append(_together(partial(_gets, shared.get), names, count))
        middle = {what: median(each) for what, each in found.items()}
        # Last, so that the times are not of a full cache; what is slow is weighed by fewer items, each as heavy.
        weight = _weigh(calls.set, min(items, 10 * calls.calls))
    return Figures(
        middle["get"], middle["set"], middle["get_threads"], middle["set_threads"], bytes_per_item=weight
    )


def in_a_process(name: str, calls_share: float, items: int, rounds: int) -> dict[str, float]:
    """The same in a process of its own."""
    package = PEERS[name][1]
    if importlib.util.find_spec(package) is None:
        raise BenchError(f"{package} is not installed: pip install 'dozo[bench]'")
    words = [sys.executable, "-m", "dozo.bench.library", name, str(calls_share), str(items), str(rounds)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchError(f"the measurement of {name} failed:\n{ended.stderr}")
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


def _main(words: list[str]) -> None:
    name, calls_share, items, rounds = words
    json.dump(asdict(measure(name, float(calls_share), int(items), int(rounds))), sys.stdout)


def rows(rounds: int, requests: int, items: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every peer's figures, and what they are of."""
    found: dict[str, dict[str, float]] = {}
    for name in PEERS:
        found[name] = figures = in_a_process(name, requests / 100_000, items, rounds)
        say(
            f"library   {name:22} get {figures['get_ns']:8,.0f} ns, set {figures['set_ns']:8,.0f} ns; "
            f"{THREADS} threads: {figures['get_threads_ns']:8,.0f}, {figures['set_threads_ns']:8,.0f}; "
            f"{figures['bytes_per_item']:6.0f} bytes an item"
        )
    return {"value_bytes": VALUE_BYTES, "threads": THREADS, "peers": found}


if __name__ == "__main__":
    _main(sys.argv[1:])
