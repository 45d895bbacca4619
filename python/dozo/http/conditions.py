"""The conditional and partial requests of RFC 9110: If-Match, If-None-Match, If-Range and Range.

Owns reading these headers and what they mean for a version, which in HTTP is a strong entity tag. Refuses several
ranges in one request: they get the whole value, as the RFC allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dozo.gateway.items import Condition, Item
from dozo.http.problems import Problem

__all__ = ["Preconditions", "Unsatisfiable", "byte_range", "entity_tag"]

_TAG: Final = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|\Z)')
_RANGE: Final = re.compile(r"bytes=\s*(?:(\d{1,19})-(\d{1,19})?|-(\d{1,19}))\s*\Z", re.IGNORECASE)
_MAX_TAGS: Final = 64


class Unsatisfiable(Exception):
    """The range begins behind the end of the value."""


def entity_tag(version: bytes) -> str:
    """A version as ETag has it."""
    return f'"{version.decode("ascii")}"'


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The two headers: None where one is missing, "*" for any value, otherwise the tags (weak ones as they are)."""

    match: Sequence[str] | None
    none_match: Sequence[str] | None

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Preconditions:
        """Read both headers; Problem 400 for one that is malformed."""
        return cls(_tags(headers, "if-match"), _tags(headers, "if-none-match"))

    def fails(self, item: Item | None) -> int | None:
        """For a read: the status to answer instead of the item, or None."""
        tag = None if item is None or item.version is None else entity_tag(item.version)
        if self.match is not None and not _includes(self.match, item, tag, weak=False):
            return 412
        if self.none_match is not None and _includes(self.none_match, item, tag, weak=True):
            return 304
        return None

    def for_write(self) -> Condition | None:
        """For a write: what the upstream shall check; None where no key could pass."""
        exists: bool | None = None
        versions: Sequence[bytes] = ()
        other_than: Sequence[bytes] = ()
        if self.match == ("*",):
            exists = True
        elif self.match is not None:
            versions = _versions(self.match, weak=False)
            if not versions:
                return None  # Weak tags never match for a write.
        if self.none_match == ("*",):
            if self.match is not None:
                return None  # It can't be there and missing.
            exists = False
        elif self.none_match is not None:
            other_than = _versions(self.none_match, weak=True)
        return Condition(exists, versions, other_than)


def byte_range(headers: Mapping[str, str], item: Item) -> tuple[int, int] | None:
    """The part that is asked for, from start up to end; None for the whole. Unsatisfiable: there is no such part."""
    given = _RANGE.match(headers.get("range", ""))
    if given is None or not _is_for(headers.get("if-range"), item):
        return None
    first, last, suffix = given.groups()
    if suffix is not None:
        if not int(suffix) or not item.length:
            raise Unsatisfiable
        return max(0, item.length - int(suffix)), item.length
    start = int(first)
    if last is not None and int(last) < start:
        return None  # Such a range is no range at all.
    if start >= item.length:
        raise Unsatisfiable
    return start, item.length if last is None else min(int(last) + 1, item.length)


def _is_for(if_range: str | None, item: Item) -> bool:
    """Whether a range is still wanted: there is no If-Range, or it names this version (a date never does)."""
    return if_range is None or (item.version is not None and if_range.strip() == entity_tag(item.version))


def _tags(headers: Mapping[str, str], name: str) -> Sequence[str] | None:
    given = headers.get(name)
    if given is None:
        return None
    if given.strip() == "*":
        return ("*",)
    tags: list[str] = []
    at = 0
    while at < len(given):
        found = _TAG.match(given, at)
        if found is None or len(tags) == _MAX_TAGS:
            raise Problem(400, f"{name} is * or a list of at most {_MAX_TAGS} entity tags")
        weak, opaque = found.groups()
        tags.append(f'{weak or ""}"{opaque}"')
        at = found.end()
    if not tags:
        raise Problem(400, f"{name} names no entity tag")
    return tuple(tags)


def _includes(tags: Sequence[str], item: Item | None, tag: str | None, *, weak: bool) -> bool:
    if tags == ("*",):
        return item is not None
    return tag is not None and any((one.removeprefix("W/") if weak else one) == tag for one in tags)


def _versions(tags: Sequence[str], *, weak: bool) -> Sequence[bytes]:
    """The versions that these tags name. Those with a comma are none of ours, which are joined by commas."""
    strong = [tag.removeprefix("W/") if weak else tag for tag in tags]
    return tuple(
        tag[1:-1].encode("latin-1")
        for tag in strong
        if tag.startswith('"') and "," not in tag and tag != '""'
    )
