"""CONFIG GET, SET and REWRITE below their replies."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dozo.config import SETTINGS, Config, SettingError, load, toml


def test_get_by_glob_in_any_case():
    config = Config()
    assert config.get("MAXMEM*") == {
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
        "maxmemory-samples": "5",
    }
    assert config.get("port", "hz", "nosuch") == {"port": "6379", "hz": "10"}
    assert config.get("protected-mode") == {"protected-mode": "yes"}
    limits = "normal 1073741824 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
    assert config.get("client-output-buffer-limit") == {"client-output-buffer-limit": limits}


def test_set_changes_values_and_their_source():
    config = Config()
    config.set({"maxmemory": "100mb", "MAXMEMORY-POLICY": "S3FIFO", "protected-mode": "no"})
    assert config.memory.maxmemory == 100 << 20
    assert config.memory.maxmemory_policy == "s3fifo"
    assert config.network.protected_mode is False
    assert config.source("maxmemory") == "CONFIG SET"


def test_set_names_only_some_classes_of_clients():
    config = Config()
    config.set({"client-output-buffer-limit": "normal 1mb 1kb 5 slave 0 0 0"})
    limits = config.limits.client_output_buffer_limit
    assert (limits.normal.hard, limits.normal.soft, limits.normal.soft_seconds) == (1 << 20, 1 << 10, 5)
    assert limits.replica.hard == 0
    assert limits.pubsub.hard == 32 << 20


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("maxmemory", "x", "argument must be a memory value"),
        ("maxmemory", "-1", "argument must be a memory value"),
        ("timeout", "x", "argument couldn't be parsed into an integer"),
        ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
        ("protected-mode", "maybe", "argument must be 'yes' or 'no'"),
        (
            "loglevel",
            "loud",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        ("port", "1", "can't set immutable config"),
        ("nosuch", "1", "unknown setting"),
        (
            "client-output-buffer-limit",
            "normal 0 0",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "who 0 0 0",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal x 0 0",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
    ],
)
def test_set_refuses_in_the_words_of_redis(name, text, reason):
    config = Config()
    before = config.get("*")
    with pytest.raises(SettingError) as error:
        config.set({"hz": "50", name: text})
    assert (error.value.name, error.value.reason) == (name, reason)
    assert config.get("*") == before


def test_set_refuses_a_name_given_twice():
    with pytest.raises(SettingError, match="duplicate parameter"):
        Config().set([("hz", "1"), ("HZ", "2")])


def test_hooks_hear_of_changes_and_can_refuse_them_all():
    config = Config()
    heard: list[tuple[str, object, object]] = []

    def refuse(new: object, old: object) -> None:
        raise SettingError("not today")

    config.on_change("maxmemory", lambda new, old: heard.append(("maxmemory", new, old)))
    config.set({"maxmemory": "1kb"})
    assert heard == [("maxmemory", 1024, 0)]
    config.on_change("hz", refuse)
    with pytest.raises(SettingError) as error:
        config.set({"maxmemory": "2kb", "hz": "20"})
    assert (error.value.name, error.value.reason) == ("hz", "not today")
    assert heard[1:] == [("maxmemory", 2048, 1024), ("maxmemory", 1024, 2048)]
    assert config.get("maxmemory", "hz") == {"maxmemory": "1024", "hz": "10"}


OWNERS_FILE = """# mine
[memory]
maxmemory = "1gb" # as much as the machine has
# hz = 10
databases = 4

[process]
load = [
    "one.py",  # first
]
[limits]
"""


def test_rewrite_keeps_what_the_owner_wrote(tmp_path):
    path = tmp_path / "dozo.toml"
    path.write_text(OWNERS_FILE)
    config = load(path)
    config.rewrite()
    assert path.read_text() == OWNERS_FILE
    config.set({"maxmemory": "2gb", "hz": "50", "timeout": "7", "maxclients": "9", "requirepass": 'a"b'})
    config.rewrite()
    assert path.read_text() == (
        "# mine\n[memory]\n"
        'maxmemory = "2gb" # as much as the machine has\nhz = 50\ndatabases = 4\n\n'
        '[process]\nload = [\n    "one.py",  # first\n]\n[limits]\nmaxclients = 9\n\n'
        "[network]\ntimeout = 7\n\n"
        '[security]\nrequirepass = "a\\"b"\n'
    )
    assert load(path).get("*") == config.get("*")


def test_rewrite_writes_flags_and_variables_too(tmp_path):
    path = tmp_path / "dozo.toml"
    path.write_text("")
    load(path, {"DOZO_TIMEOUT": "5"}, {"port": "0"}).rewrite()
    assert tomllib.loads(path.read_text()) == {"network": {"port": 0, "timeout": 5}}


@given(st.text(), st.lists(st.text()))
def test_any_text_reads_back(password, files):
    config = Config()
    config.security.requirepass, config.process.load = password, tuple(files)
    written = tomllib.loads(toml.effective(config).replace("***", ""))
    assert written["process"]["load"] == files
    entry = f"x = {toml.write_value(SETTINGS['requirepass'], password)}"
    assert tomllib.loads(entry) == {"x": password}


def test_rewrite_says_what_went_wrong(tmp_path):
    path = tmp_path / "dozo.toml"
    path.write_text("")
    config = load(path)
    config.set({"requirepass": "\udcff"})
    with pytest.raises(SettingError, match="surrogates not allowed"):
        config.rewrite()
    config.set({"requirepass": "x"})
    path.write_text("[memory")
    with pytest.raises(SettingError, match=r"dozo\.toml"):
        config.rewrite()
    assert path.read_text() == "[memory"
    assert list(tmp_path.iterdir()) == [path]


def test_rewrite_needs_a_file():
    with pytest.raises(SettingError, match="without a config file"):
        Config().rewrite()
