"""Values in chunks: streaming_get, set_begin, set_data, set_end."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from tests.waiting import until

from dozo.testing import HOST, Node

from .raw import Text

LONG = 3 << 20
Start = Callable[..., Node]


def value(number: int, size: int = LONG) -> bytes:
    return random.Random(number).randbytes(size)


def tier(folder: Path, *more: str) -> list[str]:
    return ["--disk-tier", str(folder / "tier"), "--disk-tier-size", "256mb", "--persistence", "none", *more]


@pytest.fixture(scope="module", params=["memory", "disk", "journal", "threads"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A server whose values lie in memory, on disk, in a journal besides, or that has I/O threads."""
    folder = tmp_path_factory.mktemp(request.param)
    flags = {
        "memory": ["--persistence", "none"],
        "disk": tier(folder),
        "journal": ["--data-dir", str(folder), "--appendfsync", "always"],
        "threads": tier(folder, "--io-threads", "2"),
    }
    with Node.start(*flags[request.param]) as node:
        yield node


@pytest.fixture
def node(shared: Node) -> Node:
    with redis.Redis(HOST, shared.port) as client:
        client.flushall()
        client.config_resetstat()
    return shared


@pytest.fixture
def text(node: Node) -> Iterator[Text]:
    with Text(node.memcached_port) as connection:
        yield connection


@pytest.fixture
def tiered(start_dozo: Start, tmp_path: Path) -> Node:
    return start_dozo(*tier(tmp_path))


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def upload(key: str, data: bytes, size: int = 100_000, flags: int = 7, exptime: int = 0) -> bytes:
    """The requests that store a value by chunks."""
    parts = pieces(data, size)
    lines = [f"set_begin {key} {len(data)} {len(parts)} {flags} {exptime}\r\n".encode()]
    lines += [b"set_data %b %d %d\r\n%b\r\n" % (key.encode(), at, len(p), p) for at, p in enumerate(parts)]
    return b"".join(lines) + f"set_end {key}\r\n".encode()


def line(connection: Text) -> bytes:
    while b"\r\n" not in connection.pending:
        if not connection.more():
            raise ConnectionError(connection.pending[:200])
    return connection.take(connection.pending.index(b"\r\n") + 2)


def download(connection: Text, key: str, chunk: int | None = None) -> tuple[int, bytes]:
    """Ask for a value by chunks and check the frame of each; flags and value."""
    connection.send(f"sget {key}{'' if chunk is None else f' {chunk}'}\r\n".encode())
    return receive(connection, key, chunk or 16384)


