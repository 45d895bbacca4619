"""dozo in the caller's process beside what Python programs keep values in: a dict, cachetools, diskcache, fakeredis.

Times get and set of a 100-byte value in one thread and in four, and weighs many of them, each in a process of its own:
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
class Times:
    """Nanoseconds a call: wall time over all calls of all threads."""

    get_ns: float
    set_ns: float
    get_threads_ns: float
    set_threads_ns: float


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


def timed(name: str, calls_share: float, rounds: int) -> Times:
    """What calls of a peer take, in this process; the middle of the rounds."""
    make, _ = PEERS[name]
    with make() as calls:
        shared = calls if calls.threads_safe else _locked(calls)
        count = max(int(calls.calls * calls_share), THREADS)
        names = _names(min(KEYS, count))
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            # Sets come first, so that there is something to get.
            for what, took in (
                ("set_ns", _alone(partial(_sets, calls.set), names, count)),
                ("get_ns", _alone(partial(_gets, calls.get), names, count)),
                ("set_threads_ns", _together(partial(_sets, shared.set), names, count)),
                ("get_threads_ns", _together(partial(_gets, shared.get), names, count)),
            ):
                found.setdefault(what, []).append(took)
    return Times(**{what: median(each) for what, each in found.items()})


def weighed(name: str, items: int) -> float:
    """Bytes of this process's memory that an item takes with its key; both are made for it, as a program's would be."""
    make, _ = PEERS[name]
    with make() as calls:
        # What is slow is weighed by fewer items; each is as heavy.
        count = min(items, 10 * calls.calls)
        before = _rss_bytes()
        for number in range(count):
            calls.set(f"weighed:{number:08}", _value(number))
        return (_rss_bytes() - before) / count


def in_a_process(name: str, *words: float) -> Any:
    """What `timed` (a share and rounds) or `weighed` (items) finds in a process of its own."""
    package = PEERS[name][1]
    if importlib.util.find_spec(package) is None:
        raise BenchError(f"{package} is not installed: pip install 'dozo[bench]'")
    command = [sys.executable, "-m", "dozo.bench.library", name, *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchError(f"the measurement of {name} failed:\n{ended.stderr}")
    return json.loads(ended.stdout)


def _main(name: str, *words: str) -> None:
    if len(words) == 1:
        print(json.dumps(weighed(name, int(words[0]))))
    else:
        print(json.dumps(asdict(timed(name, float(words[0]), int(words[1])))))


def rows(rounds: int, requests: int, items: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Every peer's figures, and what they are of."""
    found: dict[str, dict[str, float]] = {}
    for name in PEERS:
        figures = in_a_process(name, requests / 100_000, rounds) | {
            "bytes_per_item": in_a_process(name, items)
        }
        found[name] = figures
        say(
            f"library   {name:22} get {figures['get_ns']:8,.0f} ns, set {figures['set_ns']:8,.0f} ns; "
            f"{THREADS} threads: {figures['get_threads_ns']:8,.0f}, {figures['set_threads_ns']:8,.0f}; "
            f"{figures['bytes_per_item']:6.0f} bytes an item"
        )
    return {"value_bytes": VALUE_BYTES, "threads": THREADS, "peers": found}


if __name__ == "__main__":
    _main(*sys.argv[1:])
