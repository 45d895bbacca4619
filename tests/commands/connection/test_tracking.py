"""Client-side caching: CLIENT TRACKING and what it tells, byte by byte as redis-server does."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
import redis
from redis.cache import CacheConfig
from redis.connection import CacheProxyConnection
from tests.waiting import until

from dozo.testing import HOST


def _hidden(found, *lines):
    """The bytes with the ids of connections, which differ between servers, replaced."""
    for number, line in enumerate(lines):
        found = found.replace(b":%d\r\n" % line.id, b":<%d>\r\n" % number)
    return found


OWN = {
    "own changes": "TRACKING ON; GET k; SET k 1; GET k; SET k 2; SET k 3; GET k; DEL k; DEL k",
    "a transaction": "TRACKING ON; GET k; MULTI; SET k 4; GET k; SET k 5; GET k; EXEC; SET k 6",
    "MSET": "TRACKING ON; MGET a b c; MSET c 1 b 2 a 3 d 4",
    "flush": "TRACKING ON; GET k; FLUSHALL; SET k 1; FLUSHDB; MULTI; FLUSHALL; FLUSHDB; EXEC",
    "NOLOOP": "TRACKING ON NOLOOP; GET k; SET k 1; TRACKINGINFO; FLUSHALL",
    "OPTIN": "TRACKING ON OPTIN; GET a; CACHING YES; TRACKINGINFO; GET b; TRACKINGINFO; GET c; MSET a 1 b 1 c 1",
    "OPTIN in a transaction": "TRACKING ON OPTIN; CACHING YES; MULTI; GET a; GET b; EXEC; GET c; MSET a 1 b 1 c 1",
    "CACHING in a transaction": "TRACKING ON OPTIN; MULTI; GET a; CACHING YES; GET b; EXEC; GET c; MSET a 1 b 1 c 1",
    "CACHING and an error": "TRACKING ON OPTIN; CACHING YES; GET; GET a; CACHING YES; NO SUCH; GET b; MSET a 1 b 1",
    "OPTOUT": "TRACKING ON OPTOUT; GET a; CACHING NO; TRACKINGINFO; GET b; GET c; MSET a 1 b 1 c 1",
    "commands": "TRACKING ON; SET q 1 GET; GETEX q; EXISTS e; TTL t; OBJECT ENCODING o; MEMORY USAGE m;"
    " XREAD STREAMS s1 s2 0 0; ZUNION 2 z1 z2; SINTERCARD 1 i LIMIT 3; SORT so; SORT_RO sr; LCS l1 l2; WATCH w;"
    " HGETALL h; SCAN 0; DBSIZE;"
    " MSET q 1 e 1 t 1 o 1 m 1 s1 1 s2 1 z1 1 z2 1 i 1 so 1 sr 1 l1 1 l2 1 h 1 w 1 LIMIT 1",
    "a script": "TRACKING ON; GET j; EVAL \"redis.call('get',KEYS[1]) redis.call('mset',KEYS[1],'x',KEYS[2],'y')"
    " redis.call('get',KEYS[1]) return redis.call('get',KEYS[2])\" 2 k j; SET k 1; SET j 1; SET k 1",
    "a script in a transaction": "TRACKING ON; MULTI; EVAL \"return redis.call('get',KEYS[1])\" 1 k; SET k 1; EXEC",
    "a script that only reads": "TRACKING ON; EVAL_RO \"return redis.call('get',KEYS[1])\" 1 k; SET k 1",
    "a wrong type": "TRACKING ON; SET k v; HGET k f; SET k w",
    "OFF": "TRACKING ON; GET k; TRACKING OFF; TRACKINGINFO; SET k 1; TRACKING ON; SET k 2",
    "RESET": "TRACKING ON BCAST; RESET; TRACKINGINFO; GETREDIR; SET k 1",
    "CLIENT REPLY": "TRACKING ON; GET k; REPLY OFF; SET k 1; GET k; REPLY ON; SET k 2; GET k; REPLY SKIP; SET k 3",
    "blocked": "TRACKING ON; SET k v; LLEN l; BLPOP l 0.01; RPUSH l a",
    "switching": "TRACKING ON; GET k; TRACKING ON NOLOOP; SET k 1; TRACKING ON; SET k 2; GET k; SET k 3",
}  # fmt: skip


def _lines(text):
    words = ("TRACKING", "TRACKINGINFO", "CACHING", "GETREDIR", "REPLY")
    return [f"CLIENT {line}" if line.split()[0] in words else line for line in text.split("; ")]


@pytest.mark.parametrize("name", OWN)
def test_a_client_is_told_of_its_own_changes(name, talk_alike):
    talk_alike(lambda line: line.ask(*_lines(OWN[name])), True)


@pytest.mark.parametrize("resp3", [False, True])
def test_errors(resp3, talk_alike):
    lines = _lines(
        "TRACKING; TRACKING MAYBE; TRACKING ON MAYBE; TRACKING ON REDIRECT; TRACKING ON REDIRECT x;"
        " TRACKING ON REDIRECT 99999999; TRACKING ON REDIRECT 0; TRACKING ON REDIRECT -1; TRACKING ON PREFIX;"
        " TRACKING MAYBE REDIRECT 99999999; TRACKING ON REDIRECT 99999999 MAYBE; TRACKING ON PREFIX a;"
        " TRACKING ON OPTIN OPTOUT; TRACKING ON BCAST OPTIN; TRACKING OFF PREFIX a OPTIN OPTOUT; CACHING;"
        " CACHING YES; CACHING MAYBE; CACHING YES NO; GETREDIR; GETREDIR x; TRACKINGINFO; TRACKINGINFO x;"
        " TRACKING on optin; CACHING no; CACHING MAYBE; CACHING yes; TRACKING ON OPTOUT; TRACKING ON BCAST;"
        " TRACKINGINFO; TRACKING ON; TRACKING ON OPTOUT; CACHING YES; TRACKINGINFO; TRACKING OFF;"
        " TRACKING ON BCAST PREFIX a PREFIX ab; TRACKING ON BCAST PREFIX ab PREFIX ac; TRACKING ON;"
        " TRACKING ON BCAST PREFIX ab; TRACKING ON BCAST PREFIX a; TRACKING ON BCAST PREFIX abc; TRACKINGINFO;"
        " TRACKING ON BCAST PREFIX q NOLOOP; TRACKINGINFO; TRACKING ON BCAST; TRACKINGINFO; TRACKING OFF; GETREDIR"
    )
    talk_alike(lambda line: line.ask(*lines), resp3)


def test_the_exception_is_for_one_command(talk_alike):
    def talk(line, other):
        told = line.ask("CLIENT TRACKING ON OPTIN", "GET a", "CLIENT CACHING YES", "GET b", "GET c")
        return [told, other.ask("MSET a 1 b 1 c 1"), line.ask()]

    talk_alike(talk, True, False)


def test_redirect_twice_and_to_oneself(talk_alike):
    def talk(line, other):
        told = line.ask(
            f"CLIENT TRACKING ON REDIRECT {other.id} REDIRECT {other.id}",
            f"CLIENT TRACKING ON REDIRECT {line.id}", "CLIENT GETREDIR", "GET k", "SET k 1",
        )  # fmt: skip
        return _hidden(told, line, other)

    talk_alike(talk, True, True)


@pytest.mark.parametrize("resp3", [False, True])
def test_others_changes(resp3, talk_alike):
    def talk(line, other):
        found = [line.ask(*_lines("TRACKING ON; GET k; HGETALL h; GET never"))]
        for change in ("SET k 1", "SET k 2", "HSET h f v", "DEL k", "FLUSHALL"):
            found += [other.ask(change), line.ask()]
        found.append(line.ask("SET k v PX 1", "GET k"))
        return [*found, line.ask("CLIENT TRACKING OFF"), other.ask("SET h 1"), line.ask()]

    talk_alike(talk, resp3, False)


def test_broadcasts(talk_alike):
    def talk(line, other, deaf):
        told = [line.ask(*_lines("TRACKING ON BCAST PREFIX u: PREFIX v:; TRACKINGINFO"))]
        told.append(deaf.ask("CLIENT TRACKING ON BCAST NOLOOP"))
        told += [
            line.ask("SET u:2 1", "SET w 1", "SET v:1 1", "SET u:1 1", "SET u:1 2"),
            line.ask(),
            deaf.ask(),
        ]
        told += [other.ask("SET v:2 1", "DEL u:1"), line.ask(), deaf.ask()]
        told += [deaf.ask("SET v:2 1"), line.ask(), deaf.ask()]
        told += [deaf.ask("MSET v:2 1 u: 3 x 4"), line.ask(), deaf.ask()]
        told += [other.ask("FLUSHDB"), line.ask(), deaf.ask()]
        return [*told, line.ask("CLIENT TRACKING OFF"), other.ask("SET u:1 1"), line.ask(), deaf.ask()]

    talk_alike(talk, True, False, True)


@pytest.mark.parametrize("resp3", [False, True])
@pytest.mark.parametrize("listens", [False, True])
@pytest.mark.parametrize("mode", ["", "BCAST"])
def test_redirection(mode, resp3, listens, talk_alike):
    def talk(line, listener, other):
        subscribed = [listener.ask("SUBSCRIBE __redis__:invalidate")] if listens else []
        told = [
            line.ask(f"CLIENT TRACKING ON {mode} REDIRECT {listener.id}", *_lines("GETREDIR; TRACKINGINFO"))
        ]
        told.append(line.ask("GET k"))
        for changer in (other, line):
            told += [changer.ask("SET k 1"), listener.ask(), line.ask("GET k"), listener.ask(), line.ask()]
            told += [changer.ask("FLUSHALL"), listener.ask(), line.ask("GET k")]
        if resp3:
            told += [listener.ask("SET k 2"), listener.ask(), line.ask()]
        # redis-server writes the null of a flush as the client writes nulls that redirects, not the one that reads it.
        nulls = [found.replace(b"invalidate\r\n$-1", b"invalidate\r\n_") for found in [*subscribed, *told]]
        return [_hidden(found, line, listener) for found in (nulls if resp3 else [*subscribed, *told])]

    talk_alike(talk, False, resp3, False)


@pytest.mark.parametrize("resp3", [False, True])
def test_a_broken_redirection(resp3, talk_alike):
    def talk(line, listener, other):
        told = [line.ask(f"CLIENT TRACKING ON REDIRECT {listener.id}", "MGET a b")]
        told.append(other.ask(f"CLIENT KILL ID {listener.id}"))
        told += [line.ask("CLIENT TRACKINGINFO"), other.ask("SET a 1"), line.ask("CLIENT TRACKINGINFO")]
        told += [other.ask("SET b 1"), line.ask("CLIENT TRACKING ON", "CLIENT TRACKINGINFO", "GET a")]
        told += [other.ask("SET a 2"), line.ask()]
        return [_hidden(found, line, listener) for found in told]

    talk_alike(talk, resp3, False, False)


def _row(port, id_):
    with redis.Redis(HOST, port, decode_responses=True) as client:
        (line,) = client.client_list(client_id=[str(id_)])
        info = client.info("everything")
        counts = {name: value for name, value in info.items() if name.startswith("tracking_")}
        return line["flags"], line["redir"], counts


def test_what_info_and_client_list_tell(server, redis_server, talk_alike):
    ports = iter((server.port, redis_server.port))

    def talk(line, listener, other):
        port = next(ports)
        line.ask(f"CLIENT TRACKING ON REDIRECT {listener.id}", "MGET a b")
        other.ask("CLIENT TRACKING ON BCAST PREFIX a PREFIX b")
        rows = [_row(port, line.id), _row(port, other.id), _row(port, listener.id)]
        other.ask(f"CLIENT KILL ID {listener.id}", "SET a 1")
        rows += [_row(port, line.id)]
        line.ask("CLIENT TRACKING OFF")
        other.ask("CLIENT TRACKING OFF", "FLUSHALL")
        rows += [_row(port, line.id)]
        return [(flags, redirect == str(listener.id) or redirect, counts) for flags, redirect, counts in rows]

    (tracker, broadcaster, _, broken, off) = talk_alike(talk, True, True, True)
    assert tracker[0] == "t"
    assert broadcaster[0] == "tB"
    assert broken[0] == "tR"
    assert (off[0], off[1]) == ("N", "-1")
    assert tracker[2] == {
        "tracking_clients": 2, "tracking_total_keys": 2, "tracking_total_items": 2, "tracking_total_prefixes": 2,
    }  # fmt: skip


@pytest.mark.parametrize("resp3", [False, True])
def test_the_null_of_a_flush_is_the_readers(resp3, server, speak):
    line, listener = speak(server.port, not resp3), speak(server.port, resp3)
    listener.ask("SUBSCRIBE __redis__:invalidate")
    line.ask(f"CLIENT TRACKING ON REDIRECT {listener.id}", "FLUSHALL")
    assert listener.ask().split(b"invalidate\r\n")[1].startswith(b"_\r\n" if resp3 else b"$-1\r\n")


def _told_of(line, *lines):
    """The keys that a RESP3 connection is told of before it has the answers to the lines."""
    return [found.split(b"\r\n")[2] for found in line.ask(*lines).split(b"$10\r\ninvalidate\r\n")[1:]]


@pytest.fixture
def tracker(server, speak):
    """Return a RESP3 connection that tracks what it reads."""
    line = speak(server.port, True)
    line.ask("CLIENT TRACKING ON")
    return line


def _waits_to_be_told(tracker):
    return until("it is told", lambda: _told_of(tracker))


@pytest.mark.parametrize("met", [False, True])
def test_a_key_that_expires_is_told(met, tracker, client):
    found = b""
    while b"alive" not in found:
        client.set("k", "alive", px=100)
        found = tracker.ask("GET k")
    if met:
        until("the key is gone", lambda: not client.exists("k"))
    assert _waits_to_be_told(tracker) == [b"k"]


def test_a_field_that_expires_is_told(tracker, client):
    found = b""
    while b"alive" not in found:
        client.hset("h", mapping={"stays": "1", "leaves": "alive"})
        client.hpexpire("h", 100, "leaves")
        found = tracker.ask("HGETALL h")
    assert _waits_to_be_told(tracker) == [b"h"]


def test_a_key_that_is_evicted_is_told(start_dozo, speak):
    node = start_dozo("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru")
    tracker = speak(node.port, True)
    with redis.Redis(HOST, node.port) as client:
        client.set("old", "v")
        tracker.ask("CLIENT TRACKING ON", "GET old")
        told, number = [], 0
        while not told:
            client.set(f"filler{number}", "x" * 10_000)
            told, number = _told_of(tracker), number + 1
        assert told == [b"old"]
        assert client.exists("old") == 0


@pytest.mark.parametrize("line", ["set k 0 0 1\r\nv", "delete k", "incr n 1", "touch k 100", "flush_all"])
def test_memcached_writes_are_told(line, tracker, client, server):
    client.mset({"k": "v", "n": "1"})
    tracker.ask("MGET k n")
    with closing(socket.create_connection((HOST, server.memcached_port), timeout=20)) as memcached:
        memcached.sendall(f"{line}\r\n".encode())
        assert memcached.recv(100)
    key = {"incr n 1": b"n", "flush_all": b"_"}.get(line, b"k")
    found = tracker.ask()
    assert found.count(b"invalidate") == 1
    assert key in found.split(b"invalidate\r\n")[1].split(b"\r\n")


def test_commands_in_python_are_tracked_by_what_they_declare(start_dozo, speak, tmp_path):
    (tmp_path / "own.py").write_text(
        '''
from dozo.commands.api import READONLY, WRITE, Database, Key, command


@command("FIRST", flags=READONLY, group="generic", keys=lambda line: [2] if line[1] == b"SECOND" else [1])
def first(db: Database, *words: bytes) -> bytes | None:
    """Reads a key."""
    return db.get(words[-1])


@command("OTHERS", flags=WRITE, group="generic")
def others(db: Database, read: Key, written: Key) -> bytes | None:
    """Reads a key through another command, and writes one."""
    value = db.call("GET", read)
    db.set(written, b"v")
    return value
'''
    )
    node = start_dozo("--load", str(tmp_path / "own.py"))
    tracker = speak(node.port, True)
    tracker.ask("CLIENT TRACKING ON", "FIRST a", "FIRST SECOND b", "OTHERS c d", "OTHERS c e")
    with redis.Redis(HOST, node.port) as client:
        client.mset({"SECOND": 1, "a": 1, "b": 1, "c": 1, "d": 1, "e": 1})
        assert _told_of(tracker) == [b"a", b"b", b"c"]


def test_the_table_is_bounded(tracker, client):
    client.config_set("tracking-table-max-keys", "10")
    try:
        tracker.ask("MGET " + " ".join(f"a{number}" for number in range(10)))
        assert client.info("stats")["tracking_total_keys"] == 10
        read = {b"a%d" % number for number in range(10)} | {b"b", b"c"}
        told = _told_of(tracker, "MGET b c") + _told_of(tracker)
        assert len(told) == len(set(told) & read) == 2
        info = client.info("stats")
        assert (info["tracking_total_keys"], info["tracking_total_items"]) == (10, 10)
        client.config_set("tracking-table-max-keys", "1")
        until("one key is left", lambda: client.info("stats")["tracking_total_keys"] <= 1)
        told += _told_of(tracker)
        assert len(told) == len(set(told)) == 11
        client.config_set("tracking-table-max-keys", "0")
        tracker.ask("MGET " + " ".join(f"a{number}" for number in range(100)))
        assert client.info("stats")["tracking_total_keys"] >= 100
    finally:
        client.config_set("tracking-table-max-keys", "1000000")


def test_clients_that_have_gone_are_forgotten(server, client, tracker, speak):
    tracker.ask("GET k")
    for _ in range(20):
        line = speak(server.port, True)
        line.ask("CLIENT TRACKING ON", "GET k")
        line.close()
        until("it is gone", lambda: client.info("clients")["tracking_clients"] <= 1)
    assert client.info("stats")["tracking_total_items"] <= 4
    client.set("k", "v")
    assert _told_of(tracker) == [b"k"]


def test_the_cache_of_redis_py(server, client, monkeypatch):
    # It asks for a server that calls itself 7.4.
    monkeypatch.setattr(CacheProxyConnection, "MIN_ALLOWED_VERSION", "7.0.0")
    with redis.Redis(HOST, server.port, protocol=3, cache_config=CacheConfig()) as cached:
        client.set("k", "one")
        assert cached.get("k") == cached.get("k") == b"one"
        assert cached.get_cache().size == 1
        before = client.info("stats")["keyspace_hits"]
        assert cached.get("k") == b"one"
        assert client.info("stats")["keyspace_hits"] == before
        client.set("k", "two")
        assert cached.get("k") == b"two"
        client.delete("k")
        assert cached.get("k") is None
