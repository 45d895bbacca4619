"""How the door opens and closes with its server."""

from __future__ import annotations

import signal
import socket

import grpc
import redis
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from tests.waiting import until

from dozo.grpc.v1.data_pb2 import CommandRequest, SubscribeRequest, WatchRequest
from dozo.grpc.v1.data_pb2_grpc import DataStub
from dozo.testing import HOST, Node, free_ports

from .calls import plain, status


def test_streams_end_and_calls_in_flight_are_answered(start_node):
    node = start_node()
    with node.channel() as channel, redis.Redis(HOST, node.port) as client:
        data = DataStub(channel)
        streams = [
            data.Watch(WatchRequest(keys=[b"a"])),
            data.Subscribe(SubscribeRequest(channels=[b"c"])),
        ]
        for stream in streams:
            stream.initial_metadata()
        health = HealthStub(channel).Watch(HealthCheckRequest())
        next(health)
        waiting = data.Command.future(CommandRequest(args=[b"BLPOP", b"q", b"0"]))
        until("it waits", lambda: client.info("clients")["blocked_clients"])
        node.process.send_signal(signal.SIGTERM)
        for stream in streams:
            assert status(next, stream) == (grpc.StatusCode.UNAVAILABLE, "the server is stopping")
        client.rpush("q", "in time")
        assert plain(waiting.result().reply) == [b"q", b"in time"]
    assert node.wait(10) == 0
    assert "Traceback" not in node.log()


def test_a_call_that_does_not_end_is_broken_off(start_node):
    node = start_node("--shutdown-timeout", "1")
    with node.channel() as channel, redis.Redis(HOST, node.port) as client:
        waiting = DataStub(channel).Command.future(CommandRequest(args=[b"BLPOP", b"q", b"0"]))
        until("it waits", lambda: client.info("clients")["blocked_clients"])
        assert node.stop() == 0
        assert status(waiting.result)[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert "Traceback" not in node.log()


def test_a_port_that_is_taken_is_said():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with Node(free_ports(2), ["--grpc-port", str(port)], {}) as node:
            assert node.wait(10) == 1
            assert f"can't listen on {HOST}:{port}: Address already in use" in node.log()


def test_a_server_without_the_port_loads_no_grpcio(start_dozo):
    node = start_dozo()
    with open(f"/proc/{node.pid}/maps") as maps:
        assert "cygrpc" not in maps.read()
