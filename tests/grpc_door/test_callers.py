"""Who is on this machine, by the names that grpcio gives to peers."""

from __future__ import annotations

from types import SimpleNamespace

import grpc
import pytest

from dozo.gateway import NOBODY
from dozo.grpc.calls import Callers, Refused


def context(peer: str, *metadata: tuple[str, str | bytes]) -> SimpleNamespace:
    return SimpleNamespace(peer=lambda: peer, invocation_metadata=lambda: metadata)


@pytest.mark.parametrize(
    "peer", ["ipv4:127.0.0.1:5", "ipv4:127.9.9.9:5", "ipv6:%5B::1%5D:5", "ipv6:%5B::ffff:127.0.0.1%5D:5"]
)
def test_this_machine_needs_no_password(peer):
    assert Callers(lambda: True).of(context(peer)) == NOBODY


@pytest.mark.parametrize(
    "peer", ["ipv4:10.0.0.1:5", "ipv6:%5B2001:db8::1%5D:5", "ipv6:%5B::ffff:10.0.0.1%5D:5", "unknown", ""]
)
def test_other_machines_do_while_the_server_is_protected(peer):
    with pytest.raises(Refused, match="protected-mode") as refused:
        Callers(lambda: True).of(context(peer))
    assert refused.value.status == grpc.StatusCode.UNAUTHENTICATED
    assert Callers(lambda: False).of(context(peer)) == NOBODY
    known = Callers(lambda: True).of(context(peer, ("x", "y"), ("authorization", "Bearer a b")))
    assert known.password == "a b"
