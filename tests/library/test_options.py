"""Options of one call: where a value lies, and whether it is compressed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

import dozo
from dozo.errors import SerializerError
from dozo.store.codec import PACKED
from dozo.store.shared import Guest

from .conftest import kept_in

LONG = "the same words, again and again. " * 1000
LARGE = Random(6).randbytes(50_000)
"""Above the threshold of large values, and nothing that LZ4 makes shorter."""


@pytest.fixture(params=["embedded", "guest"])
def tiered(request, tmp_path) -> Iterator[dozo.Store]:
    """Return an empty store with a disk tier: one's own, and another one's."""
    if request.param == "embedded":
        with dozo.open(disk="64mb") as store:
            yield store
    else:
        with dozo.open(tmp_path, disk="64mb"), dozo.open(tmp_path, disk="64mb") as store:
            assert isinstance(store, Guest)
            yield store


@pytest.fixture(params=["embedded", "guest"])
def plain(request, tmp_path) -> Iterator[dozo.Store]:
    """Return an empty store without one."""
    if request.param == "embedded":
        with dozo.open() as store:
            yield store
    else:
        with kept_in(tmp_path, "guest") as store:
            yield store


def figure(store: dozo.Store, name: str) -> int:
    """A figure of the tier."""
    lines = store.execute("INFO", "tier").splitlines()
    return int(dict(line.split(":") for line in lines if ":" in line)[name])


def on_disk(store: dozo.Store) -> int:
    """How many values are on disk only."""
    return figure(store, "tier_keys")


def test_the_strategy_decides(tiered):
    tiered.set_many({"small": b"x" * 100, "large": LARGE})
    assert on_disk(tiered) == 1
    tiered.delete("large")
    assert on_disk(tiered) == 0


def test_a_value_goes_to_the_disk_at_once(tiered):
    tiered.set("a", b"x" * 100, disk=True)
    assert on_disk(tiered) == 1
    tiered.set_many({"b": 7, "c": [1, 2], "d": ""}, ttl=100, tags=["t"], disk=True)
    assert tiered.add("e", "text", disk=True)
    assert on_disk(tiered) == 5
    assert not tiered.add("e", "other", disk=True)
    assert tiered.get_many("abcde") == {"a": b"x" * 100, "b": 7, "c": [1, 2], "d": "", "e": "text"}
    assert (tiered.tags("c"), tiered.ttl("c") > 90) == (("t",), True)
    assert tiered.incr("b") == 8
    tiered["a"] = b"again in memory"
    assert tiered.cas("a", b"and away", tiered.gets("a")[1], disk=True)
    assert tiered["a"] == b"and away"
    tiered.set("a", 1, ttl=0, disk=True)
    assert "a" not in tiered


def test_a_value_stays_in_memory(tiered):
    tiered.set("a", LARGE, disk=False)
    assert tiered.add("b", LARGE, disk=False)
    tiered.set_many({"c": LARGE}, disk=False)
    assert on_disk(tiered) == 0
    assert tiered.cas("a", LARGE, tiered.gets("a")[1], disk=False)
    assert on_disk(tiered) == 0
    tiered.set("a", LARGE)
    assert on_disk(tiered) == 1
    assert tiered.get_many("abc") == dict.fromkeys("abc", LARGE)


def test_memory_that_is_short_takes_no_wishes():
    """More than fits is asked to stay, and nothing is lost."""
    values = {str(number): Random(number).randbytes(50_000) for number in range(100)}
    with dozo.open(maxmemory="2mb", disk="64mb") as store:
        store.set_many(values, disk=False)
        assert on_disk(store) > 50
        assert store.get_many(values) == values


def test_written_through_only_where_that_is_not_refused():
    with dozo.open(disk="64mb") as store:
        store.execute("CONFIG", "SET", "disk-tier-strategy", "always")
        store.set("a", LARGE, disk=False)
        assert figure(store, "tier_copied_keys") == 0
        store.set("b", LARGE)
        assert figure(store, "tier_copied_keys") == 1
        store.execute("CONFIG", "SET", "disk-tier-strategy", "never")
        store.set("c", LARGE, disk=True)
        assert (on_disk(store), store["c"]) == (1, LARGE)


def test_a_store_without_a_disk(plain):
    plain["a"] = "old"
    for fails in (
        lambda: plain.set("a", 1, disk=True),
        lambda: plain.add("b", 1, disk=True),
        lambda: plain.set_many({"a": 1}, disk=True),
        lambda: plain.cas("a", 1, plain.gets("a")[1], disk=True),
    ):
        with pytest.raises(ValueError, match=r"disk=True needs a store with a disk tier: dozo\.open\(disk="):
            fails()
    plain.set("b", 1, disk=False)
    assert plain.get_many("ab") == {"a": "old", "b": 1}
    with pytest.raises(TypeError):
        plain.set("a", 1, disk="yes")


@pytest.mark.parametrize("value", [LONG, LONG.encode(), [LONG], {"a": LONG}, 10**4000], ids=type)
def test_a_compressed_value_comes_back(plain, value):
    plain.set("a", value, compress=True)
    raw = plain.execute("GET", "a")
    assert len(raw) * 4 < len(plain.encode(value)[0])
    assert (plain["a"], plain.get("a")) == (value, value)
    found, version = plain.gets("a")
    assert found == value
    assert plain.cas("a", value, version, compress=True)
    assert plain.execute("GET", "a") == raw
    assert plain.add("b", value, compress=True)
    plain.set_many({"c": value}, tags=["t"], ttl=100, compress=True)
    assert plain.get_many("bc") == {"b": value, "c": value}
    assert plain.tags("c") == ("t",)
    assert plain.pop("a") == value
    assert plain.evict("t") == 1
    assert "c" not in plain
    plain["b"] = value
    assert plain.execute("GET", "b") == plain.encode(value)[0]


def test_it_takes_less_memory(store):
    before = store.stats()["memory"]
    store.set_many({str(number): LONG for number in range(100)}, compress=True)
    assert store.stats()["memory"] - before < 100 * len(LONG) / 10


def test_what_compression_does_not_make_shorter_is_kept_as_it_is(plain):
    for value in (b"", "", 5, True, None, "short", LARGE, b"abcdefgh"):
        plain.set("a", value, compress=True)
        assert plain.execute("GET", "a") == plain.encode(value)[0]
        assert (plain["a"], type(plain["a"])) == (value, type(value))


def test_every_length_comes_back(store):
    for size in (2**exponent + more for exponent in range(18) for more in (-1, 0, 1)):
        for value in (b"a" * size, (b"%09d" * (size // 9 + 1))[:size]):
            store.set("a", value, compress=True)
            assert store["a"] == value
            assert len(store.execute("GET", "a")) <= size


def test_other_clients_can_read_it(store):
    """Its length in four bytes, the lowest first, and a block of LZ4: one literal byte, then a match."""
    store.set("a", b"a" * 100, compress=True)
    raw = store.execute("GET", "a")
    assert raw[:6] == b"\x64\x00\x00\x00\x1fa"
    assert int(store.execute("ITEM.STAT", "a")[1]) == PACKED


def test_a_store_with_other_options_reads_it(tmp_path):
    with dozo.open(tmp_path) as store:
        store.set("a", LONG, tags=["t"], compress=True)
    with dozo.open(tmp_path, serializer="json", disk="16mb", maxmemory="32mb") as store:
        assert store["a"] == LONG
        store.set("b", [LONG], compress=True, disk=True)
        assert (on_disk(store), store["b"]) == (1, [LONG])
        assert store.evict("t") == 1


def test_the_serializer_must_be_the_same(tmp_path):
    with dozo.open(tmp_path) as store:
        store.set("a", [LONG], compress=True)
    error = pytest.raises(SerializerError, match="written by the serializer msgpack")
    with dozo.open(tmp_path, serializer="json") as store, error:
        store.get("a")


def test_what_is_no_lz4_is_an_error(plain):
    for data in (
        b"",
        b"\x01",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x1fa",
        b"\x05\x00\x00\x00\x50abc",
        b"\x64\x00\x00\x00\x10a",
    ):
        for fails in (plain.get, plain.gets, plain.__getitem__, plain.pop):
            plain.execute("ITEM.SET", "a", data, "FLAGS", PACKED)
            with pytest.raises(SerializerError, match="LZ4 can't read a value"):
                fails("a")


def test_a_value_that_another_client_has_changed_is_an_error(plain):
    plain.set("a", LONG, compress=True)
    plain.execute("APPEND", "a", "more")
    with pytest.raises(SerializerError, match="changed by another client"):
        plain.get("a")
    plain["a"] = "anew"
    assert plain["a"] == "anew"
