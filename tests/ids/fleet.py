"""A fleet of ID servers that share worker IDs, and the proof that no two had the same one at any moment.

Owns the load on each member, what it saw, and the judgement. A member is a dozo, or `Katsubushi`: that server's way of
leasing, scripted, with its heartbeat shortened like dozo's.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import redis
from tests.waiting import until

from dozo.ids.layout import compose, decode
from dozo.testing import HOST

HEARTBEAT_MS = 100
TTL_MS = 1200
"""Both are a tenth or less of what they are by default; everything else follows from them."""
NAMESPACE = "fleet"
FLAGS = (
    "--id-lease-namespace",
    NAMESPACE,
    "--id-lease-ttl",
    str(TTL_MS),
    "--id-lease-heartbeat",
    str(HEARTBEAT_MS),
    "--max-worker-id",
    "4",
)


@dataclass
class Member:
    """One issuer under load: its IDs, and for every worker it was, from when to when."""

    name: str
    issue: Callable[[], list[int]]
    ids: list[int] = field(default_factory=list)
    spells: list[list[float]] = field(default_factory=list)
    failure: BaseException | None = None

    def ask(self) -> None:
        """Ask for a few IDs; an error is no ID."""
        try:
            found = self.issue()
        except redis.RedisError:
            return
        # It was this worker when it answered at the latest, and when it was asked at the earliest: what is between two
        # answers as the same worker is surely its spell.
        now = time.monotonic()
        for number in found:
            worker = decode(number).worker_id
            if not self.spells or self.spells[-1][0] != worker:
                self.spells.append([worker, now, now])
            self.spells[-1][2] = now
        self.ids += found

    @property
    def issued(self) -> int:
        """How many IDs it has issued."""
        return len(self.ids)


class Load:
    """Asks every member for IDs all the time, each in a thread of its own."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = list(members)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(member,)) for member in self.members]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ask no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def add(self, member: Member) -> None:
        """Begin to ask one more."""
        self.members.append(member)
        self._threads.append(threading.Thread(target=self._run, args=(member,)))
        self._threads[-1].start()

    def _run(self, member: Member) -> None:
        try:
            while not self._stop.is_set():
                member.ask()
                self._stop.wait(0.001)
        except BaseException as error:
            member.failure = error

    def wait_for_more(self) -> None:
        """Wait until every member has issued something from now on."""
        before = {member.name: member.issued for member in self.members}
        until("all issue", lambda: all(member.issued > before[member.name] for member in self.members))

    def wait_for_silence(self) -> None:
        """Wait until no dozo issues any more: twice the same count, with errors between them."""

        def is_silent() -> bool:
            dozos = [member for member in self.members if member.name.startswith("dozo")]
            before = [member.issued for member in dozos]
            time.sleep(HEARTBEAT_MS / 1000)
            return before == [member.issued for member in dozos]

        until("no dozo issues", is_silent)

    def judge(self) -> None:
        """Fail unless every ID is unique, every member's rise, and no two members were the same worker at once."""
        self.end()
        for member in self.members:
            assert member.failure is None, member.failure
            falls = [(a, b) for a, b in pairwise(member.ids) if a >= b]
            assert not falls, f"{member.name}: {[(decode(a), decode(b)) for a, b in falls]}"
        everything = [number for member in self.members for number in member.ids]
        assert len(everything) == len(set(everything))
        for one, other in combinations(self.members, 2):
            for worker, begin, end in one.spells:
                for another, begun, ended in other.spells:
                    apart = worker != another or end < begun or ended < begin
                    assert apart, f"{one.name} and {other.name} were both worker {worker}"


def start_two(start_member: Callable[[], Any]) -> list[Member]:
    """Start two dozos at the same time, as members."""
    with ThreadPoolExecutor(2) as pool:
        nodes = pool.map(lambda _: start_member(), range(2))
    return [dozo_member(f"dozo {at}", node) for at, node in enumerate(nodes, 1)]


def dozo_member(name: str, node) -> Member:
    """A dozo with a Redis port; its client gives up early, because its server may be stopped."""
    client = redis.Redis(HOST, node.port, socket_timeout=30)
    return Member(name, lambda: client.execute_command("ID.NEXT", "COUNT", 10))


class Katsubushi:
    """Leases as katsubushi's library raus does: listen to the broadcast, SET NX, then GETSET and publish every second.

    Unlike the original it steps down when GETSET shows a stranger, instead of ending the process, and stops issuing
    when it can't renew within the TTL: what is tested is what dozo does in its company.
    """

    def __init__(self, port: int) -> None:
        self._redis = redis.Redis(HOST, port, socket_timeout=1, socket_connect_timeout=1)
        self._uuid = str(uuid.uuid4())
        self._worker: int | None = None
        self._until = 0.0
        self._last = (0, 0)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Katsubushi:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._redis.close()

    def member(self) -> Member:
        """Return it as a member of the fleet."""
        return Member("katsubushi", self._issue)

    def _issue(self) -> list[int]:
        with self._lock:
            if self._worker is None or time.monotonic() >= self._until:
                return []
            now, (last, sequence) = int(time.time() * 1000), self._last
            self._last = (now, 0) if now > last else (last, sequence + 1)
            return [compose(self._last[0], self._worker, self._last[1])]

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_MS / 1000):
            try:
                if self._worker is None or time.monotonic() >= self._until:
                    self._acquire()
                else:
                    self._renew()
            except (redis.RedisError, OSError):
                continue

    def _acquire(self) -> None:
        with self._lock:
            self._worker = None
        taken, until = set(), time.monotonic() + 3 * HEARTBEAT_MS / 1000
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(f"{NAMESPACE}:broadcast")
            while (left := until - time.monotonic()) > 0:
                message = channel.get_message(timeout=left)
                if message:
                    taken.add(int(message["data"].rpartition(b":")[2]))
        for worker in (4, 3, 2, 1):
            sent = time.monotonic()
            key = f"{NAMESPACE}:id:{worker}"
            if worker not in taken and self._redis.set(key, self._uuid, nx=True, px=TTL_MS):
                with self._lock:
                    self._worker, self._until = worker, sent + TTL_MS / 1000 * 0.9
                return

    def _renew(self) -> None:
        sent = time.monotonic()
        key = f"{NAMESPACE}:id:{self._worker}"
        before = self._redis.getset(key, self._uuid)
        self._redis.pexpire(key, TTL_MS)
        if before not in (None, self._uuid.encode()):
            with self._lock:
                self._worker = None
            return
        self._redis.publish(f"{NAMESPACE}:broadcast", f"{self._uuid}:{self._worker}")
        with self._lock:
            self._until = sent + TTL_MS / 1000 * 0.9
