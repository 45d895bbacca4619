"""One path, several processes: all see the same, and when the one with the data goes, another takes its place."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from tests.waiting import until

import dozo
from dozo.errors import ClosedError, InterruptedCall, NotInteger, ReplyError, SerializerError, WrongType
from dozo.store.embedded import Embedded
from dozo.store.shared import Guest, Link


class Peer:
    """A process with the store of a path, which does what it is told line by line."""

    CODE = """
        import sys, dozo
        store = dozo.open(sys.argv[1])
        print("ready", flush=True)
        for line in sys.stdin:
            try:
                print(repr(eval(line)), flush=True)
            except Exception as error:
                print(type(error).__name__, flush=True)
    """

    def __init__(self, path: str) -> None:
        command = [sys.executable, "-c", textwrap.dedent(self.CODE), path]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def do(self, code: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        print(code, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[[], Peer]]:
    peers: list[Peer] = []

    def start_one() -> Peer:
        peers.append(Peer(str(tmp_path)))
        return peers[-1]

    yield start_one
    for peer in peers:
        if peer.process.poll() is None:
            peer.kill()


@pytest.fixture
def guest(tmp_path) -> Iterator[dozo.Store]:
    """A store whose engine is another one's, in this very process."""
    with dozo.open(tmp_path) as owner, dozo.open(tmp_path) as store:
        assert isinstance(owner, Embedded)
        assert isinstance(store, Guest)
        yield store


def test_a_guest_does_all_that_an_owner_does(guest, tmp_path):
    values = {"a": b"\xff", "b": "ä", "c": 2**70, "d": [1, None, True], "e": 5}
    guest.set_many(values, ttl=100, tags=["x", "y"])
    assert guest.get_many(values) == values
    assert guest.tags("a") == ("x", "y")
    assert guest.incr("e", 2) == 7
    assert 90 < guest.ttl("e") <= 100
    assert guest.touch("e", None)
    assert guest.ttl("e") is None
    assert not guest.add("e", 1)
    assert guest.add("f", 1, tags="z")
    assert guest.pop("f") == 1
    assert sorted(guest) == ["a", "b", "c", "d", "e"]
    assert "e" in guest
    assert len(guest) == 5
    assert guest.delete("e")
    assert not guest.delete("e")
    assert guest.expire() == 0
    assert guest.evict("x") == 4
    assert guest.stats()["keys"] == 0
    guest["g"] = 1
    assert guest.clear() == 1
    assert guest.database(3).add("a", 1)
    assert "a" not in guest
    assert guest.decode(*guest.encode("text")) == "text"


def test_a_guest_fails_as_an_owner_does(guest):
    for fails in (guest.ttl, guest.tags, guest.__getitem__, guest.__delitem__):
        with pytest.raises(KeyError, match="'a'"):
            fails("a")
    with pytest.raises(KeyError, match="'a'"):
        guest.incr("a", default=None)
    guest["a"] = "text"
    with pytest.raises(NotInteger, match="not an integer"):
        guest.incr("a")
    guest.execute("RPUSH", "list", 1)
    with pytest.raises(WrongType):
        guest.get("list")
    with pytest.raises(ReplyError, match="unknown command 'NONSENSE'"):
        guest.execute("NONSENSE")
    with pytest.raises(TypeError, match="a key is bytes or str"):
        guest.get(1)
    with pytest.raises(TypeError, match="ttl is a number"):
        guest.set("a", 1, ttl="soon")
    with pytest.raises(ValueError, match="out of range"):
        guest.set("a", 1, ttl=float("inf"))
    with pytest.raises(SerializerError):
        guest["a"] = object()
    with pytest.raises(ValueError, match="no database"):
        guest.database(16).get("a")


def test_replies_are_the_same(guest):
    guest.execute("HSET", "h", "a", "1")
    guest.execute("SADD", "s", "x")
    guest.execute("ZADD", "z", "1.5", "a")
    assert guest.execute("HGETALL", "h") == {b"a": b"1"}
    assert guest.execute("SMEMBERS", "s") == {b"x"}
    assert guest.execute("ZSCORE", "z", "a") == 1.5


def test_another_process(tmp_path, start):
    with dozo.open(tmp_path) as store:
        peer = start()
        store.set("a", {"b": 1}, tags=["t"])
        assert peer.do("store['a']") == "{'b': 1}"
        assert peer.do("store.set('c', 'd', tags=['t'])") == "None"
        assert store["c"] == "d"
        assert peer.do("store.evict('t')") == "2"
        assert len(store) == 0
        with store.lock("l"):
            assert peer.do("store.lock('l').acquire(blocking=False)") == "False"
        assert peer.do("store.lock('l').acquire(blocking=False)") == "True"


def test_redis_clients_of_several_processes(tmp_path, start):
    with dozo.open(tmp_path) as store, store.redis(decode_responses=True) as own:
        peer = start()
        assert peer.do("store.redis(db=2).set('a', 'b')") == "True"
        assert store.database(2).execute("GET", "a") == b"b"
        with own.pubsub() as listener:
            listener.subscribe("news")
            listener.get_message(timeout=30)
            assert peer.do("store.redis().publish('news', 'hello')") == "1"
            assert listener.get_message(timeout=30)["data"] == "hello"
        waiting = threading.Thread(
            target=lambda: got.append(peer.do("store.redis().blpop('queue', timeout=30)"))
        )
        got: list[str] = []
        waiting.start()
        until("it waits", lambda: own.info("clients")["blocked_clients"])
        own.rpush("queue", "x")
        waiting.join()
        assert got == ["(b'queue', b'x')"] or got == ["[b'queue', b'x']"]
        assert peer.do("store.redis().blpop('queue', timeout=0.01)") == "None"
        with redis.Redis(unix_socket_path=str(tmp_path / "dozo.sock")) as any_client:
            any_client.set("large", b"x" * 3_000_000)
            assert len(any_client.get("large")) == 3_000_000
        assert os.stat(tmp_path / "dozo.sock").st_mode & 0o777 == 0o600


