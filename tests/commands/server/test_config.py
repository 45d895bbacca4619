"""CONFIG GET, SET, RESETSTAT, REWRITE and HELP."""

import pytest
import redis


@pytest.mark.parametrize(
    "line",
    [
        "CONFIG",
        "CONFIG GET",
        "CONFIG GET nothing*",
        "CONFIG SET a",
        "CONFIG SET nothing 1",
        "CONFIG SET maxmemory x",
        "CONFIG SET maxmemory 1 maxmemory 2",
        "CONFIG SET maxmemory 1 nothing 2",
        "CONFIG SET maxmemory",
        "CONFIG SET databases 4",
        "CONFIG SET maxmemory 0 maxmemory-policy noeviction",
        "CONFIG GET maxmemory",
        "CONFIG GET MAXMEMORY",
        "CONFIG GET maxmemory-pol*",
        "CONFIG REWRITE",
        "CONFIG FOO",
    ],
)
def test_answers_as_redis_does(same, line):
    same(line)


def fill(client, *, raise_on_error):
    pipeline = client.pipeline(transaction=False)
    for n in range(100):
        pipeline.set(f"k{n}", "x" * 100_000)
    pipeline.execute(raise_on_error=raise_on_error)


def test_set_acts_at_once(start_dozo):
    with redis.Redis(port=start_dozo().port) as client:
        client.config_set("maxmemory", "1mb")
        assert list(client.config_get("maxmemory").values()) == ["1048576"]
        fill(client, raise_on_error=False)
        with pytest.raises(redis.ResponseError, match="used memory > 'maxmemory'"):
            client.set("k", "v")
        client.config_set("maxmemory-policy", "allkeys-lru")
        fill(client, raise_on_error=True)
        assert client.info("stats")["evicted_keys"] > 0


def test_a_refused_set_changes_nothing(start_dozo):
    with redis.Redis(port=start_dozo().port) as client:
        with pytest.raises(redis.ResponseError, match="related to argument 'maxmemory-policy'"):
            client.execute_command("CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "nothing")
        assert client.info("memory")["maxmemory"] == 0


def test_what_is_no_utf_8_is_refused(dozo):
    reply = dozo("CONFIG", "SET", "requirepass", b"\xff")
    assert (
        reply
        == "ERR CONFIG SET failed (possibly related to argument 'requirepass') - argument must be UTF-8 text"
    )
    assert dozo("CONFIG GET requirepass") == [b"requirepass", b""]


def test_requirepass_can_be_set_at_run_time(start_dozo):
    port = start_dozo().port
    with redis.Redis(port=port) as client:
        client.config_set("requirepass", "secret")
        assert client.ping()
    with redis.Redis(port=port, retry=None) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_rewrite_keeps_the_file_s_comments(start_dozo, tmp_path):
    file = tmp_path / "dozo.toml"
    file.write_text("# my server\n[memory]\nmaxmemory = '10mb'\n")
    with redis.Redis(port=start_dozo("--config", str(file)).port) as client:
        client.config_set("maxmemory-policy", "s3fifo")
        client.config_rewrite()
    text = file.read_text()
    assert "# my server" in text
    assert "s3fifo" in text


def test_help_names_every_subcommand(dozo):
    text = "\n".join(dozo("CONFIG HELP"))
    for name in ("GET", "SET", "RESETSTAT", "REWRITE", "HELP"):
        assert f"\n{name}" in text


def test_settings_answer_to_their_old_names(same):
    for old, value in (
        ("lua-time-limit", 1234),
        ("hash-max-ziplist-entries", 77),
        ("zset-max-ziplist-value", 30),
    ):
        same("CONFIG", "SET", old.upper(), value)
        same("CONFIG", "GET", old)
    same("CONFIG GET busy-reply-threshold")
    same("CONFIG GET hash-max-listpack-entries")
    same("CONFIG SET lua-time-limit no")
    same("CONFIG SET lua-time-limit 5000 hash-max-ziplist-entries 128 zset-max-ziplist-value 64")
