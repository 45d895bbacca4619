"""The bits of an ID, and ID.DECODE, which takes them apart."""

from __future__ import annotations

import pytest
import redis

from dozo.ids.layout import MAX_WORKER, compose, decode, read

VECTORS = [
    (1465276650777, 0, 0, 189608758458974208),
    (1465276650000, 0, 0, 189608755200000000),
    (1504494731615, 999, 1, 354101311794212865),
    (1420070400000, 0, 0, 0),
]


@pytest.mark.parametrize(("unix_ms", "worker", "sequence", "number"), VECTORS)
def test_vectors(unix_ms, worker, sequence, number):
    assert compose(unix_ms, worker, sequence) == number
    parts = decode(number)
    assert (parts.unix_ms, parts.worker_id, parts.sequence) == (unix_ms, worker, sequence)


def test_the_greatest_id_has_every_bit():
    parts = decode(2**64 - 1)
    assert (parts.worker_id, parts.sequence) == (MAX_WORKER, 4095) == (1023, 4095)
    assert parts.time == "2154-05-15T07:35:11.103Z"
    assert compose(parts.unix_ms, 1023, 4095) == 2**64 - 1


@pytest.mark.parametrize("text", ["", "-1", "1_000", " 1", "0x10", "٣", "1.0", str(2**64), "9" * 5000])
def test_what_is_no_id(text):
    with pytest.raises(ValueError, match=r"ID"):
        read(text)


@pytest.mark.parametrize("parts", [(1420070399999, 0, 0), (1465276650777, 1024, 0), (1465276650777, 0, 4096)])
def test_parts_that_no_id_has(parts):
    with pytest.raises(ValueError, match="no ID"):
        compose(*parts)


def test_id_decode(server):
    with redis.Redis(port=server.port, protocol=3, decode_responses=True) as client:
        assert client.execute_command("ID.DECODE", 354101311794212865) == {
            "time": "2017-09-04T03:12:11.615Z",
            "worker_id": 999,
            "sequence": 1,
        }
        with pytest.raises(redis.ResponseError, match="'x' is not an ID: an unsigned number of 64 bits"):
            client.execute_command("ID.DECODE", "x")
