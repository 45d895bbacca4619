"""What the mixed load does by Python functions: each is one step for everybody else, as a script is."""

from dozo.commands.api import WRITE, Database, Key, command


@command("LOAD.PUSH", keys=1, flags=WRITE, group="generic")
def push(db: Database, queue: Key, job: bytes) -> int:
    """Pushes a job, counts it and tells of it."""
    length = db.call("LPUSH", queue, job)
    db.call("INCR", "pushed")
    db.call("PUBLISH", "jobs", job)
    return length


@command("LOAD.MOVE", keys=(1, 2, 1), flags=WRITE, group="generic")
def move(db: Database, source: Key, target: Key, amount: int) -> int:
    """Moves an amount, in as many steps as it takes to be caught in between."""
    for _ in range(amount):
        db.call("DECR", source)
    return db.call("INCRBY", target, amount)


@command("LOAD.SUM", keys=(1, -1, 1), group="generic")
def total(db: Database, *keys: Key) -> int:
    """Adds accounts up, one after the other."""
    return sum(int(db.call("GET", key)) for key in keys)
