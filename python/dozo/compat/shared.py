"""Stores that several objects of this process use at once: one for each place, opened by the first, closed by the last.

Two caches over one directory, or the caches that Django makes for each thread, shall meet in one engine and not in a
socket between them. A place is the real path of a directory, or a name for a store in memory.

Refuses to reconcile: who opens a place that is open gets the store as it is, and an error if it was opened with another
serializer, as each would refuse the other's values.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dozo.cache import Store
from dozo.cache import open as open_store

#: A store in memory is known by the name behind this.
MEMORY = "memory:"


class Holder(Protocol):
    """Whoever keeps a store for long: told when it is no longer this process's."""

    def forget(self) -> None:
        """Drop the store without closing it."""


@dataclass
class _Open:
    store: Store
    serializer: str
    users: int = 1


_lock = threading.Lock()
_opened: dict[str, _Open] = {}
_holders: weakref.WeakSet[Any] = weakref.WeakSet()


def place_of(location: str | os.PathLike[str]) -> str:
    """Return the name by which everybody in this process means the same store."""
    text = os.fspath(location)
    return text if text.startswith(MEMORY) else str(Path(text).resolve())


def borrow(place: str, serializer: str, options: dict[str, Any], holder: Holder) -> Store:
    """Return the store at this place, opened with these options of `dozo.open` unless it is open."""
    with _lock:
        _holders.add(holder)
        found = _opened.get(place)
        if found is not None and not found.store.closed:
            if found.serializer != serializer:
                raise ValueError(
                    f"{place} is open with the serializer {found.serializer!r}, not {serializer!r}"
                )
            found.users += 1
            return found.store
        path = None if place.startswith(MEMORY) else place
        store = open_store(path, serializer=serializer, **options)
        _opened[place] = _Open(store, serializer)
        return store


def give_back(place: str, store: Store) -> None:
    """Note that one user less has this store, and close it after the last."""
    with _lock:
        found = _opened.get(place)
        if found is None or found.store is not store:
            return
        found.users -= 1
        if found.users:
            return
        del _opened[place]
    store.close()


@atexit.register
def close_all() -> None:
    """Close every store that is still open: few users of a cache close it, and its files shall be whole."""
    with _lock:
        left = list(_opened.values())
        _opened.clear()
    for each in left:
        each.store.close()


def _in_child() -> None:
    """Forget every store: its files and its memory belong to the parent."""
    global _lock
    _lock = threading.Lock()
    _opened.clear()
    for holder in list(_holders):
        holder.forget()


_register: Callable[..., None] | None = getattr(os, "register_at_fork", None)
if _register is not None:  # no fork, no need, on Windows
    _register(after_in_child=_in_child)
