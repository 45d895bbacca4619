"""Blocking commands over strings, for tests of the waiting itself."""

from dozo.commands.api import BLOCKING, WRITE, Database, Key, command
from dozo.commands.numbers import timeout_ms
from dozo.replies import NULL_ARRAY, Block


@command("T.TAKE", keys=(1, -2, 1), arity=-3, flags=WRITE | BLOCKING, group="generic")
def take(db: Database, *words: bytes):
    """Takes the value of the first key that has one, or waits for it; the last word is the timeout in seconds."""
    *keys, timeout = words
    wait = timeout_ms(timeout)
    for key in keys:
        value = db.get(key)
        if value is not None:
            db.delete(key)
            db.effect("DEL", key)
            return [key, value]
    return Block(keys, of="string", timeout_ms=wait, on_timeout=NULL_ARRAY)


@command("T.HAND", keys=(1, 2, 1), arity=4, flags=WRITE | BLOCKING, group="generic")
def hand(db: Database, source: Key, target: Key, timeout: bytes):
    """Moves the value of a key to another one, or waits for it."""
    wait = timeout_ms(timeout)
    value = db.get(source)
    if value is None:
        return Block([source], of="string", timeout_ms=wait)
    db.delete(source)
    db.set(target, value)
    return value


@command("T.CALL", arity=-2, flags=WRITE, group="generic")
def call(db: Database, *words: bytes):
    """Runs another command from within."""
    return db.call(*words)


@command("T.SELECT", arity=3, flags=WRITE, group="generic")
def select(db: Database, here: int, there: int):
    """Selects a database through a view of another."""
    db.select(here).call("SELECT", there)
    return db.index
