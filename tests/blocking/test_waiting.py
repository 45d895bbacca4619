"""Commands that wait: order, timeouts, wake-ups and all ways to end, with and without I/O threads."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from tests.waiting import until

from dozo.testing import HOST, Node

COMMANDS = Path(__file__).with_name("user_commands.py")


class Waiter:
    """One raw connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=10)
        self.file = self.socket.makefile("rb")

    def send(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def words(self, *words: str) -> None:
        """Send one command that may have empty words."""
        self.send(f"*{len(words)}", *(part for word in words for part in (f"${len(word)}", word)))

    def read(self) -> object:
        line = self.file.readline().rstrip()
        kind, text = line[:1], line[1:]
        if kind == b"*":
            return None if text == b"-1" else [self.read() for _ in range(int(text))]
        if kind == b"$":
            return None if text == b"-1" else self.file.read(int(text) + 2)[:-2].decode()
        return int(text) if kind == b":" else text.decode()

    def silent(self) -> bool:
        """Nothing has come within a moment."""
        self.socket.settimeout(0.05)
        try:
            return not self.socket.recv(1, socket.MSG_PEEK) and False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture(scope="module", params=["0", "2"], ids=["io0", "io2"])
def node(request) -> Iterator[Node]:
    with Node.start("--load", str(COMMANDS), "--io-threads", request.param) as started:
        yield started


@pytest.fixture
def client(node: Node) -> Iterator[redis.Redis]:
    with redis.Redis(HOST, node.port, decode_responses=True) as connected:
        connected.flushall()
        yield connected


@pytest.fixture
def connect(node: Node) -> Iterator[Callable[[], Waiter]]:
    opened: list[Waiter] = []

    def one() -> Waiter:
        opened.append(Waiter(node.port))
        return opened[-1]

    yield one
    for waiter in opened:
        waiter.close()


def blocked(client: redis.Redis) -> int:
    return client.info("clients")["blocked_clients"]


def queue(client: redis.Redis, connect: Callable[[], Waiter], lines: list[str]) -> list[Waiter]:
    """Waiters that have begun to wait in this order."""
    waiters = []
    for line in lines:
        before = blocked(client)
        waiter = connect()
        waiter.send(line)
        until("it waits", lambda before=before: blocked(client) == before + 1)
        waiters.append(waiter)
    return waiters


def test_first_come_first_served(client, connect) -> None:
    waiters = queue(client, connect, ["T.TAKE k 0"] * 5)
    for n, waiter in enumerate(waiters):
        client.set("k", n)
        assert waiter.read() == ["k", str(n)]
        assert all(later.silent() for later in waiters[n + 1 :][:1])
    assert blocked(client) == 0
    assert client.dbsize() == 0


def test_one_transaction_serves_after_its_end(client, connect) -> None:
    first, second = queue(client, connect, ["T.TAKE a b 0", "T.TAKE b 0"])
    pipe = client.pipeline()
    pipe.set("a", 1)
    pipe.set("b", 2)
    pipe.get("a")
    assert pipe.execute() == [True, True, "1"]
    assert (first.read(), second.read()) == (["a", "1"], ["b", "2"])


def test_who_is_served_waits_no_longer_for_other_keys(client, connect) -> None:
    first, second = queue(client, connect, ["T.TAKE a b 0", "T.TAKE b 0"])
    client.set("a", 1)
    assert first.read() == ["a", "1"]
    client.set("b", 2)
    assert second.read() == ["b", "2"]


def test_a_chain_is_served_at_once(client, connect) -> None:
    taker, hander = queue(client, connect, ["T.TAKE b 0", "T.HAND a b 0"])
    client.set("a", "x")
    assert (hander.read(), taker.read()) == ("x", ["b", "x"])
    assert client.dbsize() == 0


def test_other_keys_serve_nobody(client, connect) -> None:
    (waiter,) = queue(client, connect, ["T.TAKE k 0"])
    client.execute_command("PFADD", "other", "x")
    client.execute_command("SETBIT", "another", 1, 1)
    assert waiter.silent()
    client.delete("k")
    client.set("k", 1)
    assert waiter.read() == ["k", "1"]


@pytest.mark.parametrize("seconds", ["0.05", "0.123"])
def test_a_timeout_is_never_early(connect, seconds: str) -> None:
    waiter = connect()
    start = time.monotonic()
    waiter.send(f"T.TAKE k {seconds}")
    assert waiter.read() is None
    # The clock of a batch may be a moment older than the command.
    assert time.monotonic() - start >= float(seconds) - 0.002


NEGATIVE, NO_FLOAT = "ERR timeout is negative", "ERR timeout is not a float or out of range"
BAD_TIMEOUTS = {
    **dict.fromkeys(["-1", "-0x1", "-inf", "inf", "INFINITY", "1e18", "1e30", "1e300", "1e400"], NEGATIVE),
    **dict.fromkeys(["x", "nan", "", "1e", "0x", "1_0", "1x", "0x1p"], NO_FLOAT),
}
WAITS = ["T.TAKE k {}", "BLPOP k {}", "BZPOPMIN k {}", "BLMPOP {} 1 k LEFT", "BLMOVE k k LEFT LEFT {}"]


@pytest.mark.parametrize("command", WAITS)
def test_bad_timeouts(connect, command: str) -> None:
    waiter = connect()
    for timeout, error in BAD_TIMEOUTS.items():
        waiter.words(*(timeout if word == "{}" else word for word in command.split()))
        assert waiter.read() == error, timeout


@pytest.mark.parametrize("command", WAITS)
def test_timeouts_are_read_as_c_reads_numbers(connect, command: str) -> None:
    waiter = connect()
    for timeout in ("+0.01", ".01", "1e-30", "0x1p-7", "0x.1p-4", "0X0.01", "10e-3"):
        waiter.send(command.format(timeout))
        assert waiter.read() is None, timeout


@pytest.mark.parametrize("command", WAITS)
def test_no_time_and_too_much_is_for_ever(client, connect, command: str) -> None:
    for timeout in ("0", "-0", "-0.0001", "0x0", "9e15"):
        (waiter,) = queue(client, connect, [command.format(timeout)])
        waiter.close()
        until("nobody waits", lambda: blocked(client) == 0)


def test_what_is_piped_behind_waits_and_then_runs_in_order(client, connect) -> None:
    waiter = connect()
    waiter.send("T.TAKE k 0", "PING", "T.TAKE k 0", "ECHO end")
    until("one waits", lambda: blocked(client) == 1)
    assert waiter.silent()
    client.set("k", 1)
    assert [waiter.read(), waiter.read()] == [["k", "1"], "PONG"]
    until("one waits", lambda: blocked(client) == 1)
    client.set("k", 2)
    assert [waiter.read(), waiter.read()] == [["k", "2"], "end"]


def test_the_same_batch_serves(connect, client) -> None:
    waiter = connect()
    (taker,) = queue(client, connect, ["T.TAKE k 0"])
    waiter.send("SET k 1", "EXISTS k", "SET k 2", "EXISTS k")
    assert [waiter.read() for _ in range(4)] == ["OK", 0, "OK", 1]
    assert taker.read() == ["k", "1"]


def test_who_hangs_up_takes_nothing(client, connect) -> None:
    first, second = queue(client, connect, ["T.TAKE k 0", "T.TAKE k 0"])
    first.close()
    until("one waits", lambda: blocked(client) == 1)
    client.set("k", 1)
    assert second.read() == ["k", "1"]


def test_who_is_killed_takes_nothing(client, connect) -> None:
    first = connect()
    first.send("CLIENT ID")
    number = first.read()
    first.send("T.TAKE k 0")
    until("one waits", lambda: blocked(client) == 1)
    pipe = client.pipeline()
    pipe.execute_command("CLIENT", "KILL", "ID", number)
    pipe.set("k", 1)
    pipe.get("k")
    assert pipe.execute()[-1] == "1"
    assert first.file.read() == b""


@pytest.mark.parametrize(
    ("reason", "reply"),
    [("", None), ("TIMEOUT", None), ("ERROR", "UNBLOCKED client unblocked via CLIENT UNBLOCK")],
)
def test_client_unblock(client, connect, reason: str, reply: object) -> None:
    waiter = connect()
    waiter.send("CLIENT ID")
    number = waiter.read()
    assert client.execute_command("CLIENT", "UNBLOCK", number) == 0
    waiter.send("T.TAKE k 0", "PING")
    until("one waits", lambda: blocked(client) == 1)
    assert client.execute_command("CLIENT", "UNBLOCK", number, *reason.split()) == 1
    assert [waiter.read(), waiter.read()] == [reply, "PONG"]
    client.set("k", 1)
    assert client.get("k") == "1"


def test_nothing_waits_in_a_transaction_or_a_call(client, connect) -> None:
    waiter = connect()
    waiter.send("MULTI", "T.TAKE k 0", "T.HAND a b 0", "EXEC", "T.CALL T.TAKE k 0")
    assert [waiter.read() for _ in range(5)] == ["OK", "QUEUED", "QUEUED", [None, None], None]


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("BLMOVE a b LEFT LEFT 0", b"$-1"),
        ("BRPOPLPUSH a b 0", b"$-1"),
        ("BLPOP a 0", b"*-1"),
        ("BLMPOP 0 1 a LEFT", b"*-1"),
        ("BZPOPMAX a 0", b"*-1"),
        ("BZMPOP 0 1 a MIN", b"*-1"),
        ("XREAD BLOCK 0 STREAMS a $", b"*-1"),
    ],
)
def test_what_would_wait_is_null_in_a_transaction(connect, command: str, reply: bytes) -> None:
    waiter = connect()
    waiter.send("MULTI", command, "EXEC")
    assert [waiter.file.readline().rstrip() for _ in range(4)] == [b"+OK", b"+QUEUED", b"*1", reply]


