"""How long a start takes that loads millions of keys: dozo and redis-server, from the same files."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from dozo.bench import processes
from dozo.bench.client import Client
from dozo.bench.saving import is_saving, persistence_figures

__all__ = ["FORMATS", "measure"]

FORMATS: Final = ("RDB", "AOF")
_POLL_S: Final = 0.005


def measure(keys: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds from the start of the process to the first request served, by server and format, round by round."""
    found: dict[str, dict[str, list[float]]] = {}
    with TemporaryDirectory(prefix="dozo-bench-") as name:
        folder = Path(name)
        _make(folder, keys)
        for _ in range(rounds):
            for form in FORMATS:
                for server in ("dozo", "redis"):
                    copy = folder / "copy"
                    shutil.copytree(folder / form, copy)
                    seconds = _load(server, form, copy, keys)
                    found.setdefault(server, {}).setdefault(form, []).append(seconds)
                    shutil.rmtree(copy)
    return found


def _make(folder: Path, keys: int) -> None:
    """Have redis-server write both, each for a directory of its own: a snapshot, and a journal of one SET a key."""
    flags = ("--dir", str(folder), "--enable-debug-command", "yes")
    journal = ("--appendonly", "yes", "--aof-use-rdb-preamble", "no")
    with processes.redis(*flags, *journal) as server, Client(server.port) as client:
        client.call(b"DEBUG", b"POPULATE", b"%d" % keys, b"key", b"32")
        client.call(b"SAVE")
        client.call(b"BGREWRITEAOF")
        while is_saving(client):
            time.sleep(_POLL_S)
    for form, name in (("RDB", "dump.rdb"), ("AOF", "appendonlydir")):
        (folder / form).mkdir()
        (folder / name).rename(folder / form / name)


def _load(server: str, form: str, folder: Path, keys: int) -> float:
    began = time.perf_counter()
    with _start(server, form, folder) as running, Client(running.port) as client:
        while persistence_figures(client)["loading"] != "0":
            time.sleep(_POLL_S)
        seconds = time.perf_counter() - began
        found = int(client.call(b"DBSIZE")[1:])
    if found != keys:
        raise processes.BenchError(f"{server} has loaded {found} keys of {keys} from {form}")
    return seconds


def _start(server: str, form: str, folder: Path) -> processes.Start:
    if server == "dozo":
        mode = "snapshot" if form == "RDB" else "journal"
        return processes.dozo("--data-dir", str(folder), "--persistence", mode, "--save", "")
    return processes.redis("--dir", str(folder), "--appendonly", "no" if form == "RDB" else "yes")
