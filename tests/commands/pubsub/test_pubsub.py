"""Subscribing, publishing and PUBSUB: dozo's bytes next to redis-server's."""

from __future__ import annotations

import re
import socket
from contextlib import closing

import pytest
import redis

from dozo.testing import HOST

TALKS = {
    "SUBSCRIBE UNSUBSCRIBE": [
        "SUBSCRIBE a b a",
        "UNSUBSCRIBE b c",
        "UNSUBSCRIBE",
        "UNSUBSCRIBE",
        "UNSUBSCRIBE x y",
    ],
    "PSUBSCRIBE PUNSUBSCRIBE": [
        "PSUBSCRIBE a* a*",
        "SUBSCRIBE q",
        "PUNSUBSCRIBE",
        "PUNSUBSCRIBE x",
        "PUNSUBSCRIBE",
    ],
    "SSUBSCRIBE SUNSUBSCRIBE": ["SSUBSCRIBE s t", "SUBSCRIBE q", "SUNSUBSCRIBE s t", "SUNSUBSCRIBE"],
    "errors": [
        "SUBSCRIBE",
        "PSUBSCRIBE",
        "PUBLISH a",
        "SPUBLISH a",
        "SUBSCRIBE a",
        "GET k",
        "CLIENT GETNAME",
        "PING",
        "PING a b",
    ],
    "own messages": ["SUBSCRIBE a", "PUBLISH a m", "PSUBSCRIBE *", "PUBLISH a n", "SPUBLISH a o"],
    "reset": ["SUBSCRIBE a", "PSUBSCRIBE b", "RESET", "PING", "PUBLISH a m"],
}


@pytest.mark.parametrize("resp3", [False, True])
@pytest.mark.parametrize("name", TALKS)
def test_a_subscriber_is_answered_alike(name, resp3, talk_alike):
    talk_alike(lambda line: line.ask(*TALKS[name]), resp3)


def test_replies_are_turned_off_for_a_subscriber_but_not_its_messages(talk_alike):
    # A RESP2 subscriber could not turn them on again.
    lines = [
        "CLIENT REPLY OFF", "SUBSCRIBE a", "PUBLISH a m", "CLIENT REPLY ON", "CLIENT REPLY SKIP", "PUBLISH a n",
    ]  # fmt: skip
    talk_alike(lambda line: line.ask(*lines), True)


@pytest.mark.parametrize("resp3", [False, True])
def test_messages_arrive_alike(resp3, talk_alike):
    def talk(listener, sender):
        found = [listener.ask("SUBSCRIBE news", "PSUBSCRIBE n*", "SSUBSCRIBE shard")]
        found.append(
            sender.ask("PUBLISH news one", "PUBLISH nothing two", "SPUBLISH shard three", "PUBLISH shard no")
        )
        return [*found, listener.ask()]

    talk_alike(talk, resp3, False)


def test_pubsub_tells(talk_alike):
    def talk(listener, asker):
        listener.ask("SUBSCRIBE one", "SSUBSCRIBE three", "PSUBSCRIBE p*")
        return asker.ask(
            "PUBSUB CHANNELS", "PUBSUB CHANNELS o*", "PUBSUB CHANNELS x*", "PUBSUB NUMSUB", "PUBSUB NUMSUB one zero",
            "PUBSUB NUMPAT", "PUBSUB SHARDCHANNELS", "PUBSUB SHARDCHANNELS x", "PUBSUB SHARDNUMSUB three four",
            "PUBSUB CHANNELS a b", "PUBSUB NUMPAT x", "PUBSUB NOTHING", "PUBSUB",
        )  # fmt: skip

    talk_alike(talk, False, False)


def test_help_names_every_subcommand(dozo):
    lines = dozo("PUBSUB HELP")
    assert any(line.startswith("SHARDNUMSUB") for line in lines)


