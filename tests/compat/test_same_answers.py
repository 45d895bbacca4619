"""Random programs give the same answers with diskcache and with what replaces it."""

from __future__ import annotations

import diskcache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dozo.compat import diskcache as ours

KEYS = st.sampled_from(["a", b"a", 1, 1.0, 2.5, "1", ("a", 1), (1, ("b", None)), None, True, "", b""])
VALUES = st.one_of(
    st.integers(-(2**62), 2**62),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.floats(allow_nan=False),
    st.none(),
    st.booleans(),
    st.lists(st.integers(0, 9), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=2),
)
TAGS = st.sampled_from([None, "t", "u", 1, b"t"])
#: Without a prefix, diskcache takes every integer key for an item of the queue.
PREFIXES = st.sampled_from(["p", "q"])
SIDES = st.sampled_from(["front", "back"])
CALLS = st.one_of(
    st.tuples(st.sampled_from(["set", "add"]), st.tuples(KEYS, VALUES), st.fixed_dictionaries({"tag": TAGS})),
    st.tuples(
        st.sampled_from(["set", "add"]),
        st.tuples(KEYS, VALUES),
        st.fixed_dictionaries({"expire": st.sampled_from([None, 0, 1000])}),
    ),
    st.tuples(
        st.sampled_from(["get", "pop"]), st.tuples(KEYS), st.fixed_dictionaries({"tag": st.booleans()})
    ),
    st.tuples(
        st.sampled_from(["delete", "touch", "__getitem__", "__contains__", "__delitem__"]),
        st.tuples(KEYS),
        st.just({}),
    ),
    st.tuples(
        st.sampled_from(["incr", "decr"]),
        st.tuples(st.sampled_from(["n", b"n", 7])),
        st.fixed_dictionaries({"delta": st.integers(-5, 5), "default": st.none() | st.integers(-3, 3)}),
    ),
    st.tuples(st.just("evict"), st.tuples(TAGS), st.just({})),
    st.tuples(
        st.just("push"),
        st.tuples(VALUES),
        st.fixed_dictionaries({"prefix": PREFIXES, "side": SIDES, "tag": TAGS}),
    ),
    st.tuples(
        st.sampled_from(["pull", "peek"]),
        st.tuples(),
        st.fixed_dictionaries({"prefix": PREFIXES, "side": SIDES, "tag": st.booleans()}),
    ),
    st.tuples(st.just("clear"), st.tuples(), st.just({})),
)


def answer(cache, name, arguments, options):
    try:
        found = getattr(cache, name)(*arguments, **options)
    except KeyError as error:
        return f"KeyError {error}"
    if name in ("push", "__delitem__"):
        return None
    if name in ("pull", "peek"):
        # Keys of queues are left out: diskcache uses a number again.
        pair = found[0] if options["tag"] else found
        return (pair[1], *found[1:])
    return found


def written(key):
    """Return how a key is written; 1.0 is 1."""
    return repr(int(key) if isinstance(key, float) and key.is_integer() else key)


def is_queued(key):
    return isinstance(key, str) and key.startswith(("p-", "q-"))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS, max_size=25))
def test_same_answers(tmp_path_factory, calls):
    with (
        diskcache.Cache(tmp_path_factory.mktemp("theirs")) as theirs,
        ours.Cache(tmp_path_factory.mktemp("ours")) as mine,
    ):
        for name, arguments, options in calls:
            expected, found = (answer(cache, name, arguments, options) for cache in (theirs, mine))
            assert found == expected, (name, arguments, options)
            assert type(found) is type(expected)
            # Its keys are there until somebody removes them.
            theirs.expire()
        kept = [{written(key): cache[key] for key in cache if not is_queued(key)} for cache in (theirs, mine)]
        assert kept[0] == kept[1]
        assert len(mine) == len(theirs)