def receive(connection: Text, key: str, chunk: int) -> tuple[int, bytes]:
    begin, name, *numbers = line(connection).split()
    flags, total, count = map(int, numbers)
    assert (begin, name, count) == (b"STREAM_BEGIN", key.encode(), -(-total // chunk))
    data = bytearray()
    for index in range(count):
        size = min(chunk, total - len(data))
        assert line(connection) == f"STREAM_DATA {key} {index} {size}\r\n".encode()
        data += connection.take(size)
        assert connection.take(2) == b"\r\n"
    assert line(connection) == f"STREAM_END {key}\r\n".encode()
    return flags, bytes(data)


@pytest.mark.parametrize("size", [0, 1, 100_000, LONG + 3])
def test_what_is_stored_by_chunks_is_read_by_chunks_and_whole(text: Text, size: int):
    data = value(1, size)
    assert text.ask(upload("k", data)) == b"STREAM_READY\r\nSTORED\r\n"
    for chunk in (None, 4096, 1 << 20):
        assert download(text, "k", chunk) == (7, data)
    assert text.ask(b"get k\r\n") == b"VALUE k 7 %d\r\n%b\r\nEND\r\n" % (size, data)
    assert download(text, "k", 65_536) == (7, data)
    assert text.ask(b"delete k\r\n") == b"DELETED\r\n"
    assert text.ask(b"streaming_get k\r\n") == b"STREAM_ERROR NOT_FOUND\r\n"


def test_other_protocols_see_the_same_value(node: Node, text: Text):
    data = value(2)
    text.ask(b"set k 0 0 3\r\nold\r\n")
    cas = text.ask(b"gets k\r\n").split()[4]
    with redis.Redis(HOST, node.port) as client:
        client.config_set("notify-keyspace-events", "KA")
        with client.pubsub() as events:
            events.psubscribe("__keyspace@0__:k")
            assert events.get_message(timeout=5)
            assert text.ask(upload("k", data, exptime=1000)) == b"STREAM_READY\r\nSTORED\r\n"
            assert [events.get_message(timeout=5)["data"] for _ in range(2)] == [b"set", b"expire"]
        assert client.strlen("k") == LONG
        assert 900 < client.ttl("k") <= 1000
        assert client.getrange("k", LONG - 10, -1) == data[-10:]
        assert text.ask(b"cas k 0 0 1 %b\r\nx\r\n" % cas) == b"EXISTS\r\n"
        client.rename("k", "other")
        assert download(text, "other") == (7, data)
        client.rpush("list", "x")
        assert text.ask(b"sget list\r\n") == b"STREAM_ERROR NOT_FOUND\r\n"


def test_a_value_appears_at_once_and_whole(node: Node, text: Text):
    data = value(3)
    text.ask(b"set k 0 0 3\r\nold\r\n")
    whole = upload("k", data)
    with Text(node.memcached_port) as other:
        other.send(whole[:-20])
        assert line(other) == b"STREAM_READY\r\n"
        assert text.ask(b"get k\r\n") == b"VALUE k 0 3\r\nold\r\nEND\r\n"
        other.send(whole[-20:])
        assert line(other) == b"STORED\r\n"
        assert download(text, "k") == (7, data)


def test_a_connection_that_breaks_off_leaves_nothing(start_dozo: Start, tmp_path: Path):
    node = start_dozo(*tier(tmp_path))
    whole = upload("k", value(4))
    with Text(node.memcached_port) as text:
        for sent in (30, 1000, len(whole) // 2, len(whole) - 12):
            with Text(node.memcached_port) as other:
                other.send(whole[:sent])
                assert line(other) == b"STREAM_READY\r\n"
            until("it is given up", lambda: b"STAT curr_streams 0\r\n" in text.ask(b"stats\r\n"))
            assert text.ask(b"get k\r\n") == b"END\r\n"
        until("no file is left", lambda: not list((tmp_path / "tier").glob("*.part")))
        with redis.Redis(HOST, node.port) as client:
            until("the disk is free", lambda: not client.info("tier")["tier_bytes"])
        assert text.ask(whole) == b"STREAM_READY\r\nSTORED\r\n"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"set_data k 1 3\r\nabc\r\nset_end k\r\n", b"BAD_INDEX"),
        (b"set_data k 0 3\r\nabc\r\nset_data k 0 3\r\nabc\r\nset_end k\r\n", b"BAD_INDEX"),
        (b"set_data k 0 4\r\nabcd\r\nset_data k 1 3\r\nabc\r\nset_end k\r\n", b"TOO_LONG"),
        (b"set_data other 0 3\r\nabc\r\nset_end k\r\n", b"OTHER_KEY"),
        (b"set_data k 0 3\r\nabc\r\nset_end k\r\n", b"INCOMPLETE"),
        (b"set_data k 0 6\r\nabcdef\r\nset_end k\r\n", b"INCOMPLETE"),
        (b"set_end k\r\n", b"INCOMPLETE"),
    ],
)
def test_what_is_wrong_with_a_stream_is_told_at_its_end(text: Text, request_: bytes, reason: bytes):
    expected = b"STREAM_READY\r\nSTREAM_ERROR %b\r\n" % reason
    assert text.ask(b"set_begin k 6 2 0 0\r\n" + request_) == expected
    assert text.ask(b"get k\r\n") == b"END\r\n"
    assert text.ask(upload("k", b"abcdef", 3)) == b"STREAM_READY\r\nSTORED\r\n"


def test_requests_out_of_order(text: Text):
    assert text.ask(b"set_end k\r\n") == b"STREAM_ERROR NOT_BEGUN\r\n"
    assert text.ask(b"set_data k 0 3\r\nabc\r\n") == b""
    assert text.ask(b"set_begin k 3 1 0 0\r\n") == b"STREAM_READY\r\n"
    assert text.ask(b"set_begin l 3 1 0 0\r\n") == b"STREAM_ERROR IN_PROGRESS\r\n"
    assert text.ask(b"set_end l\r\n") == b"STREAM_ERROR OTHER_KEY\r\n"
    assert text.ask(b"set m 0 0 1\r\nx\r\nget m\r\n") == b"STORED\r\nVALUE m 0 1\r\nx\r\nEND\r\n"
    assert text.ask(b"set_data k 0 3\r\nabc\r\nset_end k\r\n") == b"STORED\r\n"
    bad = text.ask(b"set_begin k 3 1 0 0\r\nset_data k 0 3\r\nabcXXset_end k\r\n")
    assert bad == b"STREAM_READY\r\nCLIENT_ERROR bad data chunk\r\nSTREAM_ERROR BAD_DATA\r\n"
    assert b"STAT stream_errors 4\r\n" in text.ask(b"stats\r\n")


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"sget\r\n", b"ERROR\r\n"),
        (b"sget k 1 2\r\n", b"ERROR\r\n"),
        (b"sget k 0\r\n", b"CLIENT_ERROR chunk size must be between 1 and 1048576\r\n"),
        (b"sget k 1048577\r\n", b"CLIENT_ERROR chunk size must be between 1 and 1048576\r\n"),
        (b"sget k x\r\n", b"CLIENT_ERROR chunk size must be between 1 and 1048576\r\n"),
        (b"sget " + b"k" * 251 + b"\r\n", b"CLIENT_ERROR bad command line format\r\n"),
        (b"set_begin k 1 1 0\r\n", b"ERROR\r\n"),
        (b"set_begin k -1 1 0 0\r\n", b"CLIENT_ERROR bad command line format\r\n"),
        (b"set_begin k 1 1 0 x\r\n", b"CLIENT_ERROR bad command line format\r\n"),
        (b"set_begin k 1000000000000 1 0 0\r\n", b"STREAM_ERROR TOO_LARGE\r\n"),
        (b"set_data k 0\r\n", b"ERROR\r\n"),
        (b"set_data k 0 x\r\n", b"CLIENT_ERROR bad command line format\r\n"),
        (b"set_end\r\n", b"ERROR\r\n"),
    ],
)
def test_malformed_lines(dozo_text: Text, request_: bytes, reply: bytes):
    assert dozo_text.ask(request_) == reply


