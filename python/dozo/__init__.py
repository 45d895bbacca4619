"""dozo: a data server and an embeddable store for people who work in Python.

    import dozo

    with dozo.open() as store:
        store.set("greeting", "hello", ttl=60)

Importing this module imports nothing else, so that it costs nothing: `open` and `Store` come with `dozo.cache` when
they are first used, the other parts are imported from where they live (`dozo.commands.api`, `dozo.server`, ...).
"""

# What typing has by this name; importing it from there would cost more than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from dozo.cache import Store, open

__version__ = "0.1.0"

__all__ = ["Store", "__version__", "open"]


def __getattr__(name: str) -> object:
    if name not in ("Store", "open"):
        raise AttributeError(f"module 'dozo' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module("dozo.cache"), name)
