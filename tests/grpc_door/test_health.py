"""The standard health service: each service is as healthy as what it needs."""

from __future__ import annotations

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from .calls import status
from .gateway import Gateway, redis_server

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


def check(channel: grpc.Channel, service: str = "") -> int:
    return HealthStub(channel).Check(HealthCheckRequest(service=service)).status


def test_each_service_has_its_health(channel):
    assert check(channel) == SERVING
    assert check(channel, "dozo.v1.Data") == SERVING
    assert check(channel, "katsubushi.Generator") == NOT_SERVING
    assert check(channel, "katsubushi.Stats") == NOT_SERVING
    code, _ = status(HealthStub(channel).Check, HealthCheckRequest(service="nobody"))
    assert code == grpc.StatusCode.NOT_FOUND


def test_a_server_with_a_password_is_healthy(start_node):
    with start_node("--requirepass", "secret").channel() as channel:
        assert check(channel, "dozo.v1.Data") == SERVING


def test_health_is_that_of_the_upstream():
    with (
        redis_server() as upstream,
        Gateway.start(upstream.ports[0]) as gateway,
        gateway.channel() as channel,
    ):
        request = HealthCheckRequest(service="dozo.v1.Data")
        states = HealthStub(channel).Watch(request, timeout=60)
        assert next(states).status == SERVING
        upstream.stop()
        assert next(states).status == NOT_SERVING
        assert check(channel) == NOT_SERVING
        with redis_server(upstream.ports[0]):
            assert next(states).status == SERVING
        states.cancel()
