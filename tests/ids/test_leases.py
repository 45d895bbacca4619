"""Worker IDs leased from redis-server and from dozo, also by katsubushi's way: no two holders of one at any moment."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import ExitStack

import pytest
import redis
from tests.waiting import until

from dozo.ids.layout import decode
from dozo.testing import HOST

from .fleet import FLAGS, HEARTBEAT_MS, NAMESPACE, TTL_MS, Katsubushi, Load, dozo_member, start_two
from .lease_servers import LeaseServer

pytestmark = pytest.mark.slow


@pytest.fixture(params=["redis", "dozo"])
def lease_server(request, tmp_path):
    server = LeaseServer(request.param, tmp_path)
    yield server
    server.close()


@pytest.fixture
def leases(lease_server):
    with redis.Redis(HOST, lease_server.port, decode_responses=True) as client:
        yield client


@pytest.fixture
def start_member(start_ids, lease_server):
    """Return a function that starts a dozo which leases its worker ID; flags come after the fleet's."""
    return lambda *flags: start_ids("--id-lease", lease_server.url, *FLAGS, *flags)


@pytest.fixture
def fleet(start_member, lease_server):
    """Return the load on two dozos and a katsubushi, all of which issue."""
    with ExitStack() as stack:
        peer = stack.enter_context(Katsubushi(lease_server.port))
        members = start_two(start_member)
        load = stack.enter_context(Load([*members, peer.member()]))
        load.wait_for_more()
        yield load


def holders(leases) -> dict[int, str]:
    names = [f"{NAMESPACE}:id:{worker}" for worker in range(1, 5)]
    return {worker: owner for worker, owner in enumerate(leases.mget(names), 1) if owner}


def is_issuing(node) -> bool:
    return node.info()["state"] == "issuing"


def test_a_fleet(fleet, leases):
    fleet.wait_for_more()
    fleet.judge()
    assert len({member.spells[-1][0] for member in fleet.members}) == 3
    assert len(holders(leases)) == 3


def test_paused_longer_than_the_lease_lasts(fleet, lease_server):
    lease_server.freeze()
    fleet.wait_for_silence()
    silent_at = time.monotonic()
    until("the lease is over", lambda: time.monotonic() > silent_at + TTL_MS / 1000)
    lease_server.thaw()
    fleet.wait_for_more()
    fleet.judge()


def test_restarted_without_its_data(fleet, lease_server, start_member):
    lease_server.stop()
    lease_server.start_again()
    fleet.add(dozo_member("dozo 3", start_member()))
    fleet.wait_for_more()
    fleet.judge()


def test_away_longer_than_the_lease_lasts(fleet, lease_server, start_member):
    lease_server.stop()
    fleet.wait_for_silence()
    lease_server.start_again()
    fleet.add(dozo_member("dozo 3", start_member()))
    fleet.wait_for_more()
    fleet.judge()


def test_emptied(fleet, leases, start_member):
    workers = {member.name: member.spells[-1][0] for member in fleet.members}
    newcomer = start_member()
    leases.flushall()
    fleet.add(dozo_member("dozo 3", newcomer))
    fleet.wait_for_more()
    fleet.judge()
    # Those who had a worker before still have it: they were heard.
    assert {member.name: member.spells[-1][0] for member in fleet.members[:3]} == workers


def test_the_keys_are_katsubushis(start_member, leases):
    channel = leases.pubsub(ignore_subscribe_messages=True)
    channel.subscribe(f"{NAMESPACE}:broadcast")
    node = start_member()
    until("it issues", lambda: is_issuing(node))
    owner = leases.get(f"{NAMESPACE}:id:1")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", owner)
    assert TTL_MS - 10 * HEARTBEAT_MS < leases.pttl(f"{NAMESPACE}:id:1") <= TTL_MS
    assert next(channel.listen())["data"] == f"{owner}:1"
    with node.redis() as client:
        last = decode(client.execute_command("ID.NEXT")).unix_ms
    assert node.stop() == 0
    assert holders(leases) == {}
    assert int(leases.get(f"{NAMESPACE}:last:1")) == last + 1
    channel.close()


