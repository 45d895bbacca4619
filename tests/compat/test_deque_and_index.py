"""diskcache's persistent deque and mapping, on diskcache, on what replaces it, and against the standard library."""

from __future__ import annotations

import collections
import pickle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def deque(diskcache, tmp_path):
    deque = diskcache.Deque(directory=tmp_path)
    yield deque
    deque.cache.close()


@pytest.fixture
def index(diskcache, tmp_path):
    index = diskcache.Index(str(tmp_path))
    yield index
    index.cache.close()


def test_deque(diskcache, deque):
    deque += range(5, 10)
    assert deque.pop() == 9
    assert deque.popleft() == 5
    deque.appendleft("foo")
    assert len(deque) == 4
    assert type(deque.directory) is str
    other = diskcache.Deque(directory=deque.directory)
    assert len(other) == 4
    assert other.popleft() == "foo"
    assert list(deque) == [6, 7, 8]
    assert deque == [6, 7, 8]
    assert deque != [6, 7]
    assert deque < [6, 8]
    assert deque >= [6, 7, 8]
    other.cache.close()


def test_deque_ends(deque):
    for method in (deque.pop, deque.popleft, deque.peek, deque.peekleft):
        with pytest.raises(IndexError):
            method()
    deque.extend("abc")
    deque.extendleft("xy")
    assert "".join(deque) == "yxabc"
    assert "".join(reversed(deque)) == "cbaxy"
    assert (deque.peek(), deque.peekleft()) == ("c", "y")


def test_deque_positions(deque):
    deque.extend(range(5))
    assert deque[1] == 1
    assert deque[-2] == 3
    deque[-1] = {"last": None}
    assert list(deque) == [0, 1, 2, 3, {"last": None}]
    del deque[1]
    del deque[-1]
    assert list(deque) == [0, 2, 3]
    for position in (3, -4):
        with pytest.raises(IndexError):
            deque[position]
        with pytest.raises(IndexError):
            deque[position] = 1
        with pytest.raises(IndexError):
            del deque[position]
    assert 2 in deque
    assert 9 not in deque
    deque += [2, 2.0]
    assert deque.count(2) == 3
    deque.remove(2)
    assert list(deque) == [0, 3, 2, 2.0]
    with pytest.raises(ValueError, match="not in deque"):
        deque.remove(9)
    deque.reverse()
    assert list(deque) == [2.0, 2, 3, 0]
    deque.clear()
    assert list(deque) == []
    deque.reverse()
    deque.rotate()
    assert len(deque) == 0


def test_deque_maxlen(deque):
    deque.extend(range(10))
    deque.maxlen = 3
    assert list(deque) == [7, 8, 9]
    deque.append(10)
    assert list(deque) == [8, 9, 10]
    deque.appendleft(7)
    assert list(deque) == [7, 8, 9]
    assert deque.maxlen == 3


def test_deque_pickles_as_its_directory(deque):
    deque.append(1)
    copy = pickle.loads(pickle.dumps(deque))
    assert list(copy) == [1]
    copy.append(2)
    assert list(deque) == [1, 2]
    copy.cache.close()


STEPS = st.one_of(
    st.tuples(st.sampled_from(["append", "appendleft"]), st.integers()),
    st.tuples(st.sampled_from(["extend", "extendleft"]), st.lists(st.text(max_size=3), max_size=4)),
    st.tuples(st.sampled_from(["pop", "popleft", "reverse"])),
    st.tuples(st.just("rotate"), st.integers(-12, 12)),
    st.tuples(st.just("remove"), st.integers(-2, 2)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=20), st.none() | st.integers(0, 6))
def test_deque_is_a_deque(tmp_path_factory, steps, maxlen):
    from dozo.compat.diskcache import Deque

    model = collections.deque(maxlen=maxlen)
    deque = Deque(directory=tmp_path_factory.mktemp("deque"), maxlen=maxlen)
    for name, *arguments in steps:
        expected = found = None
        try:
            expected = getattr(model, name)(*arguments)
        except (IndexError, ValueError) as error:
            expected = type(error)
        try:
            found = getattr(deque, name)(*arguments)
        except (IndexError, ValueError) as error:
            found = type(error)
        assert found == expected
        assert list(deque) == list(model)
    deque.cache.close()


def test_index(diskcache, index):
    index.update([("a", 1), ("b", 2), ("c", 3)])
    assert "b" in index
    assert index["c"] == 3
    del index["a"]
    assert len(index) == 2
    other = diskcache.Index(index.directory)
    assert len(other) == 2
    assert other.popitem(last=False) == ("b", 2)
    other.cache.close()
    with pytest.raises(KeyError):
        index["b"]
    with pytest.raises(KeyError):
        del index["b"]


def test_index_keeps_order(index):
    for key in ["b", 1, b"x", "a", ("t", 1)]:
        index[key] = key if key != ("t", 1) else "tuple"
    index["b"] = "again"
    assert list(index) == ["b", 1, b"x", "a", ("t", 1)]
    assert list(reversed(index)) == [("t", 1), "a", b"x", 1, "b"]
    assert list(index.values()) == ["again", 1, b"x", "a", "tuple"]
    assert index.peekitem() == (("t", 1), "tuple")
    assert index.peekitem(last=False) == ("b", "again")
    assert index.popitem() == (("t", 1), "tuple")
    del index[1]
    index[1] = "last"
    assert list(index.items()) == [("b", "again"), (b"x", b"x"), ("a", "a"), (1, "last")]
    index.clear()
    assert list(index) == []
    with pytest.raises(KeyError):
        index.popitem()
    with pytest.raises(KeyError):
        index.peekitem()


def test_index_of_many_keys(index):
    for number in range(2500):
        index[number] = number
    assert list(index) == list(range(2500))
    assert list(reversed(index)) == list(range(2499, -1, -1))
    assert len(index) == 2500


def test_index_values(index):
    assert index.setdefault("a") is None
    assert index.setdefault("b", [1]) == [1]
    assert index.setdefault("b", [2]) == [1]
    assert index.pop("a") is None
    assert index.pop("a", "missing") == "missing"
    with pytest.raises(KeyError):
        index.pop("a")
    assert index == {"b": [1]}
    assert index != {"b": [2]}
    assert index.get("z", 5) == 5


def test_index_queues(index):
    assert [index.push(letter) for letter in "abc"] == [500000000000000, 500000000000001, 500000000000002]
    assert index[500000000000001] == "b"
    assert list(index.values()) == ["a", "b", "c"]
    assert index.pull() == (500000000000000, "a")
    assert index.pull(side="back") == (500000000000002, "c")
    assert index.pull(prefix="fruit") == (None, None)
    assert len(index) == 1


def test_index_memoize_and_transact(index):
    @index.memoize(name="double")
    def double(number):
        return number * 2

    assert double(4) == 8
    assert index[double.__cache_key__(4)] == 8
    with index.transact():
        index["sum"] = index.get("sum", 0) + 1
    assert index["sum"] == 1


def test_index_over_a_cache(diskcache, tmp_path):
    with diskcache.Cache(tmp_path, eviction_policy="none") as cache:
        index = diskcache.Index.fromcache(cache, {"a": 1}, b=2)
        assert dict(index) == {"a": 1, "b": 2}
        assert cache["b"] == 2
        copy = pickle.loads(pickle.dumps(index))
        assert copy == index
        for each in (index, copy):
            each.cache.close()
