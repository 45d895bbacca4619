"""katsubushi's services: its messages to the byte, its limits, and IDs that rise."""

from __future__ import annotations

import os
import time

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from dozo import __version__
from dozo.grpc.katsubushi.katsubushi_pb2 import FetchMultiRequest, FetchRequest, StatsRequest
from dozo.grpc.katsubushi.katsubushi_pb2_grpc import GeneratorStub, StatsStub
from dozo.testing import free_ports

from .calls import status

WORKER = 321


@pytest.fixture
def ids(start_node):
    """A server that issues IDs."""
    node = start_node("--worker-id", str(WORKER), "--id-port", str(free_ports(1)[0]))
    with node.channel() as channel:
        yield channel


def raw(channel: grpc.Channel, method: str, request: bytes) -> bytes:
    """Call a method with bytes, as a client in any language does."""
    return channel.unary_unary(f"/katsubushi.{method}")(request)


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def test_an_id_is_a_time_a_worker_and_a_sequence(ids):
    before_ms = time.time_ns() // 1_000_000
    number = GeneratorStub(ids).Fetch(FetchRequest()).id
    after_ms = time.time_ns() // 1_000_000
    assert before_ms - 1 <= (number >> 22) + 1_420_070_400_000 <= after_ms + 1
    assert number >> 12 & 1023 == WORKER


def test_ids_rise(ids):
    stub = GeneratorStub(ids)
    issued = [stub.Fetch(FetchRequest()).id for _ in range(100)]
    issued += stub.FetchMulti(FetchMultiRequest(n=1000)).ids
    issued += stub.FetchMulti(FetchMultiRequest(n=3)).ids
    assert len(issued) == 1103
    assert issued == sorted(set(issued))


def test_messages_to_the_byte(ids):
    one = raw(ids, "Generator/Fetch", b"")
    number = GeneratorStub(ids).Fetch(FetchRequest()).id
    assert one[:1] == b"\x08"
    assert len(one) == 1 + len(varint(number))
    three = raw(ids, "Generator/FetchMulti", b"\x08\x03")
    first, *_ = numbers = GeneratorStub(ids).FetchMulti(FetchMultiRequest(n=3)).ids
    packed = b"".join(map(varint, numbers))
    assert first
    assert three[:2] == bytes([10, len(packed)])
    assert len(three) == 2 + len(packed)


@pytest.mark.parametrize("request_", [b"", b"\x08\x00"])
def test_none_asked_for_is_one(ids, request_):
    assert len(raw(ids, "Generator/FetchMulti", request_)) == 11


@pytest.mark.parametrize("n", [1001, 16777216, 2**32 - 1])
def test_too_many(ids, n):
    assert status(GeneratorStub(ids).FetchMulti, FetchMultiRequest(n=n)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        f"too many IDs requested: {n}, n should be smaller than 1000",
    )


def test_stats(ids):
    began = int(time.time())
    before = StatsStub(ids).Get(StatsRequest())
    GeneratorStub(ids).Fetch(FetchRequest())
    GeneratorStub(ids).FetchMulti(FetchMultiRequest(n=5))
    after = StatsStub(ids).Get(StatsRequest())
    assert after.pid not in (0, os.getpid())
    assert began <= after.time <= time.time()
    assert after.version == __version__
    assert after.uptime >= before.uptime >= 0
    assert after.total_connections >= after.curr_connections >= 0
    assert after.cmd_get - before.cmd_get == 2
    assert after.get_hits - before.get_hits == 6
    assert after.get_misses == before.get_misses == 0


def test_a_server_without_a_worker_id_issues_none(channel):
    for call, request in (
        (GeneratorStub(channel).Fetch, FetchRequest()),
        (GeneratorStub(channel).FetchMulti, FetchMultiRequest(n=2)),
    ):
        code, text = status(call, request)
        assert code == grpc.StatusCode.UNAVAILABLE
        assert text.startswith("NOID ")
    assert StatsStub(channel).Get(StatsRequest()).get_hits == 0


def test_health_says_whether_ids_are_issued(ids):
    for service in ("katsubushi.Generator", "katsubushi.Stats"):
        assert (
            HealthStub(ids).Check(HealthCheckRequest(service=service)).status == HealthCheckResponse.SERVING
        )
