"""The mapping's face of a store: what goes in comes out, and what becomes of it in time."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from tests.waiting import until

import dozo
from dozo.cache import Serializer
from dozo.config import SettingError
from dozo.errors import (
    ClosedError,
    NotInteger,
    OutOfMemory,
    ReplyError,
    SerializerError,
    StoreError,
    WrongType,
)

VALUES = [
    b"",
    b"\x00\xff",
    b"17",
    "",
    "höhe",
    "17",
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    10**40,
    True,
    None,
    1.5,
    [1, "a", b"b", None],
    {"a": {"b": [1]}},
    b"x" * 100_000,
    "ü" * 50_000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_a_value_comes_back_as_it_was(store, value):
    store["key"] = value
    back = store["key"]
    assert (back, type(back)) == (value, type(value))
    assert store.decode(*store.encode(value)) == value
    assert store.pop("key") == value
    assert "key" not in store


def test_subclasses_are_stored_as_what_they_are(store):
    class Text(str):
        def __str__(self) -> str:
            return "something else"

    class Number(int):
        def __str__(self) -> str:
            return "something else"

    store.set_many({"text": Text("a"), "number": Number(2**70), "small": Number(5)})
    assert store.get_many(["text", "number", "small"]) == {"text": "a", "number": 2**70, "small": 5}


def test_other_clients_see_plain_values(store):
    store.set_many({"bytes": b"a", "text": "b", "number": 3, "large": 2**70})
    assert [store.execute("GET", key) for key in ("bytes", "text", "number", "large")] == [
        b"a",
        b"b",
        b"3",
        str(2**70).encode(),
    ]
    store.execute("SET", "theirs", "4")
    assert store["theirs"] == b"4"
    assert store.incr("theirs") == 5
    assert store["theirs"] == b"5"


def test_keys_are_bytes_or_text(store):
    store["ä"] = 1
    assert store["ä".encode()] == 1
    store[b"\xff"] = 2
    assert sorted(store, key=str) == sorted(["ä", b"\xff"], key=str)
    assert dict(store) == {"ä": 1, b"\xff": 2}
    for wrong in (1, None, ("a",), bytearray(b"a")):
        with pytest.raises(TypeError, match="a key is bytes or str"):
            store.get(wrong)
    with pytest.raises(UnicodeEncodeError):
        store.get("\ud800")


def test_missing_keys(store):
    assert store.get("a") is None
    assert store.get("a", 5) == 5
    assert store.pop("a", "none") == "none"
    assert not store.delete("a")
    assert not store.touch("a", 10)
    for fails in (store.ttl, store.tags, store.__getitem__, store.__delitem__):
        with pytest.raises(KeyError, match="'a'"):
            fails("a")
    with pytest.raises(KeyError):
        store.incr("a", default=None)
    assert len(store) == 0


def test_add_stores_only_what_is_not_there(store):
    assert store.add("a", 1, ttl=10)
    assert not store.add("a", 2)
    assert store["a"] == 1
    assert 9 < store.ttl("a") <= 10


def test_counting(store):
    assert store.incr("n") == 1
    assert store.incr("n", 10) == 11
    assert store.decr("n", 20) == -9
    assert store.incr("m", 5, default=100) == 105
    assert (store["n"], store["m"]) == (-9, 105)
    store.set("t", 1, ttl=100, tags=["x"])
    store.incr("t")
    assert (store.ttl("t") > 90, store.tags("t")) == (True, ("x",))
    store["text"] = "a"
    with pytest.raises(NotInteger):
        store.incr("text")
    store["n"] = 2**63 - 1
    with pytest.raises(ReplyError, match="overflow"):
        store.incr("n")
    assert store["n"] == 2**63 - 1


def test_times_to_live(store):
    store.set("gone", 1, ttl=0)
    store.set("gone too", 1, ttl=-1.5)
    assert list(store) == []
    store.set("a", 1, ttl=0.5)
    assert 0 < store.ttl("a") <= 0.5
    assert store.touch("a", 100)
    assert 99 < store.ttl("a") <= 100
    assert store.touch("a", None)
    assert store.ttl("a") is None
    store.set("a", 1, ttl=100)
    store.set("a", 2)
    assert store.ttl("a") is None
    assert store.touch("a", -1)
    assert "a" not in store
    for wrong in (float("nan"), float("inf"), 1e300):
        with pytest.raises(ValueError, match="ttl is out of range"):
            store.set("a", 1, ttl=wrong)
    with pytest.raises(TypeError, match="ttl is a number"):
        store.set("a", 1, ttl="soon")


def test_expire_removes_all_whose_time_is_over(store):
    store.execute("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    for number in range(1000):
        store.set(f"a{number}", number, ttl=0.001)
        store.set(f"b{number}", number, ttl=1000)
    store.set("last", 1, ttl=0.001)
    until("its time is over", lambda: "last" not in store)
    assert store.expire() == 1000
    assert len(store) == 1000


def test_many_keys_at_once(store):
    store.set_many({"a": 1, b"b": 2}, ttl=50, tags=iter(["t"]))
    assert store.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    assert (store.tags("a"), store.tags("b")) == (("t",), ("t",))
    assert store.delete_many(["a", "c", "b"]) == 2
    store.set_many({str(number): number for number in range(3000)})
    assert sorted(store.keys()) == sorted(map(str, range(3000)))
    assert store.clear() == 3000
    assert store.clear() == 0


def test_tags(store):
    store.set("a", 1, tags=["x", "y", "x"])
    store.set("b", "b", tags=("y", "x"))
    store.set("c", [1], tags="y")
    store.set("d", 1)
    assert store.tags("a") == store.tags("b") == ("x", "y")
    assert (store.tags("c"), store.tags("d")) == (("y",), ())
    assert store.get_many("abcd") == {"a": 1, "b": "b", "c": [1], "d": 1}
    assert store.evict("none") == 0
    assert store.evict("x") == 2
    assert sorted(store) == ["c", "d"]
    store.set("c", 2)
    assert store.evict("y") == 0
    with pytest.raises(TypeError, match="a tag is a str"):
        store.set("a", 1, tags=[1])


def test_a_number_of_tags_that_is_not_known_is_evicted_with_any_tag(store):
    store.set("known", 1, tags=["x"])
    store.execute("SET", "strange", "1")
    store.execute("DOZO.ITEM", "strange", (1 << 22) << 8)
    assert store.tags("strange") == ()
    assert store.evict("y") == 1
    assert list(store) == ["known"]


def test_tags_that_nothing_bears_make_room(store, monkeypatch):
    monkeypatch.setattr("dozo.store.codec._TAG_SETS_MAX", 10)
    for number in range(100):
        store.set("a", number, tags=[str(number)])
    assert store.tags("a") == ("99",)
    for number in range(9):
        store.set(str(number), number, tags=[str(number)])
    with pytest.raises(StoreError, match="10 combinations"):
        store.set("one more", 1, tags=["one more"])


def test_serializers():
    class Thing:
        def __init__(self, name: str) -> None:
            self.name = name

    with dozo.open(serializer="json") as store:
        store["a"] = {"b": [1, 2.5, None]}
        assert store["a"] == {"b": [1, 2.5, None]}
        assert store.execute("GET", "a") == b'{"b":[1,2.5,null]}'
    with (
        dozo.open() as store,
        pytest.raises(SerializerError, match="msgpack can't write a value of type Thing"),
    ):
        store["a"] = Thing("a")
    with dozo.open(serializer="pickle") as store:
        store["a"] = complex(1, 2)
        assert store["a"] == complex(1, 2)
    own = Serializer(16, "own", lambda value: value.name.encode(), lambda data: Thing(data.decode()))
    with dozo.open(serializer=own) as store:
        store["a"] = Thing("b")
        assert store["a"].name == "b"
    with pytest.raises(ValueError, match="no serializer is named 'yaml'"):
        dozo.open(serializer="yaml")
    with pytest.raises(ValueError, match="from 16 to 255"):
        dozo.open(serializer=own._replace(kind=3))


def test_a_value_of_another_serializer_is_refused(store):
    store.execute("SET", "a", b"cos\nsystem\n(S'true'\ntR.")
    store.execute("DOZO.ITEM", "a", 5)
    with pytest.raises(SerializerError, match="written by the serializer pickle; this store uses msgpack"):
        store.get("a")
    store.execute("DOZO.ITEM", "a", 3)
    with pytest.raises(SerializerError, match="msgpack can't read"):
        store.get("a")


def test_any_command(store):
    assert store.execute("ZADD", "z", 1, "a", "2", b"b") == 2
    assert store.execute("zrange", "z", 0, -1, "withscores") == [[b"a", 1.0], [b"b", 2.0]]
    assert store.execute("GET", "none") is None
    with pytest.raises(ReplyError, match="unknown command"):
        store.execute("NONSENSE")
    with pytest.raises(WrongType):
        store.get("z")
    with pytest.raises(WrongType):
        store.incr("z")
    assert store.execute("BLPOP", "none", 0) is None
    assert store.delete("z")


def test_a_client_can_not_end_the_program_s_store(store):
    with pytest.raises(ReplyError, match="ends when the program closes it"):
        store.execute("SHUTDOWN")
    store["a"] = 1


def test_memory_is_held():
    with dozo.open(maxmemory="2mb") as store:
        for number in range(10_000):
            store.set(str(number), b"x" * 1000)
        figures = store.stats()
        assert figures["evicted"] > 5000
        # The last value may have come after there was room for it.
        assert figures["memory"] <= figures["maxmemory"] + 2048 == (2 << 20) + 2048
    with dozo.open(maxmemory=2 << 20, policy="noeviction") as store, pytest.raises(OutOfMemory):
        store.set_many({str(number): b"x" * 1000 for number in range(10_000)})
    with pytest.raises(SettingError, match="maxmemory-policy"):
        dozo.open(policy="best")


def test_stats(store):
    store["a"] = 1
    store.get("a")
    store.get("b")
    figures = store.stats()
    assert (figures["keys"], figures["hits"], figures["misses"]) == (1, 1, 1)
    assert figures["policy"] == "allkeys-lru"


def test_databases_are_apart_and_end_together(store):
    other = store.database(3)
    other["a"] = 1
    assert "a" not in store
    assert other.execute("GET", "a") == b"1"
    assert other is store.database(3)
    with pytest.raises(ValueError, match="no database"):
        store.database(16)
    store.close()
    with pytest.raises(ClosedError):
        other.get("a")


def test_a_closed_store():
    store = dozo.open()
    client = store.redis()
    client.ping()
    assert not store.closed
    store.close()
    store.close()
    assert store.closed
    for use in (lambda: store.get("a"), lambda: store.set("a", 1), lambda: len(store), store.stats):
        with pytest.raises(ClosedError):
            use()


def test_many_threads(store):
    """A counter is not torn, and nobody waits for ever for somebody who runs a command in Python."""

    def work(name: int) -> None:
        for number in range(500):
            store.incr("n")
            store.set(f"{name}:{number}", number)
            store.execute("GETRANGE", "n", 0, 1)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store["n"] == 4000
    assert len(store) == 4001


def test_a_use_within_its_own_work_is_an_error(store):
    """A finalizer may run anywhere, also while the engine runs Python: it must not wait for itself."""
    seen = []

    class Sly(bytes):
        def __del__(self) -> None:
            try:
                store.get("a")
            except RuntimeError as error:
                seen.append(str(error))

    store.engine.kernel.run(lambda server: Sly(b"a") and None)
    assert seen == ["the data are in use by this very thread"]


def test_changes_are_told_as_any_others(store):
    client = store.redis(decode_responses=True)
    client.config_set("notify-keyspace-events", "KEA")
    with client.pubsub() as listener:
        listener.psubscribe("__keyevent@0__:*")
        listener.get_message(timeout=1)
        store.set("a", 1, ttl=100)
        store.incr("a")
        store.touch("a", None)
        store.delete("a")
        heard = [listener.get_message(timeout=1) for _ in range(5)]
        assert [message["channel"].partition(":")[2] for message in heard] == [
            "set",
            "expire",
            "incrby",
            "persist",
            "del",
        ]
    with client.pipeline() as transaction:
        transaction.watch("w")
        transaction.multi()
        transaction.get("w")
        store["w"] = 1
        with pytest.raises(Exception, match="Watched variable changed"):
            transaction.execute()


def test_importing_dozo_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import dozo; print(sorted(set(sys.modules) - before))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "['dozo']\n"
