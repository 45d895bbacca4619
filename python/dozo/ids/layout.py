"""What an ID is made of: milliseconds since 2015, a worker and a sequence number in 64 bits.

Owns the layout (katsubushi's) for people: taking IDs apart and putting known parts together. Refuses to issue IDs: only
the generator in Rust knows which ones are out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["EPOCH_MS", "MAX_WORKER", "Parts", "compose", "decode", "read"]

EPOCH_MS: Final = 1_420_070_400_000
"""2015-01-01T00:00:00Z in unix ms."""

_EPOCH: Final = datetime(2015, 1, 1, tzinfo=UTC)
_WORKER_BITS: Final = 10
_SEQUENCE_BITS: Final = 12
_BITS: Final = 64
_DIGITS: Final = 20

MAX_WORKER: Final = (1 << _WORKER_BITS) - 1


@dataclass(frozen=True, slots=True)
class Parts:
    """An ID, taken apart."""

    unix_ms: int
    worker_id: int
    sequence: int

    @property
    def time(self) -> str:
        """The time in UTC, as in 2017-09-04T03:12:11.615Z."""
        since = timedelta(milliseconds=self.unix_ms - EPOCH_MS)
        return (_EPOCH + since).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def as_dict(self) -> dict[str, str | int]:
        """What `dozo id decode` and ID.DECODE tell."""
        return {"time": self.time, "worker_id": self.worker_id, "sequence": self.sequence}


def decode(number: int) -> Parts:
    """Take an ID apart; ValueError where it can't be one."""
    if not 0 <= number < 1 << _BITS:
        raise ValueError("an ID is an unsigned number of 64 bits")
    return Parts(
        unix_ms=(number >> (_WORKER_BITS + _SEQUENCE_BITS)) + EPOCH_MS,
        worker_id=number >> _SEQUENCE_BITS & MAX_WORKER,
        sequence=number & ((1 << _SEQUENCE_BITS) - 1),
    )


def read(text: str) -> Parts:
    """Take an ID in decimal apart; ValueError where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ValueError(f"an ID is written in at most {_DIGITS} digits")
    return decode(int(text))


def compose(unix_ms: int, worker_id: int = 0, sequence: int = 0) -> int:
    """Return the ID that has these parts: the least one of a moment, say, to search by. ValueError out of range."""
    number = (unix_ms - EPOCH_MS) << (_WORKER_BITS + _SEQUENCE_BITS) | worker_id << _SEQUENCE_BITS | sequence
    if number < 0 or decode(number) != Parts(unix_ms, worker_id, sequence):
        raise ValueError("no ID has such parts")
    return number
