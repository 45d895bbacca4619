"""ID.NEXT and ID.INFO through redis-py."""

from __future__ import annotations

import time

import pytest
import redis

from dozo import __version__
from dozo.ids.layout import decode


@pytest.fixture
def client(ids):
    with ids.redis() as connected:
        yield connected


def test_id_next(client):
    numbers = [client.execute_command("ID.NEXT") for _ in range(100)]
    assert numbers == sorted(set(numbers))
    parts = decode(numbers[0])
    assert parts.worker_id == 7
    assert abs(parts.unix_ms - time.time() * 1000) < 60_000


def test_id_next_count(client):
    assert client.execute_command("ID.NEXT", "COUNT", 0) == []
    [one] = client.execute_command("ID.NEXT", "count", 1)
    many = client.execute_command("ID.NEXT", "COUNT", 1000)
    assert [one, *many] == sorted({one, *many})
    assert len(many) == 1000


def test_a_pipeline_of_more_than_a_millisecond_has(client):
    pipeline = client.pipeline(transaction=False)
    for _ in range(20):
        pipeline.execute_command("ID.NEXT", "COUNT", 1000)
    numbers = [number for reply in pipeline.execute() for number in reply]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 20_000


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["COUNT", 1001], "too many IDs requested: 1001, n should be smaller than 1000"),
        (["COUNT", -1], "COUNT can't be negative"),
        (["COUNT", "x"], "value is not an integer or out of range"),
        (["COUNT"], "syntax error"),
        (["MANY", 2], "syntax error"),
        (["COUNT", 2, 3], "syntax error"),
    ],
)
def test_id_next_refuses(client, arguments, error):
    with pytest.raises(redis.ResponseError, match=error):
        client.execute_command("ID.NEXT", *arguments)


def test_ids_in_a_transaction(client):
    with client.pipeline() as transaction:
        first, second = transaction.execute_command("ID.NEXT").execute_command("ID.NEXT").execute()
    assert first < second


def test_a_script_gets_none(client):
    # Its numbers are doubles: two IDs would become the same one.
    with pytest.raises(redis.ResponseError, match="not allowed from script"):
        client.eval("return redis.call('ID.NEXT')", 0)


def test_id_info(ids, client):
    before = ids.info()
    number = client.execute_command("ID.NEXT")
    after = ids.info()
    assert after["pid"] == ids.pid
    assert after["version"] == __version__
    assert after["cmd_get"] == before["cmd_get"] + 1
    assert after["get_hits"] == before["get_hits"] + 1
    assert after["last_ms"] == decode(number).unix_ms
    assert (after["worker_id"], after["state"], after["source"], after["reason"]) == (
        7,
        "issuing",
        "fixed",
        "",
    )
    assert after["until_ms"] > after["last_ms"]


def test_where_the_service_is_off(server):
    with redis.Redis(port=server.port, protocol=3, decode_responses=True) as client:
        with pytest.raises(
            redis.ResponseError, match="the ID service is off: set worker-id or id-lease"
        ) as error:
            client.execute_command("ID.NEXT")
        assert str(error.value).startswith("NOID ")
        told = client.execute_command("ID.INFO")
    assert (told["worker_id"], told["state"], told["source"]) == (-1, "off", "")