def test_waiters_of_several_keys_are_served_in_the_order_of_the_keys(client, connect) -> None:
    lines = ["BLPOP a b 0", "BLPOP b a 0", "BLMOVE a c LEFT LEFT 0", "BLPOP c 0"]
    first, second, mover, last = queue(client, connect, lines)
    pipe = client.pipeline()
    pipe.rpush("b", "b1")
    pipe.rpush("a", "a1", "a2", "a3")
    pipe.execute()
    # b changed first, and its oldest waiter is the first one; that one's command looks at a before b.
    assert (first.read(), second.read()) == (["a", "a1"], ["b", "b1"])
    assert (mover.read(), last.read()) == ("a2", ["c", "a2"])
    assert client.lrange("a", 0, -1) == ["a3"]


def test_what_comes_and_goes_in_a_transaction_serves_nobody(client, connect) -> None:
    waiter, other = queue(client, connect, ["BLPOP k 0", "BLPOP l 0"])
    pipe = client.pipeline()
    pipe.rpush("k", "1").delete("k").rpush("l", "old").delete("l").rpush("l", "new")
    pipe.execute()
    assert other.read() == ["l", "new"]
    assert waiter.silent()
    client.set("k", "text")
    assert waiter.silent()
    client.delete("k")
    client.rpush("k", "2")
    assert waiter.read() == ["k", "2"]


