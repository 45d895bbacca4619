"""Payloads of every type and encoding: what redis-server dumps dozo restores with the same content, and back."""

import pytest

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
BUILDERS = {name: [(command, "k", *rest)] for name, (command, *rest) in VALUES.items()} | {
    "stream": [tuple(line.split(" ")) for line in STREAM],
    "emptied stream": [tuple(line.split(" ")) for line in ["XADD k 1-1 a b", "XDEL k 1-1"]],
}


@pytest.fixture
def wires(server, redis_server):
    opened = Wire(server.port), Wire(redis_server.port)
    yield opened
    for setting, value in PACKED.items():
        opened[1].call(b"CONFIG", b"SET", setting.encode(), b"%d" % (128 if value == 512 else value))
    for wire in opened:
        wire.close()


def words(*parts):
    return tuple(str(part).encode() for part in parts)


@pytest.mark.parametrize("settings", [PACKED, LOOSE], ids=["packed", "loose"])
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
