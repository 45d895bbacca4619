"""LATENCY: spikes that the latency monitor has seen, and how long commands take."""

from __future__ import annotations

import time
from typing import Any, Final

from dozo.commands.api import (
    ADMIN,
    LOADING,
    NOSCRIPT,
    STALE,
    TABLE,
    Server,
    Verbatim,
    command,
    container,
)
from dozo.commands.help import declare_help
from dozo.errors import ReplyError

_GROUP: Final = "server"
_FLAGS: Final = ADMIN | NOSCRIPT | LOADING | STALE
_TIPS: Final = ("nondeterministic_output", "request_policy:all_nodes", "response_policy:special")
_LEVELS: Final = " _o#"
_GRAPH_WIDTH: Final = 80
_OFF: Final = (
    "Latency monitoring is off. Turn it on with CONFIG SET latency-monitor-threshold <milliseconds>:"
    " events that take at least that long are then remembered.\n"
)
_ADVICE: Final = {
    "command": "Slow commands hold everybody up: look at SLOWLOG GET, and prefer SCAN to KEYS.",
    "fast-command": "Commands that should be fast were slow: the machine may be swapping or short of CPU.",
    "expire-cycle": "Many keys expire at the same moment: spread their times to live.",
    "eviction-cycle": "Much is evicted at once: raise maxmemory, or write less in one go.",
}

container(
    "LATENCY",
    group=_GROUP,
    since="2.8.13",
    summary="Tells where time was lost.",
    complexity="Depends on the subcommand.",
)
declare_help("LATENCY", group=_GROUP, since="2.8.13")


@command("LATENCY LATEST", flags=_FLAGS, group=_GROUP, since="2.8.13", complexity="O(1)", tips=_TIPS)
def latest(server: Server) -> list[Any]:
    """Returns of each event its name, the second and the milliseconds of its latest spike, and the worst of all."""
    return [[event, *samples[-1], worst] for event, (worst, samples) in server.latency().items() if samples]


@command("LATENCY HISTORY", flags=_FLAGS, group=_GROUP, since="2.8.13", complexity="O(1)", tips=_TIPS)
def history(server: Server, event: str) -> list[list[int]]:
    """Returns the remembered spikes of an event: unix seconds and milliseconds, oldest first."""
    return [list(sample) for sample in _samples(server, event)]


@command(
    "LATENCY RESET",
    flags=_FLAGS,
    group=_GROUP,
    since="2.8.13",
    complexity="O(1)",
    tips=("request_policy:all_nodes", "response_policy:all_succeeded"),
)
def reset(server: Server, *events: str) -> int:
    """Forgets the spikes of the events, or of all; returns how many events had some."""
    known = [event for event in events if event in server.latency()]
    return server.latency_reset(*known) if known or not events else 0


@command("LATENCY GRAPH", flags=_FLAGS, group=_GROUP, since="2.8.13", complexity="O(1)", tips=_TIPS)
def graph(server: Server, event: str) -> Verbatim:
    """Draws the remembered spikes of an event, oldest left, with their ages below."""
    samples = _samples(server, event)
    if not samples:
        raise ReplyError(f"ERR No samples available for event '{event}'")
    low, high = min(ms for _, ms in samples), max(ms for _, ms in samples)
    worst = server.latency()[event][0]
    heading = f"{event} - high {high} ms, low {low} ms (all time high {worst} ms)\n{'-' * _GRAPH_WIDTH}\n"
    return Verbatim(heading + _drawing(samples[-_GRAPH_WIDTH:], low, high))


def _samples(server: Server, event: str) -> list[tuple[int, int]]:
    _worst, samples = server.latency().get(event, (0, []))
    return samples


def _drawing(samples: list[tuple[int, int]], low: int, high: int) -> str:
    """One column a sample: its height on four levels, then the digits and the unit of its age from top to bottom."""
    now = int(time.time())
    step = max(1, high - low) / (len(_LEVELS) * 4 - 1)
    heights = [int((ms - low) / step) for _, ms in samples]
    rows = [
        "".join(_LEVELS[max(0, min(len(_LEVELS) - 1, height - 4 * row))] for height in heights)
        for row in range(3, -1, -1)
    ]
    ages = [_age(now - second) for second, _ in samples]
    longest = max(map(len, ages))
    rows += ["".join(column) for column in zip(*(age.ljust(longest) for age in ages), strict=True)]
    return "\n".join(row.rstrip() for row in rows) + "\n"


def _age(seconds: int) -> str:
    for unit, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds // unit}{letter}"
    return f"{max(0, seconds)}s"


@command("LATENCY DOCTOR", flags=_FLAGS, group=_GROUP, since="2.8.13", complexity="O(1)", tips=_TIPS)
def doctor(server: Server) -> Verbatim:
    """Tells in words what the latency monitor has seen and what can be done about it."""
    if server.config.observe.latency_monitor_threshold == 0:
        return Verbatim(_OFF)
    lines = []
    for event, (worst, samples) in server.latency().items():
        mean = sum(ms for _, ms in samples) / max(1, len(samples))
        lines.append(f"{event}: {len(samples)} spikes, {mean:.0f} ms on average, {worst} ms at worst.")
        if event in _ADVICE:
            lines.append(f"    {_ADVICE[event]}")
    return Verbatim("\n".join(lines or ["No spike was seen."]) + "\n")


@command(
    "LATENCY HISTOGRAM",
    flags=_FLAGS,
    group=_GROUP,
    since="7.0.0",
    complexity="O(N) for N commands with a histogram",
    tips=_TIPS,
    args="[command ...]",
)
def histogram(server: Server, *names: str) -> dict[str, Any]:
    """Returns of each command how many calls took at most so many microseconds, by powers of two."""
    figures = server.command_stats()
    wanted = list(figures)
    if names:
        wanted = [full for name in names for full in _with_subcommands(name) if full in figures]
    return {
        name: {"calls": figures[name][0], "histogram_usec": _cumulated(figures[name][4])}
        for name in wanted
        if any(figures[name][4])
    }


def _with_subcommands(name: str) -> list[str]:
    found = TABLE.find(name)
    if found is None:
        return []
    return [found.full_name, *(sub.full_name for sub in found.subcommands.values())]


def _cumulated(buckets: list[int]) -> dict[int, int]:
    """Calls up to each power of two of microseconds, without the steps that add none."""
    counts: dict[int, int] = {}
    total = 0
    for exponent, count in enumerate(buckets):
        total += count
        if count:
            counts[1 << exponent] = total
    return counts