def test_by_default_the_lease_is_katsubushis_too(start_ids, lease_server, leases):
    node = start_ids("--id-lease", lease_server.url)
    until("it issues", lambda: is_issuing(node))
    assert node.info()["worker_id"] == 1
    assert 590 < leases.ttl("raus:id:1") <= 600
    channel = leases.pubsub(ignore_subscribe_messages=True)
    channel.subscribe("raus:broadcast")
    assert next(channel.listen())["data"] == leases.get("raus:id:1") + ":1"
    channel.close()


def test_the_mark_in_the_lease_is_never_passed_backwards(start_member, leases):
    ahead = int(time.time() * 1000) + 3_600_000
    leases.mset({f"{NAMESPACE}:last:{worker}": ahead for worker in range(1, 4)})
    other = start_member()
    until("it issues", lambda: is_issuing(other))
    # A worker whose IDs are ahead of the clock is taken last.
    assert other.info()["worker_id"] == 4
    node = start_member()
    until("it issues", lambda: is_issuing(node))
    assert node.info()["worker_id"] == 1
    with node.redis() as client:
        assert decode(client.execute_command("ID.NEXT")).unix_ms >= ahead


def test_a_stranger_in_the_key_makes_only_the_loser_step_down(start_member, leases):
    node = start_member()
    until("it issues", lambda: is_issuing(node))
    assert node.info()["worker_id"] == 1
    leases.set(f"{NAMESPACE}:id:1", "a stranger")
    until("it issues as another", lambda: is_issuing(node) and node.info()["worker_id"] == 2)
    assert "stopped issuing IDs as worker 1: it is not ours any more" in node.log()
    assert leases.get(f"{NAMESPACE}:id:1") == "a stranger"
    # Nobody has given it a time to live.
    assert leases.ttl(f"{NAMESPACE}:id:1") == -1


def test_at_the_end_only_the_own_key_is_released(start_member, leases):
    node = start_member("--id-lease-heartbeat", "400")
    until("it issues", lambda: is_issuing(node))
    leases.set(f"{NAMESPACE}:id:1", "a stranger")
    assert node.stop() == 0
    assert leases.get(f"{NAMESPACE}:id:1") == "a stranger"


def test_no_more_available_id(start_member, leases, dozo_id, lease_server):
    for worker in range(1, 5):
        leases.set(f"{NAMESPACE}:id:{worker}", "a stranger")
    told = dozo_id("serve", "--id-lease", lease_server.url, *FLAGS, "--id-port", "0")
    assert (told.returncode, told.stderr) == (1, "dozo: no more available id\n")
    # A server that has data to serve waits for one.
    node = start_member()
    until("it says so", lambda: "no more available id" in node.log())
    leases.delete(f"{NAMESPACE}:id:3")
    until("it issues", lambda: is_issuing(node))
    assert node.info()["worker_id"] == 3


def test_dozo_itself_paused_while_its_lease_ends(start_member, leases):
    first = start_member("--max-worker-id", "1")
    until("it issues", lambda: is_issuing(first))
    with first.redis() as client:
        before = client.execute_command("ID.NEXT", "COUNT", 10)
        os.kill(first.pid, signal.SIGSTOP)
        try:
            second = start_member("--max-worker-id", "1")
            until("it issues", lambda: is_issuing(second))
            with second.redis() as other:
                after = other.execute_command("ID.NEXT", "COUNT", 10)
        finally:
            os.kill(first.pid, signal.SIGCONT)
        with pytest.raises(redis.ResponseError, match="NOID"):
            client.execute_command("ID.NEXT")
    assert after[0] > before[-1]


def test_next_leases_for_a_moment(dozo_id, leases, lease_server):
    told = dozo_id("next", "-n", "3", "--id-lease", lease_server.url, *FLAGS)
    numbers = [int(line) for line in told.stdout.split()]
    assert [decode(number).worker_id for number in numbers] == [1, 1, 1]
    assert holders(leases) == {}
