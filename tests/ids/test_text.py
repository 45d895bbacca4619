"""The text protocol of the ID port: every line of the golden replies, and what the original crashes on."""

from __future__ import annotations

import re
import socket
import time
from contextlib import closing

import pytest
from pymemcache.client.base import Client

from dozo import __version__
from dozo.ids.layout import decode
from dozo.testing import HOST

ONE = rb"VALUE new 0 (\d+)\r\n(\d+)\r\nEND\r\n"


def test_every_key_gets_a_fresh_id(ids):
    reply = ids.speak(b"get a b c\r\n", b"END\r\n")
    found = re.fullmatch(
        rb"VALUE a 0 19\r\n(\d{19})\r\nVALUE b 0 19\r\n(\d{19})\r\nVALUE c 0 19\r\n(\d{19})\r\nEND\r\n", reply
    )
    numbers = [int(number) for number in found.groups()]
    assert numbers == sorted(set(numbers))
    assert {decode(number).worker_id for number in numbers} == {7}
    assert abs(decode(numbers[0]).unix_ms - time.time() * 1000) < 60_000


@pytest.mark.parametrize(
    "line", [b"GET new\r\n", b"gets new\r\n", b"gEt new\n", b"  get\tnew  \r\n", b"GETS new\n"]
)
def test_get_in_any_case_with_any_line_end(ids, line):
    size, number = re.fullmatch(ONE, ids.speak(line, b"END\r\n")).groups()
    assert int(size) == len(number)


def test_a_key_may_be_of_any_length_and_asked_for_twice(ids):
    key = b"k" * 5000
    reply = ids.speak(b"get %s x x\r\n" % key, b"END\r\n")
    assert re.fullmatch(rb"VALUE k{5000} 0 19\r\n\d+\r\n(VALUE x 0 19\r\n\d+\r\n){2}END\r\n", reply)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"GET\r\n", b"ERROR\r\n"),
        (b"foo\r\n", b"ERROR\r\n"),
        (b"\r\n", b"ERROR\r\n"),
        (b"\n", b"ERROR\r\n"),
        (b"   \t \r\n", b"ERROR\r\n"),
        (b"delete a\r\n", b"ERROR\r\n"),
        (b"incr a 1\r\n", b"ERROR\r\n"),
        (b"set a 0 0 1\r\n1\r\n", b"ERROR\r\nERROR\r\n"),
        (b"VERSION\r\n", b"VERSION %s\r\n" % __version__.encode()),
        (b"version now\n", b"VERSION %s\r\n" % __version__.encode()),
    ],
)
def test_replies(ids, request_, reply):
    # The connection is open after it, whatever it was.
    assert ids.speak(request_ + b"QUIT\r\n") == reply


def test_a_pipeline_is_answered_in_order(ids):
    reply = ids.speak(b"GET a\r\nGET b\r\nVERSION\r\nfoo\r\nGET c\r\nquit\r\nGET d\r\n")
    one = rb"VALUE %s 0 19\r\n(\d+)\r\nEND\r\n"
    shape = one % b"a" + one % b"b" + rb"VERSION \S+\r\nERROR\r\n" + one % b"c"
    numbers = [int(number) for number in re.fullmatch(shape, reply).groups()]
    assert numbers == sorted(set(numbers))


def test_a_line_may_come_in_pieces(ids):
    with socket.create_connection((HOST, ids.id_port), timeout=20) as connection:
        for byte in b"get new\r\nquit\r\n":
            connection.sendall(bytes([byte]))
        with connection.makefile("rb") as replies:
            assert re.fullmatch(ONE, replies.read())


def test_an_endless_line_is_refused(ids):
    longest = 1 << 20
    assert ids.speak(b"get ".ljust(longest, b"k") + b"k") == b"ERROR\r\n"


@pytest.mark.parametrize("io_threads", [0, 2])
def test_more_ids_than_a_millisecond_has(start_ids, io_threads):
    ids = start_ids("--worker-id", "1", "--io-threads", str(io_threads))
    keys = b" ".join(b"%d" % at for at in range(20_000))
    reply = ids.speak(b"get " + keys + b"\r\n", b"END\r\n")
    numbers = [int(number) for number in reply.split(b"\r\n")[1:-2:2]]
    assert len(numbers) == 20_000
    assert numbers == sorted(set(numbers))


def stats(ids, request_=b"STATS\r\n"):
    lines = ids.speak(request_, b"END\r\n").decode().split("\r\n")
    assert lines[-2:] == ["END", ""]
    assert all(line.startswith("STAT ") for line in lines[:-2])
    return dict(line.split(" ")[1:] for line in lines[:-2])


def test_stats(ids):
    before = stats(ids)
    assert list(before) == [
        "pid",
        "uptime",
        "time",
        "version",
        "curr_connections",
        "total_connections",
        "cmd_get",
        "get_hits",
        "get_misses",
    ]
    ids.speak(b"get a b c\r\nGET\r\ngets x\r\nfoo\r\nquit\r\n")
    after = stats(ids, b"stats\n")
    assert int(after["pid"]) == ids.pid
    assert after["version"] == __version__
    assert abs(int(after["time"]) - time.time()) < 60
    assert int(after["uptime"]) >= int(before["uptime"])
    assert int(after["curr_connections"]) >= 1
    assert int(after["total_connections"]) == int(before["total_connections"]) + 2
    # cmd_get counts commands, also one without a key; get_hits counts IDs.
    assert int(after["cmd_get"]) == int(before["cmd_get"]) + 3
    assert int(after["get_hits"]) == int(before["get_hits"]) + 4
    assert after["get_misses"] == "0"


def test_pymemcache(ids):
    with closing(Client((HOST, ids.id_port))) as client:
        first, second = int(client.get("any")), int(client.get("any"))
        many = client.get_many(["a", "b", "c"])
        assert client.get("x").isdigit()
        assert client.version() == __version__.encode()
        assert client.stats()[b"pid"] == ids.pid
    numbers = [first, second, *map(int, many.values())]
    assert numbers == sorted(set(numbers))
    assert list(many) == ["a", "b", "c"]


def test_idle_clients_are_closed_in_silence(start_ids):
    node = start_ids("--worker-id", "1", "--id-idle-timeout", "1")
    with socket.create_connection((HOST, node.id_port), timeout=30) as connection:
        # Bytes that are no command renew nothing.
        connection.sendall(b"version\r\nget ")
        with connection.makefile("rb") as replies:
            assert replies.read() == b"VERSION %s\r\n" % __version__.encode()


def test_a_unix_socket(start_ids, tmp_path):
    path = tmp_path / "ids.sock"
    start_ids("--worker-id", "1", "--id-unixsocket", str(path))
    with closing(Client(str(path))) as client:
        assert decode(int(client.get("any"))).worker_id == 1


def test_without_a_permit_the_whole_reply_is_an_error(start_ids):
    node = start_ids("--id-lease", "redis://127.0.0.1:1", "--id-lease-heartbeat", "100")
    assert node.speak(b"get a b\r\nmg a v\r\nversion\r\nquit\r\n") == (
        b"ERROR\r\nERROR\r\nVERSION %s\r\n" % __version__.encode()
    )


def test_the_password_is_for_data_only(start_ids):
    node = start_ids("--worker-id", "1", "--requirepass", "secret")
    assert re.fullmatch(ONE, node.speak(b"get new\r\n", b"END\r\n"))
