"""PING, ECHO, SELECT, AUTH, HELLO, RESET and QUIT."""

import pytest
import redis


def test_answers_as_redis_does(same):
    for line in ("PING", "PING hello", "PING a b", "ECHO hello", "ECHO", "SELECT 1", "SELECT 16", "SELECT x", "SELECT -1"):
        same(line)
    for line in ("AUTH x", "AUTH a b", "AUTH default x", "AUTH a b c", "AUTH"):
        same(line)
    for line in ("HELLO x", "HELLO 4", "HELLO 1", "HELLO 3 FOO", "HELLO 3 AUTH a", "HELLO 2 AUTH a b", "HELLO 2 SETNAME 'a b'"):
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
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.get("k")
    for protocol in (2, 3):
        with redis.Redis(port=port, password="secret", protocol=protocol) as friend:
            assert friend.set("k", "v")
            with pytest.raises(redis.AuthenticationError, match="invalid username-password pair"):
                friend.execute_command("AUTH", "wrong")
            assert friend.get("k") == b"v"
            friend.execute_command("AUTH", "default", "secret")


def test_hello_authenticates(start_dozo):
    port = start_dozo("--requirepass", "secret").port
    with redis.Redis(port=port, protocol=2) as client:
        connection = client.connection_pool.get_connection()
        connection.send_command("HELLO", "3")
        with pytest.raises(redis.ResponseError, match="HELLO must be called with the client already authenticated"):
            connection.read_response()
        connection.send_command("HELLO", "2", "AUTH", "default", "secret")
        assert b"server" in connection.read_response()
        connection.send_command("GET", "k")
        assert connection.read_response() is None
        client.connection_pool.release(connection)
