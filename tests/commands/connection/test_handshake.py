"""PING, ECHO, SELECT, AUTH, HELLO, RESET and QUIT."""

import pytest
import redis


@pytest.mark.parametrize(
    "lines",
    [
        [
            "PING",
            "PING hello",
            "PING a b",
            "ECHO hello",
            "ECHO",
            "SELECT 1",
            "SELECT 16",
            "SELECT x",
            "SELECT -1",
        ],
        ["AUTH x", "AUTH a b", "AUTH default x", "AUTH a b c", "AUTH"],
        ["HELLO x", "HELLO 4", "HELLO 1", "HELLO 3 FOO", "HELLO 3 AUTH a", "HELLO 2 AUTH a b"],
        ["HELLO 2 SETNAME 'a b'", "RESET now"],
    ],
)
def test_answers_as_redis_does(same, lines):
    for line in lines:
        same(line)


def test_hello_tells_about_the_server(dozo):
    told = dozo("HELLO 3 SETNAME me")
    assert told["proto"] == 3
    assert told["server"] == b"redis"
    assert told["mode"] == b"standalone"
    assert told["role"] == b"master"
    assert told["modules"] == []
    assert dozo("CLIENT GETNAME") == b"me"
    assert dozo("GET missing") is None
    assert dozo("HELLO 2")[0] == b"server"


def test_hello_refuses_without_changing_anything(dozo):
    assert dozo("HELLO 3 SETNAME 'a b'").startswith("ERR Client names cannot contain")
    assert isinstance(dozo("HELLO"), list)


def test_reset_makes_the_connection_new(dozo):
    dozo("SET k v")
    dozo("HELLO 3 SETNAME me")
    dozo("SELECT 1")
    assert dozo("RESET") == "RESET"
    assert dozo("CLIENT GETNAME") is None
    assert dozo("GET k") == b"v"
    assert dozo("RESET now").startswith("ERR wrong number of arguments")


def test_quit_answers_and_closes(connect):
    connection = connect()
    assert connection("QUIT") == "OK"
    with pytest.raises((EOFError, ConnectionError)):
        connection("PING")


def test_a_password_is_asked_for(start_dozo):
    port = start_dozo("--requirepass", "secret").port
    with redis.Redis(port=port, retry=None) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.get("k")
    for protocol in (2, 3):
        with redis.Redis(port=port, password="secret", protocol=protocol, retry=None) as friend:
            assert friend.set("k", "v")
            with pytest.raises(redis.AuthenticationError, match="invalid username-password pair"):
                friend.execute_command("AUTH", "wrong")
            assert friend.get("k") == b"v"
            friend.execute_command("AUTH", "default", "secret")


def test_hello_authenticates(start_dozo, dial):
    connection = dial(start_dozo("--requirepass", "secret").port)
    assert connection("HELLO 3").startswith(
        "NOAUTH HELLO must be called with the client already authenticated"
    )
    assert connection("GET k") == "NOAUTH Authentication required."
    assert connection("HELLO 2 AUTH default wrong").startswith("WRONGPASS ")
    assert connection("HELLO 2 AUTH default secret")[0] == b"server"
    assert connection("GET k") is None
    assert connection("RESET") == "RESET"
    assert connection("GET k") == "NOAUTH Authentication required."
