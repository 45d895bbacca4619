"""What the journal costs: CPU a SET without it and with it, beside redis-server with the same settings."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, TypedDict

from dozo.bench import processes, redis_load

__all__ = ["PIPELINES", "Cost", "measure"]

PIPELINES: Final = (1, 16)
_NO_REWRITE: Final = ("--auto-aof-rewrite-percentage", "0", "--appendfsync", "everysec")


class Cost(TypedDict):
    """Microseconds of CPU a SET, and the medians of the ratios of runs that followed each other."""

    without_us: float
    everysec_us: float
    redis_everysec_us: float
    to_without: float
    to_redis: float


def measure(pipeline: int, requests: int, rounds: int) -> Cost:
    """Run the same load on dozo without a journal, dozo with one and redis-server with one, in turn."""
    with ExitStack() as stack:
        folders = [stack.enter_context(TemporaryDirectory(prefix="dozo-bench-")) for _ in range(2)]
        servers = [stack.enter_context(start) for start in _starts(*map(Path, folders))]
        rows = []
        for _ in range(rounds):
            samples = [
                redis_load.run_once(each, redis_load.COMMANDS["SET"], pipeline, requests) for each in servers
            ]
            rows.append([sample.cpu_us for sample in samples])
    without, everysec, peer = (median(row[column] for row in rows) for column in range(3))
    return {
        "without_us": without,
        "everysec_us": everysec,
        "redis_everysec_us": peer,
        "to_without": median(row[1] / row[0] for row in rows),
        "to_redis": median(row[1] / row[2] for row in rows),
    }


def _starts(ours: Path, theirs: Path) -> list[processes.Start]:
    journal = ("--persistence", "journal", "--data-dir", str(ours), *_NO_REWRITE)
    return [
        processes.dozo(),
        processes.dozo(*journal),
        processes.redis("--appendonly", "yes", "--dir", str(theirs), *_NO_REWRITE),
    ]
