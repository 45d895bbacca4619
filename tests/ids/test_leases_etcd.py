"""Worker IDs leased from etcd: no two holders of one at any moment, with etcd frozen, stopped and started again."""

from __future__ import annotations

import asyncio
import time

import aetcd
import pytest
from tests.waiting import until

from dozo.ids.layout import decode
from dozo.testing import HOST

from .fleet import FLAGS, NAMESPACE, TTL_MS, Load, dozo_member, start_two
from .lease_servers import LeaseServer

pytestmark = pytest.mark.slow


@pytest.fixture
def etcd(tmp_path):
    server = LeaseServer("etcd", tmp_path)
    yield server
    server.close()


@pytest.fixture
def ask(etcd):
    """Return a function that runs a call of aetcd's client to its end: `ask(lambda client: client.get(b"key"))`."""

    async def once(call):
        async with aetcd.Client(HOST, etcd.port) as client:
            return await call(client)

    return lambda call: asyncio.run(once(call))


@pytest.fixture
def start_member(start_ids, etcd):
    return lambda *flags: start_ids("--id-lease", etcd.url, *FLAGS, *flags)


@pytest.fixture
def fleet(start_member):
    with Load(start_two(start_member)) as load:
        load.wait_for_more()
        yield load


def key(worker: int) -> bytes:
    return f"{NAMESPACE}/id/{worker}".encode()


def is_issuing(node) -> bool:
    return node.info()["state"] == "issuing"


def test_restarted(fleet, etcd, start_member):
    etcd.stop()
    etcd.start_again()
    fleet.add(dozo_member("dozo 3", start_member()))
    fleet.wait_for_more()
    fleet.judge()


def test_away_longer_than_the_lease_lasts(fleet, etcd, start_member):
    etcd.stop()
    fleet.wait_for_silence()
    etcd.start_again()
    fleet.add(dozo_member("dozo 3", start_member()))
    fleet.wait_for_more()
    fleet.judge()


def test_paused_longer_than_the_lease_lasts(fleet, etcd):
    etcd.freeze()
    fleet.wait_for_silence()
    silent_at = time.monotonic()
    until("the lease is over", lambda: time.monotonic() > silent_at + TTL_MS / 1000)
    etcd.thaw()
    fleet.wait_for_more()
    fleet.judge()


def test_release_at_the_end(start_member, ask):
    node = start_member()
    until("it issues", lambda: is_issuing(node))
    assert len(ask(lambda client: client.get(key(1))).value) == 36
    with node.redis() as client:
        last = decode(client.execute_command("ID.NEXT")).unix_ms
    assert node.info()["source"] == "etcd"
    assert node.stop() == 0
    assert ask(lambda client: client.get(key(1))) is None
    mark = ask(lambda client: client.get(f"{NAMESPACE}/last/1".encode()))
    assert int(mark.value) == last + 1


def test_a_stranger_in_the_key_makes_only_the_loser_step_down(start_member, ask):
    node = start_member()
    until("it issues", lambda: is_issuing(node))
    ask(lambda client: client.put(key(1), b"a stranger"))
    until("it issues as another", lambda: is_issuing(node) and node.info()["worker_id"] == 2)
    assert node.stop() == 0
    assert ask(lambda client: client.get(key(1))).value == b"a stranger"
    assert ask(lambda client: client.get(key(2))) is None


def test_no_more_available_id(etcd, ask, dozo_id):
    for worker in range(1, 5):
        ask(lambda client, worker=worker: client.put(key(worker), b"a stranger"))
    told = dozo_id("serve", "--id-lease", etcd.url, *FLAGS, "--id-port", "0")
    assert (told.returncode, told.stderr) == (1, "dozo: no more available id\n")


def test_the_mark_is_never_passed_backwards(start_member, ask):
    ahead = int(time.time() * 1000) + 3_600_000
    ask(lambda client: client.put(f"{NAMESPACE}/last/1".encode(), b"%d" % ahead))
    other = start_member()
    until("it issues", lambda: is_issuing(other))
    assert other.info()["worker_id"] == 2
    node = start_member("--max-worker-id", "1")
    until("it issues", lambda: is_issuing(node))
    with node.redis() as client:
        assert decode(client.execute_command("ID.NEXT")).unix_ms >= ahead