@pytest.mark.parametrize("end", ["DEL s", "SET s text", "RENAME other s", "XGROUP DESTROY s g"])
def test_a_stream_that_ends_ends_the_waiting_of_its_group_only(client, connect, end: str) -> None:
    client.xgroup_create("s", "g", mkstream=True)
    client.rpush("other", "x")
    lines = ["XREADGROUP GROUP g me BLOCK 0 STREAMS s >", "XREAD BLOCK 0 STREAMS s t $ $"]
    grouped, single = queue(client, connect, lines)
    client.execute_command(*end.split())
    error = "NOGROUP the consumer group this client was blocked on no longer exists"
    gone = "UNBLOCKED the stream key no longer exists"
    assert grouped.read() == (error if end.startswith("XGROUP") else gone)
    assert single.silent()
    client.xadd("t", {"f": "v"}, id="1-1")
    assert single.read() == [["t", [["1-1", ["f", "v"]]]]]


def test_a_pause_does_not_end_the_waiting(client, connect) -> None:
    (waiter,) = queue(client, connect, ["T.TAKE k 0"])
    client.execute_command("CLIENT", "PAUSE", 30, "WRITE")
    client.execute_command("CLIENT", "UNPAUSE")
    assert blocked(client) == 1
    client.set("k", 1)
    assert waiter.read() == ["k", "1"]


def test_client_list_marks_who_waits(client, connect) -> None:
    queue(client, connect, ["T.TAKE k 0"])
    assert [line["flags"] for line in client.client_list() if line["cmd"] == "t.take"] == ["b"]


def test_swapped_databases_serve(client, connect, node: Node) -> None:
    (waiter,) = queue(client, connect, ["T.TAKE k 0"])
    with redis.Redis(HOST, node.port, db=4) as other:
        other.set("k", 1)
    assert waiter.silent()
    client.swapdb(0, 4)
    assert waiter.read() == ["k", "1"]


def test_a_selection_within_a_call_stays(client) -> None:
    with client.client() as single:
        assert single.execute_command("T.SELECT", 3, 3) == 3
        assert single.execute_command("T.SELECT", 3, 5) == 5


def test_the_server_stops_although_clients_wait() -> None:
    with Node.start("--load", str(COMMANDS)) as node:
        waiter = Waiter(node.port)
        waiter.send("T.TAKE k 0")
        with redis.Redis(HOST, node.port) as client:
            until("one waits", lambda: blocked(client) == 1)
        assert node.stop() in (0, None)
        assert waiter.file.read() == b""
        waiter.close()
