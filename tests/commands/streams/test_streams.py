"""Streams next to redis-server: shapes, events, refusals, and what a transaction's WATCH sees of them."""

import pytest

REFUSED = [
    "XADD k 0-0 f v",
    "XADD k 1-1 f v",
    "XADD k * f",
    "XADD k MAXLEN -1 * f v",
    "XADD k MAXLEN 1 LIMIT 5 * f v",
    "XADD k MAXLEN 1 MINID 1 * f v",
    "XADD k x f v",
    "XTRIM k MAXLEN",
    "XTRIM k LIMIT 5",
    "XTRIM k MAXLEN 1 LIMIT 5",
    "XREAD STREAMS k",
    "XREAD STREAMS k >",
    "XREAD GROUP g c STREAMS k 0",
    "XREADGROUP STREAMS k 0 COUNT 1 NOACK",
    "XREADGROUP GROUP g c STREAMS k $",
    "XREADGROUP GROUP g c STREAMS k +",
    "XREADGROUP GROUP none c STREAMS k >",
    "XREADGROUP GROUP g c STREAMS none >",
    "XGROUP CREATE none g $",
    "XGROUP CREATE k g $",
    "XGROUP CREATE k new +",
    "XGROUP CREATE k new $ ENTRIESREAD -2",
    "XGROUP SETID k none $",
    "XGROUP SETID k g (1-1",
    "XGROUP SETID none g $",
    "XCLAIM k none c 0 1-1",
    "XCLAIM k g c x 1-1",
    "XCLAIM k g c 0 1-1 BOGUS",
    "XAUTOCLAIM k g c 0 0 COUNT 0",
    "XPENDING k none",
    "XPENDING k g - +",
    "XINFO STREAM none",
    "XINFO CONSUMERS k none",
    "XSETID k 0-1",
    "XSETID k 9-9 ENTRIESADDED 1",
    "XSETID none 1-1",
    "XDEL k x",
    "XACK k g x",
]
SETUP = """
XADD k 1-1 f v; XADD k 2-* f v g w; XADD k 3-3 other 1; XGROUP CREATE k g 0;
XREADGROUP GROUP g alice COUNT 2 STREAMS k >
"""
SHAPES = """
XREAD STREAMS none 0; XREAD COUNT 1 STREAMS k none 0 0; XREAD STREAMS k $; XREAD BLOCK 5 STREAMS k $;
XREADGROUP GROUP g bob STREAMS k >; XREADGROUP GROUP g bob STREAMS k >; XREADGROUP GROUP g alice STREAMS k 0;
XREADGROUP GROUP g carol STREAMS k 0; XREADGROUP GROUP g bob BLOCK 5 STREAMS k >; XDEL k 2-0;
XREADGROUP GROUP g alice STREAMS k 0; XPENDING k g; XPENDING none g; XCLAIM k g bob 0 1-1;
XCLAIM k g bob 0 1-1 JUSTID; XCLAIM k g dave 0 3-3 9-9 FORCE; XCLAIM k g dave 0 2-0;
XAUTOCLAIM k g erin 0 0 COUNT 1; XAUTOCLAIM k g erin 0 0 JUSTID; XRANGE k - +; XRANGE k - + COUNT 0;
XREVRANGE k + - COUNT 1; XRANGE none - +; XADD k NOMKSTREAM 7-7 f v; XADD none NOMKSTREAM 7-7 f v; XLEN none;
XACK k g 3-3 9-9; XACK none g 1-1; XINFO GROUPS k; XINFO GROUPS none; XTRIM k MAXLEN 1; XGROUP SETID k g -;
XINFO GROUPS k; XGROUP SETID k g + ENTRIESREAD 3; XINFO GROUPS k; XGROUP DELCONSUMER k g alice;
XGROUP CREATECONSUMER k g new; XGROUP CREATECONSUMER k g new; XGROUP DESTROY k g; XGROUP DESTROY k g;
XSETID k 9-9; XSETID k 8-8; XADD gone 1-1 f v; XDEL gone 1-1; XSETID gone 0-1; XRANGE gone - +
"""
EVENTS = """
XADD k 1-1 f v; XADD k MAXLEN 1 2-2 f v; XADD k MAXLEN 9 3-3 f v; XADD k NOMKSTREAM 4-4 f v;
XADD none NOMKSTREAM 1-1 f v; XTRIM k MAXLEN 9; XTRIM k MAXLEN 2; XDEL k 3-3; XDEL k 3-3; XADD k 5-5 f v;
XGROUP CREATE k g 0; XGROUP CREATE made g $ MKSTREAM; XGROUP SETID k g 0; XGROUP CREATECONSUMER k g c;
XGROUP CREATECONSUMER k g c; XREADGROUP GROUP g c STREAMS k >; XREADGROUP GROUP g new STREAMS k 0;
XADD k 6-6 f v; XREADGROUP GROUP g newer STREAMS k >; XACK k g 5-5; XCLAIM k g newest 0 6-6;
XAUTOCLAIM k g last 0 0; XGROUP DELCONSUMER k g last; XGROUP DELCONSUMER k g none; XSETID k 9-9;
XGROUP DESTROY k g; XGROUP DESTROY k g; DEL k
"""
WATCHED = """
XADD k 9-9 f v; XDEL k 1-1; XDEL k 8-8; XTRIM k MAXLEN 1; XTRIM k MAXLEN 99; XACK k g 1-1; XACK k g 9-9;
XREADGROUP GROUP g alice STREAMS k >; XREADGROUP GROUP g new STREAMS k >; XREADGROUP GROUP g alice STREAMS k 0;
XREADGROUP GROUP g new STREAMS k 0; XREAD STREAMS k 0; XCLAIM k g bob 0 1-1; XCLAIM k g bob 99999999 1-1;
XCLAIM k g bob 0 8-8; XAUTOCLAIM k g bob 0 0; XGROUP CREATE k new 0; XGROUP CREATE k g 0; XGROUP SETID k g 0;
XGROUP DESTROY k g; XGROUP DESTROY k none; XGROUP CREATECONSUMER k g alice; XGROUP CREATECONSUMER k g new;
XGROUP DELCONSUMER k g alice; XGROUP DELCONSUMER k g none; XSETID k 9-9; XPENDING k g; XINFO STREAM k FULL
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split(";")]


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(same, line):
    for command in lines(SETUP):
        same(command)
    same(line)
    same("XRANGE k - +")


def test_replies_have_redis_s_shapes(alike):
    for command in lines(SETUP) + lines(SHAPES):
        alike(command)


def test_events_are_told_alike(same_events):
    same_events("KEA", lines(EVENTS))


@pytest.mark.parametrize("change", lines(WATCHED))
def test_watch_sees_what_redis_s_sees(same, dial, server, redis_server, change):
    others = [dial(peer.port) for peer in (server, redis_server)]
    for command in lines(SETUP):
        same(command)
    same("WATCH k")
    for other in others:
        other(change)
    same("MULTI")
    same("PING")
    same("EXEC")


def test_counters_and_lag_are_told_alike(same):
    for command in lines(SETUP):
        same(command)
    for change in (
        "XDEL k 1-1",
        "XADD k 5-5 f v",
        "XDEL k 2-0",
        "XTRIM k MAXLEN 1",
        "XGROUP SETID k g 3-3",
        "XDEL k 5-5",
    ):
        same(change)
        same("XINFO GROUPS k")


def test_xackdel_tells_of_deletions_only(client, server):
    for number in (1, 2):
        client.xadd("s", {"n": number}, id=f"{number}-0")
    client.xgroup_create("s", "g", id="0")
    client.xreadgroup("g", "me", {"s": ">"})
    client.xdel("s", "1-0")
    client.config_set("notify-keyspace-events", "Et")
    listener = client.pubsub(ignore_subscribe_messages=True)
    try:
        listener.psubscribe("__keyevent*", "end")
        for _ in range(2):
            listener.get_message(timeout=5)
        assert client.execute_command("XACKDEL", "s", "g", "IDS", 1, "1-0") == [1]
        client.publish("end", "")
        assert listener.get_message(timeout=5)["channel"] == b"end"
        assert client.execute_command("XACKDEL", "s", "g", "IDS", 1, "2-0") == [1]
        assert listener.get_message(timeout=5)["channel"] == b"__keyevent@0__:xdel"
    finally:
        listener.close()
        client.config_set("notify-keyspace-events", "")


def test_a_consumer_takes_the_place_of_one_that_left(same):
    same("XADD k 1-1 f v")
    same("XADD k 2-2 f v")
    same("XGROUP CREATE k g 0")
    for name in ("a", "b", "c"):
        same(f"XREADGROUP GROUP g {name} COUNT 1 STREAMS k >")
    same("XGROUP DELCONSUMER k g a")
    same("XGROUP DELCONSUMER k g c")
    for name in ("d", "e", "f"):
        same(f"XGROUP CREATECONSUMER k g {name}")
    same("XPENDING k g")
    same("XCLAIM k g f 0 2-2 JUSTID")
    same("XPENDING k g")
