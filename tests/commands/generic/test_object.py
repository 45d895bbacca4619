"""OBJECT ENCODING, FREQ, IDLETIME, REFCOUNT and HELP."""

import pytest


@pytest.mark.parametrize(
    "value",
    ["", "1", "-5", "01", "9223372036854775807", "9223372036854775808", "x" * 44, "x" * 45, "x" * 5000],
)
def test_encoding_is_redis_s(same, value):
    same("SET", "k", value)
    same("OBJECT ENCODING k")


def test_answers_as_redis_does(same):
    same("SET k v")
    for name in ("ENCODING", "IDLETIME", "FREQ", "REFCOUNT"):
        same(f"OBJECT {name} missing")
        same(f"OBJECT {name}")
    same("OBJECT REFCOUNT k")
    same("OBJECT IDLETIME k")
    same("OBJECT FREQ k")
    same("OBJECT FOO k")
    same("OBJECT")


def test_frequency_is_told_under_an_lfu_policy(start_dozo):
    import redis

    with redis.Redis(port=start_dozo("--maxmemory-policy", "allkeys-lfu").port) as client:
        client.set("k", "v")
        assert client.object("freq", "k") >= 1
        with pytest.raises(
            redis.ResponseError, match="LFU maxmemory policy is selected, idle time not tracked"
        ):
            client.object("idletime", "k")


def test_help_names_every_subcommand(dozo):
    text = "\n".join(dozo("OBJECT HELP"))
    for name in ("ENCODING", "FREQ", "IDLETIME", "REFCOUNT", "HELP"):
        assert f"\n{name}" in text
