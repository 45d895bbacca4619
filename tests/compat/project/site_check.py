"""What a visitor of that project sees; run as a program, so that the settings of no other test stand in the way."""

import asyncio
import threading

import django
from django.core.cache import caches
from django.test import AsyncClient, Client

django.setup()
client = Client()

# A page and its headers come from the cache, also after the caches were closed by the end of a request.
first, second = client.get("/page"), client.get("/page")
assert (first.content, second.content) == (b"run 1", b"run 1")
assert second.headers["X-Kind"] == "page"

# A fragment is kept by what it varies on, and stays safe of escaping.
for expected, name in ((b"<b>1</b>", "x"), (b"<b>1</b>", "x"), (b"<b>2</b>", "y"), (b"<b>1</b>", "x")):
    assert client.get("/fragment", {"name": name}).content == expected

# A session is a visitor's own.
client.get("/login", {"name": "ann"})
assert client.get("/whoami").json() == {"user": {"name": "ann", "roles": ["a", "b"]}}
assert Client().get("/whoami").json() == {"user": None}


async def visit() -> list[int]:
    """Visit at once what counts."""
    visitor = AsyncClient()
    replies = await asyncio.gather(*(visitor.get("/visits") for _ in range(10)))
    return sorted(reply.json()["visits"] for reply in replies)


assert asyncio.run(visit()) == list(range(1, 11))

# Each thread has caches of its own, over one store.
thread = threading.Thread(target=lambda: caches["sessions"].set("from", "another thread"))
thread.start()
thread.join()
assert caches["sessions"].get("from") == "another thread"
print("all seen")
