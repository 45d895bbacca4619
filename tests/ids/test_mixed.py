"""Eight clients through all doors at once, the server restarted twice in between: no ID twice, and each client's rise.

It takes two seconds; `LOAD=60` makes it a minute, as `tests/robustness` does.
"""

from __future__ import annotations

import heapq
import os
import signal
import socket
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import pairwise
from typing import BinaryIO

import bmemcached
import grpc
import httpx
import pytest
import redis
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError
from tests.waiting import until

from dozo.grpc.katsubushi.katsubushi_pb2 import FetchMultiRequest
from dozo.grpc.katsubushi.katsubushi_pb2_grpc import GeneratorStub
from dozo.testing import HOST

SECONDS = float(os.environ.get("LOAD", "2"))
# What a client hears while the server is away.
AWAY = (OSError, redis.RedisError, MemcacheError, ValueError, TypeError, httpx.HTTPError, grpc.RpcError)

Issue = Callable[[], list[int]]


@contextmanager
def text(node) -> Iterator[Issue]:
    keys = [f"k{at}" for at in range(50)]
    with closing(Client((HOST, node.id_port), timeout=10)) as client:
        yield lambda: [int(number) for number in client.get_many(keys).values()]


@contextmanager
def raw(node) -> Iterator[tuple[socket.socket, BinaryIO]]:
    place = (HOST, node.id_port)
    with socket.create_connection(place, timeout=10) as connection, connection.makefile("rb") as replies:
        yield connection, replies


@contextmanager
def meta(node) -> Iterator[Issue]:
    with raw(node) as (connection, replies):

        def issue() -> list[int]:
            connection.sendall(b"mg a v\r\n")
            return [int(replies.readline() and replies.readline())]

        yield issue


@contextmanager
def pipelined(node) -> Iterator[Issue]:
    with raw(node) as (connection, replies):

        def issue() -> list[int]:
            connection.sendall(b"get a\r\n" * 100)
            lines = [replies.readline() for _ in range(300)]
            return [int(line) for line in lines[1::3]]

        yield issue


@contextmanager
def binary(node) -> Iterator[Issue]:
    client = bmemcached.Client((f"{HOST}:{node.id_port}",), socket_timeout=10)
    try:
        yield lambda: [int(client.get("any"))]
    finally:
        client.disconnect_all()


@contextmanager
def resp(node, protocol: int = 2, *count: object) -> Iterator[Issue]:
    with closing(redis.Redis(HOST, node.port, protocol=protocol, socket_timeout=10)) as client:
        if count:
            yield lambda: client.execute_command("ID.NEXT", *count)
        else:
            yield lambda: [client.execute_command("ID.NEXT")]


def resp3(node) -> AbstractContextManager[Issue]:
    return resp(node, 3, "COUNT", 3)


@contextmanager
def http(node) -> Iterator[Issue]:
    with httpx.Client(base_url=f"http://{HOST}:{node.http_port}", timeout=10) as client:

        def issue() -> list[int]:
            answer = client.get("/ids?n=20")
            answer.raise_for_status()
            return [int(line) for line in answer.text.splitlines()]

        yield issue


@contextmanager
def grpc_stub(node) -> Iterator[Issue]:
    with grpc.insecure_channel(f"{HOST}:{node.grpc_port}") as channel:
        stub = GeneratorStub(channel)
        yield lambda: list(stub.FetchMulti(FetchMultiRequest(n=20), timeout=10).ids)


DOORS = (text, meta, pipelined, binary, resp, resp3, http, grpc_stub)


class Asker(threading.Thread):
    """One client, which connects again whenever the server has gone."""

    def __init__(self, door: Callable[..., AbstractContextManager[Issue]], node) -> None:
        super().__init__(name=door.__name__)
        # A minute brings millions.
        self.ids = array("Q")
        self._door, self._node = door, node
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.is_set():
            try:
                with self._door(self._node) as issue:
                    while not self._stop_it.is_set():
                        self.ids.extend(issue())
            except AWAY:
                self._stop_it.wait(0.01)

    def end(self) -> None:
        self._stop_it.set()
        self.join()


@pytest.mark.slow
def test_no_id_comes_twice_and_each_clients_rise(start_ids):
    node = start_ids("--worker-id", "11", ports=4)
    askers = [Asker(door, node) for door in DOORS]
    for asker in askers:
        asker.start()
    try:
        for how in (signal.SIGTERM, signal.SIGKILL):
            run_on(askers)
            node.restart(how)
        run_on(askers)
    finally:
        for asker in askers:
            asker.end()
    for asker in askers:
        falls = [pair for pair in pairwise(asker.ids) if pair[0] >= pair[1]]
        assert not falls, f"{asker.name}: {falls[:3]}"
    twice = [a for a, b in pairwise(heapq.merge(*(asker.ids for asker in askers))) if a == b]
    assert not twice
    print(f"{sum(len(asker.ids) for asker in askers)} IDs")


def run_on(askers: list[Asker]) -> None:
    """Let a third of the time pass, and longer until every client has got something in it."""
    before = [len(asker.ids) for asker in askers]
    end = time.monotonic() + SECONDS / 3
    until(
        "the time is over, and every client has got something",
        lambda: (
            time.monotonic() > end
            and all(len(asker.ids) > count for asker, count in zip(askers, before, strict=True))
        ),
    )