def test_the_owner_closes(tmp_path, start):
    owner = dozo.open(tmp_path)
    peer, other = start(), start()
    peer.do("store.set('a', 1)")
    owner.close()
    assert peer.do("store.incr('a')") == "2"
    assert other.do("store.incr('a')") == "3"
    assert peer.do("store.redis().get('a')") == "b'3'"
    with dozo.open(tmp_path) as store:
        assert store["a"] == 3
        peer.end()
        assert store.incr("a") == 4
        other.end()
        assert store.incr("a") == 5
    assert not (tmp_path / "dozo.sock").exists()


def test_the_owner_is_killed(tmp_path, start):
    """What it has acknowledged is there, also for whoever takes its place."""
    owner = start()
    with dozo.open(tmp_path) as store:
        for number in range(100):
            store[str(number)] = number
        until("all is written", lambda: "aof_buffer_length:0\r\n" in store.execute("INFO", "persistence"))
        owner.kill()
        assert len(store) == 100
        assert store["99"] == 99
        assert start().do("len(store)") == "100"


def test_a_call_in_whose_middle_the_owner_goes(tmp_path, start, monkeypatch):
    """One that may not be made twice is told; one that may is made again."""
    sends, call = threading.Semaphore(0), Link.call

    def watched(link: Link, request: bytes) -> object:
        sends.release()
        return call(link, request)

    owner = start()
    with dozo.open(tmp_path) as store:
        store["a"] = 1
        until("all is written", lambda: "aof_buffer_length:0\r\n" in store.execute("INFO", "persistence"))
        # The owner is stopped, so that a call is on its way, and never answered.
        owner.process.send_signal(signal.SIGSTOP)
        os.waitpid(owner.process.pid, os.WUNTRACED)
        monkeypatch.setattr(Link, "call", watched)
        told: list[object] = []

        def count() -> None:
            try:
                told.append(store.incr("a"))
            except InterruptedCall as error:
                told.append(str(error))

        def exchange() -> None:
            try:
                told.append(store.cas("a", 5, 1))
            except InterruptedCall as error:
                told.append(str(error))

        threads = [
            threading.Thread(target=count),
            threading.Thread(target=exchange),
            threading.Thread(target=lambda: told.append(store.get("b", "none"))),
        ]
        for thread in threads:
            thread.start()
            sends.acquire()
        owner.kill()
        for thread in threads:
            thread.join()
        assert sorted(map(str, told)) == [
            "'cas' may or may not have been done: the process with the data went away meanwhile",
            "'incr' may or may not have been done: the process with the data went away meanwhile",
            "none",
        ]
        assert store["a"] == 1


def test_a_fork_of_the_owner(tmp_path):
    """The child may not use its copy, and may open the path: its parent is the owner."""
    with dozo.open(tmp_path) as store, store.redis() as client:
        store["a"] = 1
        client.ping()
        child = os.fork()
        if not child:
            code = 1
            try:
                try:
                    store.get("a")
                except ClosedError:
                    with dozo.open(tmp_path) as again:
                        again.incr("a")
                        code = 0
                del store
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert store.incr("a") == 3
        assert client.ping()


def test_a_fork_of_a_guest(guest):
    guest["a"] = 1
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if [guest.incr("a") for _ in range(100)][-1] > 100 else 2
        finally:
            os._exit(code)
    for _ in range(100):
        guest.incr("a")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert guest["a"] == 201


def test_many_processes_and_threads_count(tmp_path, start):
    peers = [start() for _ in range(3)]
    threads = [
        threading.Thread(target=peer.do, args=("[store.incr('n') for _ in range(300)][-1]",))
        for peer in peers
    ]
    with dozo.open(tmp_path) as store:
        threads += [threading.Thread(target=lambda: [store.incr("n") for _ in range(100)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store["n"] == 1200


def test_a_long_path(tmp_path):
    path = tmp_path / ("x" * 120)
    with dozo.open(path) as owner, dozo.open(path) as guest:
        guest["a"] = 1
        assert owner["a"] == 1
        assert guest.redis().ping()


def test_nonsense_at_the_door(guest, tmp_path):
    """Who speaks nothing that is known here is gone, and nobody else notices."""
    for sent in (b"\x00\xff\xff\xff\xff", b"\x00\x00\x00\x00\x01\xc1", b"\x00\x00\x00\x00\x04\x93\x00\xa1x"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "dozo.sock"))
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1000):
                pass
    guest["a"] = 1
    assert guest["a"] == 1


def test_a_client_that_does_not_read_holds_up_nobody(guest, tmp_path):
    guest["large"] = b"x" * 500_000
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(tmp_path / "dozo.sock"))
        deaf.sendall(b"GET large\r\n" * 40)
        assert guest.incr("n") == 1
        expected = 40 * len(b"$500000\r\n" + b"x" * 500_000 + b"\r\n")
        while expected:
            expected -= len(deaf.recv(1 << 20))
        deaf.sendall(b"PING\r\n")
        assert deaf.recv(100) == b"+PONG\r\n"


def test_a_closed_guest(tmp_path):
    with dozo.open(tmp_path) as owner:
        guest = dozo.open(tmp_path)
        guest["a"] = 1
        guest.close()
        assert guest.closed
        with pytest.raises(ClosedError):
            guest.get("a")
        assert not owner.closed
        assert owner["a"] == 1
