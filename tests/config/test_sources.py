"""Where settings come from and which source wins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dozo.config import SETTINGS, SettingError, load, toml


def write(folder: Path, text: str) -> Path:
    path = folder / "dozo.toml"
    path.write_text(text)
    return path


def test_defaults():
    config = load()
    assert config.network.port == 6379
    assert config.network.bind == ("127.0.0.1", "-::1")
    assert all(config.source(name) == "default" for name in SETTINGS)


def test_later_source_wins_and_is_remembered(tmp_path):
    path = write(tmp_path, '[memory]\nmaxmemory = "1gb"\ndatabases = 4\nhz = 20\n[network]\nport = 1\n')
    config = load(path, {"DOZO_MAXMEMORY": "2gb", "DOZO_DATABASES": "5", "HOME": "/"}, {"maxmemory": "3gb"})
    assert config.memory.maxmemory == 3 << 30
    assert config.memory.databases == 5
    assert config.memory.hz == 20
    sources = {name: config.source(name) for name in ("maxmemory", "databases", "hz", "timeout")}
    assert sources == {"maxmemory": "flag", "databases": "environment", "hz": str(path), "timeout": "default"}


def test_file_named_by_environment(tmp_path):
    path = write(tmp_path, "[network]\nport = 7000\n")
    assert load(None, {"DOZO_CONFIG": str(path)}).network.port == 7000


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[network]\nprot = 1\n", "prot: unknown setting, did you mean 'port'?"),
        ("[netwrk]\nport = 1\n", "[netwrk]: unknown section, did you mean 'network'?"),
        ("[network]\nmaxmemory = 1\n", "maxmemory: must stand under [memory], not [network]"),
        ("maxmemory = 1\n", "maxmemory: must stand under [memory]"),
        ("network = 1\n", "[network]: must be a table"),
        ("[network]\nport = 70000\n", "port: argument must be between 0 and 65535 inclusive"),
        ("[network]\nport = true\n", "port: a bool can't be used here, but a whole number"),
        ("[network]\nport = 1.5\n", "port: a float can't be used here, but a whole number"),
        ("[network]\nprotected-mode = 1\n", "protected-mode: a int can't be used here, but yes or no"),
        ("[process]\nload = [1]\n", "load: every item of the list must be a string"),
        ("[memory]\nmaxmemory = '1 parsec'\n", "maxmemory: argument must be a memory value"),
        ("[network\n", "isn't valid TOML"),
    ],
)
def test_bad_file_is_one_clear_line(tmp_path, text, complaint):
    path = write(tmp_path, text)
    with pytest.raises(SettingError) as error:
        load(path)
    assert str(error.value).startswith(str(path))
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(SettingError, match="No such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(SettingError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match="isn't valid TOML"):
        load(tmp_path / "binary.toml")


def test_unknown_variable_names_the_nearest():
    with pytest.raises(
        SettingError, match="environment: DOZO_MAXMEMRY: unknown setting, did you mean 'maxmemory'"
    ):
        load(None, {"DOZO_MAXMEMRY": "1"})


def test_variables_that_kubernetes_injects_are_not_settings():
    injected = {
        "DOZO_PORT": "tcp://10.0.0.1:6379",
        "DOZO_PORT_6379_TCP_ADDR": "10.0.0.1",
        "DOZO_SERVICE_HOST": "10.0.0.1",
    }
    assert load(None, injected).network.port == 6379


def test_flags_given_several_times():
    config = load(None, {}, {"load": ["a b.py", "c.py"], "bind": "127.0.0.1,::1"})
    assert config.process.load == ("a b.py", "c.py")
    assert config.network.bind == ("127.0.0.1", "::1")


def test_every_setting_can_come_from_each_source(tmp_path):
    """A default written to a file, a variable and a flag reads back as the same value."""
    path = write(tmp_path, re.sub(r"^# ([a-z-]+ = )", r"\1", toml.defaults(), flags=re.MULTILINE))
    config = load(path)
    assert config.get("*") == load().get("*")
    assert all(config.source(name) == str(path) for name in SETTINGS)
    for name, setting in SETTINGS.items():
        text = setting.format(setting.default)
        assert load(None, {setting.variable: text}).value(name) == setting.default
        assert load(None, {}, {name: text}).value(name) == setting.default
        table = f"[{setting.section}]\n{name} = {toml.write_value(setting, setting.default)}\n"
        assert load(write(tmp_path, table)).value(name) == setting.default


@pytest.mark.parametrize("address", ["0.0.0.0", "*", "10.0.0.1", "::", "-192.168.1.1", "example.org"])
def test_other_machines_need_a_password(address):
    with pytest.raises(SettingError, match="open to other machines"):
        load(None, {}, {"bind": address}).refuse_exposure()
    load(None, {}, {"bind": address, "requirepass": "x"}).refuse_exposure()
    load(None, {}, {"bind": address, "protected-mode": "no"}).refuse_exposure()
    load(None, {}, {"bind": address, "port": "0", "memcached-port": "0"}).refuse_exposure()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "-::1", "localhost"])
def test_loopback_needs_no_password(address):
    load(None, {}, {"bind": address}).refuse_exposure()
