"""Payloads of every type and encoding: what redis-server dumps dozo restores with the same content, and back."""

import pytest

from .known import normal
from .raw import Wire
from .state import content

NUMBERS = ["0", "1", "-1", "127", "128", "-4096", "40000", "-9000000", "3000000000", str(-(2**63))]
TEXTS = ["", "a", "007", "1.5", "x" * 63, "y" * 64, "ab" * 3000]
PACKED = {
    "hash-max-listpack-entries": 512,
    "hash-max-listpack-value": 10000,
    "zset-max-listpack-entries": 512,
    "zset-max-listpack-value": 10000,
    "set-max-intset-entries": 512,
    "list-max-listpack-size": -2,
    "stream-node-max-entries": 100,
}
COMPRESSED = PACKED | {"list-compress-depth": 1, "list-max-listpack-size": 5, "stream-node-max-entries": 0}
LOOSE = dict.fromkeys(PACKED, 0) | {"list-max-listpack-size": 1, "stream-node-max-entries": 3}
MANY = [f"element:{number}" for number in range(300)]
VALUES = {
    "list of everything": ("RPUSH", *TEXTS, *NUMBERS),
    "long list": ("RPUSH", *MANY),
    "set of numbers": ("SADD", *NUMBERS),
    "set of small numbers": ("SADD", "3", "1", "2"),
    "set of texts": ("SADD", *TEXTS),
    "large set": ("SADD", *MANY),
    "sorted set": ("ZADD", "-inf", "a", "inf", "b", "0.1", "c", "3", "d", "-1e300", "", "5e-324", "f"),
    "large sorted set": ("ZADD", *(word for at, name in enumerate(MANY) for word in (str(at), name))),
    "hash": (
        "HSET",
        *(word for pair in zip(TEXTS, reversed(TEXTS), strict=True) for word in pair),
        "n",
        "12",
    ),
    "large hash": ("HSET", *(word for name in MANY for word in (name, name))),
}
STREAM = [
    *(f"XADD k {at}-{at % 4} name {at} other value" for at in range(1, 140)),
    "XADD k 200-0 different fields",
    "XADD k 201-0 name 7 other -5 third x",
    "XDEL k 5-1 137-1 201-0",
    "XGROUP CREATE k g 0",
    "XGROUP CREATE k late $",
    "XGROUP CREATE k unread 7-3",
    "XREADGROUP GROUP g alice COUNT 7 STREAMS k >",
    "XREADGROUP GROUP g bob COUNT 3 STREAMS k >",
    "XREADGROUP GROUP g bob COUNT 2 STREAMS k 0",
    "XACK k g 2-2 3-3",
    "XGROUP CREATECONSUMER k g idle",
    "XDEL k 4-0",
]
#: What must go on as before once a value was restored.
CHANGES = {
    "list": [
        "LPOP k",
        "RPUSH k new",
        "LSET k 0 changed",
        "LINSERT k BEFORE new newer",
        "LTRIM k 0 -2",
        "LLEN k",
    ],
    "set": ["SADD k 1 new", "SREM k a 1 element:7", "SCARD k", "SISMEMBER k element:8"],
    "zset": [
        "ZADD k 7 new 2.5 a",
        "ZINCRBY k 1 a",
        "ZREM k b element:3",
        "ZRANK k new",
        "ZPOPMIN k",
        "ZCARD k",
    ],
    "hash": ["HSET k new 1 a 2", "HINCRBY k new 5", "HDEL k 007 element:5", "HLEN k", "HGET k new"],
    "stream": [
        "XADD k 900-1 f v",
        "XDEL k 10-2 900-1",
        "XADD k 900-* f v",
        "XGROUP CREATE k fresh 0",
        "XREADGROUP GROUP fresh me COUNT 3 STREAMS k >",
        "XACK k fresh 1-1",
        "XTRIM k MAXLEN 50",
        "XGROUP CREATECONSUMER k fresh other",
        "XSETID k 950-0",
    ],
}
BUILDERS = {name: [(command, "k", *rest)] for name, (command, *rest) in VALUES.items()} | {
    "stream": [tuple(line.split(" ")) for line in STREAM],
    "emptied stream": [tuple(line.split(" ")) for line in ["XADD k 1-1 a b", "XDEL k 1-1"]],
}


