"""SLOWLOG and LATENCY: what was slow."""

import pytest
import redis


@pytest.mark.parametrize(
    "line",
    [
        "SLOWLOG",
        "SLOWLOG FOO",
        "SLOWLOG GET x",
        "SLOWLOG GET -2",
        "SLOWLOG LEN x",
        "SLOWLOG RESET",
        "LATENCY FOO",
        "LATENCY HISTORY nothing",
        "LATENCY GRAPH nothing",
        "LATENCY LATEST",
        "LATENCY RESET nothing",
        "LATENCY HISTOGRAM nothing",
    ],
)
def test_answers_as_redis_does(same, line):
    same(line)


@pytest.fixture
def slow(start_dozo):
    """A server on which a command is slow from 1 ms on, and a client that has sent one of 20 ms."""
    with redis.Redis(port=start_dozo().port) as client:
        client.config_set("slowlog-log-slower-than", "5000")
        client.config_set("latency-monitor-threshold", "5")
        client.client_setname("me")
        client.execute_command("DEBUG", "SLEEP", "0.02")
        yield client


def test_slow_commands_are_logged(slow):
    (entry,) = slow.execute_command("SLOWLOG GET", "-1", NEVER_DECODE=True)
    assert entry["command"] == b"DEBUG SLEEP 0.02"
    assert entry["duration"] >= 20_000
    assert entry["client_name"] == b"me"
    assert slow.slowlog_len() == 1
    slow.slowlog_reset()
    assert slow.slowlog_get() == []


def test_many_and_long_arguments_are_cut(slow):
    slow.config_set("slowlog-log-slower-than", "0")
    slow.mget(*(f"key:{n}" for n in range(100)))
    slow.get("k" * 1000)
    first, second = slow.slowlog_get(2)
    assert b"more bytes)" in first["command"]
    assert second["command"].endswith(b"more arguments)")


def test_spikes_are_remembered(slow):
    ((event, _, latest, worst),) = slow.latency_latest()
    assert event == b"command"
    assert 20 <= latest <= worst
    assert slow.latency_history("command")[0][1] == latest
    assert b"all time high" in slow.execute_command("LATENCY GRAPH", "command")
    assert b"command: 1 spike" in slow.execute_command("LATENCY DOCTOR")
    assert slow.latency_reset("command") == 1
    assert slow.latency_latest() == []


def test_doctor_says_when_it_is_off(dozo):
    assert b"latency-monitor-threshold" in dozo("LATENCY DOCTOR")


def test_histograms_count_calls(start_dozo):
    with redis.Redis(port=start_dozo().port, protocol=3) as client:
        for _ in range(10):
            client.get("k")
        client.config_get("port")
        told = client.execute_command("LATENCY HISTOGRAM", "get", "config", "nothing")
        assert told[b"get"][b"calls"] == 10
        assert max(told[b"get"][b"histogram_usec"].values()) == 10
        assert set(told) == {b"get", b"config|get"}


def test_help_names_every_subcommand(dozo):
    for container, names in {
        "SLOWLOG": ("GET", "LEN", "RESET"),
        "LATENCY": ("DOCTOR", "GRAPH", "HISTORY"),
    }.items():
        text = "\n".join(dozo(f"{container} HELP"))
        for name in (*names, "HELP"):
            assert f"\n{name}" in text
