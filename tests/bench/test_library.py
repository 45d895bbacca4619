"""The measurement of the library: every peer can be measured, and what is found makes a table."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from dozo.bench import library, report
from dozo.bench.processes import BenchError


@pytest.mark.parametrize("peer", library.PEERS)
def test_each_peer_is_measured(peer):
    assert all(time > 0 for time in asdict(library.timed(peer, 0.001, 1)).values())


def test_in_processes():
    found = library.in_a_process("dict", 0.001, 1) | {"bytes_per_item": library.in_a_process("dict", 50_000)}
    # A value of 100 bytes and its key can't take less.
    assert found["bytes_per_item"] > library.VALUE_BYTES
    table = report._library({"value_bytes": 100, "threads": 4, "peers": {"dict": found}})
    assert "| dict | " in table
    assert table.count("\n") == 3


def test_a_missing_peer_is_named(monkeypatch):
    make, _ = library.PEERS["dict"]
    monkeypatch.setitem(library.PEERS, "absent", (make, "no_such_package"))
    with pytest.raises(BenchError, match="no_such_package is not installed"):
        library.in_a_process("absent", 1)