@pytest.fixture
def wires(server, redis_server):
    opened = Wire(server.port), Wire(redis_server.port)
    before = {name: opened[1].call(b"CONFIG", b"GET", name.encode()).value[1].value for name in COMPRESSED}
    yield opened
    for name, value in before.items():
        opened[1].call(b"CONFIG", b"SET", name.encode(), value)
    for wire in opened:
        wire.close()


@pytest.fixture
def plain_nodes(wires):
    """Has redis-server keep list elements above 100 bytes in nodes of their own, as it does with huge ones."""
    assert wires[1].call(b"DEBUG", b"QUICKLIST-PACKED-THRESHOLD", b"100b").value == b"OK"
    yield
    wires[1].call(b"DEBUG", b"QUICKLIST-PACKED-THRESHOLD", b"0")


def words(*parts):
    return tuple(str(part).encode() for part in parts)


@pytest.mark.parametrize("settings", [PACKED, LOOSE, COMPRESSED], ids=["packed", "loose", "compressed"])
@pytest.mark.parametrize("name", BUILDERS)
def test_each_reads_what_the_other_writes(wires, name, settings):
    ours, theirs = wires
    for setting, value in settings.items():
        assert theirs.call(*words("CONFIG", "SET", setting, value)).value == b"OK"
    for command in BUILDERS[name]:
        reply = theirs.call(*words(*command))
        assert reply.kind != "-", (command, reply)
    kind = theirs.call(b"TYPE", b"k").value.decode()
    expected = content(theirs, kind, b"k")
    assert ours.call(b"RESTORE", b"k", b"0", theirs.call(b"DUMP", b"k").value).value == b"OK"
    assert ours.call(b"TYPE", b"k").value.decode() == kind
    assert content(ours, kind, b"k") == expected
    assert ours.call(b"COPY", b"k", b"copy").value == b"1"
    for key in (b"k", b"copy"):
        payload = ours.call(b"DUMP", key).value
        assert theirs.call(b"RESTORE", b"back", b"0", payload, b"REPLACE").value == b"OK"
        assert content(theirs, kind, b"back") == expected
    assert ours.call(b"OBJECT", b"ENCODING", b"k").kind == "$"
    assert int(ours.call(b"MEMORY", b"USAGE", b"k").value) > 40


def test_a_list_with_elements_in_nodes_of_their_own(wires, plain_nodes):
    ours, theirs = wires
    elements = [b"a", b"x" * 500, b"12", b"y" * 99, b"z" * 30_000, b"b"]
    theirs.call(b"RPUSH", b"k", *elements)
    assert ours.call(b"RESTORE", b"k", b"0", theirs.call(b"DUMP", b"k").value).value == b"OK"
    assert content(ours, "list", b"k") == elements
    assert theirs.call(b"RESTORE", b"back", b"0", ours.call(b"DUMP", b"k").value).value == b"OK"
    assert content(theirs, "list", b"back") == elements


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_restored_can_be_changed(wires, name):
    """The same commands on both sides of a dump leave the same value."""
    ours, theirs = wires
    for command in BUILDERS[name]:
        theirs.call(*words(*command))
    ours.call(b"RESTORE", b"k", b"0", theirs.call(b"DUMP", b"k").value)
    kind = theirs.call(b"TYPE", b"k").value.decode()
    for line in CHANGES[kind]:
        command = words(*line.split(" "))
        assert normal(command, ours.call(*command)) == normal(command, theirs.call(*command)), line
    assert content(ours, kind, b"k") == content(theirs, kind, b"k")
