"""Save points: after how many seconds, and how many changes, a snapshot is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["SavePoint", "is_due", "parse_points"]


class SavePoint(NamedTuple):
    """A snapshot is due once so many seconds have passed and so many changes were made since the last one."""

    seconds: int
    changes: int


def parse_points(text: str) -> tuple[SavePoint, ...]:
    """Read Redis's form, `3600 1 300 100`; nothing means that no snapshot is ever due. ValueError for other texts."""
    words = text.split()
    if len(words) % 2 or not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError("Invalid save parameters")
    points = tuple(SavePoint(int(a), int(b)) for a, b in zip(words[::2], words[1::2], strict=True))
    if any(point.seconds < 1 for point in points):
        raise ValueError("Invalid save parameters")
    return points


def is_due(points: Sequence[SavePoint], seconds: float, changes: int) -> bool:
    """Whether one of the points is reached."""
    return any(seconds > point.seconds and changes >= point.changes for point in points)
