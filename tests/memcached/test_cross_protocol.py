"""One keyspace: what one protocol writes, the other reads; both doors see the same limits."""

from __future__ import annotations

import redis
from tests.waiting import until

from .raw import Binary, Text, request


def test_a_value_reads_the_same(client: redis.Redis, dozo_text: Text, dozo_binary: Binary) -> None:
    client.set("text", "hello")
    client.set("number", 12345)
    client.set("negative", -7)
    client.set("large", b"x" * 100_000)
    assert dozo_text.ask(b"get text\r\n") == b"VALUE text 0 5\r\nhello\r\nEND\r\n"
    assert dozo_text.ask(b"get number\r\n") == b"VALUE number 0 5\r\n12345\r\nEND\r\n"
    assert dozo_text.ask(b"mg negative v s\r\n") == b"VA 2 s2\r\n-7\r\n"
    assert dozo_binary.ask(request(0, b"number"))[0].value == b"12345"
    assert dozo_binary.ask(request(0, b"large"))[0].value == b"x" * 100_000
    dozo_text.ask(b"set answer 42 100 2\r\n42\r\n")
    assert client.get("answer") == b"42"
    assert 99 <= client.ttl("answer") <= 100
    assert client.object("encoding", "answer") == b"int"


def test_flags_stay_with_the_entry(client: redis.Redis, dozo_text: Text) -> None:
    dozo_text.ask(b"set a 42 0 1\r\n5\r\n")
    client.incr("a")
    client.append("a", "0")
    client.expire("a", 100)
    assert dozo_text.ask(b"get a\r\n") == b"VALUE a 42 2\r\n60\r\nEND\r\n"
    client.rename("a", "b")
    client.copy("b", "c")
    assert dozo_text.ask(b"get b c\r\n") == b"VALUE b 42 2\r\n60\r\nVALUE c 42 2\r\n60\r\nEND\r\n"
    client.set("b", "new")
    assert dozo_text.ask(b"get b\r\n") == b"VALUE b 0 3\r\nnew\r\nEND\r\n"


def test_counters_are_shared(client: redis.Redis, dozo_text: Text) -> None:
    client.set("n", 100)
    assert dozo_text.ask(b"decr n 1\r\n") == b"99\r\n"
    assert client.incr("n") == 100
    assert dozo_text.ask(b"incr n 9223372036854775807\r\n") == b"9223372036854775907\r\n"
    assert client.get("n") == b"9223372036854775907"
    client.set("n", -1)
    refused = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
    assert dozo_text.ask(b"incr n 1\r\n") == refused


def test_cas_sees_redis_writes(client: redis.Redis, dozo_text: Text) -> None:
    client.set("a", "1")
    cas = int(dozo_text.ask(b"gets a\r\n").split()[4])
    for write in (
        lambda: client.set("a", "1"),
        lambda: client.incr("a"),
        lambda: client.append("a", "0"),
        lambda: client.setrange("a", 0, "9"),
        lambda: client.getset("a", "5"),
    ):
        write()
        assert dozo_text.ask(b"cas a 0 0 1 %d\r\nx\r\n" % cas) == b"EXISTS\r\n"
        cas, before = int(dozo_text.ask(b"gets a\r\n").split()[4]), cas
        assert cas > before


def test_only_database_0(client: redis.Redis, server, dozo_text: Text) -> None:
    with redis.Redis(port=server.port, db=1) as other:
        other.set("a", "hidden")
        assert dozo_text.ask(b"get a\r\n") == b"END\r\n"
        dozo_text.ask(b"flush_all\r\n")
        assert other.get("a") == b"hidden"


def test_expiry_is_exact(client: redis.Redis, dozo_text: Text) -> None:
    client.set("a", "x", px=30_000)
    assert dozo_text.ask(b"mg a t\r\n") == b"HD t30\r\n"
    dozo_text.ask(b"touch a 0\r\n")
    assert client.ttl("a") == -1
    dozo_text.ask(b"gat 50 a\r\n")
    assert 49_000 < client.pttl("a") <= 50_000
    dozo_text.ask(b"touch a -1\r\n")
    assert client.exists("a") == 0


def test_delayed_flush(client: redis.Redis, dozo_text: Text) -> None:
    client.set("a", "x")
    assert dozo_text.ask(b"flush_all 1\r\n") == b"OK\r\n"
    assert dozo_text.ask(b"get a\r\n") == b"VALUE a 0 1\r\nx\r\nEND\r\n"
    client.set("b", "also flushed")
    until("it is flushed", lambda: not client.exists("b"))
    client.set("c", "later")
    assert dozo_text.ask(b"get a c\r\n") == b"VALUE c 0 5\r\nlater\r\nEND\r\n"
    dozo_text.ask(b"flush_all 100\r\n")
    dozo_text.ask(b"flush_all\r\n")
    client.set("a", "x")
    assert client.exists("a"), "a flush replaces one that is still to come"


def test_no_memory_keeps_the_old_value(start_dozo) -> None:
    node = start_dozo("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    refused = b"SERVER_ERROR out of memory storing object\r\n"
    with Text(node.memcached_port) as text, Binary(node.memcached_port) as binary:
        text.ask(b"set kept 0 0 1\r\n1\r\n")
        for number in range(10_000):
            if text.ask(b"set k%d 0 0 1000\r\n%b\r\n" % (number, b"x" * 1000)) == refused:
                break
        else:
            raise AssertionError("the limit holds nobody back")
        assert text.ask(b"set kept 0 0 1\r\n2\r\n") == refused
        assert text.ask(b"append kept 0 0 1\r\n2\r\n") == refused
        assert text.ask(b"ms kept 1\r\n2\r\n") == refused
        assert text.ask(b"incr kept 1\r\n") == b"SERVER_ERROR out of memory\r\n"
        assert text.ask(b"get kept\r\n") == b"VALUE kept 0 1\r\n1\r\nEND\r\n"
        (packet,) = binary.ask(request(1, b"kept", b"2", bytes(8)))
        assert (packet.status, packet.value) == (0x82, b"Out of memory")
        assert text.ask(b"delete k0\r\n") == b"DELETED\r\n"


def test_pause(client: redis.Redis, server, dozo_text: Text) -> None:
    with Text(server.memcached_port) as waiting:
        client.client_pause(60_000, all=False)
        waiting.send(b"set a 0 0 1\r\nx\r\n")
        assert dozo_text.ask(b"get a\r\n") == b"END\r\n"
        client.client_unpause()
        assert waiting.take(8) == b"STORED\r\n"


def test_shutdown_is_a_setting(start_dozo) -> None:
    node = start_dozo("--memcached-shutdown", "yes")
    with Text(node.memcached_port) as text:
        text.send(b"shutdown\r\n")
        assert text.rest() == b""
    assert node.wait(timeout_s=15) == 0
