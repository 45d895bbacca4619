"""`dozo serve` as an operator sees it: files, sockets, signals, what it writes, what it costs."""

from __future__ import annotations

import json
import signal
import stat

import pytest
import redis
from tests.memory import resident

from dozo.testing import HOST, Node

EMPTY_RESIDENT_LIMIT = 40 << 20


def connect(node: Node) -> redis.Redis:
    return redis.Redis(HOST, node.port, decode_responses=True, retry=None)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_gracefully(start_dozo, how):
    node = start_dozo()
    with connect(node) as client:
        assert client.ping()
        assert node.stop(how) == 0
    assert "Traceback" not in node.log()


def test_shutdown_ends_with_0(start_dozo):
    node = start_dozo()
    with connect(node) as client:
        client.shutdown()
    assert node.wait(10) == 0


def test_an_empty_server_is_small(start_dozo):
    node = start_dozo()
    with connect(node) as client:
        client.ping()
    assert resident(node) < EMPTY_RESIDENT_LIMIT


def test_settings_from_a_file_can_be_changed_and_written_back(start_dozo, tmp_path):
    path = tmp_path / "dozo.toml"
    path.write_text("# mine\n[memory]\nmaxmemory = '10mb' # enough\ndatabases = 3\n")
    node = start_dozo("--config", str(path), environment={"DOZO_TIMEOUT": "60"})
    with connect(node) as client:
        assert client.config_get("maxmemory", "databases") == {"maxmemory": "10485760", "databases": "3"}
        assert client.config_get("timeout") == {"timeout": "60"}
        client.config_set("maxmemory", "20mb")
        client.config_rewrite()
    text = path.read_text()
    assert text.startswith('# mine\n[memory]\nmaxmemory = "20mb" # enough\n')
    assert "timeout = 60" in text


def test_unix_socket_has_its_permissions_and_is_removed(start_dozo, tmp_path):
    path = tmp_path / "dozo.sock"
    node = start_dozo("--unix-socket", str(path), "--unixsocketperm", "700")
    with redis.Redis(port=node.port) as client:
        # It answers once everything is open, while a port accepts before.
        assert client.ping()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with redis.Redis(unix_socket_path=str(path)) as client:
        assert client.ping()
    node.stop()
    assert not path.exists()


def test_log_lines_are_json_when_asked(start_dozo):
    node = start_dozo("--log-format", "json")
    node.stop()
    lines = [json.loads(line) for line in node.log().splitlines()]
    assert any("ready" in line.get("event", line.get("message", "")) for line in lines)


def test_other_machines_are_served_with_a_password(start_dozo):
    node = start_dozo("--bind", "0.0.0.0", "--requirepass", "tiger")
    with redis.Redis(HOST, node.port, password="tiger") as client:
        assert client.ping()


def test_an_unusable_unix_socket_is_one_line(dozo, tmp_path):
    ended = dozo(
        "serve", "--port", "0", "--memcached-port", "0", "--unix-socket", tmp_path / "no" / "dozo.sock"
    )
    assert ended.returncode == 1
    assert str(tmp_path) in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_broken_command_file_is_one_line(dozo, tmp_path):
    (tmp_path / "broken.py").write_text("import nosuchmodule\n")
    ended = dozo("serve", "--port", "0", "--memcached-port", "0", "--load", tmp_path / "broken.py")
    assert ended.returncode == 1
    assert "nosuchmodule" in ended.stderr
    assert ended.stderr.count("\n") == 1