def test_what_is_begun_is_sent_to_its_end_whatever_becomes_of_its_key(node: Node, text: Text):
    data = value(5, 16 << 20)
    assert text.ask(upload("k", data, 1 << 20)) == b"STREAM_READY\r\nSTORED\r\n"
    with Text(node.memcached_port) as slow, redis.Redis(HOST, node.port) as client:
        slow.send(b"sget k 50000\r\n")
        assert slow.more()
        assert client.info("clients")["streaming_clients"] == 1
        assert text.ask(b"set k 0 0 1\r\nx\r\n") == b"STORED\r\n"
        client.flushall()
        assert receive(slow, "k", 50_000) == (7, data)
        assert slow.ask(b"get k\r\n") == b"END\r\n"
        assert client.info("clients")["streaming_clients"] == 0


def test_a_reader_that_is_slow_or_gone_holds_nobody_up(node: Node, text: Text):
    data = value(6, 16 << 20)
    text.ask(upload("k", data, 1 << 20))
    readers = [Text(node.memcached_port) for _ in range(3)]
    for reader in readers:
        reader.send(b"sget k 1048576\r\n")
        assert reader.more()
    readers.pop().sock.close()
    assert download(text, "k") == (7, data)
    assert [receive(reader, "k", 1 << 20) for reader in readers] == [(7, data)] * 2
    for reader in readers:
        reader.sock.close()


def test_two_streams_at_once(node: Node):
    left, right = value(7), value(8)
    with Text(node.memcached_port) as one, Text(node.memcached_port) as two:
        halves = zip(pieces(upload("l", left), 70_000), pieces(upload("r", right), 70_000), strict=True)
        for first, second in halves:
            one.send(first)
            two.send(second)
        assert [line(one), line(one), line(two), line(two)] == [b"STREAM_READY\r\n", b"STORED\r\n"] * 2
        assert (download(one, "r"), download(two, "l")) == ((7, right), (7, left))


def test_a_stream_that_does_not_move_is_given_up(start_dozo: Start, tmp_path: Path):
    node = start_dozo(*tier(tmp_path, "--memcached-stream-timeout", "1"))
    data = value(9, 16 << 20)
    with Text(node.memcached_port) as text, Text(node.memcached_port) as deaf:
        assert text.ask(upload("k", data, 1 << 20)) == b"STREAM_READY\r\nSTORED\r\n"
        deaf.send(b"sget k\r\n")
        with Text(node.memcached_port) as late:
            late.send(b"set_begin late 3 1 0 0\r\nset_data late 0 3\r\nab")
            assert line(late) == b"STREAM_READY\r\n"
            until("it is given up", lambda: b"STAT stream_errors 1\r\n" in text.ask(b"stats\r\n"))
            assert late.ask(b"c\r\nset_end late\r\n") == b"STREAM_ERROR TIMEOUT\r\n"
        assert b"STREAM_END" not in deaf.rest()
        assert text.ask(b"get late\r\n") == b"END\r\n"


