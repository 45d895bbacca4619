"""What memcached's `stats` says (dozo/commands/memcached.py), and the effect DOZO.ITEM."""

import socket

import pytest


@pytest.fixture
def stats(server):
    """A function that asks for a section and returns its rows, or the line that is no row."""
    connection = socket.create_connection(("127.0.0.1", server.memcached_port), timeout=10)
    file = connection.makefile("rb")

    def ask(section=""):
        connection.sendall(f"stats {section}".strip().encode() + b"\r\n")
        rows = {}
        while (line := file.readline().rstrip().decode()).startswith("STAT "):
            _, name, value = line.split(" ", 2)
            rows[name] = value
        return rows if line == "END" else line

    yield ask
    file.close()
    connection.close()


def test_general_figures(stats, dozo):
    dozo("SET k v")
    told = stats()
    assert told["curr_items"] == "1"
    assert told["version"] == "1.6.18"
    assert int(told["curr_connections"]) >= 2
    assert int(told["bytes"]) > 0
    assert {"pid", "uptime", "cmd_get", "cmd_set", "get_hits", "evictions", "limit_maxbytes"} <= set(told)


def test_the_general_names_are_memcached_s(stats, memcached_server):
    ours = list(stats())
    with (
        socket.create_connection(("127.0.0.1", memcached_server.port), timeout=10) as peer,
        peer.makefile("rb") as file,
    ):
        peer.sendall(b"stats\r\n")
        theirs = []
        while (line := file.readline()).startswith(b"STAT "):
            theirs.append(line.split()[1].decode())
    assert [name for name in ours if name in theirs] == [name for name in theirs if name in ours]


def test_settings(stats):
    told = stats("settings")
    assert told["maxconns"] == "10000"
    assert told["item_size_max"] == "1048576"
    assert told["cas_enabled"] == "yes"


def test_items_and_slabs_tell_of_one_class(stats, dozo):
    assert stats("items") == {}
    dozo("MSET a 1 b 2")
    assert stats("items")["items:1:number"] == "2"
    slabs = stats("slabs")
    assert slabs["1:used_chunks"] == "2"
    assert slabs["active_slabs"] == "1"


def test_sizes_conns_and_reset(stats):
    assert stats("sizes") == {"sizes_status": "disabled"}
    assert any(name.endswith(":state") for name in stats("conns"))
    assert stats("reset") == "RESET"
    assert stats("nothing") == "ERROR"


def test_flags_follow_a_value_as_an_effect(dozo):
    dozo("SET k v")
    assert dozo("DOZO.ITEM k 5") == "OK"
    assert dozo("GET k") == b"v"
