"""Random calls: a store in this process, one in another place and a dict say the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import dozo
from dozo.errors import NotInteger

KEYS = [b"a", "b", "\u00e4", b"\xff", "", "x" * 300]
VALUES = [b"", b"\x00", "", "text", 0, -5, 2**64, None, True, 1.5, [1, [2]], {"a": "b"}, b"y" * 5000]
TAGS = ["t", "u", "v"]


class Model:
    """What a store is, without times."""

    def __init__(self) -> None:
        self.items: dict[bytes, tuple[Any, frozenset[str]]] = {}

    def set(self, key: bytes, value: Any, tags: list[str]) -> None:
        self.items[key] = (value, frozenset(tags))

    def add(self, key: bytes, value: Any, tags: list[str]) -> bool:
        is_new = key not in self.items
        if is_new:
            self.set(key, value, tags)
        return is_new

    def incr(self, key: bytes, by: int) -> Any:
        value, tags = self.items.get(key, (0, frozenset()))
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            return NotInteger
        self.items[key] = (value + by, tags)
        return value + by

    def pop(self, key: bytes) -> Any:
        return self.items.pop(key, (None,))[0]

    def evict(self, tag: str) -> int:
        gone = [key for key, (_, tags) in self.items.items() if tag in tags]
        for key in gone:
            del self.items[key]
        return len(gone)


def counted(store: dozo.Store, key: Any, by: int) -> Any:
    try:
        return store.incr(key, by)
    except NotInteger:
        return NotInteger


@pytest.mark.parametrize("where", ["here", "there"])
@pytest.mark.parametrize("seed", range(3))
def test_a_store_is_what_its_model_is(where, seed, tmp_path):
    dice, model = random.Random(seed), Model()

    def name(key: Any) -> bytes:
        return key.encode() if isinstance(key, str) else key

    def step(store: dozo.Store) -> tuple[Any, Any]:
        key, value = dice.choice(KEYS), dice.choice(VALUES)
        tags = dice.sample(TAGS, dice.randrange(3))
        calls: list[Callable[[], tuple[Any, Any]]] = [
            lambda: (store.set(key, value, tags=tags), model.set(name(key), value, tags)),
            lambda: (store.add(key, value, tags=tags), model.add(name(key), value, tags)),
            lambda: (counted(store, key, 3), model.incr(name(key), 3)),
            lambda: (store.get(key), model.items.get(name(key), (None,))[0]),
            lambda: (store.pop(key), model.pop(name(key))),
            lambda: (store.delete(key), model.items.pop(name(key), None) is not None),
            lambda: (key in store, name(key) in model.items),
            lambda: (store.evict(tags[0]) if tags else 0, model.evict(tags[0]) if tags else 0),
            lambda: (len(store), len(model.items)),
            lambda: (sorted(map(name, store)), sorted(model.items)),
        ]
        return dice.choice(calls)()

    with dozo.open(tmp_path) as owner, dozo.open(tmp_path) as guest:
        store = owner if where == "here" else guest
        for _ in range(1500):
            mine, expected = step(store)
            assert mine == expected
            assert type(mine) is type(expected)
    with dozo.open(tmp_path) as store:
        # Everything is there after the end, too.
        found = {name(key): (store[key], frozenset(store.tags(key))) for key in store}
        assert found == model.items
