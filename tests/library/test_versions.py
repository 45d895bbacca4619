"""gets and cas: a value is replaced only by who knows the one that is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import dozo
from dozo.errors import WrongType

from .conftest import kept_in


@pytest.fixture(params=["memory", "disk", "path", "guest"])
def anywhere(request, tmp_path) -> Iterator[dozo.Store]:
    """Return an empty store: in memory, with a disk tier, kept, and another one's."""
    if request.param == "memory":
        with dozo.open() as store:
            yield store
    elif request.param == "disk":
        with dozo.open(disk="16mb") as store:
            # Whatever is written is on disk only after each call.
            store.execute("DEBUG", "TIER", "CHURN")
            yield store
    else:
        with kept_in(tmp_path, request.param) as store:
            yield store


def test_a_value_that_nobody_changed_is_replaced(anywhere):
    anywhere.set("a", {"n": 1}, ttl=100, tags=["old"])
    value, version = anywhere.gets("a")
    assert value == {"n": 1}
    assert anywhere.gets("a") == (value, version)
    assert anywhere.cas("a", "text", version, ttl=50, tags=["new"]) is True
    assert anywhere["a"] == "text"
    assert 40 < anywhere.ttl("a") <= 50
    assert anywhere.tags("a") == ("new",)


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.set("a", 1),
        lambda store: store.set("a", 2),
        lambda store: store.incr("a"),
        lambda store: store.execute("SET", "a", "2"),
        lambda store: store.execute("APPEND", "a", "2"),
        lambda store: (store.delete("a"), store.add("a", 1)),
        lambda store: store.cas("a", 1, store.gets("a")[1]),
    ],
    ids=["same", "set", "incr", "SET", "APPEND", "anew", "cas"],
)
def test_a_value_that_was_changed_since_stays(anywhere, change):
    anywhere["a"] = 1
    _, version = anywhere.gets("a")
    change(anywhere)
    found = anywhere["a"]
    assert anywhere.cas("a", "mine", version) is False
    assert anywhere["a"] == found
    assert anywhere.gets("a")[1] != version


def test_a_missing_key(anywhere):
    assert anywhere.gets("a") == (None, None)
    assert anywhere.gets("a", "default") == ("default", None)
    assert anywhere.cas("a", 1, 5) is None
    anywhere["a"] = 1
    _, version = anywhere.gets("a")
    assert anywhere.cas("a", 2, version, ttl=0) is True
    assert "a" not in anywhere
    assert anywhere.cas("a", 3, version) is None
    assert "a" not in anywhere


def test_a_version_that_nobody_was_told_is_nobody_s(anywhere):
    anywhere["a"] = 1
    for version in (0, 1, 2**64 - 1):
        assert anywhere.cas("a", 2, version) is False
    assert anywhere["a"] == 1
    for wrong, error in ((None, TypeError), ("1", TypeError), (-1, OverflowError), (2**64, OverflowError)):
        with pytest.raises(error):
            anywhere.cas("a", 2, wrong)
    anywhere.execute("RPUSH", "list", 1)
    with pytest.raises(WrongType):
        anywhere.gets("list")
    with pytest.raises(TypeError, match="a key is bytes or str"):
        anywhere.gets(1)


def test_databases_have_versions_of_their_own(anywhere):
    other = anywhere.database(3)
    anywhere["a"] = other["a"] = 1
    _, version = other.gets("a")
    anywhere["a"] = 2
    assert anywhere.cas("a", 3, version) is False
    assert other.cas("a", 3, version) is True
    assert (anywhere["a"], other["a"]) == (2, 3)


def test_those_who_try_again_lose_nothing(tmp_path):
    def count(store: dozo.Store) -> None:
        for _ in range(50):
            while True:
                value, version = store.gets("n")
                if store.cas("n", [value[0] + 1], version):
                    break

    with dozo.open(tmp_path) as owner, dozo.open(tmp_path) as guest:
        owner["n"] = [0]
        threads = [threading.Thread(target=count, args=(store,)) for store in (owner, owner, guest, guest)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert owner["n"] == [200]


def test_a_version_outlives_the_process_that_told_it(tmp_path):
    with dozo.open(tmp_path) as store:
        store["a"], store["b"] = "kept", "changed"
        (_, kept), (_, changed) = store.gets("a"), store.gets("b")
        store["b"] = "since"
    with dozo.open(tmp_path) as store:
        assert store.gets("a") == ("kept", kept)
        assert store.cas("a", "new", kept) is True
        assert store.cas("b", "new", changed) is False


def test_memcached_s_clients_know_the_same_version(store):
    """ITEM.STAT answers the number that memcached's gets does."""
    store["a"] = "text"
    _, version = store.gets("a")
    assert store.execute("ITEM.STAT", "a")[2].startswith(b"%d-" % version)
