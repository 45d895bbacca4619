"""The table of settings: one Setting for each field of the tree, found by its name.

Owns how a value of each type is read from text and printed as CONFIG GET prints it. Refuses to hold values: those are
in the tree. `SETTINGS` is built from tree.py once, at import; documentation, flags and CONFIG all read it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from dozo.config import units
from dozo.config.tree import SECTIONS, OutputLimit, OutputLimits, Tree
from dozo.errors import ConfigError

# Passwords, and what may hold one, are kept out of everything that is printed for people.
SECRETS = frozenset({"requirepass", "id-lease"})


class SettingError(ConfigError):
    """A setting that can't be used; `name` is the setting (or empty), `reason` says what is wrong with it."""

    def __init__(self, reason: str, name: str = "", origin: str = "") -> None:
        self.reason = reason
        self.name = name
        self.origin = origin
        super().__init__(": ".join(part for part in (origin, name, reason) if part))


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known about one setting besides its value."""

    name: str
    section: str
    field: str
    kind: str  # integer, size, octal, boolean, choice, text, texts, output-limits
    default: Any
    summary: str
    unit: str
    live: bool
    low: int | None
    high: int | None
    choices: tuple[str, ...]

    @property
    def flag(self) -> str:
        """The option of `dozo serve` that sets it."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "DOZO_" + self.field.upper()

    def parse(self, text: str, current: Any = None) -> Any:
        """Return the value that text stands for, within bounds; SettingError gives Redis's reason if there is none."""
        try:
            return self._checked(_PARSERS[self.kind](text, self.default if current is None else current))
        except ValueError as error:
            raise SettingError(str(error), self.name) from None

    def accept(self, value: object) -> Any:
        """Return the value for one read from TOML: a text is parsed, a native of the right type is checked."""
        if isinstance(value, str):
            return self.parse(value)
        native = _NATIVES.get(self.kind, ())
        if not isinstance(value, native) or (isinstance(value, bool) and self.kind != "boolean"):
            raise SettingError(f"a {type(value).__name__} can't be used here, but {self.expects}", self.name)
        if isinstance(value, list | tuple):
            if not all(isinstance(item, str) for item in value):
                raise SettingError("every item of the list must be a string", self.name)
            return tuple(value)
        try:
            return self._checked(value)
        except ValueError as error:
            raise SettingError(str(error), self.name) from None

    def format(self, value: Any) -> str:
        """Write a value as CONFIG GET does."""
        return _FORMATS.get(self.kind, str)(value)

    @property
    def expects(self) -> str:
        """A few words on what may be written, for errors and documentation."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        words = {
            "integer": "a whole number",
            "size": "a size such as 100mb or 1gb",
            "octal": "permissions such as 700",
            "boolean": "yes or no",
            "text": "a string",
            "texts": "a list of strings",
            "events": "letters of Ag$lshzxeKEtmdn",
            "output-limits": "class, hard limit, soft limit and seconds, for one class or more",
        }
        return words[self.kind]

    def _checked(self, value: Any) -> Any:
        if self.kind == "choice" and value not in self.choices:
            raise ValueError("argument(s) must be one of the following: " + ", ".join(self.choices))
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise ValueError(
                f"argument must be between {self.format(self.low)} and {self.format(self.high)} inclusive"
            )
        return value


#: Names that settings had in older versions of Redis; CONFIG GET and SET know them, as Redis 7.0 does.
OLD_NAMES = {
    "hash-max-ziplist-entries": "hash-max-listpack-entries",
    "hash-max-ziplist-value": "hash-max-listpack-value",
    "list-max-ziplist-size": "list-max-listpack-size",
    "lua-time-limit": "busy-reply-threshold",
    "zset-max-ziplist-entries": "zset-max-listpack-entries",
    "zset-max-ziplist-value": "zset-max-listpack-value",
}


def find(name: str) -> Setting:
    """Return the setting of that name in any case; the error for an unknown one names the nearest."""
    setting = SETTINGS.get(OLD_NAMES.get(name.lower(), name.lower()))
    if setting is None:
        raise SettingError(f"unknown setting{nearest(name, SETTINGS)}", name)
    return setting


def nearest(name: str, known: Any) -> str:
    """Return `, did you mean 'x'?` for the known name that looks most like name, or nothing."""
    close = difflib.get_close_matches(name.lower().replace("_", "-"), list(known), n=1, cutoff=0.5)
    return f", did you mean '{close[0]}'?" if close else ""


def _parse_texts(text: str, _current: object) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _parse_output_limits(text: str, current: OutputLimits) -> OutputLimits:
    """Read Redis's form, four words for each class; classes that aren't named keep their limits."""
    words = text.split()
    if not words or len(words) % 4:
        raise ValueError("Wrong number of arguments in buffer limit configuration.")
    limits = {name: getattr(current, name) for name in OutputLimits.__dataclass_fields__}
    for at in range(0, len(words), 4):
        name = "replica" if words[at].lower() == "slave" else words[at].lower()
        if name not in limits:
            raise ValueError("Invalid client class specified in buffer limit configuration.")
        try:
            hard, soft = units.parse_size(words[at + 1]), units.parse_size(words[at + 2])
            limits[name] = OutputLimit(hard, soft, units.parse_integer(words[at + 3]))
        except ValueError:
            reason = "Error in hard, soft or soft_seconds setting in buffer limit configuration."
            raise ValueError(reason) from None
        if limits[name].soft_seconds < 0:
            raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
    return OutputLimits(**limits)


def _format_output_limits(limits: OutputLimits) -> str:
    classes = (("normal", limits.normal), ("slave", limits.replica), ("pubsub", limits.pubsub))
    return " ".join(f"{name} {limit.hard} {limit.soft} {limit.soft_seconds}" for name, limit in classes)


# Every class of keyspace events in CONFIG GET's order; those of A stand for it when all are there.
_EVENTS_OF_A = "g$lshzxetd"
_EVENTS = _EVENTS_OF_A + "nKEm"


def _parse_events(text: str) -> str:
    """Read Redis's letters and write them in Redis's order."""
    wanted = set(text.replace("A", _EVENTS_OF_A))
    if not wanted <= set(_EVENTS):
        raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    everything = wanted >= set(_EVENTS_OF_A)
    head = "A" if everything else "".join(letter for letter in _EVENTS_OF_A if letter in wanted)
    return head + "".join(letter for letter in "nKEm" if letter in wanted)


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "integer": lambda text, _: units.parse_integer(text),
    "size": lambda text, _: units.parse_size(text),
    "octal": lambda text, _: units.parse_octal(text),
    "boolean": lambda text, _: units.parse_boolean(text),
    "choice": lambda text, _: text.lower(),
    "text": lambda text, _: text,
    "texts": _parse_texts,
    "output-limits": _parse_output_limits,
    "events": lambda text, _: _parse_events(text),
}
_FORMATS: dict[str, Callable[[Any], str]] = {
    "octal": lambda value: f"{value:o}",
    "boolean": lambda value: "yes" if value else "no",
    "texts": " ".join,
    # Beside an A Redis does not print it, though it holds.
    "events": lambda value: value.replace("n", "") if value.startswith("A") else value,
    "output-limits": _format_output_limits,
}
# What TOML may hold for a kind besides a string.
_NATIVES: dict[str, type | tuple[type, ...]] = {
    "integer": int,
    "size": int,
    "octal": int,
    "boolean": bool,
    "texts": (list, tuple),
}
_KINDS: dict[object, str] = {
    int: "integer",
    bool: "boolean",
    str: "text",
    tuple[str, ...]: "texts",
    OutputLimits: "output-limits",
}


def _describe(section: str, field: str, annotation: Any, default: Any) -> Setting:
    """Turn one annotated field of the tree into its table entry."""
    if get_origin(annotation) is not Annotated:
        raise TypeError(f"{section}.{field} has no description")
    base, meaning = get_args(annotation)
    choices = get_args(base) if get_origin(base) is Literal else ()
    kind = (
        "choice"
        if choices
        else {"bytes": "size", "octal": "octal", "events": "events"}.get(meaning.unit, _KINDS[base])
    )
    return Setting(
        name=field.replace("_", "-"),
        section=section,
        field=field,
        kind=kind,
        default=default,
        summary=meaning.summary,
        unit=meaning.unit,
        live=meaning.live,
        low=meaning.ge,
        high=meaning.le,
        choices=choices,
    )


def _table() -> dict[str, Setting]:
    table: dict[str, Setting] = {}
    tree = Tree()
    for section in SECTIONS:
        owner = getattr(tree, section)
        hints = get_type_hints(type(owner), include_extras=True)
        for field in fields(owner):
            described = _describe(section, field.name, hints[field.name], getattr(owner, field.name))
            table[described.name] = described
    return table


SETTINGS: dict[str, Setting] = _table()