def test_subscribers_are_listed_counted_and_killed(client, server):
    with redis.Redis(HOST, server.port) as other:
        listener = other.pubsub()
        listener.subscribe("a", "b")
        listener.psubscribe("c*")
        for _ in range(3):
            assert listener.get_message(timeout=5)
        (line,) = client.client_list(_type="pubsub")
        assert (line["sub"], line["psub"], line["ssub"], line["flags"]) == ("2", "1", "0", "P")
        assert int(line["tot-mem"]) > 0
        info = client.info()
        assert (info["pubsub_channels"], info["pubsub_patterns"], info["pubsub_clients"]) == (2, 1, 1)
        assert client.execute_command("CLIENT KILL", "TYPE", "pubsub") == 1
        with pytest.raises(redis.ConnectionError):
            listener.connection.read_response()
        assert client.pubsub_channels() == []
        assert client.pubsub_numpat() == 0


def test_a_large_message_is_whole(client, server):
    payload = bytes(range(256)) * 4096
    with redis.Redis(HOST, server.port) as other:
        listener = other.pubsub(ignore_subscribe_messages=True)
        listener.subscribe("big")
        assert listener.get_message(timeout=5) is None
        assert client.publish("big", payload) == 1
        assert listener.get_message(timeout=5)["data"] == payload


@pytest.mark.parametrize("threads", [0, 2])
def test_a_slow_subscriber_is_closed(threads, start_dozo):
    node = start_dozo("--io-threads", str(threads), "--client-output-buffer-limit", "pubsub 1mb 0 0")
    with closing(socket.create_connection((HOST, node.port), timeout=20)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"SUBSCRIBE a\r\n")
        assert deaf.recv(5) == b"*3\r\n$"
        with redis.Redis(HOST, node.port) as client:
            for _ in range(200):
                if not client.publish("a", b"x" * 200_000):
                    break
            else:
                pytest.fail("the subscriber was never closed")
            assert client.info("stats")["client_output_buffer_limit_disconnections"] == 1


def test_a_reply_beyond_the_hard_limit_closes_its_client(start_dozo):
    node = start_dozo("--client-output-buffer-limit", "normal 2mb 0 0")
    with redis.Redis(HOST, node.port, retry=None) as client:
        client.set("k", "x" * 10_000)
        with pytest.raises(redis.ConnectionError):
            client.mget(["k"] * 1000)
        assert client.info("stats")["client_output_buffer_limit_disconnections"] >= 1


@pytest.mark.parametrize("lines", [["MULTI", "PUBLISH a 1", "GET k", "PUBLISH a 2", "EXEC"], ["PUBLISH a 1"]])
def test_own_messages_stand_before_the_whole_reply(lines, server, redis_server, speak):
    ours, theirs = (speak(peer.port, True).ask("SUBSCRIBE a", *lines) for peer in (server, redis_server))
    message = rb">3\r\n\$7\r\nmessage\r\n\$1\r\na\r\n\$1\r\n.\r\n"
    # Those of redis-server 7.0 stand within EXEC's array, where a push must not be.
    assert re.findall(message, ours) == re.findall(message, theirs)
    assert re.sub(message, b"", ours) == re.sub(message, b"", theirs)
    replies = {5: b"*3\r\n:1\r\n_\r\n:1\r\n", 1: b":1\r\n"}[len(lines)]
    assert re.search(message + re.escape(replies + b"$3\r\nend\r\n") + rb"\Z", ours)


def test_a_subscriber_is_never_idle(start_dozo):
    node = start_dozo("--timeout", "1")
    with redis.Redis(HOST, node.port) as client:
        listener = client.pubsub()
        listener.subscribe("a")
        listener.get_message(timeout=5)
        for _ in range(2):
            # The second is closed in a round of its own, so the listener has been looked at.
            with closing(socket.create_connection((HOST, node.port), timeout=20)) as idle:
                assert idle.recv(1) == b""
        assert client.publish("a", "m") == 1
        assert listener.get_message(timeout=5)["data"] == b"m"