def test_no_more_memory_than_there_may_be(start_dozo: Start):
    node = start_dozo("--maxmemory", "20mb", "--maxmemory-policy", "allkeys-lru", "--persistence", "none")
    with Text(node.memcached_port) as text:
        assert text.ask(upload("k", value(10, 10 << 20))) == b"STREAM_READY\r\nSTORED\r\n"
        too_much = b"STREAM_ERROR NO_MEMORY\r\nSTREAM_ERROR NOT_BEGUN\r\n"
        assert text.ask(upload("l", value(11, 21 << 20))) == too_much
        assert text.ask(upload("m", value(12, 12 << 20))) == b"STREAM_READY\r\nSTORED\r\n"
        assert text.ask(b"get k\r\n") == b"END\r\n"


def test_a_full_tier_makes_room(start_dozo: Start, tmp_path: Path):
    node = start_dozo(*tier(tmp_path, "--disk-tier-size", "64mb", "--maxmemory-policy", "allkeys-lru"))
    values = [value(number, 7 << 20) for number in range(3)]
    with Text(node.memcached_port) as text, redis.Redis(HOST, node.port) as client:
        for number in range(20):
            data = values[number % 3]
            assert text.ask(upload(f"k{number}", data, 1 << 20)) == b"STREAM_READY\r\nSTORED\r\n"
            assert download(text, "k0", 1 << 20) == (7, values[0])
        assert client.info("tier")["tier_bytes"] <= 64 << 20
        assert download(text, "k19", 1 << 20) == (7, data)
        assert 4 <= client.dbsize() < 10


def test_damage_is_told_and_not_sent_as_whole(tiered: Node, tmp_path: Path):
    with Text(tiered.memcached_port) as text:
        assert text.ask(upload("k", value(13))) == b"STREAM_READY\r\nSTORED\r\n"
        file = max((tmp_path / "tier").glob("*.data"), key=lambda path: path.stat().st_size)
        with file.open("r+b") as record:
            record.seek(LONG - 5)
            record.write(b"damage")
        reply = text.ask(b"sget k 1048576\r\n")
        assert reply.startswith(b"STREAM_BEGIN k 7 3145728 3\r\n")
        assert reply.endswith(b"STREAM_ERROR DAMAGED\r\n")
        assert text.ask(b"mn\r\n") == b"MN\r\n"


def test_a_get_of_a_huge_value_is_read_as_its_client_takes_it(tiered: Node, tmp_path: Path):
    data = value(15, 20 << 20)
    with Text(tiered.memcached_port) as text, redis.Redis(HOST, tiered.port) as client:
        assert text.ask(upload("k", data, 1 << 20)) == b"STREAM_READY\r\nSTORED\r\n"
        cas = text.ask(b"gets k\r\n")[:60].split()[4]
        assert text.ask(b"gets k\r\n") == b"VALUE k 7 %d %b\r\n%b\r\nEND\r\n" % (len(data), cas, data)
        assert text.ask(b"get k\r\n") == b"VALUE k 7 %d\r\n%b\r\nEND\r\n" % (len(data), data)
        assert client.info("tier")["tier_blocking_hits"] == 0
        assert client.object("encoding", "k") == b"raw"
        file = max((tmp_path / "tier").glob("*.data"), key=lambda path: path.stat().st_size)
        with file.open("r+b") as record:
            record.seek(1000)
            record.write(b"damage")
        text.send(b"get k\r\n")
        assert not text.rest().endswith(b"END\r\n")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_streamed_value_comes_back(tiered: Node, start_dozo: Start, tmp_path: Path, how: signal.Signals):
    data, other = value(16), value(17)
    with Text(tiered.memcached_port) as text:
        assert (
            text.ask(b"set k 0 0 3\r\nold\r\n" + upload("k", data)) == b"STORED\r\nSTREAM_READY\r\nSTORED\r\n"
        )
        assert text.ask(upload("gone", other, exptime=1000)) == b"STREAM_READY\r\nSTORED\r\n"
        assert text.ask(upload("gone", other, exptime=-1)) == b"STREAM_READY\r\nSTORED\r\n"

        def on_disk() -> bool:
            assert text.ask(b"get other\r\n") == b"END\r\n"
            return any(keys.stat().st_size for keys in (tmp_path / "tier").glob("*.keys"))

        until("a key is on disk", on_disk)
    tiered.stop(how)
    node = start_dozo(*tier(tmp_path))
    with Text(node.memcached_port) as text:
        assert download(text, "k") == (7, data)
        if how == signal.SIGTERM:
            assert text.ask(b"get gone\r\n") == b"END\r\n"


def test_a_stream_that_kill_ends_leaves_no_file(tiered: Node, start_dozo: Start, tmp_path: Path):
    with Text(tiered.memcached_port) as text:
        text.send(upload("k", value(14))[:-20])
        until("there is a file", lambda: list((tmp_path / "tier").glob("*.part")))
        tiered.stop(signal.SIGKILL)
    start_dozo(*tier(tmp_path))
    assert not list((tmp_path / "tier").glob("*.part"))
